"""A photo goes from the page through Redis to a detector that runs, and its answer comes back."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import redis
from fastapi.testclient import TestClient

import core.pictures.photo_request
import review_ui.models.try_photo as routes
from core.clock import now_s
from core.config import Detector
from core.messages import FrameScores
from core.pictures.photo_request import (
    MOST_WAITING,
    WAITING_KEY,
    NoDetector,
    PhotoAnswer,
    TooBusy,
    UnreadablePhoto,
    answer,
    ask,
    take,
)
from core.redis_client import connect
from core.streams import DETECTORS, FrameStreams
from core.telemetry import Telemetry
from detector.engines.choose import choose_engine
from detector.engines.engine import Engine
from detector.photo import PhotoDesk
from detector.photo_service import PhotoProcess
from detector.worker import DetectorWorker
from tests.support.factories import frame, jpeg
from tests.support.pages import Stage
from tests.support.waiting import wait_for

BEAR = Path(__file__).parents[2] / "simulation" / "cameras" / "assets" / "brown-bear.png"


@pytest.fixture(scope="module")
def engine() -> Engine:
    """A real network, small pictures."""
    return choose_engine("cpu", "lite2@160", threads=1)


@pytest.fixture
def worker(engine: Engine, redis_url: str) -> Iterator[DetectorWorker]:
    """A detector that runs."""
    stop, client = threading.Event(), connect(redis_url)
    made = DetectorWorker(engine, Detector(), client, [0])
    made.photos.prepare()
    thread = threading.Thread(target=made.run, args=(stop,))
    thread.start()
    assert made.photos.ready.wait(120.0)
    yield made
    stop.set()
    thread.join()
    client.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for five seconds in a test."""

    def ask_briefly(client: redis.Redis, picture: bytes) -> PhotoAnswer:
        return core.pictures.photo_request.ask(client, picture, 0.2)

    monkeypatch.setattr(routes, "ask", ask_briefly)


