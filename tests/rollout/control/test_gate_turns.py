"""Gates that turn between two analyses: staff are told; one that may end a live stage does so at its second failure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from db.models import Delivery
from db.session import Database
from rollout.control.analysis import AnalysisRun, run_analysis
from rollout.control.gate_turns import act_on, failing_twice, turned
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
        act_on(session, site.plan, before, found, site.now)


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


def test_one_failure_ends_nothing_and_the_second_in_a_row_hands_over(live: RolloutSite) -> None:
    good, bad = analysis(live, PASSED, OPEN, OPEN), analysis(live, FAILED, OPEN, OPEN)
    act(live, good, bad)
    assert live.state.live
    act(live, bad, bad)
    state = live.state
    assert not state.live
    assert state.handovers
    latch = state.latch("gate")
    assert latch is not None
    assert latch.reason == "camera_uptime >= 0.9 fails for the second analysis in a row"


def test_a_gate_that_may_only_hold_ends_nothing_and_neither_does_too_little_evidence(live: RolloutSite) -> None:
    bad = analysis(live, PASSED, FAILED, FAILED)
    act(live, bad, bad)
    assert live.state.live
    assert failing_twice(bad, bad) == []
    assert turned(analysis(live, PASSED, FAILED, OPEN), bad) == [], "too few bears so far is no turn"


def test_in_shadow_there_is_nothing_to_end(sqlite_database: Database) -> None:
    site = RolloutSite(sqlite_database)
    bad = analysis(site, FAILED, OPEN, OPEN)
    act(site, bad, bad)
    assert site.state.latches == ()
