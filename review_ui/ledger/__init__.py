"""The ledger as one person may read it."""
