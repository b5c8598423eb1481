"""Who was protected when, camera by camera: by the cameras, by people, or by nobody although somebody relied on it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from rollout.base.scopes import campsites_of
from rollout.stages.state import State
from simulation.seasons.fixture_site import CAMERAS, CAMERAS_EACH, SITES
from simulation.seasons.noticing import promised_s
from simulation.seasons.random_streams import BearVisit


class ProtectionStatus(StrEnum):
    """What a camera's campers may rely on, best first."""

    LIVE = "live"
    """Authority holds. If its path is broken meanwhile, that is what must not be."""
    PAUSED = "paused"
    """Authority holds, but pictures do not arrive: warnings are paused, and every page says so."""
    PAGED = "paged"
    """Authority has ended; somebody has been paged and has not answered yet, rangers are advised."""
    WATCHED = "watched"
    """Authority has ended; a ranger has taken over the watch."""
    NEVER = "never"
    """The rollout has not been here yet: people watch, as they always did."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A camera's path does not work, or authority has died unnoticed."""

    start: float
    end: float
    cause: str


@dataclass
class Protection:
    """The course of a season for every camera."""

    changes: dict[str, list[tuple[float, ProtectionStatus]]] = field(
        default_factory=lambda: {camera: [(float("-inf"), ProtectionStatus.NEVER)] for camera in CAMERAS}
    )
    broken: dict[str, list[Broken]] = field(default_factory=lambda: {camera: [] for camera in CAMERAS})
    paused: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {camera: [] for camera in CAMERAS})

    def follow(self, state: State, now: float) -> None:
        """Take note of what the rollout's state means for each camera."""
        granted = set(campsites_of(state.granted))
        paged: set[str] = set()
        for each in state.handovers:
            paged.update(each.cameras or cameras_of(campsites_of(each.places)))
        for number, camera in enumerate(CAMERAS):
            before = self.changes[camera][-1][1]
            if SITES[number // CAMERAS_EACH] in granted and camera not in state.withdrawn:
                status = ProtectionStatus.LIVE
            elif camera in paged:
                status = ProtectionStatus.PAGED
            else:
                status = ProtectionStatus.NEVER if before is ProtectionStatus.NEVER else ProtectionStatus.WATCHED
            if status is not before:
                self.changes[camera].append((now, status))

    def breaks(self, cameras: Iterable[str], start: float, end: float, cause: str) -> None:
        """The paths of these cameras do not work."""
        for camera in cameras:
            self.broken[camera].append(Broken(start, end, cause))

    def pauses(self, cameras: Iterable[str], start: float, end: float) -> None:
        """Warnings are paused for these cameras, and everybody is told."""
        for camera in cameras:
            self.paused[camera].append((start, end))

    def status(self, camera: str, at: float) -> ProtectionStatus:
        """What the camera's campers may rely on."""
        course = self.changes[camera]
        status = course[bisect_right(course, at, key=lambda change: change[0]) - 1][1]
        pauses = status is ProtectionStatus.LIVE and any(start <= at < end for start, end in self.paused[camera])
        return ProtectionStatus.PAUSED if pauses else status

    def cause(self, camera: str, at: float) -> str | None:
        """Why its path does not work; None when it does."""
        broken = self.why(camera, at)
        return None if broken is None else broken.cause

    def why(self, camera: str, at: float) -> Broken | None:
        """The fault behind it."""
        return next((each for each in self.broken[camera] if each.start <= at < each.end), None)

    def works(self, cameras: Iterable[str], at: float) -> bool:
        """Whether the path of any of them works."""
        return any(self.cause(camera, at) is None for camera in cameras)

    def during(self, bear_visit: BearVisit) -> Iterator[tuple[str, float]]:
        """A visit's seconds by what could be relied on; the best camera counts.

        ``live``, ``paused``, ``paged``, ``watched``, ``never``; ``within:CAUSE`` while authority stood over a path
        that did not work, for no longer than was promised, ``beyond:CAUSE`` after that.
        """
        moments = {bear_visit.at, bear_visit.end}
        for camera in bear_visit.cameras:
            moments.update(at for at, _status in self.changes[camera] if bear_visit.at < at < bear_visit.end)
            for each in self.broken[camera]:
                ends = (each.start, each.start + promised_s(each.cause), each.end)
                moments.update(at for at in ends if bear_visit.at < at < bear_visit.end)
            moments.update(at for span in self.paused[camera] for at in span if bear_visit.at < at < bear_visit.end)
        ordered = sorted(moments)
        for start, end in pairwise(ordered):
            yield self._kind(bear_visit.cameras, start), end - start

    def _kind(self, cameras: tuple[str, ...], at: float) -> str:
        statuses = {camera: self.status(camera, at) for camera in cameras}
        live = [self.why(camera, at) for camera, status in statuses.items() if status is ProtectionStatus.LIVE]
        if live:
            broken = [each for each in live if each is not None]
            if len(broken) < len(live):
                return ProtectionStatus.LIVE
            latest = max(broken, key=lambda each: each.start + promised_s(each.cause))
            return f"{'within' if at < latest.start + promised_s(latest.cause) else 'beyond'}:{latest.cause}"
        return next(status for status in ProtectionStatus if status in statuses.values())

    def stretches(self) -> Iterator[tuple[str, float]]:
        """Cause and length of every time in which authority stood over a camera whose path did not work."""
        for camera, broken in self.broken.items():
            course = [*self.changes[camera], (float("inf"), ProtectionStatus.NEVER)]
            for each in broken:
                for (start, status), (end, _next) in pairwise(course):
                    if status is ProtectionStatus.LIVE:
                        for one in self._unsaid(camera, max(start, each.start), min(end, each.end)):
                            yield each.cause, one

    def _unsaid(self, camera: str, start: float, end: float) -> Iterator[float]:
        """The lengths of what is left of a time when what is known to be paused is taken out."""
        for paused_from, paused_until in sorted(self.paused[camera]):
            if start < paused_until and paused_from < end:
                if paused_from > start:
                    yield paused_from - start
                start = paused_until
        if end > start:
            yield end - start

    def totals(self, passings: Iterable[BearVisit]) -> Counter[str]:
        """Bear seconds by kind, over all visits."""
        found: Counter[str] = Counter()
        for bear_visit in passings:
            for kind, seconds in self.during(bear_visit):
                found[kind] += seconds  # type: ignore[assignment]  # a counter of seconds
        return found


def cameras_of(campsites: Iterable[str]) -> tuple[str, ...]:
    """All cameras of these campsites."""
    numbers = [SITES.index(site) for site in campsites]
    return tuple(CAMERAS[n * CAMERAS_EACH + k] for n in numbers for k in range(CAMERAS_EACH))
