"""Seasons in which a small network is really trained, night after night, on staged pictures."""
