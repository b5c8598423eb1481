"""The rollout page and its API: what they show, and to whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.config import Config
from db.models import AlertStatus, AuthorityLease, Mode, UserCampsite
from db.session import Database
from rollout.evidence.on_off_nights import NightPlan, schedule
from rollout.evidence.stats.visits import night_of
from rollout.stages.commands import Effect
from rollout.stages.plan_watcher import PlanWatcher
from tests.support.pages import stage
from tests.support.rollout.evidence_rows import add_bear, add_hours
from tests.support.rollout.rollout_pages import RolloutStage, rollout_stage
from tests.support.rollout.rollout_plans import DIGEST


@pytest.fixture
def default_plan(sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path) -> Iterator[RolloutStage]:
    """The page with the default plan, in shadow."""
    with rollout_stage(sqlite_database, config, redis_url, tmp_path, stages=[]) as made:
        yield made


def test_before_a_controller_has_run_the_page_says_what_to_do(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    with stage(sqlite_database, config, redis_url, tmp_path) as page:
        text = page.person("day-ranger").get("/rollout").text
    assert "no controller has read the rollout plan yet" in text.casefold()
    assert "Nothing has happened yet" in text
    assert "Nobody is named." in text
    assert "No manual watch was rehearsed yet" in text


def test_the_page_shows_the_plan_the_gates_and_what_is_in_the_way(there: RolloutStage) -> None:
    text = there.page.person("rosa").get("/rollout").text
    assert 'aria-label="The rollout has 2 stages. We are at stage 1, shadow, shadow."' in text
    assert "Breakers that are open" in text
    assert "needs exactly 0 breakers" in text
    assert "2 people with distinct roles out of lead ranger, model owner must agree; so far: nobody." in text
    assert "chin (lead ranger), lena (lead ranger), omar (model owner)" in text
    assert 'action="/rollout/approve"' not in text, "a ranger may not approve, and is not asked to"


def test_what_a_gate_still_lacks_is_said_in_numbers_and_words(default_plan: RolloutStage) -> None:
    gates = {g["metric"]: g for g in default_plan.page.person("rosa").get("/api/v1/rollout").json()["gates"]}
    text = default_plan.page.person("rosa").get("/rollout").text
    recall = gates["recall_blind"]
    assert (recall["outcome"], recall["have"]) == ("inconclusive", 0.0)
    needs = f"{recall['need']:g} more bear-nights; nobody can say how long that takes, none was seen yet."
    assert recall["missing"] == needs
    assert gates["false_alarms_per_camera_day"]["missing"].endswith("about 20 days at the present rate.")
    assert "needs at least 90 %, even at the 95 % bound" in text
    assert "Fails" not in text, "too few nights are too early, not a failure"


def test_the_page_shows_the_last_analysis_with_its_age_and_analyses_anew_when_asked(default_plan: RolloutStage) -> None:
    """The first reader's analysis is stored; the second does not work all evidence out again."""
    rosa, clock = default_plan.page.person("rosa"), default_plan.page.clock
    with default_plan.page.database.write() as session:
        add_hours(session, clock.now - 7200, 2)
    assert "Evidence was worked out just now" in rosa.get("/rollout").text
    with default_plan.page.database.write() as session:
        add_bear(session, clock.now - 3600, status=AlertStatus.REJECTED, model=DIGEST)
    clock.now += 720
    before = rosa.get("/api/v1/rollout").json()
    assert (before["last_analysis"]["age_s"], before["last_analysis"]["late"]) == (720, False)
    page = rosa.get("/rollout").text
    assert "Evidence was worked out 12 min ago" in page
    assert 'class="course"' not in page, "one analysis has no course"
    answer = rosa.post("/rollout/analysis")
    assert answer.headers["location"] == "/rollout?done=analysis"
    after = rosa.get("/api/v1/rollout").json()
    assert after["last_analysis"]["age_s"] == 0
    alarms = {g["metric"]: g for g in after["gates"]}["false_alarms_per_camera_day"]
    assert alarms["course"][0]["value"] == 0
    assert alarms["course"][1]["value"] == alarms["value"] > 0
    page = rosa.get("/rollout?done=analysis").text
    assert "Evidence was worked out anew." in page
    assert re.search(r'<svg class="course"[^>]*role="img" aria-label="Alerts without a bear, from [^"]+"', page)
    clock.now += 7201
    assert "the controller should do it each hour" in rosa.get("/rollout").text
    assert rosa.post("/api/v1/rollout/analysis").json()["last_analysis"]["age_s"] == 0


