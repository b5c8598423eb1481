"""The metrics of running: how late, how long unseen, how many complaints. From the database alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from math import ceil
from typing import Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from db.models import (
    Alert,
    Appeal,
    AppealOutcome,
    Audience,
    Camera,
    CameraHour,
    CamperMessage,
    CanaryRun,
    Delivery,
    DeliveryStatus,
    Encounter,
    MessageKind,
)
from db.places import campsite_at
from rollout.base.metrics import Measured
from rollout.evidence.camera_days import SeenHour

_MINUTES_PER_DAY: Final = 1440.0
FLUSH_S: Final = 120.0
"""Camera-hours are written a little later than they happen; this much of the newest time is not asked for yet."""


def operations(
    session: Session, campsites: Collection[str], since: float, now: float, hours: Sequence[SeenHour]
) -> Iterator[Measured]:
    """All of them. ``hours`` are the camera-hours of these campsites since then."""
    yield end_to_end(session, campsites, since, now)
    yield inference_latency(session, campsites, since, now)
    yield delivery_latency(session, campsites, since, now)
    yield uptime(session, campsites, since, now, hours)
    yield complaints_per_camera_day(session, campsites, since, now)
    yield appeals_upheld_open(session, campsites)


def nearest_rank(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def end_to_end(session: Session, campsites: Collection[str], since: float, now: float) -> Measured:
    """From the capture of the deciding frame to the ranger's queue. What waited out an outage counts with its wait.

    Test clips count too, up to their decision: a quiet campsite has too few alerts to say anything.
    """
    rows = session.execute(
        select(Alert.created_at - Alert.captured_at, Encounter.late)
        .join(Encounter, Encounter.id == Alert.encounter_id)
        .where(Alert.campsite_id.in_(campsites), Alert.created_at >= since, Alert.created_at <= now)
    ).all()
    late = sum(1 for _, is_late in rows if is_late)
    seconds = [*(seconds for seconds, _ in rows), *_planted(session, campsites, since, now)]
    return _percentile("alert_end_to_end_p99_s", seconds, "alerts and clips", "no alert was raised", late)


def inference_latency(session: Session, campsites: Collection[str], since: float, now: float) -> Measured:
    """From capture to the decided encounter: of the test clips, which go the whole way on every camera, and of the
    encounters themselves, as far as their alerts tell.
    """
    planted = _planted(session, campsites, since, now)
    real = session.scalars(
        select(Alert.created_at - Alert.captured_at)
        .join(Encounter, Encounter.id == Alert.encounter_id)
        .where(Alert.campsite_id.in_(campsites), Alert.created_at >= since, Alert.created_at <= now, ~Encounter.late)
    ).all()
    return _percentile("inference_latency_p99_s", [*planted, *real], "clips and encounters", "nothing was decided", 0)


def _planted(session: Session, campsites: Collection[str], since: float, now: float) -> list[float]:
    """From capture to decision, of every test clip that was seen."""
    rows = session.scalars(
        select(CanaryRun.latency_s)
        .join(Camera, Camera.id == CanaryRun.camera_id)
        .where(
            campsite_at(CanaryRun.camera_id, CanaryRun.planted_at).in_(campsites),
            CanaryRun.latency_s.is_not(None),
            CanaryRun.planted_at >= since,
            CanaryRun.planted_at <= now,
        )
    )
    return [each for each in rows if each is not None]


def delivery_latency(session: Session, campsites: Collection[str], since: float, now: float) -> Measured:
    """From a decision to the message sent. One that has failed, or still waits, has taken until now.

    A message that was held for a ranger's veto counts from the end of the veto.
    """
    rows = session.execute(
        select(Delivery.created_at, Delivery.due_at, Delivery.sent_at, Delivery.status, Delivery.held).where(
            Delivery.campsite_id.in_(campsites),
            Delivery.audience.in_((Audience.CAMPERS, Audience.RANGERS)),
            Delivery.created_at >= since,
            Delivery.created_at <= now,
            Delivery.status.in_((DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.PENDING)),
        )
    ).all()
    seconds, failed = [], 0
    for created_at, due_at, sent_at, status, held in rows:
        begin = max(created_at, due_at) if held and due_at is not None else created_at
        if status == DeliveryStatus.PENDING and begin >= now:
            continue
        failed += status == DeliveryStatus.FAILED
        seconds.append(max(0.0, (sent_at if sent_at is not None and status == DeliveryStatus.SENT else now) - begin))
    return _percentile("delivery_latency_p99_s", seconds, "deliveries", "nothing was to be sent", failed)


def uptime(
    session: Session, campsites: Collection[str], since: float, now: float, hours: Sequence[SeenHour]
) -> Measured:
    """Share of the minutes in which each camera that should be watched was seen, by frames that were scored."""
    metric, end = "camera_uptime", now - FLUSH_S
    cameras = set(
        session.scalars(select(Camera.id).where(Camera.campsite_id.in_(campsites), Camera.enabled, Camera.configured))
    )
    if not cameras or end <= since:
        why = "no camera is configured here" if not cameras else "it has only just begun"
        return Measured(metric, None, unit="camera-minutes", why=why)
    wanted = (end - since) / 60.0
    seen = dict.fromkeys(sorted(cameras), 0.0)
    for hour in hours:
        if hour.camera in seen:
            seen[hour.camera] += hour.minutes * _part_within(hour.hour_at, since, end)
    shares = {camera: min(1.0, minutes / wanted) for camera, minutes in seen.items()}
    worst = dict(sorted(shares.items(), key=lambda item: item[1])[:10])
    value = sum(shares.values()) / len(shares)
    return Measured(metric, value, n=wanted * len(cameras), unit="camera-minutes", detail={"worst": worst})


def upheld_open() -> ColumnElement[bool]:
    """The appeals that were upheld and are not settled."""
    return (Appeal.outcome == AppealOutcome.UPHELD) & Appeal.settled_at.is_(None) & Appeal.control.is_(False)


def appeals_upheld_open(session: Session, campsites: Collection[str]) -> Measured:
    """How many appeals were upheld and are not settled. ``n`` counts all appeals answered at these campsites."""
    here = Appeal.campsite_id.in_(campsites)
    upheld = session.scalar(select(func.count(Appeal.id)).where(here, upheld_open())) or 0
    answered = select(func.count(Appeal.id)).where(here, Appeal.control.is_(False), Appeal.answered_at.is_not(None))
    open_ = select(func.count(Appeal.id)).where(here, Appeal.control.is_(False), Appeal.answered_at.is_(None))
    return Measured(
        "appeals_upheld_open",
        float(upheld),
        n=float(session.scalar(answered) or 0),
        unit="appeals",
        detail={"waiting": session.scalar(open_) or 0},
    )


def complaints_per_camera_day(session: Session, campsites: Collection[str], since: float, until: float) -> Measured:
    """Complaints and appeals by campers for each day that a camera looked, from ``since`` to ``until``.

    A camera-day is 1,440 minutes in which a camera of these campsites looked. Without any the value is None.
    """
    counted = select(func.count(CamperMessage.id)).where(
        CamperMessage.campsite_id.in_(campsites),
        CamperMessage.kind.in_((MessageKind.COMPLAINT, MessageKind.APPEAL)),
        CamperMessage.created_at >= since,
        CamperMessage.created_at < until,
    )
    complaints = session.scalar(counted) or 0
    hours = (
        select(CameraHour.minutes)
        .join(Camera, Camera.id == CameraHour.camera_id)
        .where(
            campsite_at(CameraHour.camera_id, CameraHour.hour_at).in_(campsites),
            CameraHour.hour_at >= since,
            CameraHour.hour_at < until,
        )
    )
    days = sum(minutes.bit_count() for minutes in session.scalars(hours)) / _MINUTES_PER_DAY
    detail = {"complaints": complaints}
    if days == 0:
        why = "no camera looked in this time"
        return Measured("complaints_per_camera_day", None, unit="camera-days", why=why, detail=detail)
    return Measured("complaints_per_camera_day", complaints / days, n=days, unit="camera-days", detail=detail)


def _part_within(hour_at: float, since: float, end: float) -> float:
    """How much of an hour's minutes belong to the period; the hour in which it began counts in proportion."""
    length = min(end + FLUSH_S, hour_at + 3600.0) - hour_at
    if length <= 0:
        return 0.0
    return max(0.0, min(1.0, (hour_at + length - max(since, hour_at)) / length))


def _percentile(metric: str, seconds: Sequence[float], unit: str, why: str, special: int) -> Measured:
    if not seconds:
        return Measured(metric, None, unit=unit, why=f"{why} in this time")
    detail = {
        "p50_s": nearest_rank(seconds, 0.5),
        "longest_s": max(seconds),
        "late_or_failed": special,
    }
    return Measured(metric, nearest_rank(seconds, 0.99), n=len(seconds), unit=unit, detail=detail)
