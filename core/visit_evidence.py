"""How sure the frames of one camera make us, together, that a bear is there. Pure arithmetic.

A frame says how its bear score stands to the threshold, in log-odds: its **level** is 1 on the threshold, 0 at
:data:`STEP` log-odds below it, and negative further down. What counts is the level of the newest frame plus what the
frames before it have added up to, each for the time until the next one: neighbouring frames say nearly the same, so a
frame that follows at once adds next to nothing, and one that follows after :data:`CORRELATION_S` most of what a frame
can. So five frames a second, thirty, or one in two seconds come to the same evidence in the same time.

A bear seen badly for a minute is enough, and so is one seen well for half a second. One frame alone never is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import Final

CORRELATION_S: Final = 2.0
"""So long after a frame another one says something new. Measured on twelve real clips without a bear and six staged
cameras (docs/decisions/0020): the log-odds of two frames of a clip correlate by .75 at 0.2 s, .62 at 1 s, .48 at 2 s,
.34 at 5 s, and by .28 however far apart."""
STEP: Final = 1.0
"""So many log-odds below the threshold a frame speaks neither for a bear nor against one."""
STRONGEST: Final = 1.5
"""No frame adds more than this, however sure the network is of it."""
WEAKEST: Final = -0.5
"""A frame without a bear takes back half of what one on the threshold adds: a bear behind trunks is hidden in many of
its frames. With this and :data:`STEP` as many of 42 measured visits without a bear raise an alert as by three frames
above the threshold within three seconds, and all 24 staged bears as early or earlier."""
WITHOUT_AGREEMENT: Final = 3.0
"""The evidence that opens a bear's encounter in which no frame reaches the threshold: half a minute of a bear that is
seen badly. A boar that walks by for ten seconds, a little below the threshold all the time, comes to less."""
MEMORY_S: Final = 20.0
"""While frames keep coming, what they said is forgotten at this pace; in a silence much faster."""
REFERENCE_S: Final = 0.2
"""Frames that far apart are what :attr:`detector.tracking.tracker.AlertRule.min_hits` counts: five a second."""
_ROUNDING: Final = 1e-6
_FASTEST_FPS: Final = 30.0
_LEAST_ODDS: Final = 1e-6


@dataclass(frozen=True, slots=True)
class VisitEvidence:
    """What is known after a frame taken at ``at``: its own ``level``, and ``past``, what those before it add to it."""

    at: float
    level: float
    past: float

    @property
    def total(self) -> float:
        """What counts: the newest frame's level, at most 1, and the past."""
        return min(self.level, 1.0) + self.past


def level_of(score: float, threshold: float) -> float:
    """What a frame with that bear score says: 1 on the threshold, from :data:`WEAKEST` to :data:`STRONGEST`."""
    return min(max(1.0 + (log_odds(score) - log_odds(threshold)) / STEP, WEAKEST), STRONGEST)


def follow(before: VisitEvidence | None, at: float, level: float, window_s: float) -> VisitEvidence:
    """The evidence after one more frame, ``at`` not before the last one.

    1. The frame before it adds its level, for the share of independent news that fits into the time since.
    2. What is known fades over :data:`MEMORY_S`, and where no frame has come for longer than ``window_s``, over that.
    3. It never falls below nothing: an hour of branches does not outweigh a bear.
    """
    if before is None:
        return VisitEvidence(at, level, 0.0)
    since_s = max(0.0, at - before.at)
    past = kept(since_s, window_s) * (before.past + independent(since_s) * before.level)
    return VisitEvidence(at, level, max(0.0, past))


def kept(since_s: float, window_s: float) -> float:
    """The share of what was known that is still known after so many seconds without a frame, 0-1."""
    return math.exp(-since_s / MEMORY_S - max(0.0, since_s - window_s) / window_s)


def independent(since_s: float) -> float:
    """The share of news in a frame that follows another after so many seconds, 0-1."""
    return -math.expm1(-since_s / CORRELATION_S)


@lru_cache
def needed(min_hits: int) -> float:
    """The evidence that opens an encounter: what ``min_hits`` frames on the threshold make at five a second."""
    *_before, last = along([(REFERENCE_S * number, 1.0) for number in range(min_hits)], REFERENCE_S)
    return last.total - _ROUNDING


def along(
    levels: Iterable[tuple[float, float]], window_s: float, before: VisitEvidence | None = None
) -> Iterator[VisitEvidence]:
    """The evidence after each frame, from ``(at, level)`` in order of time."""
    for at, level in levels:
        before = follow(before, at, level, window_s)
        yield before


def most_at(interval_s: float, window_s: float) -> float:
    """The evidence that a bear exactly on the threshold comes to, however long it stays, with a frame that often."""
    still = kept(interval_s, window_s)
    return 1.0 + still * independent(interval_s) / (1.0 - still)


def window_at(fps: float, window_s: float, unknown_hits: int) -> float:
    """The window (s) of a camera with so many frames a second: it is longer where frames are rare.

    An unknown animal's frames have to fit into it, and two frames of a bear.
    """
    return max(window_s, max(2.0, float(unknown_hits)) / fps)


def can_fire(fps: float, window_s: float, min_hits: int) -> bool:
    """Whether a bear that is on the threshold in every frame ever opens an encounter at that frame rate."""
    return most_at(1.0 / fps, window_s) >= needed(min_hits)


def least_fps(window_s: float, min_hits: int) -> float:
    """The lowest frame rate at which a rule can fire, to a percent; infinity where none does."""
    rates = (_FASTEST_FPS * 0.99**step for step in range(1200))
    return min(takewhile(lambda fps: can_fire(fps, window_s, min_hits), rates), default=math.inf)


def log_odds(probability: float) -> float:
    """Of a probability 0-1; those of 0 and 1 are finite here."""
    inside = min(max(probability, _LEAST_ODDS), 1.0 - _LEAST_ODDS)
    return math.log(inside / (1.0 - inside))
