"""Nobody relies on a camera that is not watched without being told: rangers, campers, and every open page."""

from __future__ import annotations

import re

import pytest

from db.models import Mode, UserCampsite
from review_ui.live.broadcast import shape
from review_ui.live.modes import modes_now
from rollout.authority.freshness import check_freshness
from tests.support.cast import grant, require_freshness, seen
from tests.support.factories import T0
from tests.support.pages import Stage


@pytest.fixture
def page(readers: None, page: Stage) -> Stage:
    """Campers of Upper Pines rely on two cameras, which are watched and see."""
    with page.database.write() as session:
        grant(session, "upper-pines", Mode.AUTOMATIC, T0 - 10, T0 + 3580)
        require_freshness(session, "upper-pines")
    watched(page, "upper-creek", 5.0)
    watched(page, "upper-trail", 5.0)
    return page


def watched(page: Stage, camera: str, ago_s: float) -> None:
    """The camera's last picture was handled so long ago."""
    with page.database.write() as session:
        seen(session, camera, page.clock.now - ago_s)


def text_of(page: Stage, path: str = "/") -> str:
    """A page's words for the day ranger, tags taken out."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.person("day-ranger").get(path).text))


def said_to_campers(page: Stage, language: str = "en") -> str:
    text = page.stranger().get(f"/camp/upper-pines?lang={language}").text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text))


def shape_now(page: Stage) -> str:
    with page.database.read() as session:
        return shape(modes_now(session, page.app.state.site.board, page.clock.now))


def test_while_all_cameras_are_watched_nothing_is_said_of_it(page: Stage) -> None:
    assert "not watched" not in text_of(page).lower()
    assert page.stranger().get("/api/v1/camp/upper-pines").json()["service"] == "full"


def test_the_strip_and_the_banner_say_which_camera_is_not_watched_and_for_how_long(page: Stage) -> None:
    before = shape_now(page)
    watched(page, "upper-creek", 40.0)
    words = text_of(page)
    assert words.count("NOT WATCHED for 40 s") == 2, "in the strip and in the banner"
    assert "1 camera is not watched. Nobody is warned on its account" in words
    assert "the cameras are not watching for you" not in words.lower()
    assert shape_now(page) != before, "open pages fetch the new banner at once"


def test_the_cameras_pages_say_it_when_they_are_first_drawn(page: Stage) -> None:
    watched(page, "upper-creek", 40.0)
    assert text_of(page, "/cameras").count("NOT WATCHED for 40 s") == 2, "in the list and in the banner"
    assert text_of(page, "/cameras/upper-creek").count("NOT WATCHED for 40 s") == 2
    assert "Last picture NOT WATCHED" not in text_of(page, "/cameras/upper-creek")
    assert text_of(page, "/cameras/upper-trail").count("NOT WATCHED") == 1, "in the banner alone"


def test_a_campsite_without_any_watched_camera_is_a_manual_watch(page: Stage) -> None:
    for camera in ("upper-creek", "upper-trail"):
        watched(page, camera, 40.0)
    assert "The cameras are not watching for you" in text_of(page)


def test_campers_are_told_that_cameras_are_not_watching_and_since_when(page: Stage) -> None:
    watched(page, "upper-creek", 40.0)
    said = page.stranger().get("/api/v1/camp/upper-pines").json()
    assert (said["service"], said["unwatched_since"]) == ("partly", page.clock.now - 40.0)
    assert "Some cameras are not watching now" in said_to_campers(page)
    assert "Not watching since" in said_to_campers(page)
    assert "No vigilan desde las" in said_to_campers(page, "es")
    watched(page, "upper-trail", 40.0)
    assert "The cameras are not watching now" in said_to_campers(page)
    assert "Las cámaras no vigilan ahora" in said_to_campers(page, "es")


def test_in_shadow_nobody_relies_on_it_and_nothing_is_said(page: Stage) -> None:
    watched(page, "lower-meadow", 4000.0)
    assert "NOT WATCHED" not in text_of(page)
    assert page.stranger().get("/api/v1/camp/lower-pines").json()["unwatched_since"] is None


def test_the_rollout_page_lists_the_cameras_whose_authority_rests_since_when_and_why(page: Stage) -> None:
    assert "paused" not in page.person("day-ranger").get("/rollout").text
    watched(page, "upper-creek", 40.0)
    now = page.clock.now
    check_freshness(page.database, now, lambda: lambda camera: "no detector reports")
    (camera,) = page.person("day-ranger").get("/api/v1/rollout").json()["paused"]
    assert camera == {
        "camera": "upper-creek", "name": "Creek", "campsite": "upper-pines", "campsite_name": "Upper Pines",
        "since": now - 10.0, "why": "no detector reports",
    }  # fmt: skip
    text = page.person("day-ranger").get("/rollout").text
    assert '<a href="/cameras/upper-creek"><b>Creek</b>, Upper Pines</a>' in text
    assert "1 camera is not watched nobody is warned on its account" in text_of(page, "/rollout")
    assert ": no detector reports" in text_of(page, "/rollout")


def test_who_has_another_campsite_is_not_told_of_it_and_a_blind_watcher_is(page: Stage) -> None:
    watched(page, "upper-creek", 40.0)
    with page.database.write() as session:
        page.person("chin")
        session.add(UserCampsite(user_id=page.user_id("chin"), campsite_id="lower-pines"))
    assert page.person("chin").get("/api/v1/rollout").json()["paused"] == []
    assert "upper" not in page.person("chin").get("/fragments/rollout").text.casefold()
    watcher = page.person("day-ranger")
    assert watcher.post("/watches", data={"campsite": "upper-pines"}).status_code == 303
    assert [each["camera"] for each in watcher.get("/api/v1/rollout").json()["paused"]] == ["upper-creek"]
