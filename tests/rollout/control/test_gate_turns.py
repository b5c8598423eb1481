"""Gates that turn between two analyses: staff are told; one that may end a live stage does so after an hour."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from db.models import AnalysisReason, Delivery
from db.session import Database
from rollout.control.analysis import AnalysisRun, run_analysis
from rollout.control.analysis_store import store
from rollout.control.gate_turns import act_on, turned
from rollout.stages.gates import GateOutcome, GateResult
from rollout.stages.plan import Stage
from rollout.stages.spec import Gate
from tests.support.rollout.rollout_plans import LEAD, OWNER
from tests.support.rollout.rollout_site import RolloutSite

STAFF = ("json://127.0.0.1:9/staff",)
UPTIME = Gate.model_validate({"metric": "camera_uptime", "op": ">=", "value": 0.9, "on_fail": "handover"})
RECALL = Gate.model_validate({"metric": "recall_blind", "op": ">=", "value": 0.9, "bound": "cp_lower"})
COUNTED = Gate.model_validate({"metric": "encounters_blind", "op": ">=", "value": 46, "on_fail": "handover"})
GATES = (UPTIME, RECALL, COUNTED)


@pytest.fixture
def live(sqlite_database: Database) -> RolloutSite:
    """The first live stage, with staff who have an address."""
    site = RolloutSite(sqlite_database)
    site.plan = replace(site.plan, staff=STAFF)
    site.approve(LEAD, OWNER)
    assert site.ask().started
    return site


def analysis(site: RolloutSite, *outcomes: GateOutcome) -> AnalysisRun:
    """An analysis of the present stage in which the gates above had these outcomes."""
    with site.database.read() as session:
        found = run_analysis(session, site.plan, site.state, site.now)
    stage: Stage = replace(found.stage, gates=GATES)
    results = tuple(
        GateResult(str(gate), gate.metric, outcome, key=gate.key) for gate, outcome in zip(GATES, outcomes, strict=True)
    )
    return replace(found, stage=stage, gates=results)


def act(site: RolloutSite, before: AnalysisRun | None, found: AnalysisRun) -> None:
    with site.database.write() as session:
        store(session, site.plan, found, AnalysisReason.HOURLY)
        act_on(session, site.plan, before, found, found.at)


def later(found: AnalysisRun, seconds: float) -> AnalysisRun:
    """The same, some time after."""
    return replace(found, at=found.at + seconds)


def told(site: RolloutSite) -> list[str]:
    """What the staff were told of gates."""
    with site.database.read() as session:
        rows = session.scalars(select(Delivery).where(Delivery.key.startswith("gates:"))).all()
    return [f"{row.title}. {row.body}" for row in rows]


PASSED, FAILED, OPEN = GateOutcome.PASSED, GateOutcome.FAILED, GateOutcome.INCONCLUSIVE


def test_staff_are_told_of_what_has_turned_and_not_what_the_model_has_seen(live: RolloutSite) -> None:
    act(live, analysis(live, PASSED, PASSED, OPEN), analysis(live, FAILED, FAILED, OPEN))
    (message,) = told(live)
    assert message.startswith("2 gates have turned. Of the stage one-campsite-one-day: camera_uptime >= 0.9 fails now")
    assert "1 about what the model has seen" in message
    assert "recall" not in message, "whoever reads it may be on watch, blind"


def test_nobody_is_told_when_nothing_has_turned_nor_at_the_first_analysis(live: RolloutSite) -> None:
    same = analysis(live, PASSED, OPEN, OPEN)
    act(live, None, same)
    act(live, same, same)
    assert told(live) == []


def test_a_gate_that_fails_for_an_hour_hands_over_and_not_before(live: RolloutSite) -> None:
    good, bad = analysis(live, PASSED, OPEN, OPEN), analysis(live, FAILED, OPEN, OPEN)
    act(live, good, bad)
    act(live, bad, later(bad, 10 * 60))
    assert live.state.live, "somebody has asked for another analysis, which makes ten minutes no hour"
    act(live, bad, later(bad, 3600))
    state = live.state
    assert not state.live
    assert state.handovers
    latch = state.latch("gate")
    assert latch is not None
    assert latch.reason == "camera_uptime >= 0.9 has failed for 60 minutes on end"


def test_a_gate_that_passes_in_between_begins_its_hour_anew(live: RolloutSite) -> None:
    good, bad = analysis(live, PASSED, OPEN, OPEN), analysis(live, FAILED, OPEN, OPEN)
    act(live, good, bad)
    act(live, bad, later(good, 1800))
    act(live, good, later(bad, 3600))
    assert live.state.live


def test_a_gate_that_may_only_hold_ends_nothing_and_neither_does_too_little_evidence(live: RolloutSite) -> None:
    bad = analysis(live, PASSED, FAILED, FAILED)
    act(live, bad, bad)
    act(live, bad, later(bad, 7200))
    assert live.state.live
    assert turned(analysis(live, PASSED, FAILED, OPEN), bad) == [], "too few bears so far is no turn"


def test_in_shadow_there_is_nothing_to_end(sqlite_database: Database) -> None:
    site = RolloutSite(sqlite_database)
    bad = analysis(site, FAILED, OPEN, OPEN)
    act(site, bad, bad)
    act(site, bad, later(bad, 7200))
    assert site.state.latches == ()
