"""A model becomes champion when its verdict holds and it has scored beside the champion for a day, or overridden."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import select

from db.ledger import verify
from db.models import LearningRun, LearningStatus, LedgerEntry, ModelOrigin
from db.session import Database
from rollout.evidence.challenger_gate import DAY_S
from rollout.models.challenger import challenge
from rollout.models.champion import overridden_champion, standing
from rollout.models.model_changes import promote_model, roll_back
from rollout.models.model_status import model_registry_status
from rollout.models.promotion_gate import promotion_conditions
from rollout.models.registry import RegisteredBundle, model_named, register_model
from rollout.stages.commands import Refused
from tests.support.rollout.controller_site import ControllerSite
from tests.support.rollout.live_shadows import CONFIGURED_MODEL, scored_for_a_day
from tests.support.rollout.rollout_plans import OWNER

LEARNED, BROUGHT, OTHER = "a1" * 32, "b2" * 32, "c3" * 32
HOLDS = {"name": "fresh events", "passed": True, "sentence": "rolling events: 120 of 100 needed"}
LACKS = {"name": "no slice lost", "passed": False, "sentence": "slices: infra-red loses 4 events more than it wins"}


@pytest.fixture
def site(tmp_path: Path, sqlite_database: Database, redis_client: redis.Redis) -> ControllerSite:
    """In shadow, with a model that was learned here, whose run passed, and one from a file."""
    there = ControllerSite(tmp_path, sqlite_database, redis_client)
    with sqlite_database.write() as session:
        run = a_run(there.now)
        session.add(run)
        session.flush()
        for digest, origin, number in (
            (LEARNED, ModelOrigin.LEARNED, run.id),
            (BROUGHT, ModelOrigin.FILE, None),
            (OTHER, ModelOrigin.FILE, None),
        ):
            register_model(session, RegisteredBundle(digest, f"bundles/{digest[:4]}", None, origin, number, there.now))
    there.tick()
    return there


def a_run(at: float) -> LearningRun:
    """One that passed, as the night writes it."""
    return LearningRun(
        trigger="nightly", status=LearningStatus.PASSED, started_at=at, ended_at=at, heartbeat_at=at, holder="box:1:1",
        stage="", done=1, total=1, labels_until=at, snapshot="5e" * 32, champion=CONFIGURED_MODEL, anchor="0a" * 32,
        challenger=LEARNED, directory="bundles/a1a1", code="1", seed=1, environment={}, labels={}, golden={},
        rolling={}, verdict={"passed": True, "conditions": [HOLDS]}, cost={}, said="passed",
    )  # fmt: skip


def change_run(site: ControllerSite, **columns: Any) -> None:
    """What the only run says."""
    with site.database.write() as session:
        run = session.scalars(select(LearningRun)).one()
        for name, value in columns.items():
            setattr(run, name, value)


def lacking(site: ControllerSite, digest: str = LEARNED) -> dict[str, str]:
    """Conditions that do not hold, with their words."""
    with site.database.read() as session:
        found = promotion_conditions(session, model_named(session, digest), site.now)
        return {each.name: each.words for each in found if not each.passed}


def promote(site: ControllerSite, digest: str = LEARNED, reason: str = "", override: bool = False) -> list[str]:
    """Promote it; returns what was overridden."""
    with site.database.write() as session:
        change = promote_model(session, site.watcher.plan, digest, OWNER, site.now, reason, override=override)
        return list(change.overridden)


def test_a_passed_challenger_that_was_a_day_in_shadow_becomes_the_champion(site: ControllerSite) -> None:
    scored_for_a_day(site.database, LEARNED, site.now)
    assert lacking(site) == {}
    assert promote(site) == []
    with site.database.read() as session:
        assert standing(session).champion == LEARNED
        assert overridden_champion(session).sentences == ()


@pytest.mark.parametrize("digest", [LEARNED, BROUGHT])
def test_one_hour_less_is_refused_in_words_with_the_number_and_what_to_do(site: ControllerSite, digest: str) -> None:
    scored_for_a_day(site.database, digest, site.now, hours=23)
    with pytest.raises(Refused, match=r"in 23 of 24 different hours \(230 frames; .*`bearwatch models challenge"):
        promote(site, digest)
    with site.database.write() as session:
        assert standing(session).last is None
        challenge(session, digest, "omar", site.now)
    assert lacking(site, digest)["24 h of live shadow"].endswith("it scores now; wait")
    scored_for_a_day(site.database, digest, site.now - 23 * 3600, hours=1)
    assert lacking(site, digest) == {}


@pytest.mark.parametrize(
    ("columns", "name", "why"),
    [
        ({"verdict": {"passed": False, "conditions": [HOLDS, LACKS]}}, "the gate's verdict", "infra-red loses 4"),
        ({"status": LearningStatus.REJECTED}, "the gate's verdict", "0 of 1 conditions"),
        ({"verdict": {"passed": True, "conditions": []}}, "the gate's verdict", "0 of 0 conditions"),
        ({"verdict": None}, "the gate's verdict", "has no verdict"),
        (
            {"champion": OTHER},
            "judged beside this champion",
            "c3c3c3c3c3c3; the champion now is 0c0c",
        ),
    ],
)
def test_what_its_learning_run_says_is_asked_again(
    site: ControllerSite, columns: dict[str, Any], name: str, why: str
) -> None:
    scored_for_a_day(site.database, LEARNED, site.now)
    change_run(site, **columns)
    assert why in lacking(site)[name]
    with pytest.raises(Refused, match="may not be promoted yet"):
        promote(site)


def test_an_old_verdict_and_a_second_promotion_within_a_week_do_not_hold(site: ControllerSite) -> None:
    scored_for_a_day(site.database, OTHER, site.now)
    promote(site, OTHER)
    change_run(site, champion=OTHER, labels_until=site.now - 59 * DAY_S)
    site.now += 2 * DAY_S
    scored_for_a_day(site.database, LEARNED, site.now)
    assert "the last promotion was 2.0 days ago, 7 are needed" in lacking(site)["at most weekly"]
    assert "its verdict is 61.0 days old, 60 at the most" in lacking(site)["a fresh verdict"]


def test_hours_beside_another_champion_or_of_another_season_do_not_count(site: ControllerSite) -> None:
    scored_for_a_day(site.database, LEARNED, site.now)
    scored_for_a_day(site.database, OTHER, site.now)
    promote(site, OTHER)
    assert "in 0 of 24" in lacking(site)["24 h of live shadow"]
    site.now += 3600
    with site.database.write() as session:
        roll_back(session, "omar", site.now)
    assert "in 0 of 24" in lacking(site)["24 h of live shadow"], "the configured model may be another one since"
    scored_for_a_day(site.database, BROUGHT, site.now + DAY_S, champion=CONFIGURED_MODEL)
    site.now += DAY_S
    assert lacking(site, BROUGHT) == {}
    site.now += 15 * DAY_S
    assert "in 0 of 24" in lacking(site, BROUGHT)["24 h of live shadow"]


def test_it_can_be_overridden_with_a_reason_which_is_kept_and_shown(site: ControllerSite) -> None:
    with pytest.raises(Refused, match="says why: the reason is empty"):
        promote(site, BROUGHT, " ", override=True)
    [said] = promote(site, BROUGHT, "the champion is blind in fog", override=True)
    assert "in 0 of 24" in said
    with site.database.read() as session:
        entry = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "model.promoted")).one()
        assert json.loads(entry.body)["overridden"] == [said]
        assert verify(session).broken_at is None
        found = overridden_champion(session)
        assert (found.sentences, found.by, found.reason) == ((said,), "omar", "the champion is blind in fog")
        status = model_registry_status(session, site.watcher.plan, site.now)
        assert status.overridden == status.changes[0].overridden == (said,)
        assert next(each for each in status.models if each.digest == BROUGHT).conditions == ()


def test_nothing_is_overridden_where_all_holds(site: ControllerSite) -> None:
    scored_for_a_day(site.database, BROUGHT, site.now)
    assert promote(site, BROUGHT, "", override=True) == []
