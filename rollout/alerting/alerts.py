"""The single writer of the outbox (transactional outbox).

An alert is raised here, a ranger's decision is applied here, and here alone an outbox row is written. Every
function works inside the caller's transaction: the alert, its effect and its ledger entry exist together or not at
all. In shadow mode nothing is written: no camper and no ranger is told anything on account of an alert.

What is to be said is worked out in :mod:`rollout.alerting.delivery_plan`, in which words in
:mod:`rollout.alerting.message_text`; whether it may still be said when a worker holds the message in its hands, in
:mod:`rollout.alerting.send_policy`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.messages import EncounterKind
from db.ledger import lock, record
from db.models import (
    Alert,
    AlertStatus,
    Audience,
    Camera,
    Delivery,
    DeliveryKind,
    DeliveryStatus,
    Encounter,
    Mode,
    Review,
)
from rollout.alerting.delivery_history import camper_history, may_have_arrived, message_to_join
from rollout.alerting.delivery_plan import KIND, SAYS_CONFIRMED, OutgoingKind, plan
from rollout.alerting.message_text import digest, message_text
from rollout.alerting.recipients import Recipients
from rollout.alerting.reviews import Decision, NothingToUndo, SomebodyElseWasFirst, note, take
from rollout.alerting.send_policy import advised, camera_mode, oversight

__all__ = [
    "Decision",
    "NothingToUndo",
    "SomebodyElseWasFirst",
    "decide",
    "escalate_unacknowledged",
    "page",
    "raise_alert",
    "upgrade_to_bear",
]

ESCALATED_UNTIL_S: Final = 6 * 3600.0
"""An older alert is history: a page about it would help nobody."""


def raise_alert(session: Session, encounter: Encounter, now: float, recipients: Recipients) -> Alert:
    """Put an encounter in front of the ranger. The mode that holds now is written down with it.

    1. In every live mode and during a handover rangers are advised of it.
    2. In automatic mode a warning to campers is written that waits for a veto.

    An unknown animal's alert is a question to the ranger: whatever the mode, campers hear nothing of it until a person
    has said that it is a bear.
    """
    camera = session.get_one(Camera, encounter.camera_id)
    alert = Alert(
        encounter_id=encounter.id,
        camera_id=camera.id,
        campsite_id=camera.campsite_id,
        kind=encounter.kind,
        captured_at=encounter.decided_at,
        created_at=now,
        mode=camera_mode(session, camera.campsite_id, camera.id, now),
        status=AlertStatus.OPEN,
        version=1,
    )
    session.add(alert)
    session.flush()
    _announce(session, alert, recipients, now)
    record(
        session,
        at=now,
        kind="alert.raised",
        subject=f"alert:{alert.id}",
        actor="tracker",
        campsite=alert.campsite_id,
        body={
            "encounter": encounter.id,
            "camera": camera.id,
            "kind": alert.kind,
            "mode": alert.mode,
            "score": encounter.peak_score,
        },
    )
    return alert


def upgrade_to_bear(session: Session, alert: Alert, encounter: Encounter, now: float, recipients: Recipients) -> None:
    """Make an unknown animal's alert a bear's: the model has recognised it. Waits as a bear's alert from now on.

    The version goes up, so that a decision about the unknown animal that is on its way is shown to its maker again.
    A decision that stands is kept: whoever has said "bear" need not say it twice. Hold :func:`db.ledger.lock` before
    you look whether to call this.
    """
    alert.kind = EncounterKind.BEAR
    alert.unknown_at = alert.created_at
    alert.captured_at = encounter.decided_at
    alert.created_at = now
    alert.mode = camera_mode(session, alert.campsite_id, alert.camera_id, now, alert)
    alert.version += 1
    session.flush()
    _announce(session, alert, recipients, now)
    record(
        session,
        at=now,
        kind="alert.recognised",
        subject=f"alert:{alert.id}",
        actor="tracker",
        campsite=alert.campsite_id,
        body={
            "encounter": encounter.id,
            "kind": alert.kind,
            "mode": alert.mode,
            "score": encounter.peak_score,
            "version": alert.version,
        },
    )


def decide(session: Session, decision: Decision, recipients: Recipients, now: float) -> Review:
    """Apply a ranger's decision, with whatever follows from it outside, in this transaction.

    See :func:`rollout.alerting.reviews.take` for what is refused, and :func:`rollout.alerting.delivery_plan.plan` for
    what follows.
    """
    lock(session)  # the tracker may be making this alert a bear's at this moment
    taken = take(session, decision, recipients.undo_s, now)
    if taken.is_new:
        alert = taken.alert
        mode = camera_mode(session, alert.campsite_id, alert.camera_id, now, alert)
        _effects(session, alert, taken.was, mode, recipients, now)
        note(session, taken, decision)
    return taken.review


def page(
    session: Session,
    *,
    key: str,
    title: str,
    body: str,
    targets: Iterable[str],
    now: float,
    campsite: str | None = None,
) -> int:
    """Tell staff that something needs a person now. Returns how many addresses it goes to.

    The same ``key`` to the same address is told once. Pages are about the system and its people, not about bears:
    they go out in every mode.
    """
    addressed = 0
    for target in dict.fromkeys(targets):
        known = select(Delivery.id).where(Delivery.key == key, Delivery.target_digest == digest(target))
        if session.scalar(known) is not None:
            continue
        facts = {"type": "new", "message": DeliveryKind.PAGE, "title": title, "before": None,
                 "after": {"key": key, "campsite": campsite, "text": body}}  # fmt: skip
        session.add(
            Delivery(
                alert_id=None, alert_version=0, campsite_id=campsite, key=key, audience=Audience.STAFF,
                kind=DeliveryKind.PAGE, target=target, target_digest=digest(target), title=title[:200], body=body,
                facts=facts, created_at=now, due_at=now,
            )
        )  # fmt: skip
        addressed += 1
    if addressed:
        session.flush()
        record(session, at=now, kind="page.written", subject=f"page:{key}"[:80], actor="rollout", campsite=campsite,
               body={"title": title, "addresses": addressed})  # fmt: skip
    return addressed


def escalate_unacknowledged(session: Session, recipients: Recipients, now: float) -> int:
    """Page staff about automatic alerts that no ranger has looked at in time; returns how many alerts that were.

    Call it every few seconds. Any decision counts as having looked.
    """
    if not recipients.staff:
        return 0
    paged = 0
    waiting = select(Alert).where(
        Alert.status == AlertStatus.OPEN,
        Alert.kind == EncounterKind.BEAR,
        Alert.mode == Mode.AUTOMATIC,
        Alert.created_at > now - ESCALATED_UNTIL_S,
    )
    for alert in session.scalars(waiting):
        if now - alert.created_at < oversight(session, alert.campsite_id, recipients)[1]:
            continue
        title = f"No ranger has looked at the bear alert of {alert.campsite.name}"
        waited = f"It has waited {(now - alert.created_at) / 60:.0f} minutes; campers are warned automatically."
        body = f"{title}. Camera {alert.camera.name}, alert {alert.id}. {waited}"
        key = f"overdue:{alert.id}:{alert.version}"
        paged += bool(
            page(
                session, key=key, title=title, body=body, targets=recipients.staff, now=now, campsite=alert.campsite_id
            )
        )
    return paged


def _announce(session: Session, alert: Alert, recipients: Recipients, now: float) -> None:
    """Advise the rangers of a new alert, or of one that has become a bear's, and begin what the mode allows."""
    if advised(session, alert.campsite_id, now, alert.camera_id):
        for target in recipients.rangers:
            root = message_to_join(session, alert, Audience.RANGERS, target, recipients.join_s)
            if root is not None and root.facts["after"]["kind"] == EncounterKind.UNKNOWN_ANIMAL != alert.kind:
                root = None  # a bear is more than an animal that nobody knows: that is said again
            advice = _Message(DeliveryKind.ADVISORY, Audience.RANGERS, target, Mode(alert.mode), due_at=now, join=root)
            _write(session, alert, advice, now)
        session.flush()
    if alert.kind == EncounterKind.BEAR:
        _effects(session, alert, AlertStatus(alert.status), Mode(alert.mode), recipients, now)


