"""Did the model see what the ranger saw? One visit, at most one detection, and what chance would have matched. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np

from rollout.evidence.stats.distributions import assign
from rollout.evidence.stats.visits import Visit

DAY_S: Final = 86400.0
SHIFTS_S: Final = tuple(sign * DAY_S * days for days in (1, 2, 3, 4, 5) for sign in (-1, 1))
"""Whole days: bears and what sets off false alarms share the dusk, so that other hours would tell too little."""
_IMPOSSIBLE: Final = 1e9


@dataclass(frozen=True, slots=True)
class MatchRule:
    """When a detection counts as having seen a visit.

    The ranger's queue must have had it at most ``after_s`` after the visit began, and it must still have been going on
    ``before_s`` before that. ``same_camera`` asks for a camera that the observer named, where they named one; otherwise
    any camera of the campsite will do: they see the same clearing.
    """

    before_s: float = 120.0
    after_s: float = 600.0
    same_camera: bool = True


@dataclass(frozen=True, slots=True)
class Detection:
    """One bear encounter of the model: seen from ``first_at`` to ``last_at``, in the ranger's queue at ``alert_at``."""

    id: int
    campsite: str
    camera: str
    first_at: float
    alert_at: float
    last_at: float


class Timeline:
    """A campsite's detections in order of their alerts, for quick questions about a stretch of time."""

    def __init__(self, detections: Iterable[Detection]) -> None:
        self.detections = sorted(detections, key=lambda d: (d.alert_at, d.id))
        self.alerts = np.array([d.alert_at for d in self.detections], dtype=np.float64)
        # The latest end of all up to here tells how far back it is worth looking.
        self.ends = np.array(list(accumulate((d.last_at for d in self.detections), max)), dtype=np.float64)

    def overlapping(self, start: float, end: float) -> list[Detection]:
        """Detections that alerted by ``end`` and had not ended before ``start``."""
        index = int(np.searchsorted(self.alerts, end, side="right")) - 1
        found = []
        while index >= 0 and self.ends[index] >= start:
            if self.detections[index].last_at >= start:
                found.append(self.detections[index])
            index -= 1
        return found

    def share_overlapping(self, moments: Sequence[float], before_s: float, after_s: float) -> float:
        """The share of the moments that have any detection from ``before_s`` before to ``after_s`` after them."""
        if not len(self.detections):
            return 0.0
        at = np.asarray(moments, dtype=np.float64)
        index = np.searchsorted(self.alerts, at + after_s, side="right") - 1
        return float(np.mean((index >= 0) & (self.ends[index] >= at - before_s)))


def timelines(detections: Iterable[Detection]) -> dict[str, Timeline]:
    """Each campsite's timeline."""
    grouped: dict[str, list[Detection]] = defaultdict(list)
    for detection in detections:
        grouped[detection.campsite].append(detection)
    return {campsite: Timeline(group) for campsite, group in grouped.items()}


def match(
    visits: Sequence[Visit], by_campsite: Mapping[str, Timeline], rule: MatchRule = MatchRule()
) -> list[Detection | None]:
    """The detection that saw each visit, or None: one-to-one, as many as possible, then nearest in time.

    Visits that share no possible detection are settled one by one; the others together, by the Hungarian method.
    """
    options = [_options(visit, by_campsite, rule) for visit in visits]
    result: list[Detection | None] = [None] * len(visits)
    for group in _connected(options):
        for index, detection in _settle(group, visits, options).items():
            result[index] = detection
    return result


def _options(visit: Visit, by_campsite: Mapping[str, Timeline], rule: MatchRule) -> list[Detection]:
    line = by_campsite.get(visit.campsite)
    if line is None:
        return []
    found = line.overlapping(visit.start - rule.before_s, visit.start + rule.after_s)
    cameras = visit.cameras if rule.same_camera else None
    return found if cameras is None else [d for d in found if d.camera in cameras]


def _connected(options: Sequence[Sequence[Detection]]) -> list[list[int]]:
    """Groups of visits that compete for the same detections. Visits without any are left out."""
    parent = list(range(len(options)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    owner: dict[int, int] = {}
    for index, found in enumerate(options):
        for detection in found:
            parent[root(index)] = root(owner.setdefault(detection.id, index))
    groups: dict[int, list[int]] = defaultdict(list)
    for index, found in enumerate(options):
        if found:
            groups[root(index)].append(index)
    return list(groups.values())


def _settle(
    group: Sequence[int], visits: Sequence[Visit], options: Sequence[Sequence[Detection]]
) -> dict[int, Detection]:
    if len(group) == 1:
        (index,) = group
        start = visits[index].start
        return {index: min(options[index], key=lambda d: (abs(d.alert_at - start), d.id))}
    columns = sorted({d for index in group for d in options[index]}, key=lambda d: d.id)
    place = {detection.id: column for column, detection in enumerate(columns)}
    cost = np.full((len(group), len(columns)), _IMPOSSIBLE)
    for row, index in enumerate(group):
        for detection in options[index]:
            cost[row, place[detection.id]] = abs(detection.alert_at - visits[index].start)
    return {group[row]: columns[column] for row, column in assign(cost) if cost[row, column] < _IMPOSSIBLE}


def chance_by_shifting(
    visits: Sequence[Visit], by_campsite: Mapping[str, Timeline], rule: MatchRule = MatchRule()
) -> float | None:
    """The share of matches there would be had the visits been at the same hour one to five days earlier or later.

    It takes clumps, long encounters and the time of day as they are. Only days from the first visit or detection to the
    last one are asked: outside of them nobody looked. None without visits, and where there are no such days.
    """
    if not visits:
        return None
    known = [v.start for v in visits] + [d.alert_at for line in by_campsite.values() for d in line.detections]
    first, last = min(known), max(known)
    starts: dict[tuple[str, frozenset[str] | None], list[float]] = defaultdict(list)
    for visit in visits:
        starts[visit.campsite, visit.cameras if rule.same_camera else None].append(visit.start)
    empty = Timeline(())
    matched, counted = 0.0, 0
    for (campsite, cameras), moments in starts.items():
        line = by_campsite.get(campsite, empty)
        if cameras is not None:
            line = Timeline(each for each in line.detections if each.camera in cameras)
        shifted = np.add.outer(np.array(SHIFTS_S), np.array(moments)).ravel()
        asked = shifted[(shifted >= first) & (shifted <= last)]
        if len(asked):
            matched += line.share_overlapping(asked.tolist(), rule.before_s, rule.after_s) * len(moments)
            counted += len(moments)
    return matched / counted if counted else None


def corrected(raw: float, chance: float) -> float:
    """A share of matches without those that chance would have made: ``(raw - p0) / (1 - p0)``, at least 0."""
    return max(0.0, (raw - chance) / (1.0 - chance)) if chance < 1.0 else 0.0
