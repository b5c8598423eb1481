"""Permission to act: leases, and whether each camera's pictures are fresh enough for one to hold."""
