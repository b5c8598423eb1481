"""Each camera's own threshold in each light: applied to its frames, learnt from its visits, decided once a day.

What decides is in :mod:`detector.tracking.operating_point`; here is what it reads and writes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.config import Config
from core.messages import EncounterKind, FrameScores, Reason, canary_camera
from db.ledger import record
from db.models import Alert, AlertStatus, CameraLightDay, Encounter, Mode, OperatingPointChange, VisitScore
from detector.tracking.operating_point import (
    RECENT_DAYS,
    ScoredVisit,
    VisitAnswer,
    Watched,
    ceiling,
    decide,
    limited,
)
from detector.tracking.tracker import AlertRule
from detector.tracking.visit_peaks import VisitPeak, VisitPeaks
from rollout.authority.authority import granted

DAY_S: Final = 86400.0
REVIEW_EVERY_S: Final = 3600.0
IN_SHADOW: Final = 1.0
WHERE_CAMPERS_ARE_WARNED: Final = 0.2
"""False alarms per camera-day, unless the configuration says otherwise."""
_ANSWERS: Final = {AlertStatus.CONFIRMED: VisitAnswer.BEAR, AlertStatus.REJECTED: VisitAnswer.NOT_A_BEAR}

Key = tuple[str, bool]
"""A camera, and whether it is by infra-red light."""


class DecidedPoint(NamedTuple):
    """The newest decision about a camera in one light."""

    model: str
    threshold: float
    at: float


@dataclass
class DayTally:
    """What has been counted of one camera in one light on one day since the last write."""

    threshold: float
    lowest: float
    highest: float
    minutes: int = 0
    frames: int = 0
    minute: int = -1

    def add(self, scores: FrameScores) -> None:
        """Count one frame."""
        minute = int(scores.frame.captured_at // 60)
        self.minutes += minute != self.minute
        self.minute = minute
        self.frames += 1
        self.threshold = scores.threshold
        self.lowest, self.highest = min(self.lowest, scores.bear), max(self.highest, scores.bear)


class CameraThresholds:
    """The thresholds of one shard's cameras. Where the configuration writes one, that holds and nothing follows."""

    def __init__(self, config: Config, rule_of: Callable[[str], AlertRule]) -> None:
        self.config = config
        self.rule_of = rule_of
        self.fixed = config.detector.threshold is not None
        self._points: dict[Key, DecidedPoint] = {}
        self._peaks = VisitPeaks()
        self._days: dict[tuple[str, bool, float, str], DayTally] = {}
        self._minutes: dict[tuple[str, bool, float, str], int] = {}
        self._visits: list[VisitPeak] = []
        self._review_at = 0.0

    def remember(self, session: Session) -> None:
        """Begin with the newest decision about each camera."""
        rows = session.scalars(
            select(OperatingPointChange)
            .where(OperatingPointChange.camera_id.in_(self.config.cameras))
            .order_by(OperatingPointChange.at, OperatingPointChange.id)
        )
        self._points = {(row.camera_id, row.infrared): DecidedPoint(row.model, row.threshold, row.at) for row in rows}

    def applied(self, scores: FrameScores) -> FrameScores:
        """The frame with its camera's threshold; the model's own where no decision about this model was made."""
        camera = canary_camera(scores.frame.camera) or scores.frame.camera
        point = self._points.get((camera, scores.infrared))
        if self.fixed or point is None or point.model != scores.model:
            return scores
        return replace(scores, threshold=limited(point.threshold, scores.threshold))

    def add(self, scores: FrameScores, threshold: float) -> None:
        """One frame was handled; ``threshold`` is the model's own."""
        if self.fixed or scores.frame.reason is Reason.AUDIT:
            return
        self._peaks.add(scores, self.rule_of(scores.frame.camera))
        day_at = scores.frame.captured_at // DAY_S * DAY_S
        key = (scores.frame.camera, scores.infrared, day_at, scores.model)
        tally = self._days.get(key)
        if tally is None:
            tally = self._days[key] = DayTally(threshold, scores.bear, scores.bear, minute=self._minutes.get(key, -1))
        tally.add(replace(scores, threshold=threshold))

    def write(self, session: Session, now: float) -> None:
        """Write down the visits that are over and the time watched; call :meth:`clear` when that is durable."""
        self._peaks.expire(now, self.rule_of)
        self._visits += self._peaks.take()
        for visit in self._visits:
            _store_visit(session, visit)
        for key, tally in sorted(self._days.items()):
            _store_day(session, key, tally)

    def clear(self) -> None:
        """What was counted is durable."""
        self._minutes = {key: tally.minute for key, tally in self._days.items()}
        self._days, self._visits = {}, []

    def review_due(self, now: float) -> bool:
        """Whether it is time to see which cameras' thresholds are to be decided anew."""
        return not self.fixed and now >= self._review_at

    def review(self, session: Session, now: float) -> list[OperatingPointChange]:
        """Decide about each camera, in each light in which it was watched lately, once a day; returns the decisions."""
        self._review_at = now + REVIEW_EVERY_S
        decided = []
        for day in _newest_days(session, list(self.config.cameras), now):
            key = (day.camera_id, day.infrared)
            last = self._points.get(key)
            if last is not None and last.model != day.model:
                last = None  # another model's scores say nothing of this one's
            if last is not None and now - last.at < DAY_S:
                continue
            point = self._decide(session, day, last, now)
            session.add(point)
            self._points[key] = DecidedPoint(point.model, point.threshold, point.at)
            decided.append(point)
        return decided

    def _decide(
        self, session: Session, day: CameraLightDay, last: DecidedPoint | None, now: float
    ) -> OperatingPointChange:
        before = day.threshold if last is None else last.threshold
        elapsed = 1.0 if last is None else (now - last.at) / DAY_S
        watched = _watched(session, day, now)
        a_day = self._accepted(session, day.camera_id, now)
        found = decide(before, watched, day.threshold, a_day, elapsed)
        if abs(found.threshold - before) > 1e-9:
            record(
                session,
                at=now,
                kind="threshold.moved",
                subject=f"camera:{day.camera_id}",
                actor="tracker",
                campsite=self.config.cameras[day.camera_id].campsite,
                body={
                    "infrared": day.infrared,
                    "from": round(before, 4),
                    "to": round(found.threshold, 4),
                    "visits": len(watched.visits),
                    "reason": found.reason,
                },
            )
        return OperatingPointChange(
            camera_id=day.camera_id,
            infrared=day.infrared,
            at=now,
            model=day.model,
            model_threshold=day.threshold,
            before=before,
            threshold=found.threshold,
            wanted=found.wanted,
            ceiling=ceiling(day.threshold),
            false_alarms_per_day=a_day,
            visits=len(watched.visits),
            days=watched.days,
            constant=watched.constant,
            reason=found.reason[:300],
        )

    def _accepted(self, session: Session, camera: str, now: float) -> float:
        wish = self.config.detector.false_alarms_per_camera_day
        if wish is not None:
            return wish
        mode = granted(session, self.config.cameras[camera].campsite, now, camera)
        return IN_SHADOW if mode is Mode.SHADOW else WHERE_CAMPERS_ARE_WARNED


