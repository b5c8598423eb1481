"""Each camera's own threshold in the database: what it follows from, when it is decided, where it holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from core.config import Config
from core.messages import CANARY, Reason
from db.ledger import verify
from db.models import (
    Alert,
    AlertStatus,
    CameraLightDay,
    Encounter,
    LedgerEntry,
    Mode,
    OperatingPointChange,
    VisitScore,
)
from db.retention import forget_operating_points, forget_visit_scores
from db.session import Database
from detector.tracking.camera_thresholds import DAY_S, CameraThresholds
from detector.tracking.operating_point import ceiling
from detector.tracking.tracker import AlertRule
from tests.support.cast import grant
from tests.support.factories import T0, scored

CAMERA, MODEL, OWN = "upper-creek", "test-model", 0.5
NOW = T0 + 20 * DAY_S


def thresholds(config: Config, database: Database) -> CameraThresholds:
    """Those of a tracker that has just begun."""
    rule = AlertRule.of(config.detector)
    found = CameraThresholds(config, lambda _camera: rule)
    with database.read() as session:
        found.remember(session)
    return found


def watched(database: Database, days: int, *, highest: float = 0.3, until: float = NOW) -> None:
    """So many whole days until then."""
    with database.write() as session:
        for number in range(days):
            day_at = (until - number * DAY_S) // DAY_S * DAY_S
            session.add(
                CameraLightDay(
                    camera_id=CAMERA, infrared=False, day_at=day_at, model=MODEL, threshold=OWN, minutes=1440,
                    frames=9000, lowest=0.01, highest=highest,
                )
            )  # fmt: skip


def visit(database: Database, at: float, peak: float, status: AlertStatus | None, seconds: float = 20.0) -> None:
    """A visit, and the alert about it if there was one. One of an hour has six parts."""
    with database.write() as session:
        for first in range(0, int(seconds), 600):
            last = min(first + 600, seconds) - 1
            session.add(
                VisitScore(camera_id=CAMERA, infrared=False, model=MODEL, first_at=at + first, last_at=at + last,
                           peak=peak, threshold=OWN)
            )  # fmt: skip
        if status is None:
            return
        encounter = Encounter(
            camera_id=CAMERA, first_at=at, last_at=at + seconds, decided_at=at, hits=9, peak_score=peak,
            peak_box=(0.0, 0.0, 1.0, 1.0), label="bear", zones=[], model=MODEL, late=False,
        )  # fmt: skip
        session.add(encounter)
        session.flush()
        session.add(
            Alert(encounter_id=encounter.id, camera_id=CAMERA, campsite_id="upper-pines", kind="bear", captured_at=at,
                  created_at=at, mode="shadow", status=status, version=1)
        )  # fmt: skip


def decided(database: Database, config: Config, now: float = NOW) -> OperatingPointChange:
    """What the tracker decides about the camera."""
    with database.write() as session:
        found = CameraThresholds(config, lambda _camera: AlertRule.of(config.detector))
        found.remember(session)
        (point,) = found.review(session, now)
        session.flush()
        session.expunge(point)
    return point


def test_a_quiet_camera_listens_lower_and_its_frames_agree_earlier(database: Database, config: Config) -> None:
    watched(database, 10)
    point = decided(database, config)
    assert (point.before, point.threshold < OWN, point.false_alarms_per_day) == (OWN, True, 1.0)
    again = thresholds(config, database)
    frame = scored(0.47, threshold=OWN)
    assert again.applied(frame).threshold == pytest.approx(point.threshold)
    clip = replace(frame, frame=replace(frame.frame, camera=CANARY + CAMERA))
    assert again.applied(clip).threshold == pytest.approx(point.threshold)
    for other in (replace(frame, model="another"), replace(frame, infrared=True), scored(0.47, "upper-trail")):
        assert again.applied(other).threshold == OWN
    with database.read() as session:
        entry = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "threshold.moved")).one()
        assert (entry.subject, entry.campsite) == ("camera:upper-creek", "upper-pines")
        assert verify(session).broken_at is None


def test_it_is_decided_once_a_day(sqlite_database: Database, config: Config) -> None:
    watched(sqlite_database, 10)
    decided(sqlite_database, config)
    found = thresholds(config, sqlite_database)
    assert found.review_due(NOW + 60)
    with sqlite_database.write() as session:
        assert found.review(session, NOW + DAY_S - 60) == []
    assert not found.review_due(NOW + DAY_S)
    watched(sqlite_database, 1, until=NOW + DAY_S)
    assert decided(sqlite_database, config, NOW + DAY_S + 1).threshold < OWN


@pytest.mark.parametrize("status", [AlertStatus.CONFIRMED, AlertStatus.OPEN, AlertStatus.UNSURE, None])
def test_a_bear_that_stays_for_an_hour_does_not_raise_it(
    sqlite_database: Database, config: Config, status: AlertStatus | None
) -> None:
    watched(sqlite_database, 3)
    for number in range(12):
        visit(sqlite_database, NOW - 2 * DAY_S + number * 7200, 0.95, status, seconds=3600)
    assert decided(sqlite_database, config).threshold <= OWN


def test_alerts_that_were_no_bear_raise_it_up_to_the_ceiling_which_is_said(
    sqlite_database: Database, config: Config
) -> None:
    watched(sqlite_database, 3)
    for number in range(12):
        visit(sqlite_database, NOW - 2 * DAY_S + number * 7200, 0.95, AlertStatus.REJECTED)
    point = decided(sqlite_database, config)
    assert OWN < point.threshold <= ceiling(OWN)
    assert point.wanted is not None
    assert point.wanted > point.ceiling
    assert "above the ceiling" in point.reason


def test_one_long_visit_counts_once(sqlite_database: Database, config: Config) -> None:
    watched(sqlite_database, 3)
    visit(sqlite_database, NOW - DAY_S, 0.95, AlertStatus.REJECTED, seconds=3600)
    assert decided(sqlite_database, config).visits == 1


def test_where_campers_are_warned_fewer_false_alarms_are_accepted(sqlite_database: Database, config: Config) -> None:
    watched(sqlite_database, 3)
    with sqlite_database.write() as session:
        grant(session, "upper-pines", Mode.AUTOMATIC, NOW - 10, NOW + 3600)
    point = decided(sqlite_database, config)
    assert (point.false_alarms_per_day, point.threshold, point.wanted) == (0.2, OWN, None)
    wish = config.detector.model_copy(update={"false_alarms_per_camera_day": 3.0})
    asked = config.model_copy(update={"detector": wish})
    with sqlite_database.write() as session:
        session.query(OperatingPointChange).delete()
    assert decided(sqlite_database, asked).false_alarms_per_day == 3.0


def test_a_threshold_of_the_configuration_holds_for_every_camera(sqlite_database: Database, config: Config) -> None:
    watched(sqlite_database, 10)
    decided(sqlite_database, config)
    fixed = config.model_copy(update={"detector": config.detector.model_copy(update={"threshold": OWN})})
    found = thresholds(fixed, sqlite_database)
    assert found.applied(scored(0.47, threshold=OWN)).threshold == OWN
    assert not found.review_due(NOW + 2 * DAY_S)


def test_frames_become_visits_and_time_watched(sqlite_database: Database, config: Config) -> None:
    found = thresholds(config, sqlite_database)
    for step in range(150):
        found.add(scored(0.45 if 20 <= step < 40 else 0.02, at=T0 + step, threshold=0.4), OWN)
    found.add(scored(0.99, at=T0 + 150, reason=Reason.AUDIT), OWN)
    with sqlite_database.write() as session:
        found.write(session, T0 + 400)
    found.clear()
    found.add(scored(0.03, at=T0 + 151), OWN)
    with sqlite_database.write() as session:
        found.write(session, T0 + 400)
    with sqlite_database.read() as session:
        (seen,) = session.scalars(select(VisitScore)).all()
        (day,) = session.scalars(select(CameraLightDay)).all()
    assert seen.first_at == pytest.approx(T0 + 21, abs=1)
    assert seen.threshold == 0.4
    assert 0.4 < seen.peak < 0.7
    assert (day.frames, day.minutes, day.threshold) == (151, 3, OWN)
    assert (day.lowest, day.highest) == (0.02, 0.45)


def test_what_is_old_is_forgotten_but_never_the_newest_decision(sqlite_database: Database, config: Config) -> None:
    watched(sqlite_database, 10)
    visit(sqlite_database, NOW - 5 * DAY_S, 0.3, None)
    decided(sqlite_database, config)
    with sqlite_database.write() as session:
        forget_visit_scores(session, NOW + 90 * DAY_S)
        forget_operating_points(session, NOW + 900 * DAY_S)
    with sqlite_database.read() as session:
        assert session.scalars(select(VisitScore)).all() == []
        assert session.scalars(select(CameraLightDay)).all() == []
        assert len(session.scalars(select(OperatingPointChange)).all()) == 1
