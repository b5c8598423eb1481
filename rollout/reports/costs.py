"""What a period cost, from the configured tariff: computed, not measured."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, or_, select

from db.models import Delivery, DeliveryAttempt
from rollout.breakers.costs import spend
from rollout.reports.asked import Asked
from rollout.reports.machines import gpus, machines


@dataclass(frozen=True, slots=True)
class Cost:
    """The computed cost of a period. ``gpus`` are those that answer now: their history is not recorded."""

    total: float
    camera_days: float
    messages: int
    gpus: float

    @property
    def per_camera_day(self) -> float | None:
        """Everything shared out; None without cameras."""
        return self.total / self.camera_days if self.camera_days else None


def cost_of(asked: Asked, start: float, end: float) -> Cost:
    """The cost of the report's campsites from ``start`` to ``end``: their cameras, their messages, and their cameras'
    share of the GPUs."""
    cameras, every = len(asked.cameras()), len([c for c in asked.config.cameras.values() if c.enabled])
    days = max(0.0, end - start) / 86400.0
    share = cameras / every if every else 0.0
    shared_gpus = gpus(machines(asked.heard)) * min(1.0, share)
    tried = messages_tried(asked, start, end)
    tariff = asked.config.costs
    total = (
        spend(tariff, cameras=cameras, gpus=0, messages=tried, days=days) + days * 24 * shared_gpus * tariff.gpu_hour
    )
    return Cost(total, cameras * days, tried, shared_gpus)


def messages_tried(asked: Asked, start: float, end: float) -> int:
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


def has_tariff(asked: Asked) -> bool:
    """Whether any price is configured."""
    tariff = asked.config.costs
    return bool(tariff.camera_day or tariff.gpu_hour or tariff.message)
