"""What a report is asked about, and what several of the reports look up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.config import Config
from db.models import Camera, Encounter
from rollout.breakers.telemetry_snapshot import TelemetrySnapshot
from rollout.evidence.comparison import EvidenceRule
from rollout.reports.document import ReportPlace
from rollout.reports.period import Period
from rollout.stages.event_store import load
from rollout.stages.plan import RolloutPlan
from rollout.stages.spec import Gate


@dataclass(frozen=True, slots=True)
class ReportContext:
    """One question. ``everything``: nothing need be kept from whoever asks, so that the report may also speak of what
    belongs to no single campsite. ``heard`` is what Redis told, None when nobody asked it.
    """

    session: Session
    config: Config
    plan: RolloutPlan
    period: Period
    campsites: tuple[str, ...]
    now: float
    everything: bool = True
    snapshot: TelemetrySnapshot | None = None

    @property
    def places(self) -> tuple[ReportPlace, ...]:
        """The campsites with their names."""
        return tuple(ReportPlace(each, self.name(each)) for each in self.campsites)

    def name(self, campsite: str) -> str:
        """A campsite's name."""
        known = self.config.campsites.get(campsite)
        return (known.name if known else None) or campsite

    def camera(self, camera: str) -> str:
        """A camera's name."""
        known = self.config.cameras.get(camera)
        return (known.name if known else None) or camera

    def rule(self) -> EvidenceRule:
        """How the plan counts evidence."""
        return self.plan.evidence_rule()

    def gate(self, metric: str) -> Gate | None:
        """The plan's first gate on a metric: what it takes to be good enough there."""
        return next((g for stage in self.plan.stages for g in stage.gates if g.metric == metric), None)

    def cameras(self) -> Mapping[str, str]:
        """The campsite of each camera that should be watched now."""
        where = (Camera.campsite_id.in_(self.campsites), Camera.enabled, Camera.configured)
        return dict(self.session.execute(select(Camera.id, Camera.campsite_id).where(*where)).all())


def models_of(asked: ReportContext) -> list[tuple[str, int]]:
    """The models that opened encounters in the period, the newest first, each with how many."""
    newest = func.max(Encounter.first_at)
    rows = asked.session.execute(
        select(Encounter.model, func.count(Encounter.id))
        .join(Camera, Camera.id == Encounter.camera_id)
        .where(
            Camera.campsite_id.in_(asked.campsites),
            Encounter.first_at >= asked.period.start,
            Encounter.first_at < asked.period.end,
        )
        .group_by(Encounter.model)
        .order_by(newest.desc())
    )
    return [(model, number) for model, number in rows]


def model_of(asked: ReportContext) -> str | None:
    """The model that a report is about: the one of the period's newest encounter, or the one that runs now."""
    found = models_of(asked)
    return found[0][0] if found else load(asked.session).model
