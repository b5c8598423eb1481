"""How long a camera may send nothing before that means anything. Pure."""

from __future__ import annotations


def least_within_s(keepalive_s: float) -> float:
    """The shortest time without a picture, in seconds, that may mean anything: two keepalives may go missing."""
    return 2 * keepalive_s + 3
