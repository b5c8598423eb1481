"""The controller and the registry: what detectors say about a change is written down, and a bad champion gives way."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Final

import redis
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.bundles.challenger_counts import Beside, take_counts
from core.bundles.wanted_model import publish_wanted
from core.redis_client import RedisDown
from db.ledger import record
from db.models import ModelChange, ModelChangeReport, ReportOutcome
from db.session import Database
from rollout.alerting.alerts import page
from rollout.breakers import TelemetrySnapshot, Trip
from rollout.breakers.breaker_spec import ABOUT_THE_MODEL
from rollout.models.automatic_rollback import (
    IN_USE,
    REFUSED,
    DetectorReport,
    ModelTrip,
    RollbackCause,
    rollback_cause,
)
from rollout.models.champion import first_scored_at, standing, wanted
from rollout.models.lineage import Standing
from rollout.models.model_changes import roll_back
from rollout.stages.plan import RolloutPlan

log = logging.getLogger(__name__)

FRESH_BEAT_S: Final = 30.0
CONTROLLER: Final = "controller"


def follow_models(
    session: Session, plan: RolloutPlan, snapshot: TelemetrySnapshot, trips: Iterable[Trip], now: float
) -> ModelChange | None:
    """Write down what detectors newly said, and roll the champion back where it has to be; returns that rollback.

    Call it in the controller's writing transaction.
    """
    there = standing(session)
    if there.last is None:
        return None
    reports = [each for each in _reports(snapshot, now) if each.change == there.last.id]
    _write_down(session, there.last.id, reports, now)
    about = [ModelTrip(trip.breaker, trip.at, trip.why) for trip in trips if trip.breaker in ABOUT_THE_MODEL]
    cause = rollback_cause(there, first_scored_at(session, there.last.id), reports, about, now)
    return None if cause is None else _give_way(session, plan, there, cause, now)


def tell_detectors(database: Database, client: redis.Redis) -> bool:
    """Say in Redis which model is wanted, right after a change was committed; false: Redis is unreachable, and the
    controller says it as soon as it is back."""
    with database.read() as session:
        model = wanted(session)
    try:
        publish_wanted(client, model)
    except (*RedisDown, redis.RedisError) as error:
        log.warning("the detectors cannot be told which model is wanted (%s); the controller tells them later", error)
        return False
    return True


def fetch_counts(client: redis.Redis) -> dict[Beside, dict[str, int]]:
    """What detectors counted about a challenger; nothing while Redis is unreachable."""
    try:
        return take_counts(client)
    except (*RedisDown, redis.RedisError):
        return {}  # it stays there, or is lost with it: whoever asks for leadership says that Redis is away


def _reports(snapshot: TelemetrySnapshot, now: float) -> list[DetectorReport]:
    found = (
        DetectorReport.of(name, facts)
        for name, facts in sorted(snapshot.heartbeats.items())
        if name.startswith("detector:") and now - float(facts.get("at", 0.0)) <= FRESH_BEAT_S
    )
    return [report for report in found if report is not None]


def _write_down(session: Session, change_id: int, reports: Sequence[DetectorReport], now: float) -> None:
    """The first detector that scored with the model, and each that refused it: once."""
    query = select(ModelChangeReport.outcome, ModelChangeReport.process).where(ModelChangeReport.change_id == change_id)
    known = {(outcome, process) for outcome, process in session.execute(query)}
    scored = sorted(
        (each.first_scored_at, each) for each in reports if each.state == IN_USE and each.first_scored_at is not None
    )
    if scored and not any(outcome == ReportOutcome.IN_USE for outcome, _process in known):
        _add(session, scored[0][1], ReportOutcome.IN_USE, now)
    for report in reports:
        if report.state == REFUSED and (ReportOutcome.REFUSED, report.process) not in known:
            _add(session, report, ReportOutcome.REFUSED, now)


def _add(session: Session, report: DetectorReport, outcome: ReportOutcome, now: float) -> None:
    session.add(
        ModelChangeReport(
            change_id=report.change,
            at=now,
            process=report.process,
            outcome=outcome,
            model=report.model,
            first_scored_at=report.first_scored_at,
            why=report.why,
        )
    )
    session.flush()
    record(
        session, at=now, kind="model.in_use" if outcome is ReportOutcome.IN_USE else "model.refused",
        subject=f"change:{report.change}", actor=report.process,
        body={"change": report.change, "model": report.model, "first_scored_at": report.first_scored_at,
              "why": report.why},
    )  # fmt: skip


def _give_way(session: Session, plan: RolloutPlan, there: Standing, cause: RollbackCause, now: float) -> ModelChange:
    change = roll_back(session, CONTROLLER, now, cause.why, trigger=cause.trigger)
    log.error("the model %s gives way: %s", (there.champion or "of the configuration")[:12], cause.why)
    targets = (*(plan.on_call[0].contacts if plan.on_call else ()), *plan.staff)
    page(
        session,
        key=f"model:{change.id}",
        title="The model was rolled back",
        body=f"{cause.why[:1].upper()}{cause.why[1:]}. The model before it is used again, and its evidence "
        "starts anew. The page Models says what happened.",
        targets=targets,
        now=now,
    )
    return change
