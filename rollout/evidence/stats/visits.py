"""From single sightings to visits, and from visits to bear-nights. Pure.

A bear that stays for an hour is seen many times and is one visit: what lies less than half an hour apart at one
campsite belongs together (the camera-trapper's convention). A bear that comes back three times in one night is three
visits that say nearly the same: the bear-night is the independent unit that intervals are made of.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from core.clock import civil

GAP_S: Final = 1800.0
OTHER_GAPS_S: Final = (600.0, 3600.0)
"""Reported beside, to show what the choice of the gap does."""
NIGHT_FROM_HOUR: Final = 20
NIGHT_TO_HOUR: Final = 6


@dataclass(frozen=True, slots=True)
class SeenVisit:
    """Something seen at a campsite for a while. ``camera`` is None when it is not known in whose view it was."""

    id: int
    campsite: str
    camera: str | None
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit of a bear to a campsite: everything seen there without a long gap, in order."""

    campsite: str
    start: float
    end: float
    seen: tuple[SeenVisit, ...]

    @property
    def cameras(self) -> frozenset[str] | None:
        """In whose view it was; None when that is not known for all of it."""
        cameras = {each.camera for each in self.seen}
        return None if None in cameras else frozenset(camera for camera in cameras if camera)


def visits_of(seen: Iterable[SeenVisit], gap_s: float = GAP_S) -> list[Visit]:
    """Merge what was seen into visits, in order of campsite and time.

    All cameras and all observers of a campsite see the same clearing: they see the same visit. A new one begins after
    more than ``gap_s`` in which nothing was seen.
    """
    groups: list[list[SeenVisit]] = []
    end = 0.0
    for each in sorted(seen, key=lambda s: (s.campsite, s.start, s.end)):
        if groups and groups[-1][0].campsite == each.campsite and each.start - end <= gap_s:
            groups[-1].append(each)
            end = max(end, each.end)
        else:
            groups.append([each])
            end = each.end
    return [Visit(g[0].campsite, g[0].start, max(s.end for s in g), tuple(g)) for g in groups]


def night_of(at: float, timezone: str) -> str:
    """The night that a moment belongs to, from local noon to local noon, named by the evening: ``2026-07-14``."""
    local = civil(at, timezone)
    evening = local.date() if local.hour >= 12 else local.date() - timedelta(days=1)
    return evening.isoformat()


def is_dark(at: float, timezone: str) -> bool:
    """Whether it is night by the clock: from eight in the evening to six in the morning, local time."""
    hour = civil(at, timezone).hour
    return hour >= NIGHT_FROM_HOUR or hour < NIGHT_TO_HOUR
