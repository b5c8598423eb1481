"""Bears that auditors found on drawn sheets speak about the model's recall too: once a bear-night, and never twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core.config import Config
from core.media import MediaStore
from db.models import Alert, AlertStatus, AuditAnswer, AuditDraw, AuditSheet, BearSeen, BreakerState, SheetKind
from db.session import Database
from rollout.breakers import EVERYTHING, open_trips
from tests.support.cast import open_encounter
from tests.support.factories import T0
from tests.support.rollout.breaker_site import Desk

DAY_S, HOUR_S = 86400.0, 3600.0
COUNTED_AFTER_S = 6 * HOUR_S


@pytest.fixture
def desk(sqlite_database: Database, config: Config) -> Desk:
    """Breakers over a healthy site, with a day from which sheets were drawn."""
    with sqlite_database.write() as session:
        session.add(AuditDraw(day="2027-01-15", drawn_at=T0, seed="1", hours=9, hours_digest="0" * 64))
    return Desk(sqlite_database, config)


def audit(desk: Desk, hour_at: float, bear: BearSeen, kind: SheetKind = SheetKind.RANDOM) -> float:
    """A sheet of that hour, answered a day later; returns when it was."""
    with desk.database.write() as session:
        position = len(session.scalars(select(AuditSheet.id)).all())
        sheet = AuditSheet(
            day="2027-01-15", position=position, kind=kind, campsite_id="upper-pines", camera_id="upper-creek",
            hour_at=hour_at, stratum="s", probability=0.1 if kind is SheetKind.RANDOM else None, thumbnails=["a", "b"],
            minutes=[0, 20], planted_index=None if kind is SheetKind.RANDOM else 1, drawn_at=hour_at,
            due_at=hour_at + 2 * DAY_S,
        )  # fmt: skip
        session.add(sheet)
        session.flush()
        answer = AuditAnswer(
            sheet_id=sheet.id, user_id=1, bear=bear, marked=[1] if bear is BearSeen.YES else [],
            answered_at=hour_at + DAY_S, idempotency_key=f"{position}",
        )  # fmt: skip
        session.add(answer)
    return hour_at + DAY_S


def steps(desk: Desk) -> list[float]:
    """The recall breaker's level after each step so far."""
    with desk.database.read() as session:
        state = session.get(BreakerState, ("recall_edetector", str(EVERYTHING)))
        return [level for _at, level in state.memory.get("series", [])] if state else []


def test_a_bear_that_only_an_auditor_found_is_a_miss_once_the_alerts_have_been_decided(desk: Desk) -> None:
    answered = audit(desk, T0, BearSeen.YES)
    desk.check(answered + COUNTED_AFTER_S - 60)
    assert steps(desk) == []
    desk.check(answered + COUNTED_AFTER_S + 60)
    (level,) = steps(desk)
    assert level > 1.0
    desk.check(answered + COUNTED_AFTER_S + 120)
    assert steps(desk) == [level], "counted once"


def test_a_bear_that_the_model_saw_as_well_speaks_for_it(desk: Desk, tmp_path: Path) -> None:
    open_encounter(desk.database, desk.config, MediaStore(tmp_path), "upper-creek", T0 + 20 * 60)
    with desk.database.write() as session:
        session.scalars(select(Alert)).one().status = AlertStatus.CONFIRMED
    desk.check(audit(desk, T0, BearSeen.YES) + COUNTED_AFTER_S + 60)
    (level,) = steps(desk)
    assert level < 1.0


def test_empty_and_planted_sheets_say_nothing(desk: Desk) -> None:
    audit(desk, T0, BearSeen.NO)
    audit(desk, T0, BearSeen.UNSURE)
    desk.check(audit(desk, T0, BearSeen.YES, SheetKind.PLANTED) + COUNTED_AFTER_S + 60)
    assert steps(desk) == []


def test_two_sheets_of_one_night_are_one_bear_also_when_the_second_is_answered_later(desk: Desk) -> None:
    audit(desk, T0, BearSeen.YES)
    first = audit(desk, T0 + HOUR_S, BearSeen.YES)
    desk.check(first + COUNTED_AFTER_S + 60)
    assert len(steps(desk)) == 1
    later = audit(desk, T0 + 2 * HOUR_S, BearSeen.YES)
    desk.check(later + COUNTED_AFTER_S + 60)
    assert len(steps(desk)) == 1


def test_five_nights_of_bears_that_only_auditors_found_hand_over(desk: Desk) -> None:
    answered = [audit(desk, T0 + day * DAY_S, BearSeen.YES) for day in range(5)]
    for moment in answered:
        desk.check(moment + COUNTED_AFTER_S + 60)
    assert len(steps(desk)) == 5
    with desk.database.read() as session:
        assert "recall_edetector" in {trip.breaker for trip in open_trips(session)}