def _newest_days(session: Session, cameras: Sequence[str], now: float) -> list[CameraLightDay]:
    """The newest day of each camera in each light: it says which model watches, and what its own threshold is."""
    rows = session.scalars(
        select(CameraLightDay)
        .where(CameraLightDay.camera_id.in_(cameras), CameraLightDay.day_at > now - 3 * DAY_S)
        .order_by(CameraLightDay.day_at, CameraLightDay.id)
    )
    return list({(row.camera_id, row.infrared): row for row in rows}.values())


def _watched(session: Session, day: CameraLightDay, now: float) -> Watched:
    """What is known of a camera in the light and by the model of ``day``."""
    since = now - RECENT_DAYS * DAY_S
    days = session.scalars(
        select(CameraLightDay).where(
            CameraLightDay.camera_id == day.camera_id,
            CameraLightDay.infrared == day.infrared,
            CameraLightDay.model == day.model,
            CameraLightDay.day_at > since,
        )
    ).all()
    newest = [each for each in days if each.day_at >= day.day_at - DAY_S]
    return Watched(
        visits=_visits(session, day, since),
        days=sum(each.minutes for each in days) / 1440,
        lowest=min(each.lowest for each in newest),
        highest=max(each.highest for each in newest),
        frames=sum(each.frames for each in newest),
    )


def _visits(session: Session, day: CameraLightDay, since: float) -> tuple[ScoredVisit, ...]:
    """Its visits with what people said of them. The parts of one encounter are one visit."""
    scores = session.scalars(
        select(VisitScore).where(
            VisitScore.camera_id == day.camera_id,
            VisitScore.infrared == day.infrared,
            VisitScore.model == day.model,
            VisitScore.last_at > since,
        )
    )
    encounters = session.execute(
        select(Encounter.id, Encounter.first_at, Encounter.last_at, Alert.status)
        .join(Alert, Alert.encounter_id == Encounter.id)
        .where(Encounter.camera_id == day.camera_id, Encounter.kind == EncounterKind.BEAR, Encounter.last_at > since)
        .order_by(Encounter.first_at)
    ).all()
    alone, together = list[ScoredVisit](), dict[int, ScoredVisit]()
    for score in scores:
        met = [each for each in encounters if each.first_at <= score.last_at and each.last_at >= score.first_at]
        if not met:
            alone.append(ScoredVisit(score.peak, VisitAnswer.QUIET))
        for each in met:
            answer = _ANSWERS.get(AlertStatus(each.status), VisitAnswer.OPEN)
            known = together.get(each.id)
            together[each.id] = ScoredVisit(max(score.peak, known.peak if known else 0.0), answer)
    return (*alone, *together.values())


def _store_visit(session: Session, visit: VisitPeak) -> None:
    same = select(VisitScore).where(
        VisitScore.camera_id == visit.camera,
        VisitScore.infrared == visit.infrared,
        VisitScore.first_at == visit.first_at,
    )
    row = session.scalar(same)  # frames that are delivered twice are one visit
    if row is None:
        row = VisitScore(
            camera_id=visit.camera, infrared=visit.infrared, first_at=visit.first_at, peak=0.0, last_at=0.0
        )
        session.add(row)
    row.model, row.threshold = visit.model, visit.threshold
    row.last_at, row.peak = max(row.last_at, visit.last_at), max(row.peak, visit.peak)


def _store_day(session: Session, key: tuple[str, bool, float, str], tally: DayTally) -> None:
    camera, infrared, day_at, model = key
    row = session.scalar(
        select(CameraLightDay).where(
            CameraLightDay.camera_id == camera,
            CameraLightDay.infrared == infrared,
            CameraLightDay.day_at == day_at,
            CameraLightDay.model == model,
        )
    )
    if row is None:
        row = CameraLightDay(
            camera_id=camera, infrared=infrared, day_at=day_at, model=model, minutes=0, frames=0,
            lowest=tally.lowest, highest=tally.highest,
        )  # fmt: skip
        session.add(row)
    row.threshold = tally.threshold
    row.minutes += tally.minutes
    row.frames += tally.frames
    row.lowest, row.highest = min(row.lowest, tally.lowest), max(row.highest, tally.highest)
