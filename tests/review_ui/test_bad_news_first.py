"""What a tired ranger must know stands first: what is not watched, what waits longest, the worst answer of a report."""

from __future__ import annotations

import re

from core.night_span import date_of
from db.models import Role
from tests.support.factories import T0
from tests.support.pages import Stage, report

ZONE = "America/Los_Angeles"
SEVERITY = ("act", "look", "not-known", "fine")


def test_what_nobody_watches_stands_above_what_the_model_does(page: Stage) -> None:
    text = page.person().get("/").text
    assert text.index("The cameras are not watching for you") < text.index("It warns nobody")


def test_a_blind_camera_comes_before_those_that_see_wherever_it_stands(page: Stage) -> None:
    telemetry = page.app.state.site.telemetry
    *seeing, last = page.config.cameras
    for camera in seeing:
        report(telemetry, camera, page.clock())
    page.app.state.site.board.refresh()
    text = page.person().get("/").text
    strip = re.findall(r'data-camera="([a-z-]+)" data-seeing="(\w+)"', text)
    assert strip == [(last, "blind"), *((camera, "sees") for camera in seeing)]


def test_a_night_opens_at_its_newest_visit(page: Stage) -> None:
    page.alert("upper-creek", T0 - 7200)
    page.alert("upper-trail", T0 - 3600)
    night = date_of(T0, ZONE)
    text = page.person().get(f"/nights/{night}").text
    opened = re.search(r'id="night-frames"[^>]* data-at="(\d+)', text)
    assert opened
    assert abs(int(opened[1]) - (T0 - 3600)) <= 2
    assert "No picture of this moment: Creek, Meadow." in text
    asked = page.person().get(f"/nights/{night}?at={T0 - 7200}").text
    assert f'data-at="{int(T0 - 7200)}' in asked


def test_a_reports_worst_answer_comes_first(page: Stage) -> None:
    text = page.person("lena", Role.LEAD_RANGER).get("/reports/daily").text
    lights = re.findall(r'<li class="light-([a-z-]+)">', text)
    assert len(lights) == 4
    taken_away = page.person("lena").get("/reports/daily/html").text
    assert re.findall(r'<li class="light-([a-z-]+)">', taken_away) == lights
    assert lights == sorted(lights, key=SEVERITY.index)
    assert lights[0] != "fine"


def test_what_is_not_there_says_why_it_may_not_be(page: Stage) -> None:
    text = page.person().get("/no-such-page").text
    assert "The address is wrong, or what was here is gone, not yours, or hidden while you are on watch." in text
