"""Before and after: did another model or a promotion change what cameras, model and people do?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.messages import EncounterKind
from db.models import Alert, AlertStatus, Camera, CameraHour, Review, Verdict
from db.places import campsite_at
from rollout.evidence.calibration import Calibration, calibration, known_hours
from rollout.evidence.camera_days import NightIndex, camera_nights, seen_hours
from rollout.evidence.loader import timezones_of
from rollout.evidence.stats.drift import Shift, mean_shift, psi, psi_limit, score_shift

WINDOW_S: Final = 28 * 86400.0
LEAST_DAYS: Final = 7
"""Camera-days that each side must have; fewer say nothing."""
LEAST_EXPOSURE_DAYS: Final = 0.1
"""A camera that was seen for less of a night than this tells no rate."""


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """What changed around a moment. Rates are for each camera-day, before and after."""

    at: float
    alerts: Shift
    false_alarms: Shift
    reviews: Shift
    unknown: Shift
    """Share of frames with an animal that the model does not know."""
    scores: Shift
    score_psi: float
    score_psi_limit: float
    """What the index stays below by chance, for so many camera-days."""
    calibration: tuple[Calibration | None, Calibration | None]
    """Before and after; None where people know the truth of too few camera-hours."""

    @property
    def drifted(self) -> bool:
        """Whether the scores look different beyond chance, by both tests."""
        return self.scores.p_value < 0.05 and self.score_psi > self.score_psi_limit


def before_after(
    session: Session, campsites: Sequence[str], at: float, now: float, window_s: float = WINDOW_S, seed: int = 0
) -> BeforeAfter | None:
    """Compare the four weeks before ``at`` with those after, or with what there is of them.

    None when either side has fewer than :data:`LEAST_DAYS` camera-days.
    """
    index = NightIndex(timezones_of(session))
    start, end = at - window_s, min(at + window_s, now)
    hours = seen_hours(session, campsites, start, end)
    exposure = {key: days for key, days in camera_nights(hours, index).items() if days >= LEAST_EXPOSURE_DAYS}
    side = _sides(exposure, {hour.camera: hour.campsite for hour in hours}, index, at)
    if min(len(side[False]), len(side[True])) < LEAST_DAYS:
        return None
    alerts, false, reviews = _counted(session, campsites, start, end, index)
    scores, unknown = _frames(session, campsites, start, end, index)
    before, after = (_rows(scores.get, side[late]) for late in (False, True))
    if not len(before) or not len(after):
        return None
    index_of_scores, limit = _index(before, after)
    return BeforeAfter(
        at=at,
        alerts=_rate_shift(alerts, exposure, side, seed),
        false_alarms=_rate_shift(false, exposure, side, seed),
        reviews=_rate_shift(reviews, exposure, side, seed),
        unknown=_rate_shift(unknown, dict.fromkeys(exposure, 1.0), side, seed),
        scores=score_shift(before, after, seed=seed),
        score_psi=index_of_scores,
        score_psi_limit=limit,
        calibration=(
            calibration(known_hours(session, campsites, start, at, now), seed),
            calibration(known_hours(session, campsites, at, end, now), seed),
        ),
    )


_Key = tuple[str, int]


def _sides(
    exposure: Mapping[_Key, float], campsite: Mapping[str, str], index: NightIndex, at: float
) -> dict[bool, list[_Key]]:
    """Camera-nights before and after; the night in which it happened belongs to neither."""
    sides: dict[bool, list[_Key]] = {False: [], True: []}
    for camera, night in sorted(exposure):
        then = index.of(campsite[camera], at)
        if night != then:
            sides[night > then].append((camera, night))
    return sides


def _rate_shift(
    counts: Mapping[_Key, float], exposure: Mapping[_Key, float], side: Mapping[bool, Sequence[_Key]], seed: int
) -> Shift:
    before, after = ([counts.get(key, 0) / exposure[key] for key in side[late]] for late in (False, True))
    return mean_shift(before, after, seed=seed)


def _counted(
    session: Session, campsites: Sequence[str], start: float, end: float, index: NightIndex
) -> tuple[Counter[_Key], Counter[_Key], Counter[_Key]]:
    """Alerts, false ones, and reviews, by camera and night."""
    raised = session.execute(
        select(Alert.campsite_id, Alert.camera_id, Alert.created_at, Alert.status).where(
            Alert.campsite_id.in_(campsites),
            Alert.kind == EncounterKind.BEAR,
            Alert.created_at >= start,
            Alert.created_at < end,
        )
    ).all()
    made = session.execute(
        select(Alert.campsite_id, Alert.camera_id, Review.created_at)
        .join(Alert, Alert.id == Review.alert_id)
        .where(
            Alert.campsite_id.in_(campsites),
            Review.verdict != Verdict.UNDO,
            Review.created_at >= start,
            Review.created_at < end,
        )
    )
    return (
        Counter((camera, index.of(site, moment)) for site, camera, moment, _ in raised),
        Counter(
            (camera, index.of(site, moment)) for site, camera, moment, was in raised if was == AlertStatus.REJECTED
        ),
        Counter((camera, index.of(site, moment)) for site, camera, moment in made),
    )


def _frames(
    session: Session, campsites: Sequence[str], start: float, end: float, index: NightIndex
) -> tuple[dict[_Key, NDArray[np.float64]], dict[_Key, float]]:
    """Of each camera-night: frames by score, and the share of them with an animal that the model does not know."""
    stood = campsite_at(CameraHour.camera_id, CameraHour.hour_at)
    rows = session.execute(
        select(
            stood,
            CameraHour.camera_id,
            CameraHour.hour_at,
            CameraHour.histogram,
            CameraHour.unknown["frames"].as_integer(),
        )
        .join(Camera, Camera.id == CameraHour.camera_id)
        .where(stood.in_(campsites), CameraHour.hour_at >= start, CameraHour.hour_at < end)
    )
    grouped: dict[_Key, list[list[int]]] = defaultdict(list)
    strangers: Counter[_Key] = Counter()
    for site, camera, hour_at, histogram, unknown in rows:
        key = camera, index.of(site, hour_at)
        grouped[key].append(histogram)
        strangers[key] += unknown or 0
    summed = {key: np.sum(np.asarray(parts, dtype=np.float64), axis=0) for key, parts in grouped.items()}
    return summed, {key: strangers[key] / total for key, row in summed.items() if (total := float(row.sum())) > 0}


def _rows(of: Callable[[_Key], NDArray[np.float64] | None], keys: Sequence[_Key]) -> NDArray[np.float64]:
    """One row for each camera-night that has any frames."""
    found = [row for key in keys if (row := of(key)) is not None and row.sum() > 0]
    return np.array(found)


def _index(before: NDArray[np.float64], after: NDArray[np.float64]) -> tuple[float, float]:
    """The stability index of the mean camera-day, with its limit for so many of them."""
    means = [(rows / rows.sum(axis=1, keepdims=True)).sum(axis=0) for rows in (before, after)]
    return psi(means[0].tolist(), means[1].tolist()), psi_limit(before.shape[1], len(before), len(after))
