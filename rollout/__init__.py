"""What may happen: authority, and the single writer of the outbox."""
