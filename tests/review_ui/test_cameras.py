"""Cameras: what they are worth, how they have been, a test by the jobs, and areas that only the file makes true."""

from __future__ import annotations

import pytest
import yaml

from core.clock import hour_start
from core.config import Camera
from core.jobs import HOUSEKEEPING, PROBE_CAMERA, queue_of
from core.redis_client import connect
from core.telemetry import Telemetry
from db.models import CameraHour, OperatingPointChange, Role, UserCampsite
from review_ui.cameras.areas import Areas, as_yaml, read
from review_ui.cameras.view import ShownHour, marks, share, uptime
from tests.support.factories import T0, jpeg
from tests.support.pages import Stage, report


def _hour(page: Stage, camera: str, hours_ago: int, minutes: int, thumbnails: list[str] | None = None) -> None:
    with page.database.write() as session:
        at = float(hour_start(page.clock.now) - 3600 * hours_ago)
        row = {"frames": {}, "histogram": [0] * 20, "max_score": 0.9, "thumbnails": thumbnails or []}
        session.add(CameraHour(camera_id=camera, hour_at=at, minutes=minutes, **row))


def test_a_camera_is_shown_with_its_state_and_its_day(page: Stage, redis_url: str) -> None:
    page.clock.now = T0 + 30 * 60
    client = connect(redis_url)
    report(Telemetry(client), "upper-creek", page.clock.now)
    client.close()
    page.app.state.site.board.refresh()
    _hour(page, "upper-creek", 1, (1 << 60) - 1)
    _hour(page, "upper-creek", 2, (1 << 30) - 1)
    _hour(page, "upper-creek", 0, (1 << 28) - 1)
    shown = page.person().get("/cameras").text
    assert "mark-heat-4" in shown
    assert "mark-heat-2" in shown
    assert "<strong>Blind</strong>" in shown  # the two that nobody has reported
    detail = page.person().get("/cameras/upper-creek").text
    assert "640 \N{MULTIPLICATION SIGN} 360" in detail
    answer = page.person().get("/api/v1/cameras/upper-creek").json()
    assert [(h["scored"], h["of"]) for h in answer["hours"][-3:]] == [(30, 60), (60, 60), (28, 28)]
    assert (answer["seeing"], answer["width"]) == ("sees", 640)


def _decision(page: Stage, **changed: object) -> None:
    said = {
        "camera_id": "upper-creek", "infrared": True, "at": page.clock.now - 7200, "model": "campsite@224:47c8779e",
        "model_threshold": 0.567, "before": 0.52, "threshold": 0.47, "wanted": 0.31, "ceiling": 0.683,
        "false_alarms_per_day": 1.0, "visits": 41, "days": 9.5, "constant": False,
        "reason": "41 visits in 9.5 days: it goes down, towards 0.31",
    }  # fmt: skip
    with page.database.write() as session:
        session.add(OperatingPointChange(**{**said, **changed}))


def test_a_camera_says_from_which_score_on_it_alerts_and_why(page: Stage) -> None:
    ranger = page.person()
    assert "nothing has been decided for this camera yet" in ranger.get("/cameras/upper-creek").text
    _decision(page, at=page.clock.now - 90000, before=0.567, threshold=0.52)
    _decision(page)
    shown = ranger.get("/cameras/upper-creek").text
    assert "it goes down, towards 0.31" in shown
    assert "0.57 \N{RIGHTWARDS ARROW} 0.52" in shown
    (point,) = ranger.get("/api/v1/cameras/upper-creek").json()["operating_points"]
    assert (point["infrared"], point["threshold"], point["beyond_ceiling"]) == (True, 0.47, False)
    assert [move["threshold"] for move in point["moves"]] == [0.47, 0.52]


def test_a_camera_that_cannot_keep_the_promise_or_whose_scores_never_change_says_so(page: Stage) -> None:
    ranger = page.person()
    _decision(page, wanted=0.9, reason="as few false alarms as wished would take 0.90")
    _decision(page, infrared=False, constant=True, wanted=None, reason="all 9000 frames scored 0.031")
    shown = ranger.get("/cameras/upper-creek").text
    assert "So few false alarms cannot be kept here." in shown
    assert "Its scores never change." in shown
    day, night = ranger.get("/api/v1/cameras/upper-creek").json()["operating_points"]
    assert (day["constant"], night["beyond_ceiling"]) == (True, True)


def test_whoever_watches_blind_does_not_learn_from_it_what_the_model_sees(page: Stage) -> None:
    ranger = page.person()
    _decision(page)
    ranger.post("/watches", data={"campsite": "upper-pines"})
    assert "41 visits" not in ranger.get("/cameras/upper-creek").text
    assert ranger.get("/api/v1/cameras/upper-creek").json()["operating_points"] == []


def test_an_hour_is_full_only_when_every_minute_was_scored() -> None:
    assert [ShownHour(0, scored, 60).heat for scored in (0, 1, 30, 59, 60)] == [0, 1, 2, 3, 4]
    assert ShownHour(0, 0, 0).heat == 0
    assert share([ShownHour(0, 30, 60), ShownHour(1, 60, 60)]) == 0.75
    assert share([ShownHour(0, 0, 0)]) is None


