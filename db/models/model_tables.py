"""The model registry: which models a site knows, which one was made the champion when, and what came of it.

Rows are only added. Who is champion follows from the changes in order (:mod:`rollout.models.lineage`).
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class ModelOrigin(StrEnum):
    """Where a registered model came from."""

    BUILT_IN = "built_in"
    FILE = "file"
    """A directory that somebody brought."""
    LEARNED = "learned"
    """The nightly job trained it here."""


class ChangeKind(StrEnum):
    """What was done: to the champion, or to the challenger that scores beside it."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    CHALLENGE = "challenge"
    """A challenger scores beside the champion from now on, and decides nothing."""
    WITHDRAW = "withdraw"


class ChangeTrigger(StrEnum):
    """What a change follows from."""

    PERSON = "person"
    REFUSED = "refused"
    """A detector could not take the model, or its self-test failed."""
    BREAKER = "breaker"


class ReportOutcome(StrEnum):
    """What a detector said about a change."""

    IN_USE = "in_use"
    REFUSED = "refused"


class RegisteredModel(Base):
    """A model bundle that may be promoted. ``directory`` lies below the data folder, or is ``built-in``."""

    __tablename__ = "registered_models"
    __table_args__ = (Index(None, "registered_at"),)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    """As detectors write it beside every score, such as ``campsite@224:1a2b3c4d``; empty: not known."""
    directory: Mapped[str] = mapped_column(String(500))
    parent_digest: Mapped[str | None] = mapped_column(String(64))
    origin: Mapped[str] = mapped_column(String(20))
    learning_run_id: Mapped[int | None]
    registered_at: Mapped[float]
    registered_by: Mapped[str] = mapped_column(String(80))
    runs: Mapped[str] = mapped_column(String(64), server_default="")
    """Digest over every file that runs, graphs too: detectors run no others. Empty: registered before that was kept."""


class ModelChange(Base):
    """Another champion. A digest of None means the model that the configuration names."""

    __tablename__ = "model_changes"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float]
    kind: Mapped[str] = mapped_column(String(20))
    trigger: Mapped[str] = mapped_column(String(20))
    from_digest: Mapped[str | None] = mapped_column(String(64))
    to_digest: Mapped[str | None] = mapped_column(String(64))
    requested_by: Mapped[str] = mapped_column(String(80))
    approved_by: Mapped[list[str]]
    reason: Mapped[str] = mapped_column(Text)
    overridden: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    """Conditions of a promotion that did not hold, in sentences: it was made all the same."""


class ModelChangeReport(Base):
    """What a detector said about a change: the first that scored with the new model, or one that refused it."""

    __tablename__ = "model_change_reports"
    __table_args__ = (UniqueConstraint("change_id", "process", "outcome"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    change_id: Mapped[int] = mapped_column(ForeignKey("model_changes.id"))
    at: Mapped[float]
    process: Mapped[str] = mapped_column(String(200))
    outcome: Mapped[str] = mapped_column(String(20))
    model: Mapped[str] = mapped_column(String(100))
    """The model that this detector scores with from then on."""
    first_scored_at: Mapped[float | None]
    """When it published the first scores of the new model."""
    why: Mapped[str] = mapped_column(Text)


class ChallengerCount(Base):
    """How often a challenger said the same as the champion: one camera, one light, one hour.

    ``difference`` is the sum of the differences of both bear scores over the frames.
    """

    __tablename__ = "challenger_counts"
    __table_args__ = (UniqueConstraint("challenger_digest", "champion_digest", "camera_id", "infrared", "hour_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    challenger_digest: Mapped[str] = mapped_column(String(64))
    champion_digest: Mapped[str] = mapped_column(String(64))
    camera_id: Mapped[str] = mapped_column(ForeignKey("cameras.id"))
    infrared: Mapped[bool]
    hour_at: Mapped[float]
    frames: Mapped[int]
    both: Mapped[int]
    neither: Mapped[int]
    champion_only: Mapped[int]
    challenger_only: Mapped[int]
    difference: Mapped[float]
