"""What counts as seen is decided by one rule, the plan's: gates, reports and breakers judge the same sighting alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from core.config import Config
from db.models import AlertStatus, Sighting
from db.session import Database
from rollout.breakers.matched_visits import outcomes, settled, sightings_since
from rollout.evidence.comparison import EvidenceRule
from rollout.evidence.matching import MatchRule
from rollout.stages.plan import evidence_rule
from rollout.stages.spec import Evidence
from tests.support.blindness_leaks import cover_of, go_on_watch, log_sighting, ways_in
from tests.support.cast import add_user
from tests.support.factories import T0
from tests.support.pages import Stage, stage
from tests.support.rollout.evidence_rows import MODEL, add_bear, add_watch, assessed, seal_sighting
from tests.support.rollout.rollout_plans import default_plan

ANY_CAMERA = EvidenceRule(match=MatchRule(same_camera=False))
SAME_CAMERA = EvidenceRule(match=MatchRule(same_camera=True))


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
            seal_sighting(session, at, camera="upper-creek")
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


def test_visits_are_told_apart_and_waited_for_as_the_plan_says(seen: Database) -> None:
    with seen.read() as session:
        rows = sightings_since(session, T0 - 1, blind_only=True)
        assert len(outcomes(session, rows, replace(ANY_CAMERA, gap_s=4 * 3600.0))) == 1
        (first, *_) = outcomes(session, rows, ANY_CAMERA)
        assert session.scalars(select(Sighting.id)).all()[0] == first.last_id
    assert settled([first], first.end + 2399, ANY_CAMERA) == []
    assert settled([first], first.end + 2401, ANY_CAMERA) == [first]
    assert settled([first], first.end + 601, replace(ANY_CAMERA, gap_s=0.0)) == [first]


def test_a_plan_that_says_nothing_has_the_rule_that_holds_without_a_plan(config: Config) -> None:
    assert evidence_rule(Evidence()) == EvidenceRule() == default_plan().evidence_rule()
    other = evidence_rule(Evidence(match_before="3m", match_after="5m", same_camera=False, encounter_gap="20m"), 0.8)
    assert other == EvidenceRule(1200.0, MatchRule(180.0, 300.0, False), 0.95, 0.8)


LATER_BY: dict[str, tuple[float, bool]] = {"2m": (300.0, False), "10m": (300.0, True), "20m": (900.0, True)}
"""``match_after``: an encounter so many seconds after a sighting, and whether that is the same visit."""


def _page_where(config: Config, match_after: str) -> Config:
    plan = {"defaults": {"evidence": {"match_after": match_after}}}
    return Config.model_validate({**config.model_dump(mode="json", exclude={"rollout"}), "rollout": plan})


@pytest.fixture(params=LATER_BY)
def ruled(
    request: pytest.FixtureRequest, sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> Iterator[tuple[Stage, float, bool]]:
    """The page under a plan with its own ``match_after``."""
    with stage(sqlite_database, _page_where(config, request.param), redis_url, tmp_path) as page:
        yield (page, *LATER_BY[request.param])


def test_a_sealed_sighting_opens_what_the_plan_would_match_with_it(ruled: tuple[Stage, float, bool]) -> None:
    page, later_s, matched = ruled
    watcher = page.person("day-ranger")
    page.clock.now = T0 - 3600
    go_on_watch(watcher)
    page.clock.now = T0
    log_sighting(watcher, minutes="30")
    alert = page.alert("upper-creek", at=T0 - 1800 + later_s)
    assert set(ways_in(watcher, alert, cover_of(page, alert)).values()) == {matched}


def test_labels_are_named_by_what_the_plan_would_match_with_them(ruled: tuple[Stage, float, bool]) -> None:
    page, later_s, matched = ruled
    rosa = page.person("rosa")
    page.clock.now = T0 + 1800
    seen = {"campsite": "upper-pines", "animal": "raccoon", "seen_at": T0, "idempotency_key": "a-raccoon-there"}
    assert rosa.post("/api/v1/sightings", json=seen).status_code == 201
    alert = page.alert("upper-creek", at=T0 + later_s)
    decision = {"verdict": "not_a_bear", "seen_version": 1, "idempotency_key": "no-bear-there"}
    assert rosa.post(f"/api/v1/alerts/{alert}/decisions", json=decision).status_code == 200
    (label,) = rosa.get("/api/v1/labels").json()["labels"]
    assert label["label"] == ("raccoon" if matched else "not_bear")


def test_a_sighting_that_names_one_camera_labels_no_picture_of_another(page: Stage) -> None:
    rosa = page.person("rosa")
    page.clock.now = T0 + 1800
    seen = {"campsite": "upper-pines", "camera": "upper-trail", "animal": "raccoon", "seen_at": T0,
            "idempotency_key": "a-raccoon-on-the-trail"}  # fmt: skip
    assert rosa.post("/api/v1/sightings", json=seen).status_code == 201
    for camera in ("upper-creek", "upper-trail"):
        alert = page.alert(camera, at=T0 + 60)
        decision = {"verdict": "not_a_bear", "seen_version": 1, "idempotency_key": f"no-bear-{camera}"}
        assert rosa.post(f"/api/v1/alerts/{alert}/decisions", json=decision).status_code == 200
    labels = {each["camera"]: each["label"] for each in rosa.get("/api/v1/labels").json()["labels"]}
    assert labels == {"upper-creek": "not_bear", "upper-trail": "raccoon"}
