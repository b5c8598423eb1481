"""What may happen: authority, and the one door to the outside world."""
