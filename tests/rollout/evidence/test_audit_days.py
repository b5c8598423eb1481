"""Days on which nobody drew audits are made up for, with the probabilities that they would have had."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from bearwatch.housekeeping import draw_audits_until
from core.site_config import Retention
from db.models import AuditDraw, AuditSheet, LedgerEntry, SheetKind
from db.session import Database
from rollout.evidence.audits import draw_day, draw_due
from rollout.evidence.audits.contact_sheets import DUE_AFTER_S, MADE_UP_DAYS, days_to_draw
from tests.support.cast import add_user
from tests.support.factories import T0
from tests.support.rollout.evidence_rows import add_hours

DAY_S = 86400.0
START = T0 // DAY_S * DAY_S
NIGHT = START + 4 * DAY_S + 3 * 3600
"""Three hours after four whole days."""


def _name(number: int) -> str:
    return datetime.fromtimestamp(START + number * DAY_S, UTC).strftime("%Y-%m-%d")


@pytest.fixture
def days(database: Database) -> Database:
    """Four days of three cameras; on the third nobody saw anything."""
    with database.write() as session:
        add_user(session)
        for number in (0, 1, 3):
            for camera in ("upper-creek", "upper-trail", "lower-meadow"):
                add_hours(session, START + number * DAY_S, 24, camera)
    return database


def test_the_run_after_an_outage_draws_the_days_that_were_missed(
    days: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with days.write() as session:
        draw_day(session, _name(0), START + DAY_S + 3 * 3600)
    with days.write() as session, caplog.at_level(logging.WARNING):
        assert draw_audits_until(session, Retention(), NIGHT) == 90
    assert [record.args for record in caplog.records] == [(_name(1), 45)]
    with days.write() as session:
        assert draw_audits_until(session, Retention(), NIGHT + 3600) == 0
        drawn = session.scalars(select(AuditDraw.day).order_by(AuditDraw.day)).all()
        assert drawn == [_name(0), _name(1), _name(3)]
        entries = session.scalars(select(LedgerEntry.subject).where(LedgerEntry.kind == "audit.drawn")).all()
        assert sorted(entries) == [f"audit:{name}" for name in drawn]


def test_a_made_up_day_has_the_probabilities_it_would_have_had_and_more_time(days: Database) -> None:
    with days.write() as session:
        made_up = draw_due(session, NIGHT)
    assert list(made_up) == [_name(3), _name(1), _name(0)]  # the newest first
    for late, sheets in enumerate(made_up.values()):
        random = [sheet for sheet in sheets if sheet.kind == SheetKind.RANDOM]
        assert all(sheet.probability == pytest.approx(45 / 72) for sheet in random)
        assert {sheet.due_at for sheet in sheets} == {NIGHT + DUE_AFTER_S + late * DAY_S}
        assert {sheet.drawn_at for sheet in sheets} == {NIGHT}


def test_only_a_week_is_made_up_and_only_while_the_pictures_are_there(days: Database) -> None:
    with days.read() as session:
        week_later = NIGHT + (MADE_UP_DAYS - 1) * DAY_S
        assert days_to_draw(session, week_later) == [_name(3)]
        assert days_to_draw(session, week_later + DAY_S) == []
        assert days_to_draw(session, NIGHT, oldest=_name(1)) == [_name(3), _name(1)]
    with days.write() as session:
        assert draw_audits_until(session, Retention(media_days=2), NIGHT) == 45
        assert set(session.scalars(select(AuditSheet.day))) == {_name(3)}


def test_frames_that_come_in_late_are_drawn_from_when_they_are_there(days: Database) -> None:
    with days.write() as session:
        draw_due(session, NIGHT)
        add_hours(session, START + 2 * DAY_S, 24)
    with days.write() as session:
        assert list(draw_due(session, NIGHT + 3600)) == [_name(2)]
