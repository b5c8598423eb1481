"""Which keys of Redis belong to a box: its own streams and its own hashes, and no key that anybody else writes."""

from __future__ import annotations

from typing import Final

BOXES_KEY: Final = "boxes"
"""Which boxes there are, by name: ``{"cameras": […], "shards": […]}``. Only the site itself writes it."""
REFUSED_KEY: Final = "refused_frames"
"""The last frame of each box that was refused: when and why. Only detectors write it."""


def frames_of(shard: int, box: str) -> str:
    """Stream of a box's fresh frames."""
    return f"frames:{shard}:{box}"


def late_of(shard: int, box: str) -> str:
    """Stream of a box's frames that waited out an outage."""
    return f"late:{shard}:{box}"


def hash_of(kind: str, box: str) -> str:
    """A box's own part of what processes say about themselves: ``cameras``, ``heartbeats``, ``counters``."""
    return f"{kind}:{box}"
