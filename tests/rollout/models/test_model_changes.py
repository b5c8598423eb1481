"""Another champion: who may, what is written down, what detectors are asked for, and when it gives way by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import select

from core.bundles.wanted_model import WANTED_MODEL_KEY, BundlePlace, WantedModel, read_wanted
from db.ledger import verify
from db.models import Delivery, LedgerEntry, Mode, ModelChange, ModelChangeReport, ModelOrigin
from db.session import Database
from rollout.breakers.trip_scope import EVERYTHING
from rollout.breakers.trips import Action, Tripping, latch
from rollout.models.champion import standing, wanted
from rollout.models.model_changes import (
    NOTHING_BEFORE,
    approvals_lacking,
    consequences,
    promote_model,
    roll_back,
)
from rollout.models.registry import RegisteredBundle, UnknownModel, register_model
from rollout.stages import commands as c
from rollout.stages.commands import Person, Refused, Step
from rollout.stages.state import Phase
from tests.support.rollout.controller_site import UPPER, ControllerSite
from tests.support.rollout.live_shadows import scored_for_a_day
from tests.support.rollout.rollout_plans import CHIEF, DIGEST, LEAD, OPERATOR, OWNER

A, B = "a1" * 32, "b2" * 32
DETECTOR = "detector:test"
RULED: dict[str, Any] = {"state": "in_use", "why": ""}


@pytest.fixture
def site(tmp_path: Path, sqlite_database: Database, redis_client: redis.Redis) -> ControllerSite:
    """In shadow, with two registered models."""
    there = ControllerSite(tmp_path, sqlite_database, redis_client)
    with sqlite_database.write() as session:
        for digest, folder in ((A, "bundles/a"), (B, "bundles/b")):
            register_model(session, RegisteredBundle(digest, folder, None, ModelOrigin.FILE, None, there.now))
    there.tick()
    return there


def promote(site: ControllerSite, digest: str = A, by: Person = OWNER) -> ModelChange:
    """Somebody promotes a model."""
    scored_for_a_day(site.database, {A[:8]: A}.get(digest, digest), site.now)
    with site.database.write() as session:
        return promote_model(session, site.watcher.plan, digest, by, site.now, "sees more at night")


def says(site: ControllerSite, change: int, model: str = "campsite@224:a1a1a1a1", **facts: Any) -> None:
    """What the detector says about a change from now on."""
    site.says[DETECTOR] = {"model": model, "model_change": {"change": change, **RULED, **facts}}


def entries(site: ControllerSite, kind: str) -> list[LedgerEntry]:
    """Of one kind."""
    with site.database.read() as session:
        return list(session.scalars(select(LedgerEntry).where(LedgerEntry.kind == kind).order_by(LedgerEntry.seq)))


def go_live(site: ControllerSite) -> None:
    """The first live stage runs."""
    assert site.promote().started
    for _ in range(4):
        site.tick(10)
    assert site.mode() is Mode.ASSISTED


def test_in_shadow_one_person_promotes_and_the_detectors_are_asked_for_it(site: ControllerSite) -> None:
    change = promote(site, A[:8])
    with site.database.read() as session:
        assert standing(session).champion == A
        assert verify(session).broken_at is None
    assert [(e.subject, e.actor) for e in entries(site, "model.promoted")] == [("model:a1a1a1a1a1a1", "omar")]
    site.tick(5)
    assert read_wanted(site.client) == WantedModel(change.id, BundlePlace(A, "bundles/a"), None)
    site.client.delete(WANTED_MODEL_KEY)
    site.tick(5)
    assert read_wanted(site.client) == WantedModel(change.id, BundlePlace(A, "bundles/a"), None)


def test_the_second_champion_keeps_the_first_for_a_rollback_which_leads_back_to_the_configured_model(
    site: ControllerSite,
) -> None:
    promote(site, A)
    promote(site, B)
    with site.database.write() as session:
        assert wanted(session).previous == BundlePlace(A, "bundles/a")
        assert roll_back(session, "omar", site.now, "worse in rain").to_digest == A
        last = roll_back(session, "omar", site.now)
        assert (last.from_digest, last.to_digest) == (A, None)
        with pytest.raises(Refused, match="there is none before it"):
            roll_back(session, "omar", site.now)
    site.tick(5)
    assert read_wanted(site.client) == WantedModel(last.id)
    assert "none before it" in NOTHING_BEFORE


def test_what_is_no_model_or_is_champion_already_is_refused_and_nothing_written(site: ControllerSite) -> None:
    with pytest.raises(UnknownModel, match="no model ffffffff is registered"):
        promote(site, "ffffffff")
    promote(site, A)
    with pytest.raises(Refused, match="is the champion already"):
        promote(site, A)
    assert len(entries(site, "model.promoted")) == 1


def test_once_campers_are_warned_it_takes_the_people_of_the_plan_and_not_the_one_who_asks(site: ControllerSite) -> None:
    go_live(site)
    with pytest.raises(Refused, match=r"2 people with distinct roles out of .* must agree; so far: nobody"):
        promote(site, by=OPERATOR)
    with pytest.raises(Refused, match="say which model you approve"):
        site.give(c.Approve(by=LEAD, step=Step.MODEL))
    for by in (LEAD, OWNER):
        site.give(c.Approve(by=by, step=Step.MODEL, latch=A))
    assert approvals_lacking(site.watcher.plan, site.state, B, OPERATOR.name, site.now), "that was about another model"
    with pytest.raises(Refused, match="so far: omar"):
        promote(site, by=LEAD)
    assert promote(site, by=OPERATOR).approved_by == ["lena", "omar"]
    for _ in range(2):
        site.tick(5)
    assert site.mode() is Mode.ASSISTED, "the old model scores until a detector says otherwise"


def test_an_approval_counts_only_as_long_as_the_account_stands(site: ControllerSite) -> None:
    go_live(site)
    for by in (CHIEF, OWNER):
        site.give(c.Approve(by=by, step=Step.MODEL, latch=A))
    with site.database.write() as session:
        session.connection().exec_driver_sql("UPDATE users SET active = 0 WHERE name = 'chin'")
    with pytest.raises(Refused, match="no longer counted: chin"):
        promote(site, by=OPERATOR)


def test_when_a_detector_reports_the_new_model_the_stage_is_over_and_the_moment_is_written_down(
    site: ControllerSite,
) -> None:
    go_live(site)
    told = " ".join(consequences(site.watcher.plan, site.state))
    assert "Authority ends at upper-pines" in told
    assert "Evidence starts anew" in told
    for by in (LEAD, OWNER):
        site.give(c.Approve(by=by, step=Step.MODEL, latch=A))
    change = promote(site, by=OPERATOR)
    says(site, change.id, first_scored_at=site.now + 3)
    site.tick(5)
    assert site.mode(UPPER) is Mode.SHADOW
    assert (site.state.phase, site.state.model, site.state.approvals) == (Phase.HANDOVER, "campsite@224:a1a1a1a1", ())
    with site.database.read() as session:
        [report] = session.scalars(select(ModelChangeReport)).all()
        assert (report.outcome, report.process, report.first_scored_at) == ("in_use", DETECTOR, change.at + 3)
    site.tick(5)
    assert len(entries(site, "model.in_use")) == 1, "written down once"


def test_a_refused_model_gives_way_within_a_tick_and_somebody_is_told(site: ControllerSite) -> None:
    change = promote(site)
    says(site, change.id, DIGEST, state="refused", why="it failed its self-test: its scores are no numbers")
    site.tick(5)
    with site.database.read() as session:
        back = session.scalars(select(ModelChange).order_by(ModelChange.id.desc())).first()
        assert back is not None
        assert (back.kind, back.trigger, back.to_digest) == ("rollback", "refused", None)
        assert back.reason == "detector:test refused it: it failed its self-test: its scores are no numbers"
        [title] = set(session.scalars(select(Delivery.title).where(Delivery.key.startswith("model:"))))
        assert title == "The model was rolled back"
    assert read_wanted(site.client) == WantedModel(back.id)
    assert (site.state.model, len(entries(site, "model.refused"))) == (DIGEST, 1)
    site.tick(5)
    assert len(entries(site, "model.rolled_back")) == 1


def test_a_breaker_about_the_model_takes_it_back(site: ControllerSite) -> None:
    change = promote(site)
    says(site, change.id, first_scored_at=site.now + 3)
    site.tick(5)
    assert len(entries(site, "model.rolled_back")) == 0
    with site.database.write() as session:
        found = Tripping("recall_edetector", EVERYTHING, Action.HANDOVER, 1.0, 0.5, "it misses bears")
        latch(session, [found], site.now + 1)
    site.tick(5)
    [entry] = entries(site, "model.rolled_back")
    assert '"trigger":"breaker"' in entry.body
    assert "breaker recall_edetector: it misses bears" in entry.body
    with site.database.read() as session:
        assert standing(session).champion is None


def test_a_breaker_about_a_machine_does_not(site: ControllerSite) -> None:
    change = promote(site)
    says(site, change.id, first_scored_at=site.now + 3)
    site.tick(5)
    with site.database.write() as session:
        latch(session, [Tripping("machine", EVERYTHING, Action.HANDOVER, 1.0, 0.5, "the disk is full")], site.now + 1)
    site.tick(5)
    assert entries(site, "model.rolled_back") == []
