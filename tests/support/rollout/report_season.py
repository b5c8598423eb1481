"""Three weeks at two campsites, for reports: bears seen by people, by the model, by both; messages, the plan."""

from __future__ import annotations

from itertools import count

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.config import Config
from db.models import (
    Alert,
    AlertStatus,
    Audience,
    BreakerTrip,
    CamperMessage,
    CanaryRun,
    Delivery,
    DeliveryAttempt,
    DeliveryKind,
    DeliveryStatus,
    MessageKind,
    Mode,
    Review,
    RolloutEvent,
    Verdict,
)
from db.session import Database
from rollout.base.scopes import Place
from rollout.breakers.telemetry_snapshot import QueueDepth, TelemetrySnapshot
from rollout.reports.build import timezone_of
from rollout.reports.context import ReportContext
from rollout.reports.period import parse_day, period
from rollout.stages import events as e
from rollout.stages.commands import Step
from rollout.stages.spec_file import plan_from
from tests.support.cast import add_user
from tests.support.factories import T0
from tests.support.rollout.evidence_rows import MODEL, add_bear, add_hours, add_sighting, add_watch

DAY_S = 86400.0
EVENING = T0 // DAY_S * DAY_S + 5 * 3600
"""Nine in the evening of 14 January 2027 in California."""
FIRST, LAST = "2027-01-14", "2027-02-03"
NOW = EVENING + 20 * DAY_S + 3 * 3600
SITES = ("upper-pines", "lower-pines")
CAMERA_OF = {"upper-pines": "upper-creek", "lower-pines": "lower-meadow"}
_keys = count()


def review(session: Session, encounter_id: int, at: float, verdict: Verdict) -> None:
    """A decision about an encounter's alert, with what it makes of the alert."""
    alert = session.scalars(select(Alert).where(Alert.encounter_id == encounter_id)).one()
    session.add(
        Review(
            alert_id=alert.id, user_id=1, verdict=verdict, undoes_id=None, seen_version=1, created_at=at,
            effective_at=at, score_hidden=True, idempotency_key=f"season-{next(_keys)}",
        )
    )  # fmt: skip


def add_night(session: Session, number: int, seen_by_model: bool, campsite: str = "upper-pines") -> None:
    """A bear at nine, seen by a blind ranger on watch; the model comes 20 s later, on odd nights 60 s earlier."""
    at = EVENING + number * DAY_S
    add_watch(session, at - 3600, at + 3 * 3600, campsite)
    add_sighting(session, at, campsite)
    if seen_by_model:
        lead = -60.0 if number % 2 else 20.0
        encounter = add_bear(session, at + lead, CAMERA_OF[campsite])
        review(session, encounter.id, at + lead + 30.0, Verdict.BEAR)


def add_alone(session: Session, number: int, status: AlertStatus, after_s: float = 5.0) -> int:
    """An alert at noon that no person has a sighting of; returns its encounter."""
    at = EVENING + number * DAY_S + 15 * 3600
    encounter = add_bear(session, at, status=status)
    verdicts = {AlertStatus.CONFIRMED: Verdict.BEAR, AlertStatus.REJECTED: Verdict.NOT_A_BEAR}
    if status in verdicts:
        review(session, encounter.id, at + 1.0 + after_s, verdicts[status])
    return encounter.id