def test_a_camera_that_came_an_hour_ago_was_not_missing_before(page: Stage) -> None:
    now = page.clock.now
    with page.database.write() as session:
        hour = {"frames": {}, "histogram": [0] * 20, "max_score": 0.1, "thumbnails": []}
        for at, minutes in ((hour_start(now) - 10800, ((1 << 20) - 1) << 40), (hour_start(now) - 7200, (1 << 30) - 1)):
            session.add(CameraHour(camera_id="upper-creek", hour_at=float(at), minutes=minutes, **hour))
    with page.database.read() as session:
        (hours,) = uptime(session, ["upper-creek"], now).values()
    assert [(each.scored, each.of) for each in hours if each.of][:2] == [(20, 20), (30, 60)]
    assert len(marks(hours)) <= 4
    never = page.person().get("/api/v1/cameras/upper-trail").json()["hours"]
    assert {each["of"] for each in never} == {0}


def test_the_last_picture_is_shown_but_not_to_whoever_watches_blind(page: Stage) -> None:
    key = page.media.put("upper-creek", T0, jpeg())
    _hour(page, "upper-creek", 3, 1, [key])
    ranger = page.person()
    assert f"/media/{key}" in ranger.get("/cameras/upper-creek").text
    ranger.post("/watches", data={"campsite": "upper-pines"})
    shown = ranger.get("/cameras/upper-creek").text
    assert key not in shown
    assert "hidden while you are on watch" in shown


def test_a_camera_of_another_campsite_is_not_there(page: Stage) -> None:
    operator = page.person("olga", Role.OPERATOR)
    with page.database.write() as session:
        session.add(UserCampsite(user_id=page.user_id("olga"), campsite_id="lower-pines"))
    assert "Creek" not in operator.get("/cameras").text
    for path in ("/cameras/upper-creek", "/api/v1/cameras/upper-creek", "/cameras/nowhere"):
        assert operator.get(path).status_code == 404
    assert operator.post("/cameras/upper-creek/test").status_code == 404


def test_a_test_is_a_job_and_its_answer_is_shown(page: Stage, redis_url: str) -> None:
    operator = page.person("olga", Role.OPERATOR)
    assert "Opens the camera once" in operator.get("/cameras/upper-creek").text
    assert operator.post("/cameras/upper-creek/test").status_code == 303
    client = connect(redis_url)
    (job,) = queue_of(client, HOUSEKEEPING).jobs
    assert (job.func_name, job.args) == (PROBE_CAMERA, ["upper-creek"])
    assert "Asked" in operator.get("/cameras/upper-creek").text
    Telemetry(client).report_probe("upper-creek", {"ok": False, "error": "connection <refused>", "at": T0})
    client.close()
    assert "connection &lt;refused&gt;" in operator.get("/cameras/upper-creek").text
    assert page.person().post("/cameras/upper-creek/test").status_code == 403


def test_areas_are_checked_and_drawn_and_nothing_is_changed(page: Stage) -> None:
    operator = page.person("olga", Role.OPERATOR)
    text = "masks:\n  - [[0, 0], [0.3, 0], [0.3, 0.1]]\nzones:\n  tents: [[0.5, 0.5], [1, 0.5], [1, 1]]\n"
    shown = operator.post("/cameras/upper-creek/areas", data={"text": text})
    assert shown.status_code == 200
    assert 'points="0.00,0.00 30.00,0.00 30.00,10.00"' in shown.text
    assert "Nothing is changed yet" in shown.text
    assert "tents: [[0.5, 0.5], [1, 0.5], [1, 1]]" in shown.text
    wrong = operator.post("/cameras/upper-creek/areas", data={"text": "masks:\n  - [[0, 0], [2, 0]]\n"})
    assert wrong.status_code == 422
    assert "masks.0" in wrong.text
    assert "[2, 0]" in wrong.text  # what was typed is still there
    body = {"masks": [[[0, 0], [1, 0], [1, 1]]]}
    assert operator.post("/api/v1/cameras/upper-creek/areas", json=body).json()["yaml"].startswith("    masks:\n")
    assert operator.post("/api/v1/cameras/upper-creek/areas", json={"masks": [[[0, 0]]]}).status_code == 422


def test_what_is_written_can_be_pasted_into_the_file() -> None:
    areas = Areas.model_validate(
        {"masks": [[[0, 0], [1 / 3, 0], [0.3, 0.1]]], "zones": {"tents": [[0.5, 0.5], [1, 0.5], [1, 1]]}}
    )
    pasted = yaml.safe_load("camera:\n    campsite: c\n    url: rtsp://x/y\n" + as_yaml(areas))["camera"]
    camera = Camera.model_validate(pasted)
    assert Areas.of(camera).zones == areas.zones
    assert camera.masks[0][1] == (0.333, 0)
    assert read(as_yaml(areas)).areas == Areas.of(camera)
    assert read(as_yaml(Areas())).areas == Areas()


@pytest.mark.parametrize(
    "text",
    ["masks: &a [*a]", "- 1", "masks: 3", "zones: {Tents: [[0, 0], [1, 0], [1, 1]]}", "masks: [[[", "x: 1", "y" * 9000,
     "!!python/object:os.system x"],
)  # fmt: skip
def test_what_cannot_be_used_is_explained(text: str) -> None:
    found = read(text)
    assert found.areas is None
    assert found.problems
    assert all(len(problem) <= 200 for problem in found.problems)
