"""Sightings that vanish, change, come late, or are seen by what nobody has decided: none of it speaks for the model."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from db.models import AlertStatus, Camera, CameraPlace, Delivery, LedgerEntry, Sighting
from db.places import sync_places
from db.session import Database
from rollout.base.metrics import Measured
from rollout.breakers.matched_visits import one_a_night, outcomes, settled, uncounted
from rollout.control.sealed_evidence import page_broken_sightings
from rollout.evidence.comparison import EvidenceRule
from rollout.evidence.sealed_sightings import read_sightings
from tests.support.cast import add_user
from tests.support.factories import T0
from tests.support.rollout.evidence_rows import (
    MODEL,
    add_bear,
    add_hours,
    add_sighting,
    add_watch,
    assessed,
    note_sealing,
    seal_sighting,
)
from tests.support.rollout.rollout_plans import default_plan, settings

DAY_S = 86400.0
NIGHTS, MISSES = 30, 6
NOW = T0 + (NIGHTS + 3) * DAY_S
RULE = EvidenceRule()


@pytest.fixture
def season(sqlite_database: Database) -> Database:
    """Thirty nights with a bear each at Upper Pines; the model missed the first six."""
    with sqlite_database.write() as session:
        add_user(session)
        add_watch(session, T0 - 8 * 3600, NOW)
        for number in range(NIGHTS):
            add_sighting(session, T0 + number * DAY_S)
            if number >= MISSES:
                add_bear(session, T0 + number * DAY_S + 20)
    return sqlite_database


def _recall(database: Database, campsite: str = "upper-pines") -> Measured:
    with database.read() as session:
        return assessed(session, [campsite], T0 - DAY_S, MODEL, NOW)["recall_blind"]


def _missed(session: Session) -> list[int]:
    return list(session.scalars(select(Sighting.id).order_by(Sighting.id).limit(MISSES)))


def _another_note(session: Session) -> None:
    session.execute(update(Sighting).where(Sighting.id.in_(_missed(session))).values(note="."))


def _not_blind(session: Session) -> None:
    session.execute(update(Sighting).where(Sighting.id.in_(_missed(session))).values(blind=False))


def _another_animal(session: Session) -> None:
    session.execute(update(Sighting).where(Sighting.id.in_(_missed(session))).values(animal="deer"))


def _outside_the_watch(session: Session) -> None:
    session.execute(update(Sighting).where(Sighting.id.in_(_missed(session))).values(seen_at=T0 - 90 * DAY_S))


def _gone(session: Session) -> None:
    session.execute(delete(Sighting).where(Sighting.id.in_(_missed(session))))


def _first_version(session: Session) -> None:
    session.execute(update(Sighting).where(Sighting.id.in_(_missed(session))).values(seal_version=1, blind=False))


@pytest.mark.parametrize(
    "change", [_another_note, _not_blind, _another_animal, _outside_the_watch, _gone, _first_version]
)
def test_no_edit_of_the_database_takes_a_miss_away(season: Database, change: Callable[[Session], None]) -> None:
    before = _recall(season)
    assert before.n == NIGHTS
    assert before.value == pytest.approx(1 - MISSES / NIGHTS)
    with season.write() as session:
        change(session)
    after = _recall(season)
    assert (after.n, after.detail["hits"], after.detail["lost"]) == (NIGHTS, NIGHTS - MISSES, MISSES)
    assert after.bounds == before.bounds


def test_a_hit_that_was_changed_is_a_miss_and_one_that_nobody_sealed_too(season: Database) -> None:
    with season.write() as session:
        last = session.scalars(select(Sighting).order_by(Sighting.id.desc()).limit(1)).one()
        last.number = 2
        at = T0 + NIGHTS * DAY_S
        add_bear(session, at + 20)
        forged = seal_sighting(session, at)
        session.execute(delete(LedgerEntry).where(LedgerEntry.subject == f"sighting:{forged.id}"))
    assert _recall(season).detail["hits"] == NIGHTS - MISSES - 1
    assert _recall(season).n == NIGHTS + 1
    with season.read() as session:
        assert [each.why for each in read_sightings(session, NOW).broken] == [
            "it no longer says what was sealed", "nobody has sealed it",
        ]  # fmt: skip


def test_people_are_paged_once_for_what_is_broken(season: Database) -> None:
    with season.write() as session:
        assert page_broken_sightings(session, default_plan(), NOW) == ()
        _gone(session)
        for _ in range(2):
            assert len(page_broken_sightings(session, default_plan(), NOW)) == MISSES
        pages = session.scalars(select(Delivery)).all()
    assert len(pages) == len(default_plan().on_call)
    assert pages[0].title == f"{MISSES} sightings are no longer what was sealed"
    assert "taken out of the record" in pages[0].body


def test_a_late_entry_is_not_blind_and_chooses_no_nights_visit(season: Database) -> None:
    """An earlier sighting beside an alert, entered hours later, in each night that was missed."""
    before = _recall(season)
    with season.write() as session:
        for number in range(MISSES):
            at = T0 + number * DAY_S - 5400
            add_bear(session, at + 5)
            seal_sighting(session, at, sealed_at=at + 6 * 3600)
    assert _recall(season).bounds == before.bounds


def test_what_is_entered_in_time_but_second_chooses_no_nights_visit_either(season: Database) -> None:
    """Seen earlier, entered after the miss was: not the first of the night, whatever the clock says."""
    with season.write() as session:
        for number in range(MISSES):
            at = T0 + number * DAY_S - 5400
            add_bear(session, at + 5)
            seal_sighting(session, at, sealed_at=at + 60)
    assert _recall(season).detail["hits"] == NIGHTS - MISSES
    assert _recall(season).detail["visits_hit"] == NIGHTS


@pytest.mark.parametrize("status", [AlertStatus.OPEN, AlertStatus.UNSURE, AlertStatus.REJECTED])
def test_what_nobody_has_confirmed_has_seen_nothing_however_long_it_lasts(
    season: Database, status: AlertStatus
) -> None:
    before = _recall(season)
    with season.write() as session:
        for number in range(MISSES):
            add_bear(session, T0 + number * DAY_S - 7200, "upper-trail", status).last_at = T0 + number * DAY_S + 7200
    assert _recall(season).bounds == before.bounds
    with season.read() as session:
        alarms = assessed(session, ["upper-pines"], T0 - DAY_S, MODEL, NOW)["false_alarms_per_camera_day"]
    assert alarms.detail["false_alarms"] == MISSES


def test_a_camera_that_moves_leaves_its_history_where_it_happened(season: Database) -> None:
    """Its alerts answer for no bears of its new campsite, its hours count for no camera-day there."""
    with season.write() as session:
        sync_places(session, settings(), T0 - DAY_S)
        add_hours(session, T0, 48)
        add_watch(session, T0 - 8 * 3600, NOW, "lower-pines")
        for number in range(MISSES, NIGHTS):
            add_sighting(session, T0 + number * DAY_S, "lower-pines")
    before = [_recall(season, site) for site in ("upper-pines", "lower-pines")]
    tree = settings().model_dump(mode="json", exclude_unset=True)
    tree["cameras"]["upper-creek"]["campsite"] = "lower-pines"
    with season.write() as session:
        sync_places(session, type(settings()).model_validate(tree), NOW - 60)
        assert session.get_one(Camera, "upper-creek").campsite_id == "lower-pines"
        moves = session.execute(
            select(CameraPlace.campsite_id, CameraPlace.since).where(CameraPlace.camera_id == "upper-creek")
        ).all()
        days = {
            site: assessed(session, [site], T0 - DAY_S, MODEL, NOW)["false_alarms_per_camera_day"].n
            for site in ("upper-pines", "lower-pines")
        }
    assert [tuple(move) for move in moves] == [("upper-pines", 0.0), ("lower-pines", NOW - 60)]
    after = [_recall(season, site) for site in ("upper-pines", "lower-pines")]
    assert [(each.value, each.n) for each in after] == [(each.value, each.n) for each in before]
    assert before[1].value == 0.0
    assert days["upper-pines"] == pytest.approx(2.0)
    assert days["lower-pines"] == 0.0


def _counted(session: Session, upto: int, now: float) -> list[bool]:
    found = settled(outcomes(session, uncounted(session, upto, []), RULE), now, RULE)
    return [outcome.missed for outcome in one_a_night(session, found)]


@pytest.mark.parametrize("seen", [True, False])
def test_the_recall_breaker_counts_a_bear_night_once_however_often_it_is_entered(
    sqlite_database: Database, seen: bool
) -> None:
    with sqlite_database.write() as session:
        add_user(session)
        add_user(session, "second")
        if seen:
            add_bear(session, T0 + 5)
        first = add_sighting(session, T0)
        assert _counted(session, 0, T0 + 3000) == [not seen]
        for number in range(5):
            again = seal_sighting(session, T0 + 60 + number * 3600, sealed_at=T0 + 300 + number * 3600, user_id=2)
            assert _counted(session, first.id, again.seen_at + 8000) == []
        seal_sighting(session, T0 + DAY_S)
        assert _counted(session, first.id, T0 + DAY_S + 3000) == [True]


def test_an_undecided_alert_is_no_hit_and_waits_for_its_decision(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        add_user(session)
        add_bear(session, T0 + 5, status=AlertStatus.OPEN)
        add_sighting(session, T0)
        assert _counted(session, 0, T0 + 3000) == [], "somebody may still confirm it"
        assert _counted(session, 0, T0 + 3700) == [True]


def test_the_ledger_knows_what_the_form_sealed(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        add_user(session)
        sighting = add_sighting(session, T0)
        note_sealing(session, sighting)  # the first word counts
        assert [each.id for each in read_sightings(session, T0 + 60).all] == [sighting.id]
        assert read_sightings(session, T0 + 60).broken == ()
