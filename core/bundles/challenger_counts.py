"""How often a challenger says the same as the champion, as detectors count it in Redis until the controller fetches it.

    HINCRBY challenger_counts <challenger>|<champion>|<camera>|<infrared 0 or 1>|<hour>|<what> <amount>

What is lost between the two (a Redis that dies) is missing from the counts and from nothing else: nothing is decided by
a single frame of a challenger.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import redis

CHALLENGER_COUNTS_KEY: Final = "challenger_counts"
FRAMES, BOTH, NEITHER = "frames", "both", "neither"
CHAMPION_ONLY, CHALLENGER_ONLY, DIFFERENCE = "champion_only", "challenger_only", "difference_ppm"
COUNTED: Final = (FRAMES, BOTH, NEITHER, CHAMPION_ONLY, CHALLENGER_ONLY, DIFFERENCE)
"""Frames that both scored; in how many of them both, neither, or one alone saw a bear; the sum of the differences of
their bear scores, in millionths."""
_FIELD: Final = re.compile(
    rf"([0-9a-f]{{64}})\|([0-9a-f]{{64}})\|([a-z0-9][a-z0-9_-]{{0,62}})\|([01])\|(\d{{1,10}})\|({'|'.join(COUNTED)})"
)


@dataclass(frozen=True, slots=True)
class Beside:
    """What counts belong to: two models on one camera in one light in one hour (seconds since 1970)."""

    challenger: str
    champion: str
    camera: str
    infrared: bool
    hour_at: int

    def field(self, what: str) -> str:
        """The field of the hash."""
        return f"{self.challenger}|{self.champion}|{self.camera}|{self.infrared:d}|{self.hour_at}|{what}"


def add_counts(client: redis.Redis, counts: Mapping[tuple[Beside, str], int]) -> None:
    """Add to what is there. Raises redis-py's errors."""
    pipe = client.pipeline(transaction=False)
    for (beside, what), amount in counts.items():
        if amount:
            pipe.hincrby(CHALLENGER_COUNTS_KEY, beside.field(what), amount)
    pipe.execute()


def take_counts(client: redis.Redis) -> dict[Beside, dict[str, int]]:
    """Fetch all and leave nothing; what is no count is passed over. Raises redis-py's errors."""
    pipe = client.pipeline(transaction=True)
    pipe.hgetall(CHALLENGER_COUNTS_KEY)
    pipe.delete(CHALLENGER_COUNTS_KEY)
    rows = cast(Any, pipe.execute())[0]
    found: dict[Beside, dict[str, int]] = {}
    for name, value in rows.items():
        match = _FIELD.fullmatch(name.decode(errors="replace"))
        if match is None or not value.isdigit():
            continue
        challenger, champion, camera, light, hour, what = match.groups()
        found.setdefault(Beside(challenger, champion, camera, light == "1", int(hour)), {})[what] = int(value)
    return found
