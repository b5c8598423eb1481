"""Who has granted how much power, until when, and everything that happened in the rollout from shadow to everywhere."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class Mode(StrEnum):
    """How much may happen without a person, weakest first."""

    SHADOW = "shadow"
    """Nothing leaves the building."""
    ASSISTED = "assisted"
    """A ranger confirms, then campers are warned."""
    AUTOMATIC = "automatic"
    """Campers are warned, a ranger has a veto window."""


class AuthorityLease(Base):
    """Power over one campsite's cameras, which dies by itself at ``expires_at``. No lease, no authority.

    A live mode whose time is over still means that rangers are advised: see
    :func:`rollout.authority.authority.advises`.
    """

    __tablename__ = "authority_leases"

    campsite_id: Mapped[str] = mapped_column(ForeignKey("campsites.id"), primary_key=True)
    mode: Mapped[str] = mapped_column(String(20))
    granted_at: Mapped[float]
    expires_at: Mapped[float]
    only_cameras: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """The only cameras with power; None: all of the campsite's."""
    without_cameras: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))
    """Cameras that have lost it."""
    reviewed_cameras: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))
    """Cameras that may warn only after a ranger has confirmed, whatever the mode."""
    run: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """The run of a stage that granted it; 0: not granted by the rollout."""
    veto_s: Mapped[float | None]
    ranger_ack_s: Mapped[float | None]
    fresh_within_s: Mapped[float | None]
    """A camera whose last handled picture is older has no power; None: not asked."""
    fresh_back_s: Mapped[float | None]
    """So long its pictures must have come again before it has."""


class RolloutEvent(Base):
    """Something that happened in the rollout. Rows are only added; the state follows from all of them in order."""

    __tablename__ = "rollout_events"
    __table_args__ = (
        # A command with a key is obeyed once in an approval epoch.
        Index(None, "epoch", "key", unique=True),
        Index(None, "kind", "at"),
    )

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """One more than the one before: of two writers at once, one fails and looks again."""
    at: Mapped[float]
    kind: Mapped[str] = mapped_column(String(40))
    actor: Mapped[str] = mapped_column(String(100))
    epoch: Mapped[int]
    key: Mapped[str | None] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    """Canonical JSON; the ledger holds the same."""


class AnalysisReason(StrEnum):
    """Who wanted an analysis of the gates."""

    HOURLY = "hourly"
    """The controller, about once an hour."""
    ASKED = "asked"
    """Somebody on the page."""
    STEP = "step"
    """A wish to go on, or for more time."""


class AnalysisRunRow(Base):
    """An analysis run of a stage's gates. Rows older than 60 days are thinned to one a day, but for those of steps."""

    __tablename__ = "analysis_runs"
    __table_args__ = (Index(None, "stage", "since", "at"), Index(None, "at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float]
    reason: Mapped[str] = mapped_column(String(20))
    stage: Mapped[str] = mapped_column(String(100))
    """The stage's name."""
    run: Mapped[int]
    """The run of the stage."""
    since: Mapped[float]
    """From when on evidence counted: the start of a live stage; in shadow, of the model."""
    model: Mapped[str | None] = mapped_column(Text)
    plan_digest: Mapped[str] = mapped_column("road", String(64))
    """Digest of the plan whose gates these were."""
    measured: Mapped[str | None] = mapped_column(Text)
    """All metrics as JSON: by window, then by name. Only the newest run of all keeps them."""


class GateResultRow(Base):
    """What an analysis run found of one gate."""

    __tablename__ = "gate_results"

    run_id: Mapped[int] = mapped_column(ForeignKey("analysis_runs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Its place among the stage's gates."""
    gate: Mapped[str] = mapped_column(Text)
    """As the configuration writes it."""
    metric: Mapped[str] = mapped_column(String(60))
    outcome: Mapped[str] = mapped_column(String(20))
    value: Mapped[float | None]
    """The point estimate."""
    compared: Mapped[float | None]
    """What was compared with the limit: the bound, or the estimate."""
    limit: Mapped[float | None]
    n: Mapped[float]
    least_n: Mapped[float]
    unit: Mapped[str] = mapped_column(String(40))
    why: Mapped[str] = mapped_column(Text)
