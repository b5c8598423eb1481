"""What a period cost, from the configured tariff: computed, not measured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy import func, or_, select

from db.models import Camera, CameraHour, Delivery, DeliveryAttempt, MachineSample, QueueSample
from rollout.breakers.tariff import spend
from rollout.reports.context import ReportContext
from rollout.reports.period import midnight, today
from rollout.reports.sections.host_status import gpus, machines

FEWEST_DAYS: Final = 28
MOST_DAYS: Final = 92
"""Days that costs are told day by day, up to the last of the report."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The computed cost of a period. ``gpus`` are those that answered on average, as far as it was written down; where
    nothing was, those that answer now."""

    total: float
    camera_days: float
    messages: int
    gpus: float

    @property
    def per_camera_day(self) -> float | None:
        """Everything shared out; None without cameras."""
        return self.total / self.camera_days if self.camera_days else None


def cost_of(asked: ReportContext, start: float, end: float) -> Cost:
    """The cost of the report's campsites from ``start`` to ``end``: their cameras, their messages, and their cameras'
    share of the GPUs."""
    cameras, every = len(asked.cameras()), len([c for c in asked.config.cameras.values() if c.enabled])
    days = max(0.0, end - start) / 86400.0
    share = cameras / every if every else 0.0
    answered = _gpus_written_down(asked, start, end)
    shared_gpus = (gpus(machines(asked.snapshot)) if answered is None else answered) * min(1.0, share)
    tried = messages_tried(asked, start, end)
    tariff = asked.config.costs
    total = (
        spend(tariff, cameras=cameras, gpus=0, messages=tried, days=days) + days * 24 * shared_gpus * tariff.gpu_hour
    )
    return Cost(total, cameras * days, tried, shared_gpus)


def _gpus_written_down(asked: ReportContext, start: float, end: float) -> float | None:
    """How many answered on average, of all machines; None when nothing was written down."""
    first, last = int(start // 60), int(end // 60)
    by_shard = (
        select(func.sum(QueueSample.span).label("minutes"))
        .where(QueueSample.minute >= first, QueueSample.minute < last)
        .group_by(QueueSample.shard)
        .subquery()
    )
    minutes = asked.session.scalar(select(func.max(by_shard.c.minutes)))
    if not minutes:
        return None
    counted = asked.session.scalar(
        select(func.sum(MachineSample.gpus * MachineSample.span)).where(
            MachineSample.minute >= first, MachineSample.minute < last
        )
    )
    return float(counted or 0) / float(minutes)


@dataclass(frozen=True, slots=True)
class CostDay:
    """One day of the campsites' calendar; the last one may go on."""

    day: date
    start: float
    cost: Cost


def cost_days(asked: ReportContext) -> list[CostDay]:
    """Day by day up to the report's last one: four weeks, or as long as the report; none before cameras were seen."""
    zone, last = asked.period.timezone, asked.period.last
    began = asked.session.scalar(
        select(func.min(CameraHour.hour_at))
        .join(Camera, Camera.id == CameraHour.camera_id)
        .where(Camera.campsite_id.in_(asked.campsites))
    )
    if began is None:
        return []
    count = min(MOST_DAYS, max(FEWEST_DAYS, (last - asked.period.first).days + 1))
    first = max(last - timedelta(days=count - 1), today(began, zone))
    found = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        start, end = midnight(day, zone), min(midnight(day + timedelta(days=1), zone), asked.now)
        if end > start:
            found.append(CostDay(day, start, cost_of(asked, start, end)))
    return found


def messages_tried(asked: ReportContext, start: float, end: float) -> int:
    """Attempts to send something; with ``everything`` also pages that are about no campsite."""
    here = Delivery.campsite_id.in_(asked.campsites)
    query = (
        select(func.count(DeliveryAttempt.id))
        .join(Delivery, Delivery.id == DeliveryAttempt.delivery_id)
        .where(
            DeliveryAttempt.at >= start,
            DeliveryAttempt.at < end,
            or_(here, Delivery.campsite_id.is_(None)) if asked.everything else here,
        )
    )
    return asked.session.scalar(query) or 0


def has_tariff(asked: ReportContext) -> bool:
    """Whether any price is configured."""
    tariff = asked.config.costs
    return bool(tariff.camera_day or tariff.gpu_hour or tariff.message)
