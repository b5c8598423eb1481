"""What the cameras did, hour by hour: how long each was seen, and the motion-only baseline. Mostly pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.messages import Reason
from db.models import Camera, CameraHour
from db.places import campsite_at
from rollout.evidence.matching import MatchRule
from rollout.evidence.stats.visits import Visit

HOUR_S: Final = 3600.0
DAY_S: Final = 86400.0


@dataclass(frozen=True, slots=True)
class SeenHour:
    """One camera-hour: in how many of its minutes the camera was seen, how many frames had motion, and how far its most
    different thumbnail was from the mean picture, where that is known."""

    camera: str
    campsite: str
    hour_at: float
    minutes: int
    motion: int
    scene_gap: float | None = None


def seen_hours(session: Session, campsites: Collection[str], since: float, now: float) -> list[SeenHour]:
    """The camera-hours of these campsites from the hour that holds ``since`` on, each where its camera stood then."""
    stood = campsite_at(CameraHour.camera_id, CameraHour.hour_at)
    rows = session.execute(
        select(
            CameraHour.camera_id,
            stood,
            CameraHour.hour_at,
            CameraHour.minutes,
            CameraHour.frames[Reason.MOTION.value].as_integer(),
            CameraHour.scene_gap,
        )
        .join(Camera, Camera.id == CameraHour.camera_id)
        .where(stood.in_(campsites), CameraHour.hour_at >= since // HOUR_S * HOUR_S, CameraHour.hour_at <= now)
    )
    return [
        SeenHour(camera, campsite, at, bits.bit_count(), motion or 0, gap)
        for camera, campsite, at, bits, motion, gap in rows
    ]


class NightIndex:
    """Numbers local nights, noon to noon: quick for many moments, one offset for each hour."""

    def __init__(self, timezones: Mapping[str, str]) -> None:
        self._zones = {campsite: ZoneInfo(name) for campsite, name in timezones.items()}
        self._offsets: dict[tuple[str, float], float] = {}

    def of(self, campsite: str, at: float) -> int:
        """The night's number: days since 1970 by the local clock, counted from noon."""
        zone = self._zones[campsite]
        key = (zone.key, at // HOUR_S)
        offset = self._offsets.get(key)
        if offset is None:
            local = datetime.fromtimestamp(key[1] * HOUR_S, UTC).astimezone(zone).utcoffset()
            offset = self._offsets[key] = local.total_seconds() if local else 0.0
        return int((at + offset - DAY_S / 2) // DAY_S)


def camera_nights(hours: Iterable[SeenHour], index: NightIndex) -> dict[tuple[str, int], float]:
    """How long each camera was seen in each night, in days: the exposure of false alarms."""
    exposure: dict[tuple[str, int], float] = defaultdict(float)
    for hour in hours:
        exposure[hour.camera, index.of(hour.campsite, hour.hour_at)] += hour.minutes / 1440.0
    return dict(exposure)


def by_motion(hour: SeenHour) -> float:
    """How much moved: the baseline that looks at nothing else."""
    return hour.motion


def by_picture(hour: SeenHour) -> float:
    """How little the hour looked like the camera's mean picture; 0 while there was none."""
    return hour.scene_gap or 0.0


class HourlyBaseline:
    """What one would get without a model: an alarm in the camera-hours with the most of something, as often as the
    model's.

    It is told of a whole hour and the model of a few minutes, which favours the baseline: a model that beats it does.
    """

    def __init__(self, hours: Sequence[SeenHour], alarms: int, amount: Callable[[SeenHour], float] = by_motion) -> None:
        ordered = sorted((found for hour in hours if (found := amount(hour)) > 0), reverse=True)
        self.least = ordered[min(alarms, len(ordered)) - 1] if alarms and ordered else None
        self._flagged = {
            (hour.campsite, hour.hour_at) for hour in hours if self.least is not None and amount(hour) >= self.least
        }

    def sees(self, visit: Visit, rule: MatchRule) -> bool:
        """Whether any camera of the campsite raised an alarm in an hour that touches the visit's window."""
        first = (visit.start - rule.before_s) // HOUR_S
        last = (visit.start + rule.after_s) // HOUR_S
        return any((visit.campsite, hour * HOUR_S) in self._flagged for hour in range(int(first), int(last) + 1))


def alarm_hours(moments: Iterable[tuple[str, float]]) -> int:
    """In how many different camera-hours the model raised an alert: ``(camera, at)``."""
    return len({(camera, at // HOUR_S) for camera, at in moments})
