"""A watch counts as long as it was kept: a forgotten one only up to the last thing that its watcher did."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from db.ledger import record
from db.models import Watch
from db.session import Database
from rollout.base.scopes import Place
from rollout.control.analysis import by_rollout
from rollout.evidence.watched_time import SILENT_S, Kept, kept_watches, watches
from rollout.stages.state import State
from tests.support.cast import add_user
from tests.support.factories import T0
from tests.support.rollout.evidence_rows import MODEL, add_sighting, add_watch, assessed
from tests.support.rollout.rollout_plans import default_plan

HOUR = 3600.0
SHIFT = 14 * HOUR
LATER = T0 + 2 * SHIFT


@pytest.fixture
def people(database: Database) -> Database:
    """Two rangers."""
    with database.write() as session:
        add_user(session)
        add_user(session, "night-ranger")
    return database


def _forgotten(session: Session, start: float, user_id: int = 1, written_down: bool = True) -> Watch:
    watch = add_watch(session, start, start + SHIFT if written_down else None, user_id=user_id)
    watch.ends_at, watch.ended_because = start + SHIFT, "forgotten" if written_down else None
    session.flush()
    return watch


def _did(session: Session, at: float, kind: str = "review.bear", user_id: int = 1) -> None:
    record(session, at=at, kind=kind, subject="alert:1", actor=f"user:{user_id}", body={})


def _kept(database: Database, now: float = LATER) -> list[Kept]:
    with database.read() as session:
        return kept_watches(session, now)


def test_a_forgotten_watch_counts_up_to_the_last_thing_its_watcher_did(people: Database) -> None:
    with people.write() as session:
        _forgotten(session, T0)
        _did(session, T0 - HOUR)
        _did(session, T0 + 2 * HOUR)
        _did(session, T0 + 3 * HOUR)
        _did(session, T0 + 5 * HOUR, user_id=2)  # somebody else's
        _did(session, T0 + SHIFT, kind="watch.ended")  # noticed by a process, in the watcher's name
        _did(session, T0 + SHIFT + HOUR)  # after it was over
    (kept,) = _kept(people)
    assert kept.span.length == pytest.approx(3 * HOUR)
    assert kept.ended == "forgotten"
    assert kept.span.end > T0 + 3 * HOUR  # what was done at that very moment was done on watch
    (early,) = _kept(people, T0 + 2.5 * HOUR)
    assert early.span.length == pytest.approx(2 * HOUR)


def test_one_without_any_sign_of_life_counts_half_an_hour(people: Database) -> None:
    with people.write() as session:
        _forgotten(session, T0)
        _forgotten(session, T0 + SHIFT, user_id=2, written_down=False)  # over, and nobody has written it down yet
    assert [kept.span.length for kept in _kept(people, LATER + 1)] == [SILENT_S, SILENT_S]
    assert [kept.ended for kept in _kept(people, LATER + 1)] == ["forgotten", "forgotten"]
    assert [kept.span.length for kept in _kept(people, T0 + 600)] == [600]


def test_a_watch_that_was_ended_or_goes_on_counts_in_full(people: Database) -> None:
    with people.write() as session:
        add_watch(session, T0, T0 + 4 * HOUR)
        add_watch(session, T0 + 10 * HOUR, None, user_id=2).ends_at = T0 + 24 * HOUR
        add_watch(session, T0, T0 + HOUR, campsite="lower-pines", user_id=2)
    assert [(kept.span.length, kept.ended) for kept in _kept(people, T0 + 12 * HOUR)] == [
        (4 * HOUR, "person"), (HOUR, "person"), (2 * HOUR, None),
    ]  # fmt: skip
    with people.read() as session:
        found = watches(session, T0 + 12 * HOUR, since=T0 + 5 * HOUR)
        assert {site: [span.length for span in spans] for site, spans in found.items()} == {"upper-pines": [2 * HOUR]}
        assert watches(session, T0 + 12 * HOUR, campsites=["lower-pines"]).keys() == {"lower-pines"}


def test_recall_is_not_measured_over_hours_in_which_the_watcher_was_asleep(people: Database) -> None:
    with people.write() as session:
        _forgotten(session, T0)
        add_sighting(session, T0 + HOUR)
        _did(session, T0 + HOUR + 30, kind="sighting.sealed")
        _forgotten(session, T0 + 1, user_id=2)
    with people.read() as session:
        found = assessed(session, ["upper-pines"], T0 - HOUR, MODEL, LATER)
    assert found["encounters_blind"].detail["watched_h"] == pytest.approx(1 + 30 / HOUR)
    assert found["recall_blind"].n == 1


def test_a_forgotten_watch_covers_no_stage_that_asks_for_two_people(people: Database) -> None:
    plan = default_plan()
    stage = replace(plan.stages[1], places=(Place("upper-pines"),))
    assert stage.watch is not None
    assert stage.watch.observers == 2
    with people.write() as session:
        add_watch(session, T0, T0 + 10 * HOUR)
        _forgotten(session, T0, user_id=2)
        _did(session, T0 + 4 * HOUR, user_id=2)
    with people.read() as session:
        coverage = by_rollout(session, plan, State(), stage, T0, T0 + 10 * HOUR)["watch_coverage"]
    assert coverage.value == pytest.approx(0.4)