def _effects(session: Session, alert: Alert, was: AlertStatus, mode: Mode, recipients: Recipients, now: float) -> None:
    """Write what campers are to be told now that the alert's status has gone from ``was`` to what it is.

    ``mode`` is the one that holds now.
    """
    histories = camper_history(session, alert)
    targets = dict.fromkeys([*recipients.campers.get(alert.campsite_id, ()), *histories])
    for target in targets:
        decided = plan(histories.get(target, ()), was, AlertStatus(alert.status), mode)
        arrived = [_cancel(session, number, now) for number in decided.cancel]
        send = decided.send
        if send is None and any(arrived) and alert.status != AlertStatus.CONFIRMED:
            send = OutgoingKind.RETRACTION  # a worker was faster than the veto
        if send is None:
            continue
        due_at, root = now, None
        if send is OutgoingKind.HELD_WARNING:
            due_at = max(now, alert.created_at + oversight(session, alert.campsite_id, recipients)[0])
        elif send is OutgoingKind.LATE_RETRACTION:
            due_at = now + recipients.undo_s
        if KIND[send] is not DeliveryKind.RETRACTION:
            root = message_to_join(session, alert, Audience.CAMPERS, target, recipients.join_s)
        if root is not None and send in SAYS_CONFIRMED and not root.facts["after"]["confirmed"]:
            root = None  # confirmed is more than reported: that is said again
        message = _Message(
            KIND[send],
            Audience.CAMPERS,
            target,
            mode,
            due_at,
            join=root,
            confirmed=send in SAYS_CONFIRMED,
            held=send is OutgoingKind.HELD_WARNING,
            was=was,
        )
        _write(session, alert, message, now)
    session.flush()


