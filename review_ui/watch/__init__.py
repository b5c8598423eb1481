"""The watch page: what waits, what was decided, which cameras see."""
