"""To which split a night of a campsite belongs, for ever. Pure.

Pictures of one night at one campsite show the same animal in the same weather: a network that has seen some of them
knows the others. So whole nights go to one side, by a hash of their name: nobody chooses, and nothing that is labelled
later moves one.
"""

from __future__ import annotations

import hashlib
from typing import Final

from rollout.evidence.labels.training_label import Split
from rollout.evidence.stats.visits import night_of

SPLITS: Final = (Split.GOLDEN, Split.ROLLING, Split.TRAIN, Split.TRAIN, Split.TRAIN)
"""By the remainder of the hash. Never to be altered: it would put nights that trained among those that judge."""


def bear_night(campsite: str, at: float, timezone: str) -> str:
    """The night of a campsite that a moment belongs to, noon to noon by its clock: ``upper-pines/2027-01-14``."""
    return f"{campsite}/{night_of(at, timezone)}"


def split_of(night: str) -> Split:
    """The split of a night, for ever: SHA-256 of its name, modulo five."""
    return SPLITS[int.from_bytes(hashlib.sha256(night.encode()).digest()) % len(SPLITS)]
