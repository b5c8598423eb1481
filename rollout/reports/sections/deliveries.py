"""What went out and what came back: deliveries, and what campers wrote. For the daily report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, func, or_, select

from db.models import Appeal, Audience, CamperMessage, Delivery, DeliveryStatus, MessageKind
from rollout.evidence.operations import appeals_upheld_open, complaints_per_camera_day
from rollout.evidence.stats.rates import poisson_upper
from rollout.reports.context import ReportContext
from rollout.reports.document import Cell, Column, Figure, Form, Section, table
from rollout.reports.metric_figures import ONE_SIDED, counted
from rollout.reports.sections.percentiles import percentiles

LATE_S: Final = 60.0
"""A message that took longer than this from when it was due is late."""


@dataclass(frozen=True, slots=True)
class DeliveredMessage:
    """One message of the period, as far as the report needs it; ``waited_s`` until sent, or until now."""

    audience: Audience
    status: DeliveryStatus
    waited_s: float


@dataclass(frozen=True, slots=True)
class Sent:
    """All messages of the period."""

    messages: Sequence[DeliveredMessage]

    @property
    def failed(self) -> int:
        """Given up."""
        return sum(each.status is DeliveryStatus.FAILED for each in self.messages)

    @property
    def failed_to_campers(self) -> int:
        """Those of them that campers should have had."""
        return sum(e.status is DeliveryStatus.FAILED and e.audience is Audience.CAMPERS for e in self.messages)

    @property
    def late(self) -> int:
        """Sent late, or waiting for longer than that."""
        return sum(late(each) for each in self.messages)


def late(message: DeliveredMessage) -> bool:
    """Whether a message was sent late, or still waits although it should have gone."""
    return message.status in (DeliveryStatus.SENT, DeliveryStatus.PENDING) and message.waited_s > LATE_S


def deliveries_of(asked: ReportContext) -> Sent:
    """The messages written in the period; with ``everything`` also pages that are about no campsite.

    A message that was held for a veto counts from the end of the veto.
    """
    here = Delivery.campsite_id.in_(asked.campsites)
    rows = asked.session.execute(
        select(
            Delivery.audience, Delivery.status, Delivery.created_at, Delivery.due_at, Delivery.sent_at, Delivery.held
        ).where(
            Delivery.created_at >= asked.period.start,
            Delivery.created_at < asked.period.end,
            or_(here, Delivery.campsite_id.is_(None)) if asked.everything else here,
        )
    )
    found = []
    for audience, status, created_at, due_at, sent_at, held in rows:
        begin = max(created_at, due_at) if held else created_at
        until = sent_at if sent_at is not None else asked.now
        found.append(DeliveredMessage(Audience(audience), DeliveryStatus(status), max(0.0, until - begin)))
    return Sent(found)


def delivery_section(asked: ReportContext, sent: Sent) -> Section:
    """How many messages went where, and how long they took."""
    counts: dict[Audience, list[int]] = defaultdict(lambda: [0] * 7)
    order = (DeliveryStatus.SENT, DeliveryStatus.JOINED, DeliveryStatus.CANCELLED, DeliveryStatus.FAILED,
             DeliveryStatus.PENDING)  # fmt: skip
    for each in sent.messages:
        row = counts[each.audience]
        row[0] += 1
        row[1 + order.index(each.status)] += 1
        row[6] += late(each)
    rows: list[tuple[Cell, ...]] = [(audience.value, *counts[audience]) for audience in Audience if audience in counts]
    heads = ("Written", "Sent", "Joined", "Cancelled", "Failed", "Waiting", "Late")
    columns = (Column("audience", "To"), *(Column(head.lower(), head, Form.NUMBER) for head in heads))
    seconds = [each.waited_s for each in sent.messages if each.status is DeliveryStatus.SENT]
    return Section(
        "deliveries",
        "Messages",
        (f"Late is more than {LATE_S:.0f} s after a message should have gone. Joined messages were not sent: the same "
         "people had been told of the same visit.",),
        figures=(
            Figure("deliveries_failed", "Messages given up", sent.failed, n=len(sent.messages), of="messages"),
            Figure("deliveries_late", "Late", sent.late, n=len(sent.messages), of="messages"),
            *percentiles("delivery", "Decision to sent", seconds, "messages", "nothing was sent in this time"),
        ),
        tables=(table("deliveries", "By audience", columns, rows, "Nothing was to be sent in this time."),),
    )  # fmt: skip


def camper_figures(asked: ReportContext) -> tuple[Figure, ...]:
    """What campers wrote, and what became of their appeals."""
    session, period = asked.session, asked.period
    rows = session.execute(
        select(CamperMessage.kind, func.count(CamperMessage.id))
        .where(
            CamperMessage.campsite_id.in_(asked.campsites),
            CamperMessage.created_at >= period.start,
            CamperMessage.created_at < period.end,
        )
        .group_by(CamperMessage.kind)
    )
    by_kind = dict(rows.all())
    waiting = session.scalar(
        select(func.count(CamperMessage.id)).where(
            CamperMessage.campsite_id.in_(asked.campsites),
            CamperMessage.created_at < period.end,
            CamperMessage.handled_at.is_(None),
            CamperMessage.kind.in_((MessageKind.COMPLAINT, MessageKind.REPORT)),
        )
    )
    rate = complaints_per_camera_day(session, asked.campsites, period.start, period.end)
    complaints = int(rate.detail["complaints"])
    upper = poisson_upper(complaints, rate.n) if rate.value is not None else None
    return (
        Figure("complaints", "Complaints", by_kind.get(MessageKind.COMPLAINT, 0)),
        Figure("appeals", "Appeals against a warning", by_kind.get(MessageKind.APPEAL, 0)),
        Figure("reports", "Bears that campers reported", by_kind.get(MessageKind.REPORT, 0)),
        Figure("complaints_per_camera_day", "Complaints and appeals a camera-day", rate.value, high=upper,
               sure=ONE_SIDED, n=rate.n, of=rate.unit, why=rate.why),
        Figure("messages_waiting", "Messages without an answer", waiting or 0),
        counted(appeals_upheld_open(session, asked.campsites), "Appeals upheld and not settled"),
    )  # fmt: skip


def campers_section(asked: ReportContext) -> Section:
    """The same by campsite."""
    kinds = (MessageKind.COMPLAINT, MessageKind.APPEAL, MessageKind.REPORT)
    found = asked.session.execute(
        select(CamperMessage.campsite_id, CamperMessage.kind, func.count(CamperMessage.id))
        .where(
            CamperMessage.campsite_id.in_(asked.campsites),
            CamperMessage.created_at >= asked.period.start,
            CamperMessage.created_at < asked.period.end,
        )
        .group_by(CamperMessage.campsite_id, CamperMessage.kind)
    )
    counts = {(site, kind): number for site, kind, number in found}
    second = asked.session.execute(
        select(Appeal.campsite_id, func.count(Appeal.id))
        .where(
            and_(Appeal.campsite_id.in_(asked.campsites), Appeal.control.is_(False)),
            Appeal.answered_at >= asked.period.start,
            Appeal.answered_at < asked.period.end,
        )
        .group_by(Appeal.campsite_id)
    )
    answered: dict[str, int] = dict(second.all())
    rows: list[tuple[Cell, ...]] = [
        (asked.name(site), *(counts.get((site, kind), 0) for kind in kinds), answered.get(site, 0))
        for site in asked.campsites
        if answered.get(site) or any((site, kind) in counts for kind in kinds)
    ]
    columns = (Column("campsite", "Campsite"), Column("complaints", "Complaints", Form.NUMBER), Column("appeals",
               "Appeals", Form.NUMBER), Column("reports", "Bears reported", Form.NUMBER), Column("answered",
               "Appeals answered", Form.NUMBER))  # fmt: skip
    written = table("campers", "By campsite", columns, rows, "Campers have written nothing.")
    return Section("campers", "Campers", figures=camper_figures(asked), tables=(written,))