def test_who_watches_blind_sees_no_course_either(default_plan: RolloutStage) -> None:
    rosa, clock = default_plan.page.person("rosa"), default_plan.page.clock
    with default_plan.page.database.write() as session:
        add_hours(session, clock.now - 7200, 2)
    rosa.get("/rollout")
    assert rosa.post("/watches", data={"campsite": "upper-pines"}).status_code == 303
    clock.now += 60
    rosa.post("/rollout/analysis")
    assert 'class="course"' not in rosa.get("/rollout").text
    assert all(gate["course"] == [] for gate in rosa.get("/api/v1/rollout").json()["gates"])
    assert 'class="course"' in default_plan.page.person("chin").get("/rollout").text


def test_on_watch_no_number_on_the_page_or_in_the_api_moves_with_what_the_model_sees(
    default_plan: RolloutStage,
) -> None:
    page, rosa = default_plan.page, default_plan.page.person("rosa")
    with page.database.write() as session:
        add_hours(session, page.clock.now - 7200, 2)
    assert rosa.post("/watches", data={"campsite": "upper-pines"}).status_code == 303
    before, chins = _everything(rosa), _everything(default_plan.page.person("chin"))
    with page.database.write() as session:
        for minute in range(8):
            add_bear(session, page.clock.now - 3600 + 400 * minute, status=AlertStatus.REJECTED, model=DIGEST)
    default_plan.trip("false_alarm_burst", "8 rejected at camera:upper-creek", "upper-creek", "upper-pines")
    default_plan.trip("camera_loss", "silent for 130 s", "lower-meadow", "lower-pines")
    after = _everything(rosa)
    page_text = rosa.get("/rollout").text
    assert _everything(default_plan.page.person("chin")) != chins, "whoever does not watch sees them move"
    assert [gate["outcome"] for gate in after["gates"]] == ["hidden"] * 7
    assert after["gates"] == before["gates"]
    assert after["stages"] == before["stages"]
    assert "You watch Upper Pines." in page_text
    assert "a count that goes up is as good as an alert" in page_text
    assert "rejected" not in page_text
    assert "A breaker about what the model sees" in page_text
    assert "silent for 130 s" in page_text, "a blind camera is no secret"
    assert not any("rejected" in event["details"] or "burst" in event["title"] for event in after["events"])


def _everything(browser: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = browser.get("/api/v1/rollout").json()
    return {**found, "events": browser.get("/api/v1/rollout/history").json()["events"], "at": 0}


def test_whoever_has_one_campsite_learns_nothing_that_happens_at_another(there: RolloutStage) -> None:
    there.trip("camera_loss", "camera lower-meadow is silent", "lower-meadow", "lower-pines", Effect.HANDOVER)
    lena = there.page.person("lena")
    with there.page.database.write() as session:
        session.add(UserCampsite(user_id=there.page.user_id("lena"), campsite_id="upper-pines"))
    for path in ("/rollout", "/rollout/history", "/api/v1/rollout", "/api/v1/rollout/history", "/api/v1/rollout/plan"):
        text = lena.get(path).text
        assert "lower" not in text.casefold(), path
        assert "Meadow" not in text, path
    assert "Upper Pines and 1 more" in lena.get("/rollout").text


def test_the_plan_is_read_again_when_its_file_changes_and_a_mistake_leaves_the_old_one(
    config: Config, tmp_path: Path
) -> None:
    file = tmp_path / "bearwatch.yaml"
    places = config.model_dump_json(exclude={"rollout"}, exclude_defaults=True)
    file.write_text(f'{places[:-1]}, "rollout": {{"metadata": {{"name": "first"}}}}}}')
    watcher = PlanWatcher.over(file, config)
    file.write_text(f'{places[:-1]}, "rollout": {{"metadata": {{"name": "the second plan"}}}}}}')
    assert watcher.current().name == "the second plan"
    file.write_text(f'{places[:-1]}, "rollout": {{"nmae": "a mistake in it"}}}}')
    assert watcher.current().name == "the second plan"
    assert "nmae" in (watcher.problem or "")


def test_an_off_night_is_said_on_every_page(live: RolloutStage) -> None:
    night = night_of(live.page.clock.now, "America/Los_Angeles")
    seed = next(
        str(n)
        for n in range(99)
        if NightPlan(("upper-pines",), night, 2, 2, str(n)).is_on("upper-pines", night) is False
    )
    with live.page.database.write() as session:
        schedule(
            session, "does it help", NightPlan(("upper-pines",), night, 2, 2, seed), live.page.user_id("olga"), 0.0
        )
    text = live.page.person("rosa").get("/").text
    assert "Off night" in text
    assert "Campers are not warned by the system" in text
    with live.page.database.read() as session:
        assert session.get_one(AuthorityLease, "upper-pines").mode == Mode.ASSISTED, "the lease itself is untouched"
