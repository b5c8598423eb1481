"""One night on one page: what was seen, decided and watched, at every moment, and nothing that is hidden."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from core.clock import hour_start
from db.models import AuditAnswer, AuditDraw, AuditSheet, CameraHour, UserCampsite
from tests.support.factories import T0, jpeg
from tests.support.pages import Stage

NIGHT = "/nights/2027-01-14"
"""T0 is midnight at the campsites, of the night that began on the fourteenth."""


@pytest.fixture
def page(page: Stage) -> Stage:
    """The page an hour later."""
    page.clock.now = T0 + 3600.0
    return page


def _decide(browser: TestClient, alert: int, verdict: str) -> None:
    body = {"verdict": verdict, "seen_version": 1, "idempotency_key": f"a-key-for-{alert}"}
    assert browser.post(f"/api/v1/alerts/{alert}/decisions", json=body).status_code == 200


def _scored(page: Stage, camera: str, minutes: int, thumbnails: list[str] | None = None) -> None:
    with page.database.write() as session:
        session.add(
            CameraHour(
                camera_id=camera, hour_at=float(hour_start(T0)), frames={}, histogram=[0] * 20, max_score=0.0,
                minutes=minutes, thumbnails=thumbnails or [],
            )
        )  # fmt: skip


def test_a_night_shows_what_was_seen_decided_and_watched(page: Stage) -> None:
    ranger = page.person()
    alert = page.alert("upper-creek", T0 + 600)
    _decide(ranger, alert, "bear")
    page.alert("lower-meadow", T0 + 1200)
    ranger.post("/watches", data={"campsite": "lower-pines"})
    ranger.post("/watches/1/end")
    ranger.post("/sightings", data={"campsite": "upper-pines", "animal": "deer", "number": "3", "when": "now"})
    shown = ranger.get(NIGHT).text
    assert "Night of Thu 14 Jan" in shown
    assert "Creek, Upper Pines: in view for 0 s. Bear" in shown
    assert "Meadow, Lower Pines: in view for 0 s. Waiting" in shown
    assert f'href="/alerts/{alert}"' in shown
    assert "day-ranger watched Lower Pines" in shown
    assert "day-ranger saw 3 \N{MULTIPLICATION SIGN} deer at Upper Pines" in shown
    assert "mark-visit-confirmed" in shown
    assert "mark-visit-open" in shown
    only = ranger.get(f"{NIGHT}?campsite=lower-pines").text
    assert "Creek" not in only.partition("<main")[2]
    assert "Meadow, Lower Pines" in only


def test_minutes_in_which_nobody_looked_are_said(page: Stage) -> None:
    _scored(page, "upper-creek", (1 << 60) - 1 & ~(0b1111 << 20))
    answer = page.person().get("/api/v1/nights/2027-01-14").json()
    creek = next(each for each in answer["cameras"] if each["camera"] == "upper-creek")
    assert [T0 + 20 * 60, T0 + 24 * 60] in creek["unscored"]
    trail = next(each for each in answer["cameras"] if each["camera"] == "upper-trail")
    assert len(trail["unscored"]) == 1  # all night so far
    assert answer["end"] - answer["start"] == 24 * 3600


def test_the_frames_at_a_moment_are_those_of_the_encounter_else_of_the_minute(page: Stage) -> None:
    page.alert("upper-creek", T0 + 600)
    key = page.media.put("upper-trail", T0, jpeg(120))
    _scored(page, "upper-trail", 0b10000000000, [key])
    ranger = page.person()
    shots = {each["camera"]: each for each in ranger.get(f"/api/v1/nights/2027-01-14/frames?at={T0 + 601}").json()}
    assert abs(shots["upper-creek"]["at"] - (T0 + 600.4)) < 1
    assert not shots["upper-creek"]["about"]
    assert (shots["upper-trail"]["picture"], shots["upper-trail"]["about"]) == (f"/media/{key}", True)
    assert shots["lower-meadow"]["picture"] is None
    linked = ranger.get(f"{NIGHT}/frames?at={T0 + 601}").text
    assert f'href="{NIGHT}?at={T0 + 601:.0f}"' in linked  # a link to this very moment
    assert ranger.get(f"{NIGHT}?at={T0 + 601}").text.count(shots["upper-creek"]["picture"]) >= 1


def test_on_watch_the_night_tells_nothing_of_what_the_model_saw_there(page: Stage) -> None:
    alert = page.alert("upper-creek", T0 + 600)
    page.alert("lower-meadow", T0 + 700)
    ranger = page.person()
    ranger.post("/watches", data={"campsite": "upper-pines"})
    page.person("ben").post(
        "/sightings", data={"campsite": "upper-pines", "animal": "bear", "number": "1", "when": "now"}
    )
    shown = ranger.get(f"{NIGHT}?at={T0 + 600}").text
    assert f"/alerts/{alert}" not in shown
    assert "Creek, Upper Pines: in view" not in shown
    assert "ben saw" not in shown  # two watchers stay independent
    assert "Hidden while you are on watch" in shown
    assert "Meadow, Lower Pines: in view" in shown
    answer = ranger.get("/api/v1/nights/2027-01-14").json()
    hidden = {each["camera"]: (each["hidden"], len(each["visits"])) for each in answer["cameras"]}
    assert hidden == {"upper-creek": (True, 0), "upper-trail": (True, 0), "lower-meadow": (False, 1)}


def test_audits_are_told_once_their_day_is_over_and_planted_sheets_never(page: Stage) -> None:
    ranger = page.person()
    with page.database.write() as session:
        session.add(AuditDraw(day="2027-01-15", drawn_at=T0, seed="1", hours=9, hours_digest="0" * 64))
        for number, kind, hour_at in ((1, "random", T0), (2, "planted", T0 - 3600)):
            session.add(
                AuditSheet(id=number, day="2027-01-15", position=number, kind=kind, campsite_id="upper-pines",
                           camera_id="upper-creek", hour_at=hour_at, stratum="s", probability=None, thumbnails=[],
                           minutes=[], drawn_at=T0, due_at=page.clock.now + 100)
            )  # fmt: skip
            session.flush()
            session.add(
                AuditAnswer(sheet_id=number, user_id=page.user_id(), bear="yes", marked=[0], answered_at=T0,
                            idempotency_key=f"audit-key-{number}")
            )  # fmt: skip
    assert "looked through this hour" not in ranger.get(NIGHT).text
    page.clock.now += 100
    assert ranger.get(NIGHT).text.count("looked through this hour of Creek, Upper Pines, blind: a bear") == 1
    creek = ranger.get("/api/v1/nights/2027-01-14").json()["cameras"][0]
    assert creek["audits"] == [{"hour_at": T0, "bear": "yes", "by": "day-ranger"}]


def test_a_campsite_that_is_not_theirs_is_not_there(page: Stage) -> None:
    ranger = page.person()
    with page.database.write() as session:
        session.add(UserCampsite(user_id=page.user_id(), campsite_id="lower-pines"))
    assert ranger.get(f"{NIGHT}?campsite=upper-pines").status_code == 404
    assert ranger.get(f"{NIGHT}?campsite=nowhere").status_code == 404
    assert "Creek" not in ranger.get(NIGHT).text


def test_nights_lead_to_their_neighbours_and_the_newest_is_found(page: Stage) -> None:
    ranger = page.person()
    assert ranger.get("/nights").headers["location"] == NIGHT
    assert ranger.get("/nights?campsite=upper-pines").headers["location"] == f"{NIGHT}?campsite=upper-pines"
    assert 'href="/nights/2027-01-13"' in ranger.get(NIGHT).text
    assert 'rel="next"' not in ranger.get(NIGHT).text  # it is not over
    assert 'href="/nights/2027-01-14"' in ranger.get("/nights/2027-01-13").text
    empty = ranger.get("/nights/2026-10-31").text
    assert "25 hours: the clocks change" in empty


def test_a_strange_night_is_an_answer_not_a_crash(page: Stage) -> None:
    ranger = page.person()
    for path in ("/nights/x", "/nights/2027-02-31", f"{NIGHT}?at=nan", f"{NIGHT}?at=1e400", f"{NIGHT}?campsite=%00"):
        assert ranger.get(path).status_code in (404, 422), path
