"""Learning runs: each time a challenger was trained, or was not and why, with all that is needed to tell how.

A row begins when a run does and is finished with it; a finished row never changes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base

_RUNNING = text("status = 'running'")


class LearningTrigger(StrEnum):
    """Who began a run."""

    NIGHTLY = "nightly"
    PERSON = "person"


class LearningStatus(StrEnum):
    """How a run ended, or that it has not."""

    RUNNING = "running"
    SKIPPED = "skipped"
    """There was nothing to do, or it may not be done now; nothing was changed."""
    FAILED = "failed"
    """Something was wrong; nothing was changed."""
    REJECTED = "rejected"
    """A challenger was trained, and the gate said no."""
    PASSED = "passed"
    """A challenger was trained, the gate said yes, and it is registered as a model."""


class LearningRun(Base):
    """One run of the nightly job. Digests are SHA-256 in hexadecimal digits."""

    __tablename__ = "learning_runs"
    __table_args__ = (
        # One at a time, whatever machine it runs on.
        Index(
            "ix_learning_runs_running",
            "status",
            unique=True,
            sqlite_where=_RUNNING,
            postgresql_where=_RUNNING,
        ),
        Index(None, "started_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    trigger: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20))
    started_at: Mapped[float]
    ended_at: Mapped[float | None]
    heartbeat_at: Mapped[float]
    """When its process last said that it lives."""
    holder: Mapped[str] = mapped_column(String(120))
    """Which process runs it, as ``machine:pid:start``."""
    stage: Mapped[str] = mapped_column(String(60))
    """What it is doing, in words."""
    done: Mapped[int]
    total: Mapped[int]
    """How much of the stage is done, of how much."""
    labels_until: Mapped[float]
    """Labels as they stood at this moment."""
    snapshot: Mapped[str | None] = mapped_column(String(64))
    """Digest of those labels."""
    champion: Mapped[str | None] = mapped_column(String(64))
    """The model from whose weights it started: the challenger's parent."""
    anchor: Mapped[str | None] = mapped_column(String(64))
    challenger: Mapped[str | None] = mapped_column(String(64))
    directory: Mapped[str | None] = mapped_column(String(500))
    """Of the challenger, below the data folder; None when it was not kept."""
    code: Mapped[str] = mapped_column(String(40))
    """Version of the program."""
    seed: Mapped[int]
    environment: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Versions of what computes, and the hash of all installed packages."""
    labels: Mapped[dict[str, Any]] = mapped_column(JSON)
    """How many labels were new, replayed, left out and why."""
    golden: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    rolling: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    verdict: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """The gate's conditions, each with a sentence."""
    cost: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """Seconds and memory."""
    said: Mapped[str] = mapped_column(Text)
    """How it ended, in words."""
