"""The bounds of a night: time, memory, company. Training is the last that may want anything of this machine."""

from __future__ import annotations

import os
import resource
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
from sqlalchemy.orm import Session

from detector.nightly.run_store import RunProgress
from rollout.breakers.trips import Action, Trip, open_trips

NICE: Final = 19
LOOK_EVERY_S: Final = 2.0
BREAKERS_EVERY_S: Final = 30.0
LEAST_FREE_BYTES: Final = 500_000_000
"""What a run may need on the disk at once: checkpoints, the trained state, the bundle."""
FREEZING: Final = frozenset({"loop", "drift"})
"""Breakers while one of which is open nothing is learnt; so does whatever else holds promotions."""


class NightEnded(Exception):
    """Training stops here, and nothing is changed; the message says why."""


class NightInterrupted(NightEnded):
    """This process was asked to end; the run stays begun, and whoever comes next goes on with it."""


def step_back() -> None:
    """Behind everything else on this machine, for its processors and when its memory runs out."""
    with suppress(OSError):
        os.nice(NICE)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    with suppress(psutil.Error, OSError):
        psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)


def frozen_by(trips: list[Trip]) -> str | None:
    """Why nothing may be learnt now; None when it may."""
    for trip in trips:
        if trip.breaker in FREEZING or trip.action is Action.HOLD:
            return (
                f"the breaker {trip.breaker} is open for {trip.unit}: {trip.why}. Nothing is learnt until people have "
                "reset it"
            )
    return None


def training_frozen(session: Session) -> str | None:
    """Why nothing may be learnt now, from the open trips; None when it may."""
    return frozen_by(open_trips(session))


def refuse_full_disk(folder: Path) -> None:
    """Raises :class:`NightEnded` when the disk has no room for a run."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    free = shutil.disk_usage(there).free
    if free < LEAST_FREE_BYTES:
        raise NightEnded(
            f"{free >> 20} MB are free on the disk of {folder}, a run needs {LEAST_FREE_BYTES >> 20}: free some space"
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of work (pauses do not count), megabytes, and waiting frames above which it pauses."""

    work_s: float
    memory_mb: int
    queue_frames: int


@dataclass
class Guard:
    """Looks, between two steps, whether training may go on. ``waiting`` gives the frames that wait; None: not known.

    ``frozen`` says why nothing may be learnt now, or None. ``stopped`` whether this process was asked to end.
    """

    limits: Limits
    progress: RunProgress
    waiting: Callable[[], int | None]
    frozen: Callable[[], str | None]
    stopped: Callable[[], bool] = lambda: False
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    paused_s: float = field(default=0.0, init=False)
    _looked_at: float = field(default=float("-inf"), init=False)
    _frozen_asked_at: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()

    @property
    def worked_s(self) -> float:
        """Seconds of work so far."""
        return self.clock() - self._began - self.paused_s

    @property
    def peak_mb(self) -> float:
        """The most memory that this process has had."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    def between(self, stage: str, done: int, total: int) -> None:
        """Called often; looks every two seconds, and waits here while frames wait. Raises :class:`NightEnded`."""
        now = self.clock()
        if now - self._looked_at < LOOK_EVERY_S and done:
            return
        self._looked_at = now
        self.progress.say(stage, done, total)
        self._refuse(done, total)
        self._wait_for_frames(stage, done, total)

    def _refuse(self, done: int, total: int) -> None:
        far = f" after {done} of {total}" if total else ""
        if self.stopped():
            raise NightInterrupted(f"it was asked to end{far}; begun again, it goes on there")
        if self.worked_s > self.limits.work_s:
            raise NightEnded(
                f"{self.limits.work_s / 60:g} minutes were over{far}: lower `learning.labels_per_night`, or raise "
                "`learning.minutes`"
            )
        used = psutil.Process().memory_info().rss / 2**20
        if used > self.limits.memory_mb:
            raise NightEnded(f"it took {used:.0f} MB{far}, `learning.memory_mb` allows {self.limits.memory_mb}")
        if self.clock() - self._frozen_asked_at >= BREAKERS_EVERY_S:
            self._frozen_asked_at = self.clock()
            why = self.frozen()
            if why is not None:
                raise NightEnded(f"stopped{far}: {why}")

    def _wait_for_frames(self, stage: str, done: int, total: int) -> None:
        """Frames come first: wait until the queue is half as long as what makes training pause."""
        waiting, limit, began = self.waiting(), self.limits.queue_frames, self.clock()
        while waiting is not None and waiting > limit:
            limit = self.limits.queue_frames // 2
            self.progress.say(f"pausing, {waiting} frames wait ({stage})", done, total)
            self.sleep(LOOK_EVERY_S)
            self.paused_s += self.clock() - began
            began = self.clock()
            self._refuse(done, total)
            waiting = self.waiting()
