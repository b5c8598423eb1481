"""Do scores mean what they say? Camera-hours of which people know if a bear was there, against their highest score.

Two sources together stand for all hours: those with an alert that people have decided, each for itself, and those
without one that audits drew at random, each for as many as its probability says. Whoever looks at decided alerts alone
sees only what the model had chosen.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import hour_start
from core.messages import EncounterKind
from db.models import Alert, AlertStatus, BearSeen, CameraHour, SheetKind
from rollout.evidence.audits.audit_metrics import answered
from rollout.evidence.camera_days import NightIndex
from rollout.evidence.comparison import Intervals
from rollout.evidence.loader import timezones_of
from rollout.evidence.stats.intervals import holds
from rollout.evidence.stats.visits import is_dark

BINS: Final = 10
LEAST_HOURS: Final = 20
"""Camera-hours below which nothing is said."""
DRAWS: Final = 400


@dataclass(frozen=True, slots=True)
class KnownHour:
    """A camera-hour of which people know the truth."""

    campsite: str
    night: str
    """Camera and night: the independent unit."""
    hour_at: float
    dark: bool
    score: float
    """The highest of the hour."""
    bear: bool
    weight: float
    """How many hours it stands for."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far scores are from the share of hours with a bear (root mean square), with a two-sided 95 % interval."""

    error: float
    lower: float
    upper: float
    hours: int
    bears: int


def known_hours(
    session: Session, campsites: Collection[str], since: float, until: float, now: float, spans: Intervals | None = None
) -> list[KnownHour]:
    """The camera-hours from ``since`` to ``until`` of which people know, by ``now``, whether there was a bear.

    1. An hour with decided alerts has a bear if any of them was confirmed, or an audit found one.
    2. Any other hour that an audit drew counts as its answer says; "unsure" and open sheets are made up for by the
       answered ones.
    3. ``spans``: only hours in which a model was in use, by campsite.
    """
    begin = hour_start(since)
    zones, where = timezones_of(session), (CameraHour.hour_at >= begin, CameraHour.hour_at < until)
    decided = _decided(session, campsites, begin, until)
    sheets = [s for s in answered(session, campsites, begin, now) if s.kind is SheetKind.RANDOM and s.hour_at < until]
    certain = [sheet for sheet in sheets if sheet.bear in (BearSeen.YES, BearSeen.NO) and sheet.probability]
    factor = len(sheets) / len(certain) if certain else 1.0
    truth = {key: (site, bear, 1.0) for key, (site, bear) in decided.items()}
    for sheet in certain:
        key = sheet.camera, sheet.hour_at
        site, bear, weight = truth.get(key, (sheet.campsite, False, factor / (sheet.probability or 1.0)))
        truth[key] = site, bear or sheet.found, weight
    cameras = {camera for camera, _ in truth}
    rows = session.execute(
        select(CameraHour.camera_id, CameraHour.hour_at, CameraHour.max_score).where(
            CameraHour.camera_id.in_(cameras), *where
        )
    )
    index, known = NightIndex(zones), []
    for camera, hour_at, score in rows:
        if (camera, hour_at) not in truth:
            continue
        site, bear, weight = truth[camera, hour_at]
        if spans is None or holds(spans.get(site, ()), hour_at):
            night = f"{camera}/{index.of(site, hour_at)}"
            known.append(KnownHour(site, night, hour_at, is_dark(hour_at, zones[site]), score, bear, weight))
    return known


def _decided(
    session: Session, campsites: Collection[str], since: float, until: float
) -> dict[tuple[str, float], tuple[str, bool]]:
    """Camera-hours with alerts that people have decided: the campsite, and whether any was confirmed."""
    rows = session.execute(
        select(Alert.camera_id, Alert.campsite_id, Alert.captured_at, Alert.status).where(
            Alert.campsite_id.in_(campsites),
            Alert.kind == EncounterKind.BEAR,
            Alert.status.in_((AlertStatus.CONFIRMED, AlertStatus.REJECTED)),
            Alert.captured_at >= since,
            Alert.captured_at < until,
        )
    )
    found: dict[tuple[str, float], tuple[str, bool]] = {}
    for camera, site, at, status in rows:
        key = camera, hour_start(at)
        found[key] = site, status == AlertStatus.CONFIRMED or found.get(key, (site, False))[1]
    return found


def calibration(hours: Sequence[KnownHour], seed: int = 0) -> Calibration | None:
    """The calibration error of these hours, without the part that chance adds.

    The interval comes from drawing whole camera-nights (:data:`DRAWS` times, seeded). None for fewer than
    :data:`LEAST_HOURS`, and where no bin of scores holds two hours.
    """
    if len(hours) < LEAST_HOURS:
        return None
    sums = _sums(hours)
    point = _squared(sums.sum(axis=0, keepdims=True))[0]
    if np.isnan(point):
        return None
    nights = len(sums)
    draws = np.random.default_rng(seed).multinomial(nights, np.full(nights, 1 / nights), DRAWS)
    drawn = _squared(np.tensordot(draws.astype(np.float64), sums, axes=1))
    spread = drawn[~np.isnan(drawn)]
    low, high = np.quantile(spread - spread.mean(), (0.025, 0.975)) if len(spread) else (0.0, 0.0)
    lower, upper = (sqrt(max(0.0, point + edge)) for edge in (low, high))
    return Calibration(sqrt(max(0.0, point)), lower, upper, len(hours), sum(each.bear for each in hours))


def _sums(hours: Sequence[KnownHour]) -> NDArray[np.float64]:
    """Of each camera-night and bin: hours, weight, weighted score and bears, squared weight, the same of bears."""
    nights = {night: number for number, night in enumerate(dict.fromkeys(each.night for each in hours))}
    row = np.array([nights[each.night] for each in hours])
    score, bear, weight = (
        np.array([getattr(each, name) for each in hours], dtype=np.float64) for name in ("score", "bear", "weight")
    )
    place = np.minimum((score * BINS).astype(np.int64), BINS - 1)
    sums = np.zeros((len(nights), BINS, 6))
    parts = (np.ones(len(hours)), weight, weight * score, weight * bear, weight**2, weight**2 * bear)
    np.add.at(sums, (row, place), np.stack(parts, axis=1))
    return sums


def _squared(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean squared error over bins, less the variance of each bin's share of bears; NaN where no bin holds two."""
    n, weight, scored, bears, squares, squared_bears = np.moveaxis(sums, -1, 0)
    kept = n >= 2
    heavy = np.where(kept, weight, 1.0)
    share = np.where(kept, bears / heavy, 0.0)
    gap = np.where(kept, scored / heavy, 0.0) - share
    spread = squared_bears * (1 - 2 * share) + share**2 * squares
    variance = spread / heavy**2 * n / np.maximum(n - 1, 1)
    total = np.where(kept, weight, 0.0).sum(axis=-1)
    errors = np.where(kept, weight * (gap**2 - variance), 0.0).sum(axis=-1)
    return np.where(total > 0, errors / np.where(total > 0, total, 1.0), np.nan)
