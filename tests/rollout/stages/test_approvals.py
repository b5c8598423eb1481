"""Who approved must still be somebody who may when the step is taken."""

from __future__ import annotations

import pytest
from sqlalchemy import delete

from db.models import Role, User
from db.session import Database
from rollout.control.status import overview
from rollout.stages import commands as c
from rollout.stages.commands import Refused, Step
from rollout.stages.state import Phase
from tests.support.rollout.rollout_plans import CHIEF, LEAD, OPERATOR, OWNER, RANGER, gate_results
from tests.support.rollout.rollout_site import RolloutSite


@pytest.fixture
def site(sqlite_database: Database) -> RolloutSite:
    return RolloutSite(sqlite_database)


def test_who_was_switched_off_after_approving_does_not_promote_the_plan(site: RolloutSite) -> None:
    site.approve(LEAD, OWNER)
    site.change("lena", active=False)
    held = site.ask().held
    assert held is not None
    assert held.why == (
        "2 people with distinct roles out of lead_ranger, model_owner must agree; so far: omar (model_owner); "
        "no longer counted: lena (the account is switched off)",
    )
    site.approve(CHIEF)
    started = site.ask().started
    assert started is not None
    assert set(started.approved_by) == {"omar", "chin"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"role": Role.AUDITOR}, "has another role now"), ({"active": False}, "the account is switched off")],
)
def test_the_page_says_whose_approval_no_longer_counts_and_why(
    site: RolloutSite, changes: dict[str, object], why: str
) -> None:
    site.approve(LEAD, OWNER)
    site.change("omar", **changes)
    with site.database.read() as session:
        view = overview(session, site.plan, site.now)
    assert {each.by: (each.counts, each.void) for each in view.approvals} == {"lena": (True, ""), "omar": (False, why)}
    assert any(f"omar ({why})" in blocker.text for blocker in view.blockers)
    assert site.ask().held


def test_a_role_that_was_changed_is_not_the_role_that_approved(site: RolloutSite) -> None:
    """Two model owners are no two roles, although one of them approved as lead ranger."""
    site.approve(LEAD, OWNER)
    site.change("lena", role=Role.MODEL_OWNER)
    assert site.ask().held


def test_an_account_that_is_gone_counts_no_more(site: RolloutSite) -> None:
    site.approve(LEAD, OWNER)
    with site.database.write() as session:
        session.execute(delete(User).where(User.name == "lena"))
    held = site.ask().held
    assert held is not None
    assert "no such account" in held.why[0]


def test_whoever_is_switched_on_again_counts_again(site: RolloutSite) -> None:
    site.approve(LEAD, OWNER)
    site.change("lena", active=False)
    site.change("lena", active=True)
    assert site.ask().started


def test_more_time_and_a_closed_breaker_need_people_who_still_may(site: RolloutSite) -> None:
    site.approve(LEAD, OWNER)
    assert site.ask().started
    site.approve(LEAD, OWNER, step=Step.EXTEND)
    site.change("omar", active=False)
    longer = c.Extend(by=OPERATOR, longer=site.plan.extension.max, gates=gate_results(site.plan, site.state))
    with pytest.raises(Refused, match="no longer counted: omar"):
        site.give(longer)
    site.change("omar", active=True)
    site.give(c.EmergencyStop(by=RANGER))
    site.give(c.WatchAck(by=RANGER))
    cause = "it was only a rehearsal"
    site.give(c.BreakerReset(by=LEAD, latch="kill", cause=cause))
    site.change("lena", role=Role.RANGER)
    site.give(c.BreakerReset(by=OWNER, latch="kill", cause=cause))
    assert site.state.latch("kill"), "one person who may, and one who no longer may"
    site.give(c.BreakerReset(by=CHIEF, latch="kill", cause=cause))
    assert (site.state.latch("kill"), site.state.phase) == (None, Phase.SHADOW)
