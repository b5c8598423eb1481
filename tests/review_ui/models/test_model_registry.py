"""The model page promotes and rolls back, for those who may, after a password, and says before what that does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from core.bundles.wanted_model import BundlePlace, WantedModel, read_wanted
from core.config import Config
from db.models import ChangeTrigger, Role, UserCampsite
from db.session import Database
from detector.models.bundle import BUILT_IN, ModelBundle
from rollout.models.model_changes import promote_model, roll_back
from rollout.models.model_status import HIDDEN
from rollout.stages import commands as c
from rollout.stages.commands import Step
from tests.support.blindness_leaks import go_on_watch
from tests.support.bundles import changed_bundle
from tests.support.pages import PASSWORD
from tests.support.rollout.live_shadows import scored_for_a_day
from tests.support.rollout.rollout_pages import RolloutStage, rollout_stage, with_plan
from tests.support.rollout.rollout_plans import LEAD, OPERATOR, OWNER

WITH = {"password": PASSWORD, "reason": "sees more at night"}


@pytest.fixture(scope="module")
def night_model(tmp_path_factory: pytest.TempPathFactory) -> ModelBundle:
    """Another model than the built-in one."""
    return changed_bundle(tmp_path_factory.mktemp("bundles") / "night-model")


@pytest.fixture
def there(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path, night_model: ModelBundle
) -> Iterator[RolloutStage]:
    """A site in shadow; another model lies in its data folder."""
    assert night_model.directory is not None
    shutil.copytree(night_model.directory, tmp_path / "bundles" / "night-model")
    with rollout_stage(sqlite_database, with_plan(config), redis_url, tmp_path) as stage:
        yield stage


def registry(there: RolloutStage, who: str = "omar") -> dict[str, Any]:
    """As the API tells it."""
    found: dict[str, Any] = there.page.person(who, Role.MODEL_OWNER).get("/api/v1/models/registry").json()
    return found


def test_an_owner_registers_promotes_and_rolls_back_on_the_page(
    there: RolloutStage, night_model: ModelBundle, redis_client: redis.Redis
) -> None:
    omar, path = there.page.person("omar"), f"/models/{night_model.digest}"
    assert "It is not registered, and so it cannot be promoted." in omar.get(path).text
    assert omar.post(f"{path}/register", data={"password": PASSWORD}).status_code == 303
    shown = omar.get(path).text
    assert "Evidence starts anew" in shown
    assert "Nobody else has to" in shown
    assert "Beside the champion" not in shown, "which model the configuration means is not known before it runs"
    scored_for_a_day(there.page.database, night_model.digest, there.page.clock.now)

    answer = omar.post(f"{path}/promote", data=WITH)
    assert (answer.status_code, answer.headers["location"]) == (303, "/models?done=promoted")
    listed = omar.get("/models?done=promoted").text
    assert f"<b>{night_model.short_digest}</b>" in listed[listed.index("champion-name") :][:120]
    assert "No frame was scored by it yet." in listed
    assert "sees more at night" in listed
    wanted = read_wanted(redis_client)
    assert wanted == WantedModel(1, BundlePlace(night_model.digest, "bundles/night-model", night_model.runs))

    assert omar.post("/models/rollback", data=WITH).headers["location"] == "/models?done=rolled-back"
    assert read_wanted(redis_client) == WantedModel(2)
    refused = omar.post("/models/rollback", data=WITH)
    assert refused.status_code == 409
    assert "there is none before it" in refused.text


@pytest.mark.parametrize("who", ["rosa", "lena", "olga", "adam"])
def test_who_has_not_the_right_sees_no_button_and_is_refused(
    there: RolloutStage, night_model: ModelBundle, who: str
) -> None:
    browser, path = there.page.person(who), f"/models/{night_model.digest}"
    for route in (f"{path}/register", f"{path}/promote", "/models/rollback"):
        assert browser.post(route, data=WITH).status_code == 403
        assert route not in browser.get(path).text + browser.get("/models").text
    for route in ("register", "promote"):
        body = {"password": PASSWORD}
        assert browser.post(f"/api/v1/models/{night_model.digest}/{route}", json=body).status_code == 403
    assert browser.post("/api/v1/models/rollback", json={"password": PASSWORD}).status_code == 403
    assert registry(there)["models"] == []


def test_without_the_right_password_nothing_is_done_and_what_was_typed_stays(
    there: RolloutStage, night_model: ModelBundle
) -> None:
    omar, path = there.page.person("omar"), f"/models/{night_model.digest}"
    assert omar.post(f"{path}/register", data={"password": PASSWORD}).status_code == 303
    for password in ("", "wrong"):
        refused = omar.post(f"{path}/promote", data={"password": password, "reason": "sees more at night"})
        assert refused.status_code == 422
        assert "Nothing was done." in refused.text
        assert 'value="sees more at night"' in refused.text
    answer = omar.post(f"/api/v1/models/{night_model.digest}/promote", json={"password": "wrong"})
    assert answer.status_code == 422
    assert registry(there)["champion"] is None


def test_a_model_without_its_day_in_shadow_is_refused_and_overridden_only_with_a_reason(
    there: RolloutStage, night_model: ModelBundle, redis_client: redis.Redis
) -> None:
    omar, path = there.page.person("omar"), f"/models/{night_model.digest}"
    omar.post(f"{path}/register", data={"password": PASSWORD})
    assert omar.post(f"{path}/challenge").headers["location"] == f"{path}?done=challenging"
    wanted = read_wanted(redis_client)
    assert wanted is not None
    assert wanted.challenger == BundlePlace(night_model.digest, "bundles/night-model", night_model.runs)
    shown = omar.get(path).text
    assert "in 0 of 24 different hours" in shown
    assert "Promote it although 1 condition does not hold" in shown
    for form in (WITH, {"password": PASSWORD, "override": "true"}):
        refused = omar.post(f"{path}/promote", data=form)
        assert (refused.status_code, "Nothing was changed." in refused.text) == (409, True)
    answer = omar.post(f"/api/v1{path}/promote", json=WITH)
    assert (answer.status_code, "24 different hours" in answer.json()["detail"]) == (409, True)
    assert omar.post(f"{path}/promote", data={**WITH, "override": "true"}).status_code == 303
    for page in ("/models", "/"):
        assert "OVERRIDDEN" in there.page.person("rosa").get(page).text
    assert registry(there)["overridden"] == registry(there)["changes"][0]["overridden"] != []


def test_a_live_shadow_is_started_and_ended_by_programs_too(there: RolloutStage, night_model: ModelBundle) -> None:
    omar, path = there.page.person("omar"), "/api/v1/models"
    assert omar.post(f"{path}/{night_model.digest}/challenge", json={}).status_code == 404
    omar.post(f"{path}/{night_model.digest}/register", json={"password": PASSWORD})
    started = omar.post(f"{path}/{night_model.digest}/challenge", json={}).json()
    assert started["challenger"]["digest"] == night_model.digest
    assert "End its live shadow" in omar.get("/models").text
    assert omar.post(f"{path}/withdraw", json={}).json()["challenger"] is None
    refused = omar.post("/models/withdraw")
    assert (refused.status_code, "no challenger scores" in refused.text.lower()) == (409, True)


def test_where_campers_are_warned_it_takes_two_others_and_the_page_says_what_ends(
    there: RolloutStage, night_model: ModelBundle
) -> None:
    omar, lena, chin = (there.page.person(name) for name in ("omar", "lena", "chin"))
    ana, digest = there.page.person("ana", Role.ADMINISTRATOR), night_model.digest
    path = f"/api/v1/models/{digest}"
    assert ana.post(f"{path}/register", json={"password": PASSWORD}).status_code == 200
    there.go_live()
    scored_for_a_day(there.page.database, digest, there.page.clock.now)
    shown = ana.get(f"/models/{digest}").text
    assert "Authority ends at upper-pines" in shown
    assert "2 people with distinct roles out of lead ranger, model owner must agree; so far: nobody." in shown
    assert f"/models/{digest}/promote" not in shown, "no button before they agree"
    refused = ana.post(f"{path}/promote", json={"password": PASSWORD})
    assert (refused.status_code, "must agree" in refused.json()["detail"]) == (409, True)

    for browser in (lena, chin):
        assert browser.post(f"/models/{digest}/approve", data={"password": PASSWORD}).status_code == 303
    assert ana.post(f"{path}/promote", json={"password": PASSWORD}).status_code == 409, "two of one role are not enough"
    assert omar.post(f"{path}/approvals", json={"password": PASSWORD}).status_code == 200
    assert omar.post(f"{path}/promote", json={"password": PASSWORD}).status_code == 409, "he asks and agrees"
    there_now = registry(there)
    assert set(there_now["models"][0]["approved_by"]) >= {"omar"}
    scored_for_a_day(there.page.database, digest, there.page.clock.now)
    done = ana.post(f"{path}/promote", json={"password": PASSWORD, "reason": "better at dusk"}).json()
    assert done["champion"] == digest
    assert (done["changes"][0]["requested_by"], len(done["changes"][0]["approved_by"])) == ("ana", 2)
    assert there.state.live, "authority ends when a detector reports the model, not before"


def test_an_unknown_or_unregistered_model_is_said(there: RolloutStage, night_model: ModelBundle) -> None:
    omar = there.page.person("omar")
    body = {"password": PASSWORD}
    assert omar.post("/api/v1/models/ffffffff/promote", json=body).status_code == 404
    assert omar.post(f"/api/v1/models/{night_model.digest}/promote", json=body).status_code == 404
    assert omar.post("/api/v1/models/ffffffff/register", json=body).status_code == 404
    assert omar.get("/api/v1/models/ffffffff/compare/eeeeeeee").status_code == 404
    assert omar.post(f"/models/{night_model.digest}/promote", data=body).status_code == 409


def test_two_models_are_shown_side_by_side(there: RolloutStage, night_model: ModelBundle) -> None:
    omar, built_in = there.page.person("omar"), ModelBundle.load(BUILT_IN)
    found = omar.get(f"/api/v1/models/{built_in.digest[:12]}/compare/{night_model.digest[:12]}").json()
    assert (found["first"], found["second"], found["differs"]) == (built_in.short_digest, night_model.short_digest, {})
    assert found["slices"]
    assert all(each["first"] == each["second"] for each in found["slices"])
    for digest in (built_in.digest, night_model.digest):
        assert omar.post(f"/models/{digest}/register", data={"password": PASSWORD}).status_code == 303
    scored_for_a_day(there.page.database, built_in.digest, there.page.clock.now)
    assert omar.post(f"/models/{built_in.digest}/promote", data=WITH).status_code == 303
    assert "They differ in their weights alone." in omar.get(f"/models/{night_model.digest}").text


def test_what_a_breaker_found_is_kept_from_whoever_watches_or_has_one_campsite(
    there: RolloutStage, night_model: ModelBundle
) -> None:
    omar, rosa, lena = (there.page.person(name) for name in ("omar", "rosa", "lena"))
    assert omar.post(f"/models/{night_model.digest}/register", data={"password": PASSWORD}).status_code == 303
    there.go_live()
    found = "breaker missed_sighting_1: 2 bears missed at site:upper-pines"
    with there.page.database.write() as session:
        session.add(UserCampsite(user_id=there.page.user_id("lena"), campsite_id="lower-pines"))
    for by in (LEAD, OWNER):
        there.give(c.Approve(by=by, step=Step.MODEL, latch=night_model.digest))
    scored_for_a_day(there.page.database, night_model.digest, there.page.clock.now)
    with there.page.database.write() as session:
        promote_model(session, there.plan, night_model.digest, OPERATOR, there.page.clock.now)
        roll_back(session, "controller", there.page.clock.now, found, trigger=ChangeTrigger.BREAKER)
    assert found in omar.get("/models").text
    go_on_watch(rosa, "lower-pines")
    for browser in (rosa, lena):
        told = browser.get("/api/v1/models/registry").json()
        assert told["changes"][0]["reason"] == HIDDEN
        assert "missed" not in browser.get("/models").text
        assert "upper-pines" not in " ".join(told["consequences"])