def add_delivery(session: Session, at: float, status: DeliveryStatus, took_s: float = 2.0) -> None:
    """A warning to the campers of one campsite."""
    number = next(_keys)
    row = Delivery(
        alert_id=None, alert_version=0, campsite_id="upper-pines", key=f"season-{number}", audience=Audience.CAMPERS,
        kind=DeliveryKind.WARNING, mode="assisted", target="json://127.0.0.1", target_digest=f"{number:032d}",
        title="Bear", body="Bear", status=status, created_at=at, due_at=at,
        sent_at=at + took_s if status is DeliveryStatus.SENT else None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    session.add(DeliveryAttempt(delivery_id=row.id, at=at + took_s, succeeded=row.sent_at is not None, detail="x"))


def add_message(session: Session, at: float, kind: MessageKind, handled: bool, campsite: str = "upper-pines") -> None:
    """Something that a camper wrote."""
    session.add(
        CamperMessage(
            campsite_id=campsite, kind=kind, text="too loud", sender=None, created_at=at,
            idempotency_key=f"season-{next(_keys)}", handled_at=at + 600 if handled else None,
        )
    )  # fmt: skip


def add_events(session: Session, events: list[e.Event]) -> None:
    """Events of the rollout, in order."""
    for seq, event in enumerate(events, 1):
        session.add(
            RolloutEvent(seq=seq, at=event.at, kind=e.kind_of(event), actor=event.by, epoch=1, key=None,
                         body=e.to_json(event))
        )  # fmt: skip


def walked(start: float) -> list[e.Event]:
    """A plan with a model in use for two days, held once, promoted, handed over after two days, and taken over."""
    places = (Place("upper-pines", None),)
    live = start + DAY_S
    return [
        e.PlanRead(at=start - 2 * DAY_S, by="controller", digest="d", name="county"),
        e.ModelReplaced(at=start - 2 * DAY_S + 1, by="controller", digest=MODEL, before=None),
        e.Approved(at=start + 60, by="lead", step=Step.PROMOTE, roles=("lead_ranger",)),
        e.PromotionHeld(at=start + 3600, by="operator", to="one-site", why=("recall_blind: not enough",), missing=True),
        e.StageStarted(
            at=live, by="operator", run=1, stage=1, name="one-site", mode=Mode.ASSISTED, places=places,
            deadline_at=live + 3 * DAY_S, analysis_opens_at=live + 2 * DAY_S, timezone="America/Los_Angeles",
            tzdata="2026a",
            model=MODEL, approved_by=("lead", "owner"),
        ),
        e.HandoverBegan(at=live + 2 * DAY_S, by="breakers", handover=1, cause="breaker gpu_temp", places=places,
                        from_stage="one-site", to="rosa", next_at=live + 2 * DAY_S + 300),
        e.Escalated(at=live + 2 * DAY_S + 300, by="controller", handover=1, level=1, to="sam",
                    next_at=live + 2 * DAY_S + 600),
        e.WatchTaken(at=live + 2 * DAY_S + 420, by="sam", handover=1, waited_s=420.0),
    ]  # fmt: skip


def add_season(session: Session) -> None:
    """Twelve nights up, five down; the model missed the last one up, and raised four that nobody saw."""
    add_user(session)
    for camera in ("upper-creek", "upper-trail", "lower-meadow"):
        add_hours(session, EVENING - DAY_S, 21 * 24, camera, thumbnails=0)
    for number in range(12):
        add_night(session, number, seen_by_model=number < 11)
    for number in range(5):
        add_night(session, number + 12, True, "lower-pines")
    add_alone(session, 2, AlertStatus.REJECTED)
    add_alone(session, 3, AlertStatus.REJECTED, after_s=300.0)
    add_alone(session, 4, AlertStatus.OPEN)
    add_alone(session, 5, AlertStatus.CONFIRMED)
    for hour in range(100):
        session.add(
            CanaryRun(camera_id="upper-creek", planted_at=EVENING + hour * 3600.0, frames=5, background="night",
                      seen=hour != 7, seen_at=None, latency_s=None if hour == 7 else 0.4 + hour / 200, peak_score=0.9)
        )  # fmt: skip
    add_delivery(session, EVENING + 19 * DAY_S, DeliveryStatus.SENT)
    add_delivery(session, EVENING + 19 * DAY_S, DeliveryStatus.SENT, took_s=200.0)
    add_delivery(session, EVENING + 19 * DAY_S, DeliveryStatus.FAILED)
    add_message(session, EVENING + 19 * DAY_S, MessageKind.COMPLAINT, handled=False)
    add_message(session, EVENING + 19 * DAY_S, MessageKind.REPORT, handled=True, campsite="lower-pines")
    session.add(
        BreakerTrip(breaker="gpu_temp", scope="region", scope_id="sierra", action="handover",
                    tripped_at=EVENING + 19 * DAY_S, value=91.0, limit=87.0, why="GPU at 91 °C", series=[],
                    reset_at=EVENING + 19.5 * DAY_S, reset_by="lead, owner", cause="a fan was blocked")
    )  # fmt: skip
    add_events(session, walked(EVENING + DAY_S))
    session.flush()


def snapshot(now: float = NOW, **facts: float) -> TelemetrySnapshot:
    """What Redis tells: one machine, one queue."""
    machine = {"at": now - 3, "cpu_c": 61.0, "load": 0.4, "memory_used": 0.5, "disk_free": 0.6, "gpus": 1,
               "gpus_expected": 1, "gpu_c": 64.0, **facts}  # fmt: skip
    return TelemetrySnapshot(now, True, {}, {"machine:ridge": machine}, {0: QueueDepth(12, 0.4)}, 2)


def asked(
    session: Session,
    config: Config,
    campsites: tuple[str, ...] = SITES,
    first: str = FIRST,
    last: str = LAST,
    now: float = NOW,
    told: TelemetrySnapshot | None = None,
    everything: bool = True,
) -> ReportContext:
    """A question about the season."""
    days = period(parse_day(first), parse_day(last), timezone_of(config, campsites), now)
    return ReportContext(session, config, plan_from(config), days, campsites, now, everything, told or snapshot(now))


def filled(database: Database) -> Database:
    """The database with the season in it."""
    with database.write() as session:
        add_season(session)
    return database
