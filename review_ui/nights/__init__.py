"""One night of several cameras on one timeline."""
