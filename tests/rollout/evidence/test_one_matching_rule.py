"""What counts as seen is decided by one rule, the road's: gates, reports and breakers judge the same sighting alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.config import Config
from db.models import AlertStatus, Sighting
from db.session import Database
from rollout.breakers.matched_visits import outcomes, settled, sightings_since
from rollout.evidence.comparison import EvidenceRule
from rollout.evidence.matching import MatchRule
from rollout.evidence.seals import digest_of_sighting
from rollout.stages.plan import evidence_rule
from rollout.stages.spec import Evidence
from tests.support.cast import add_user
from tests.support.evidence_rows import MODEL, add_bear, add_sighting, add_watch, assessed
from tests.support.factories import T0
from tests.support.rollout_plans import shipped

ANY_CAMERA = EvidenceRule(match=MatchRule(same_camera=False))
SAME_CAMERA = EvidenceRule(match=MatchRule(same_camera=True))


def _naming(session: Session, sighting: Sighting, camera: str) -> None:
    """The observer says in whose view it was."""
    entered = {"campsite": sighting.campsite_id, "camera": camera, "animal": "bear", "number": 1, "note": "",
               "seen_at": sighting.seen_at}  # fmt: skip
    sighting.camera_id, sighting.seal = camera, digest_of_sighting(entered, sighting.user_id, sighting.sealed_at)
    session.flush()


@pytest.fixture
def seen(sqlite_database: Database) -> Database:
    """Three sightings on upper-creek: seen by that camera, by the other one, and by that one but rejected."""
    with sqlite_database.write() as session:
        add_user(session)
        add_watch(session, T0 - 3600, T0 + 30 * 3600)
        for number, (camera, status) in enumerate(
            [
                ("upper-creek", AlertStatus.CONFIRMED),
                ("upper-trail", AlertStatus.CONFIRMED),
                ("upper-creek", AlertStatus.REJECTED),
            ]
        ):
            at = T0 + number * 3 * 3600
            _naming(session, add_sighting(session, at), "upper-creek")
            add_bear(session, at + 20, camera, status)
    return sqlite_database


@pytest.mark.parametrize(
    ("rule", "missed"), [(SAME_CAMERA, [False, True, True]), (ANY_CAMERA, [False, False, True])], ids=["same", "any"]
)
def test_breakers_and_gates_miss_the_same_sightings(seen: Database, rule: EvidenceRule, missed: list[bool]) -> None:
    with seen.read() as session:
        found = outcomes(session, sightings_since(session, T0 - 1, blind_only=True), rule)
        gates = assessed(session, ["upper-pines"], T0 - 3600, MODEL, T0 + 30 * 3600, rule)
    assert [outcome.missed for outcome in found] == missed
    assert gates["missed_sightings"].value == sum(missed)
    assert gates["recall_blind"].detail["visits_hit"] == 3 - sum(missed)


def test_visits_are_told_apart_and_waited_for_as_the_road_says(seen: Database) -> None:
    with seen.read() as session:
        rows = sightings_since(session, T0 - 1, blind_only=True)
        assert len(outcomes(session, rows, replace(ANY_CAMERA, gap_s=4 * 3600.0))) == 1
        (first, *_) = outcomes(session, rows, ANY_CAMERA)
        assert session.scalars(select(Sighting.id)).all()[0] == first.last_id
    assert settled([first], first.end + 2399, ANY_CAMERA) == []
    assert settled([first], first.end + 2401, ANY_CAMERA) == [first]
    assert settled([first], first.end + 601, replace(ANY_CAMERA, gap_s=0.0)) == [first]


def test_a_road_that_says_nothing_has_the_rule_that_holds_without_a_road(config: Config) -> None:
    assert evidence_rule(Evidence()) == EvidenceRule() == shipped().evidence_rule()
    other = evidence_rule(Evidence(match_before="3m", match_after="5m", same_camera=False, encounter_gap="20m"), 0.8)
    assert other == EvidenceRule(1200.0, MatchRule(180.0, 300.0, False), 0.95, 0.8)
