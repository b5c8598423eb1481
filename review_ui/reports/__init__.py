"""Reports, to read and to take away."""