def _cancel(session: Session, delivery_id: int, now: float) -> bool:
    """Take a message back before it leaves; returns whether it may have arrived all the same."""
    waiting = update(Delivery).where(Delivery.id == delivery_id, Delivery.status == DeliveryStatus.PENDING)
    values = {"status": DeliveryStatus.CANCELLED, "why": "taken back before it was sent"}
    clean = session.execute(waiting.where(Delivery.claimed_at.is_(None)).values(values))
    if clean.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE's result counts rows
        # A worker has it, or had it and died: no more tries, and whoever may have read it is told.
        session.execute(waiting.values({**values, "why": "taken back while it was being sent"}))
    row = session.get_one(Delivery, delivery_id, populate_existing=True)
    record(
        session, at=now, kind="delivery.cancelled", subject=f"alert:{row.alert_id}", actor="alerts",
        campsite=row.campsite_id, body={"delivery": row.id, "kind": row.kind, "status": row.status, "why": row.why},
    )  # fmt: skip
    return may_have_arrived(row)


@dataclass(frozen=True, slots=True)
class _Message:
    """One message about an alert to one address. ``join``: the message that has told these people already."""

    kind: DeliveryKind
    audience: Audience
    target: str
    mode: Mode
    due_at: float
    join: Delivery | None = None
    confirmed: bool = False
    held: bool = False
    was: AlertStatus | None = None


def _write(session: Session, alert: Alert, message: _Message, now: float) -> None:
    said = message_text(alert, message.kind, confirmed=message.confirmed, was=message.was)
    join = message.join
    session.add(
        Delivery(
            alert_id=alert.id,
            alert_version=alert.version,
            campsite_id=alert.campsite_id,
            audience=message.audience,
            kind=message.kind,
            mode=message.mode,
            held=message.held and join is None,
            target=message.target,
            target_digest=digest(message.target),
            title=said.title,
            body=said.body,
            facts=said.facts,
            status=DeliveryStatus.PENDING if join is None else DeliveryStatus.JOINED,
            joined_to_id=None if join is None else join.id,
            why=None if join is None else "the same people were told of the same visit",
            created_at=now,
            due_at=message.due_at,
        )
    )
