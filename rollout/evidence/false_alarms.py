"""The metrics of alerts: false ones per camera-day, warnings that were right, animals that the model does not know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.messages import EncounterKind
from db.models import Alert, AlertStatus, Audience, Camera, Delivery, DeliveryKind, DeliveryStatus, Encounter
from db.places import campsite_at
from rollout.base.metrics import Measured
from rollout.evidence.camera_days import NightIndex
from rollout.evidence.comparison import EvidenceRule
from rollout.evidence.loader import Raised
from rollout.evidence.stats.proportions import clopper_pearson_lower
from rollout.evidence.stats.rates import rate_of

_ONE_MINUTE_DAYS: Final = 1.0 / 1440.0


def is_false(raised: Raised) -> bool:
    """Whether an alert counts as false: unless somebody has confirmed it.

    Undecided ones count until somebody decides, also where a person saw a bear at that time: what is missing never
    speaks for the model.
    """
    return not raised.confirmed


def false_alarms(
    metric: str,
    raised: Sequence[Raised],
    exposure: Mapping[tuple[str, int], float],
    index: NightIndex,
    rule: EvidenceRule,
    sites: Mapping[str, str],
) -> Measured:
    """False alarms for each camera-day, with bounds for single ones and for clumps.

    ``exposure`` says how long each camera was seen in each night, in days. An alert in a night without any is counted
    over one minute: it must not vanish. ``sites``: the campsite of each camera.
    """
    false = [each for each in raised if is_false(each)]
    counts = Counter(
        (each.detection.camera, index.of(each.detection.campsite, each.detection.alert_at)) for each in false
    )
    days = {**dict.fromkeys(counts, _ONE_MINUTE_DAYS), **{key: part for key, part in exposure.items() if part > 0}}
    if not days:
        return Measured(metric, None, unit="camera-days", why="no camera has been seen in this time")
    rate = rate_of([counts[key] for key in days], list(days.values()), rule.confidence, clumps(list(days), sites))
    rejected = sum(each.rejected for each in false)
    return Measured(
        metric,
        rate.point,
        rate.bounds,
        rate.exposure,
        "camera-days",
        detail={
            "false_alarms": rate.count,
            "rejected": rejected,
            "undecided": rate.count - rejected,
            "alerts": len(raised),
            "dispersion": rate.dispersion,
        },
    )


def clumps(camera_nights: Sequence[tuple[str, int]], sites: Mapping[str, str]) -> list[list[Hashable]]:
    """What false alarms may share beside camera and night: the campsite's night, everybody's, the camera's week."""
    return [
        [(sites.get(camera, camera), night) for camera, night in camera_nights],
        [night for _, night in camera_nights],
        [(camera, night // 7) for camera, night in camera_nights],
    ]


def warning_precision(
    session: Session, metric: str, campsites: Collection[str], since: float, now: float, rule: EvidenceRule
) -> Measured:
    """Of the alerts of which campers were warned: how many were of a bear. Undecided ones count as none."""
    warned = (
        select(Delivery.alert_id)
        .where(
            Delivery.kind == DeliveryKind.WARNING,
            Delivery.audience == Audience.CAMPERS,
            Delivery.status == DeliveryStatus.SENT,
            Delivery.sent_at >= since,
            Delivery.sent_at <= now,
        )
        .distinct()
    )
    by_status = Counter(
        session.scalars(select(Alert.status).where(Alert.campsite_id.in_(campsites), Alert.id.in_(warned)))
    )
    n, right = sum(by_status.values()), by_status[AlertStatus.CONFIRMED]
    if n == 0:
        return Measured(metric, None, unit="warnings", why="campers have not been warned in this time")
    undecided = n - right - by_status[AlertStatus.REJECTED]
    bounds = {"cp_lower": clopper_pearson_lower(right, n, rule.confidence)}
    return Measured(metric, right / n, bounds, n, "warnings", detail={"right": right, "undecided": undecided})


def unknown_share(
    session: Session, metric: str, campsites: Collection[str], since: float, now: float, model: str
) -> Measured:
    """Share of encounters with an animal that the model does not know; those held back count too."""
    rows = session.execute(
        select(Encounter.kind, func.count(Encounter.id))
        .join(Camera, Camera.id == Encounter.camera_id)
        .where(
            campsite_at(Encounter.camera_id, Encounter.first_at).in_(campsites),
            Encounter.model == model,
            Encounter.first_at >= since,
            Encounter.first_at <= now,
        )
        .group_by(Encounter.kind)
    )
    by_kind = dict(rows.all())
    n, unknown = sum(by_kind.values()), by_kind.get(EncounterKind.UNKNOWN_ANIMAL, 0)
    if n == 0:
        return Measured(metric, None, unit="encounters", why="this model has had no encounters in this time")
    return Measured(metric, unknown / n, n=n, unit="encounters", detail={"unknown": unknown})
