"""Rows of ``learning_runs``: one run at a time, whatever machine it is on, and none that hangs for ever.

A run belongs to the process that began it for as long as that says that it lives. One whose process is dead is taken
over, with its number and its moment, and goes on where it was.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import psutil
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.version import VERSION
from db.ledger import record
from db.models import LearningRun, LearningStatus, LearningTrigger
from db.session import Database

SILENT_AFTER_S: Final = 300.0
"""A run on another machine that has said nothing for so long is dead."""
HEARTBEAT_EVERY_S: Final = 5.0


class AlreadyLearning(Exception):
    """Another process is at it; the message says which, since when, and how far it is."""


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run that this process holds. ``resumed``: another one had begun it and died."""

    id: int
    labels_until: float
    seed: int
    snapshot: str | None
    champion: str | None
    resumed: bool


def own_name() -> str:
    """This process, as no other one was ever called: ``machine:pid:start``."""
    return f"{platform.node()[:80]}:{os.getpid()}:{psutil.Process().create_time():.0f}"


def claim(database: Database, trigger: LearningTrigger, seed: int, now: float) -> ClaimedRun:
    """Begin a run, or take over one whose process is dead.

    Raises :class:`AlreadyLearning` when another process is at it.
    """
    try:
        with database.write() as session:
            return _claim(session, trigger, seed, now)
    except IntegrityError:  # somebody else was a moment earlier
        with database.read() as session:
            raise AlreadyLearning(_who(_running(session))) from None


def _claim(session: Session, trigger: LearningTrigger, seed: int, now: float) -> ClaimedRun:
    row = _running(session)
    if row is not None:
        if _lives(row, now):
            raise AlreadyLearning(_who(row))
        row.holder, row.heartbeat_at = own_name(), now
        return ClaimedRun(row.id, row.labels_until, row.seed, row.snapshot, row.champion, True)
    row = _new_row(trigger, LearningStatus.RUNNING, seed, now)
    session.add(row)
    session.flush()
    return ClaimedRun(row.id, now, seed, None, None, False)


def _new_row(trigger: LearningTrigger, status: LearningStatus, seed: int, now: float) -> LearningRun:
    return LearningRun(
        trigger=trigger,
        status=status,
        started_at=now,
        heartbeat_at=now,
        labels_until=now,
        holder=own_name(),
        stage="beginning",
        done=0,
        total=0,
        code=VERSION,
        seed=seed,
        environment={},
        labels={},
        said="",
    )


def _running(session: Session) -> LearningRun | None:
    return session.scalars(select(LearningRun).where(LearningRun.status == LearningStatus.RUNNING)).first()


def _lives(row: LearningRun, now: float) -> bool:
    machine, _, rest = row.holder.rpartition(":")[0].rpartition(":")
    if machine == platform.node()[:80]:
        return _process_lives(int(rest), float(row.holder.rpartition(":")[2]))
    return now - row.heartbeat_at < SILENT_AFTER_S


def _process_lives(pid: int, started: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - started) < 2
    except psutil.Error:
        return False


def _who(row: LearningRun | None) -> str:
    if row is None:
        return "another process has just finished a run; try again"
    done = f", {row.done} of {row.total}" if row.total else ""
    return f"run {row.id} is at it already ({row.holder.rpartition(':')[0]}): {row.stage}{done}; one at a time"


class RunProgress:
    """Says in the row how far a run is, every few seconds."""

    def __init__(self, database: Database, run: int, clock: Callable[[], float]) -> None:
        self.database, self.run, self.clock = database, run, clock
        self._said_at = float("-inf")
        self._stage = ""

    def say(self, stage: str, done: int = 0, total: int = 0) -> None:
        """The stage in words, and how much of it is done. Raises :class:`AlreadyLearning` when the run was taken."""
        now = self.clock()
        if stage == self._stage and done < total and now - self._said_at < HEARTBEAT_EVERY_S:
            return
        self._said_at, self._stage = now, stage
        with self.database.write() as session:
            row = session.get_one(LearningRun, self.run)
            if row.holder != own_name() or row.status != LearningStatus.RUNNING:
                raise AlreadyLearning(
                    f"run {self.run} was taken over by {row.holder.rpartition(':')[0]}: this one ends"
                )
            row.stage, row.done, row.total, row.heartbeat_at = stage[:60], done, total, now

    def note(self, **facts: Any) -> None:
        """Fill in columns of the row."""
        with self.database.write() as session:
            row = session.get_one(LearningRun, self.run)
            for name, value in facts.items():
                setattr(row, name, value)


def finish(
    session: Session, run: int, status: LearningStatus, said: str, now: float, facts: Mapping[str, Any] | None = None
) -> LearningRun:
    """End a run inside the caller's writing transaction, and record it in the ledger."""
    row = session.get_one(LearningRun, run)
    row.status, row.said, row.ended_at, row.heartbeat_at, row.stage = status, said, now, now, "done"
    for name, value in (facts or {}).items():
        setattr(row, name, value)
    record(
        session,
        at=now,
        kind="learning.ended",
        subject=f"learning_run:{run}",
        actor="learning",
        body={
            "status": status.value,
            "said": said,
            "champion": row.champion,
            "challenger": row.challenger,
            "snapshot": row.snapshot,
            "code": row.code,
            "seed": row.seed,
        },
    )
    return row


def recent_runs(session: Session, count: int = 30) -> list[LearningRun]:
    """The newest runs, newest first."""
    return list(session.scalars(select(LearningRun).order_by(LearningRun.id.desc()).limit(count)))


def last_trained(session: Session) -> float | None:
    """Labels as they stood at this moment were in the newest run that came to a verdict; None: none ever did."""
    judged = LearningRun.status.in_((LearningStatus.REJECTED, LearningStatus.PASSED))
    newest = select(LearningRun.labels_until).where(judged).order_by(LearningRun.id.desc())
    return session.scalars(newest.limit(1)).first()


def last_night(session: Session) -> float | None:
    """When the newest nightly run began; None without one."""
    nightly = select(LearningRun.started_at).where(LearningRun.trigger == LearningTrigger.NIGHTLY)
    return session.scalars(nightly.order_by(LearningRun.started_at.desc()).limit(1)).first()
