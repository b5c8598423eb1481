"""Analysis runs: stored, found again, as old as they are, and never in anybody's way."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import AnalysisReason, AnalysisRunRow, GateResultRow
from db.session import Database
from rollout.base.metrics import METRICS, Measured
from rollout.control.analysis import AnalysisRun, run_analysis
from rollout.control.analysis_schedule import ASK_EVERY_S, EVERY_S, AnalysisScheduler
from rollout.control.analysis_store import MOST_POINTS, courses, current_analysis, last_analysis, store, thin
from rollout.control.model_spans import model_spans
from rollout.control.service import more_time, promote
from rollout.control.status import overview
from rollout.reports.gate_history import course_of
from rollout.reports.render.gate_history_chart import course, in_words
from rollout.stages import commands as c
from rollout.stages.commands import Effect, Refused
from rollout.stages.gates import GateOutcome
from rollout.stages.plan import RolloutPlan, Stage
from rollout.stages.spec import Gate
from rollout.stages.state import State
from tests.support.rollout.evidence_rows import add_bear, add_sighting, add_watch
from tests.support.rollout.rollout_plans import DAY_S, DIGEST, LEAD, OPERATOR, OWNER, ZONE
from tests.support.rollout.rollout_site import RolloutSite

RECALL = "recall_blind (cp_lower) >= 0.9"
UPPER = "upper-pines"


@pytest.fixture
def site(sqlite_database: Database) -> RolloutSite:
    return RolloutSite(sqlite_database)


def _night(session: Session, at: float, model: str | None = DIGEST) -> None:
    """A bear at an evening, seen by a blind ranger on watch; and by this model, if one is named."""
    add_watch(session, at - 3600, at + 3600)
    add_sighting(session, at)
    if model is not None:
        add_bear(session, at + 20.0, model=model)


def _nights(site: RolloutSite, count: int) -> None:
    """A bear in each of so many nights before now."""
    with site.database.write() as session:
        for number in range(count):
            _night(session, site.now - (count - number) * DAY_S)


def _analyse(site: RolloutSite, at: float | None = None) -> AnalysisRun:
    with site.database.read() as session:
        return run_analysis(session, site.plan, site.state, site.now if at is None else at)


def _keep(site: RolloutSite, found: AnalysisRun, reason: AnalysisReason = AnalysisReason.HOURLY) -> None:
    with site.database.write() as session:
        store(session, site.plan, found, reason)


def _last(site: RolloutSite, plan: RolloutPlan | None = None) -> AnalysisRun | None:
    with site.database.read() as session:
        return last_analysis(session, plan or site.plan, site.state, site.now)


def _stored(site: RolloutSite) -> list[AnalysisRunRow]:
    with site.database.read() as session:
        return list(session.scalars(select(AnalysisRunRow).order_by(AnalysisRunRow.id)))


def test_a_stored_analysis_is_found_again_as_it_was(database: Database) -> None:
    site = RolloutSite(database)
    _nights(site, 5)
    found = _analyse(site)
    _keep(site, found)
    again = _last(site)
    assert again is not None
    assert (again.at, again.stage, again.run, again.since, again.model) == (
        found.at, found.stage, found.run, found.since, found.model,
    )  # fmt: skip
    for mine, other in zip(again.gates, found.gates, strict=True):
        assert (mine.gate, mine.outcome, mine.value, mine.compared, mine.limit, mine.n, mine.why) == (
            other.gate, other.outcome, other.value, other.compared, other.limit, other.n, other.why,
        )  # fmt: skip
    with database.read() as session:
        row = session.scalars(select(GateResultRow).where(GateResultRow.gate == RECALL)).one()
        assert (row.metric, row.outcome, row.value, row.n) == ("recall_blind", "inconclusive", 1.0, 5)
        assert row.compared is not None
        assert row.compared < 0.9
        assert "more data may decide it" in row.why


def test_only_the_newest_analysis_keeps_all_of_its_metrics(site: RolloutSite) -> None:
    for hour in range(3):
        _keep(site, _analyse(site, site.now + hour * 3600))
    assert [row.measured is None for row in _stored(site)] == [True, True, False]


def test_an_analysis_of_other_gates_or_another_model_is_not_the_last_one(site: RolloutSite) -> None:
    _keep(site, _analyse(site))
    assert _last(site) is not None
    assert _last(site, replace(site.plan, digest="another plan")) is None
    site.give(c.ModelChanged("sha256:another"))
    assert _last(site) is None


def test_the_page_shows_the_last_analysis_with_its_age_and_what_the_plan_knows_of_itself_as_it_is_now(
    site: RolloutSite,
) -> None:
    _nights(site, 3)
    _keep(site, _analyse(site))
    with site.database.write() as session:
        _night(session, site.now - 6 * DAY_S)
    site.give(
        c.BreakerTripped(breaker="drift", unit=f"site:{UPPER}", reason="the scores moved", effect=Effect.HOLD,
                         campsites=(UPPER,))
    )  # fmt: skip
    site.now += 719.0
    with site.database.read() as session:
        view = overview(session, site.plan, site.now)
        fresh = overview(session, site.plan, site.now, fresh=True)
        now = current_analysis(session, site.plan, site.state, site.now)
    assert (view.last_analysis.age_s, view.last_analysis.stored) == (720.0, True)
    assert (fresh.last_analysis.age_s, fresh.last_analysis.stored) == (0.0, False)
    nights = {gate.gate: gate.value for gate in view.gates}["encounters_blind >= 46"]
    assert nights == 3, "as it was found then, whatever has been logged since"
    assert {gate.gate: gate.value for gate in fresh.gates}["encounters_blind >= 46"] == 4
    assert now.measured["stage"]["open_breakers"].value == 1.0


def test_before_any_analysis_the_view_runs_one_itself(site: RolloutSite) -> None:
    _nights(site, 3)
    with site.database.read() as session:
        view = overview(session, site.plan, site.now)
    assert (view.last_analysis.stored, view.gates[0].value) == (False, 3)


def test_what_decides_is_a_fresh_analysis_whatever_was_stored(site: RolloutSite) -> None:
    """An old analysis says that every gate passes; the wish to go on is held all the same; what it found is kept."""
    found = _analyse(site)
    gates = tuple(Measured(gate.metric, 1000.0, {gate.bound: 1000.0} if gate.bound else {}, n=1e6)
                  for gate in found.stage.gates)  # fmt: skip
    _keep(site, replace(found, measured={"stage": {each.metric: each for each in gates}}))
    site.approve(LEAD, OWNER)
    done = promote(site.database, site.plan, OPERATOR, site.now)
    assert done.held is not None
    assert done.held.missing
    step = _stored(site)[-1]
    assert (step.reason, step.at, step.stage) == (AnalysisReason.STEP, site.now, "shadow")


def test_a_wish_that_is_refused_leaves_no_analysis_behind(site: RolloutSite) -> None:
    stale = site.state.epoch + 7
    with pytest.raises(Refused, match="moved on"):
        promote(site.database, site.plan, OPERATOR, site.now, epoch=stale)
    with pytest.raises(Refused, match="no live stage"):
        more_time(site.database, site.plan, OPERATOR, site.plan.extension.max, site.now)
    assert _stored(site) == []


def test_the_analysis_behind_a_step_stands_with_it(site: RolloutSite) -> None:
    def all_is_well(
        session: Session, plan: RolloutPlan, state: State, stage: Stage, since: float, now: float
    ) -> Mapping[str, Measured]:
        return {gate.metric: _good(gate) for gate in stage.gates}

    site.approve(LEAD, OWNER)
    done = promote(site.database, site.plan, OPERATOR, site.now, measures=[all_is_well])
    assert done.started is not None, done.held
    (row,) = _stored(site)
    assert (row.stage, row.model, row.at) == ("shadow", DIGEST, done.started.at)
    with site.database.read() as session:
        outcomes = set(session.scalars(select(GateResultRow.outcome)))
    assert outcomes == {GateOutcome.PASSED}


def _good(gate: Gate) -> Measured:
    """What passes a gate, whichever of its bounds is compared."""
    value = (gate.value or 0.0) + {">": 0.01, "<": -0.01}.get(gate.op or "", 0.0)
    return Measured(gate.metric, value, dict.fromkeys(METRICS[gate.metric].bounds, value), n=1e6)


def test_a_course_tells_what_the_analyses_so_far_found_and_not_those_of_another_model(site: RolloutSite) -> None:
    for day in range(4):
        with site.database.write() as session:
            _night(session, site.now - 3600, DIGEST if day else None)
        _keep(site, _analyse(site))
        site.now += DAY_S
    found = _analyse(site)
    with site.database.read() as session:
        points = courses(session, found)[RECALL]
    assert [point.value for point in points] == sorted(point.value or 0.0 for point in points)
    assert [point.at for point in points] == [site.now - days * DAY_S for days in (4, 3, 2, 1)]
    gate = next(gate for gate in found.stage.gates if str(gate) == RECALL)
    drawn = course_of(gate, points, ZONE)
    assert "course-limit" in course(drawn)
    assert in_words(drawn).startswith("Share of blind sightings that the model saw too, from ")
    assert in_words(drawn).endswith(
        "demanded 90.0%. It passed at 0 of 4 analysis runs shown; at the last it does not pass."
    )
    site.give(c.ModelChanged("sha256:another"))
    with site.database.read() as session:
        assert courses(session, _analyse(site)) == {}


def test_a_long_course_is_drawn_from_sixty_runs_over_all_of_it(site: RolloutSite) -> None:
    found = _analyse(site)
    with site.database.write() as session:
        for hour in range(200):
            store(session, site.plan, replace(found, at=found.at + hour * 3600, measured={}), AnalysisReason.HOURLY)
    with site.database.read() as session:
        points = courses(session, found)[RECALL]
    assert len(points) == MOST_POINTS
    assert (points[0].at, points[-1].at) == (found.at, found.at + 199 * 3600)
    gaps = [b.at - a.at for a, b in pairwise(points)]
    assert max(gaps) <= 5 * 3600


def test_old_runs_are_thinned_to_one_a_day_but_those_of_steps_stay(site: RolloutSite) -> None:
    found = _analyse(site)
    midnight = site.now // DAY_S * DAY_S
    with site.database.write() as session:
        for hour in range(48):
            reason = AnalysisReason.STEP if hour == 5 else AnalysisReason.HOURLY
            store(session, site.plan, replace(found, at=midnight + hour * 3600, measured={}), reason)
    later = midnight + 61 * DAY_S
    with site.database.write() as session:
        assert thin(session, midnight + 59 * DAY_S) == 0
        assert thin(session, later) == 23 - 1
        assert thin(session, later) == 0
    kept = [(row.at - midnight) / 3600 for row in _stored(site)]
    assert kept == [5, 23, *range(24, 48)]
    with site.database.read() as session:
        rows = session.scalar(select(func.count()).select_from(GateResultRow))
    assert rows == len(kept) * len(found.gates), "what a run found goes with it"


def test_the_controller_analyses_once_an_hour_and_at_once_when_a_stage_begins(site: RolloutSite) -> None:
    scheduler = AnalysisScheduler(site.database)
    assert scheduler.run_if_due(site.plan, site.now)
    assert not scheduler.run_if_due(site.plan, site.now + EVERY_S - 1)
    assert scheduler.run_if_due(site.plan, site.now + EVERY_S)
    site.approve(LEAD, OWNER)
    assert site.ask().started
    assert scheduler.run_if_due(site.plan, site.now + 5)
    assert [row.stage for row in _stored(site)] == ["shadow", "shadow", "one-campsite-one-day"]


def test_without_a_model_there_is_nothing_to_analyse(sqlite_database: Database) -> None:
    site = RolloutSite(sqlite_database)
    with sqlite_database.write() as session:
        session.connection().exec_driver_sql("DELETE FROM rollout_events")
    assert not AnalysisScheduler(sqlite_database).run_if_due(site.plan, site.now)


def test_an_analysis_that_fails_is_said_and_the_next_one_comes(
    site: RolloutSite, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: object, **_named: object) -> Mapping[str, Measured]:
        raise ZeroDivisionError

    scheduler = AnalysisScheduler(site.database, [broken])
    assert scheduler.ask(site.plan, site.now)
    scheduler.wait(10)
    assert "the analysis of the gates failed" in caplog.text
    assert not scheduler.ask(site.plan, site.now + ASK_EVERY_S - 1)
    scheduler.measures = None
    assert scheduler.ask(site.plan, site.now + ASK_EVERY_S)
    scheduler.wait(10)
    assert len(_stored(site)) == 1


def test_only_one_analysis_goes_on_at_a_time(site: RolloutSite) -> None:
    goes_on = threading.Event()

    def slow(*_arguments: object, **_named: object) -> Mapping[str, Measured]:
        goes_on.wait(20)
        return {}

    scheduler = AnalysisScheduler(site.database, [slow])
    assert scheduler.ask(site.plan, site.now)
    assert not scheduler.ask(site.plan, site.now + 10 * ASK_EVERY_S)
    goes_on.set()
    scheduler.wait(20)
    assert not scheduler.busy
    assert len(_stored(site)) == 1


def test_a_model_that_never_raised_anything_was_in_use_all_the_same(site: RolloutSite) -> None:
    """The first model sees every bear. The second sees none, and raises nothing: its misses are its own."""
    _nights(site, 4)
    begun = site.now + 1
    site.give(c.ModelChanged("sha256:blind"))
    with site.database.write() as session:
        for day in range(1, 4):
            _night(session, begun + day * DAY_S, None)
    site.now = begun + 5 * DAY_S
    measured = _analyse(site).measured["stage"]
    assert (measured["recall_blind"].value, measured["recall_blind"].n) == (0.0, 3)
    site.give(c.ModelChanged(DIGEST))
    first = _analyse(site).measured["stage"]["recall_blind_cumulative"]
    assert first.value == 1.0, "what the second model missed is not held against the first"


def test_the_time_of_each_model_is_that_of_the_events(site: RolloutSite) -> None:
    start = site.state.evidence_since or 0.0
    site.give(c.ModelChanged("sha256:b"))
    changed = site.now
    site.give(c.ModelChanged(f"{DIGEST} + sha256:b"))
    mixed = site.now
    site.give(c.ModelChanged(DIGEST))
    back = site.now
    with site.database.read() as session:
        spans = {name: model_spans(session, name, [UPPER], site.now) for name in (DIGEST, "sha256:b", "sha256:none")}
        assert model_spans(session, DIGEST, [UPPER], start - 1) is None
    bounds = {name: [(each.start, each.end) for each in (found or {})[UPPER]] for name, found in spans.items()}
    assert bounds == {
        DIGEST: [(start, changed), (back, float("inf"))],
        "sha256:b": [(changed, mixed)],
        "sha256:none": [],
    }


def test_nobody_counts_what_was_seen_before_any_model_was_known(site: RolloutSite) -> None:
    begun = site.state.evidence_since or 0.0
    with site.database.write() as session:
        _night(session, begun - 2 * DAY_S, None)
        _night(session, begun + 2 * DAY_S)
    recall = _analyse(site).measured["stage"]["recall_blind"]
    assert (recall.value, recall.n) == (1.0, 1)
