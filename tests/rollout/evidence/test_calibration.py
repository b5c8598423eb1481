"""Of which camera-hours people know the truth: decided alerts, and audits for the hours without one."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from db.models import AlertStatus, BearSeen, CameraHour, SheetKind
from db.session import Database
from rollout.evidence.audits import answer, draw_day
from rollout.evidence.before_after import before_after
from rollout.evidence.calibration import KnownHour, known_hours
from rollout.evidence.stats.intervals import Interval
from tests.support.cast import add_user
from tests.support.factories import T0
from tests.support.rollout.evidence_rows import add_bear, add_hours

DAY_S, HOUR_S = 86400.0, 3600.0
START = T0 // DAY_S * DAY_S
DRAWN_AT = START + DAY_S + 3 * HOUR_S
LATER = DRAWN_AT + DAY_S
SITES = ["upper-pines", "lower-pines"]


@pytest.fixture
def day(database: Database) -> Database:
    """A day of three cameras, drawn and answered: a bear on the first random sheet of the meadow, none elsewhere."""
    with database.write() as session:
        add_user(session)
        for camera in ("upper-creek", "upper-trail", "lower-meadow"):
            add_hours(session, START, 24, camera)
    with database.write() as session:
        sheets = draw_day(session, "2027-01-15", DRAWN_AT, 5)
        first = next(sheet.id for sheet in sheets if sheet.camera_id == "lower-meadow")
        for sheet in sheets:
            bear, marked = (BearSeen.YES, [3]) if sheet.id == first else (BearSeen.NO, [])
            answer(session, sheet.id, 1, bear, marked, f"sheet-{sheet.id}", DRAWN_AT + 60)
        assert {sheet.kind for sheet in sheets} == {SheetKind.RANDOM}
    return database


def _known(database: Database, until: float = START + DAY_S) -> dict[tuple[str, float], KnownHour]:
    with database.read() as session:
        return {
            (hour.night.split("/")[0], hour.hour_at): hour for hour in known_hours(session, SITES, START, until, LATER)
        }


def test_audited_hours_stand_for_those_that_were_not_drawn(day: Database) -> None:
    known = _known(day)
    assert len(known) == 45
    assert sum(hour.weight for hour in known.values()) == pytest.approx(72)
    (bear,) = [hour for hour in known.values() if hour.bear]
    assert (bear.campsite, bear.score) == ("lower-pines", 0.02)
    assert {hour.dark for hour in known.values()} == {False, True}


def test_hours_with_decided_alerts_stand_for_themselves(day: Database) -> None:
    drawn = _known(day)
    creek = sorted(at for camera, at in drawn if camera == "upper-creek")
    left = sorted({START + n * HOUR_S for n in range(24)} - set(creek))
    with day.write() as session:
        add_bear(session, creek[0] + 60)
        add_bear(session, left[0] + 60, status=AlertStatus.REJECTED)
        add_bear(session, left[1] + 60, status=AlertStatus.REJECTED)
        add_bear(session, left[1] + 900, status=AlertStatus.CONFIRMED)
        add_bear(session, left[2] + 60, status=AlertStatus.OPEN)
        for row in session.scalars(select(CameraHour).where(CameraHour.hour_at == left[0])):
            row.max_score = 0.9
    known = _known(day)
    assert len(known) == 47
    assert (known["upper-creek", creek[0]].weight, known["upper-creek", creek[0]].bear) == (1.0, True)
    assert (known["upper-creek", left[0]].score, known["upper-creek", left[0]].bear) == (0.9, False)
    assert known["upper-creek", left[1]].bear
    with day.read() as session:
        in_use = {"upper-pines": [Interval(left[0], left[0] + HOUR_S)]}
        assert len(known_hours(session, SITES, START, START + DAY_S, LATER, in_use)) <= 2


def test_around_a_change_calibration_and_unknown_animals_are_compared_too(database: Database) -> None:
    at = START + 14 * DAY_S
    with database.write() as session:
        add_user(session)
        add_hours(session, START, 28 * 24, thumbnails=0)
        for row in session.scalars(select(CameraHour).where(CameraHour.hour_at > at)):
            row.unknown = {"frames": 30}
        for number in range(28):
            add_bear(session, START + (number + 0.25) * DAY_S)
            add_bear(session, START + (number + 0.5) * DAY_S, status=AlertStatus.REJECTED)
            for row in session.scalars(select(CameraHour).where(CameraHour.hour_at == START + (number + 0.5) * DAY_S)):
                row.max_score = 0.9
    with database.read() as session:
        found = before_after(session, SITES, at, START + 28 * DAY_S)
    assert found is not None
    assert found.unknown.size == pytest.approx(0.1, abs=0.01)
    assert found.unknown.p_value < 0.01
    before, after = found.calibration
    assert before is not None
    assert after is not None
    assert before.error == pytest.approx(0.94, abs=0.02)  # .02 for a bear, .9 for none
    assert (before.hours, after.bears) == (28, 14)