def photo(width: int = 640, height: int = 360) -> bytes:
    """A bear on a meadow, as a telephone takes it."""
    image = np.full((height, width, 3), (60, 120, 90), np.uint8)
    cut = cv2.imread(str(BEAR), cv2.IMREAD_UNCHANGED)
    assert cut is not None
    cut = cv2.resize(cut, (height * cut.shape[1] // cut.shape[0] * 3 // 4, height * 3 // 4))
    top, left = height // 8, (width - cut.shape[1]) // 2
    alpha = cut[:, :, 3:] / 255
    place = image[top : top + cut.shape[0], left : left + cut.shape[1]]
    place[:] = (cut[:, :, :3] * alpha + place * (1 - alpha)).astype(np.uint8)
    return cv2.imencode(".jpg", image)[1].tobytes()


def post(browser: TestClient, data: bytes, path: str = "/api/v1/predict", kind: str = "image/jpeg") -> tuple[int, str]:
    """Hand a picture in; the status and what the page or the API says."""
    done = browser.post(path, content=data, headers={"content-type": kind})
    return done.status_code, done.text


def test_a_bear_is_found_with_the_part_that_decided(page: Stage, worker: DetectorWorker) -> None:
    done = page.person().post("/api/predict", files={"photo": ("bear.jpg", photo(), "image/jpeg")})
    assert done.status_code == 200, done.text
    said = done.json()
    assert (said["verdict"], said["label"], said["unknown"]) == ("bear", "bear", False)
    assert said["bear"] >= said["threshold"] == 0.3
    assert sum(said["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert next(iter(said["probabilities"])) == "bear"
    crop = cv2.imdecode(np.frombuffer(base64.b64decode(said["crop"].partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
    assert crop is not None
    assert (said["width"], said["height"], said["light"]) == (640, 360, "day")
    assert said["model"] == worker.engine.name


def test_the_page_shows_answer_crop_and_probabilities_without_scripts(page: Stage, worker: DetectorWorker) -> None:
    done = page.person().post("/try", files={"photo": ("bear.jpg", photo(), "image/jpeg")})
    assert done.status_code == 200
    assert "picture like this counts as a bear" in done.text
    assert done.text.count('src="data:image/jpeg;base64,') >= 1
    assert '<rect class="share-is"' in done.text
    assert "style=" not in done.text


def test_frames_are_scored_while_photos_come(
    page: Stage, worker: DetectorWorker, redis_client: redis.Redis, engine: Engine
) -> None:
    road = FrameStreams(redis_client)
    road.ensure_group(road.frames, DETECTORS)
    road.send_frames([frame(at=now_s(), sequence=n) for n in range(5)])
    assert post(page.person(), photo())[0] == 200
    wait_for(lambda: redis_client.xlen(road.scores) == 5)
    scores = [FrameScores.unpack(entry.fields) for entry in road.newest(road.scores, 10)]
    assert {(one.threshold, one.infrared) for one in scores} == {(0.3, True)}


def test_nothing_of_it_is_kept(page: Stage, worker: DetectorWorker, redis_client: redis.Redis) -> None:
    assert post(page.person(), photo())[0] == 200
    assert [key for key in redis_client.scan_iter(b"predict:*") if b"rate" not in bytes(key)] == []


@pytest.mark.parametrize(
    ("data", "kind", "status", "words"),
    [
        (b"", "image/jpeg", 400, "No picture"),
        (photo()[:-200], "image/jpeg", 422, "cut off"),
        (b"GIF89a", "image/gif", 415, "no JPEG"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "as the field photo"),
        (bytes(21 * 1024 * 1024 - 100), "image/jpeg", 413, "at most 20 MB"),
    ],
)
def test_what_cannot_be_looked_at_is_refused_without_a_detector(
    page: Stage, data: bytes, kind: str, status: int, words: str
) -> None:
    said = post(page.person(), data, kind=kind)
    assert said[0] == status
    assert words in said[1]


def test_a_body_that_is_far_too_large_is_refused_everywhere(page: Stage) -> None:
    assert post(page.person(), bytes(24 * 1024 * 1024))[0] == 413
    assert post(page.person(), bytes(100_000), "/api/v1/sightings", "application/json")[0] == 413


def test_a_form_without_a_picture_says_so_on_the_page(page: Stage) -> None:
    done = page.person().post("/try", files={"photo": ("", b"", "application/octet-stream")})
    assert done.status_code == 400
    assert "Choose a picture first" in done.text or "No picture" in done.text


def test_a_picture_that_only_the_detector_finds_damaged_is_a_422(page: Stage, worker: DetectorWorker) -> None:
    damaged = bytearray(cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1].tobytes())
    damaged[45:60] = bytes(15)
    status, words = post(page.person(), bytes(damaged), kind="image/png")
    assert status == 422
    assert "damaged" in words


def test_without_a_detector_it_says_what_to_do(page: Stage, impatient: None) -> None:
    status, words = post(page.person(), photo())
    assert status == 503
    assert "none says that it runs" in words
    Telemetry(page.app.state.site.telemetry.client).beat("detector:here", page.clock.now - 1, {})
    done = page.person().post("/try", files={"photo": ("bear.jpg", photo(), "image/jpeg")})
    assert done.status_code == 503
    assert done.headers["retry-after"] == "5"
    assert "A detector runs, but has not answered" in done.text


def test_too_many_photos_in_a_minute_are_too_many(
    page: Stage, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "PER_MINUTE", 1)
    assert post(page.person(), photo())[0] == 503
    status, words = post(page.person(), photo())
    assert status == 429
    assert "1 photos in a minute" in words
    assert post(page.person("somebody-else"), photo())[0] == 503


def test_strangers_cannot_ask(page: Stage) -> None:
    assert post(page.stranger(), photo())[0] == 401
    assert page.stranger().get("/try").status_code == 303


def test_a_photo_nobody_waits_for_any_more_is_not_looked_at(redis_client: redis.Redis) -> None:
    with pytest.raises(NoDetector):
        ask(redis_client, b"a picture", 0.05)
    assert redis_client.llen(WAITING_KEY) == 0
    redis_client.rpush(WAITING_KEY, "expired")
    assert take(redis_client) is None


def test_waiting_photos_are_bounded(redis_client: redis.Redis) -> None:
    redis_client.rpush(WAITING_KEY, *["waits"] * MOST_WAITING)
    with pytest.raises(TooBusy):
        ask(redis_client, b"a picture", 0.05)


def test_a_photo_that_ends_the_process_that_looks_at_it_does_not_stop_the_watch(
    page: Stage, worker: DetectorWorker, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert post(page.person(), photo())[0] == 200
    monkeypatch.setattr(PhotoProcess.look, "__defaults__", (0.0,))
    status, words = post(page.person(), photo())
    assert status == 422
    assert "the log says why" in words
    road = FrameStreams(redis_client)
    road.send_frames([frame(at=now_s(), picture=jpeg())])
    wait_for(lambda: redis_client.xlen(road.scores) == 1)
    counters = Telemetry(redis_client).counters
    wait_for(lambda: counters().get("bearwatch_photos_ended_total") == 1)
    monkeypatch.setattr(PhotoProcess.look, "__defaults__", (60.0,))
    wait_for(lambda: post(page.person(), photo())[0] == 200)  # by a new process, which has to read the model first


def test_answers_survive_the_journey(redis_client: redis.Redis, engine: Engine) -> None:
    found = PhotoDesk(engine).predict(photo())
    asked = threading.Thread(target=_answer_next, args=(redis_client, found))
    asked.start()
    assert ask(redis_client, photo(), 2.0) == found
    asked.join()
    asked = threading.Thread(target=_answer_next, args=(redis_client, UnreadablePhoto("a damaged JPEG")))
    asked.start()
    with pytest.raises(UnreadablePhoto, match="a damaged JPEG"):
        ask(redis_client, photo(), 2.0)
    asked.join()


def _answer_next(client: redis.Redis, said: PhotoAnswer | UnreadablePhoto) -> None:
    wait_for(lambda: client.llen(WAITING_KEY))
    waiting = take(client)
    assert waiting is not None
    answer(client, waiting, said)
