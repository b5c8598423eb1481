"""A closer look at small animals in the main stream, and the sprint after the first suspicious picture.

The detector and its network are real, and so are Redis and, where the main stream comes, the reader and its cameras.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from core.clock import now_s
from core.config import Detector
from core.messages import CameraHealth, CameraStatus, Frame, FrameScores, Reason
from core.pictures.reader_requests import CHANNEL, PictureRequest, ReaderAnswer, answer_request, unpack_request
from core.redis_client import connect
from core.streams import DETECTORS, TRACKER, FrameStreams
from core.telemetry import Telemetry, counter
from detector.closer_look import BURST, LOOKS, REFILL_PER_S, SMALL_PX, LookBudget, doubtful_crops
from detector.engines.choose import choose_engine
from detector.engines.engine import Engine
from detector.worker import DetectorWorker
from simulation.cameras.scene import Scene, StagedVisit
from simulation.cameras.staged_server import StagedCameras
from tests.support.factories import frame, jpeg, scored
from tests.support.ingest_run import config_of, running
from tests.support.waiting import wait_for

CAMERA = "upper-creek"
SMALL = ((0.40, 0.40, 0.43, 0.44),)
BEAR = Path(__file__).parents[2] / "detector" / "known_pictures" / "bear.jpg"


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The shipped model."""
    return choose_engine("cpu", "built-in", threads=1, runtime="onnx")


@pytest.fixture
def streams(redis_client: redis.Redis) -> FrameStreams:
    """An empty road with its groups."""
    streams = FrameStreams(redis_client)
    streams.ensure_group(streams.frames, DETECTORS)
    streams.ensure_group(streams.scores, TRACKER)
    return streams


@pytest.fixture
def worker(engine: Engine, redis_url: str, streams: FrameStreams) -> Iterator[DetectorWorker]:
    """A detector at work."""
    stop, client = threading.Event(), connect(redis_url)
    made = DetectorWorker(engine, Detector(), client, [0])
    thread = threading.Thread(target=made.run, args=(stop,))
    thread.start()
    yield made
    stop.set()
    thread.join()
    client.close()


@pytest.fixture
def reader(redis_url: str) -> Iterator[Callable[..., None]]:
    """Somebody who reads the camera, and answers every question about its main stream with this, or not at all."""
    stop, client = threading.Event(), connect(redis_url)
    threads: list[threading.Thread] = []

    def listen(answer: ReaderAnswer | None, ready: threading.Event) -> None:
        channel: Any = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        channel.subscribe(CHANNEL)
        channel.get_message(timeout=5)
        ready.set()
        while not stop.is_set():
            message = channel.get_message(timeout=0.05)
            request = None if message is None else unpack_request(message["data"])
            if answer is not None and isinstance(request, PictureRequest):
                answer_request(client, request.reply_to, replace(answer, id=request.id, taken_at=now_s()))
        channel.close()

    def begin(answer: ReaderAnswer | None) -> None:
        ready = threading.Event()
        threads.append(threading.Thread(target=listen, args=(answer, ready)))
        threads[-1].start()
        assert ready.wait(30)

    yield begin
    stop.set()
    for thread in threads:
        thread.join()
    client.close()


def main_stream_comes(client: redis.Redis, worker: DetectorWorker) -> None:
    """Its reader says so, and the detector has heard it."""
    sees = CameraStatus(
        CAMERA, CameraHealth.LIVE, "", now_s(), now_s(), 640, 360, 15.0, 5.0, 0, sent={}, dropped={}, main_stream=""
    )
    Telemetry(client).report_cameras([sees])
    wait_for(lambda: CAMERA in worker.closer_look._cameras)


def send(streams: FrameStreams, *frames: Frame) -> list[FrameScores]:
    """Send frames and wait until all of them are scored."""
    before = len(streams.newest(streams.scores, 1000))
    streams.send_frames(frames)
    wait_for(lambda: len(streams.newest(streams.scores, 1000)) == before + len(frames))
    return [FrameScores.unpack(entry.fields) for entry in streams.newest(streams.scores, len(frames))]


def looks(client: redis.Redis, outcome: str) -> int:
    """How many closer looks came to that."""
    return Telemetry(client).counters().get(counter(LOOKS, camera_name=CAMERA, outcome=outcome), 0)


def sprints(client: redis.Redis, reason: str) -> int:
    """How many sprints came to that."""
    name = counter("bearwatch_sprints_total", camera_name=CAMERA, reason=reason)
    return Telemetry(client).counters().get(name, 0)


def small_frame(sequence: int, at: float | None = None) -> Frame:
    """An empty meadow in which something small has moved."""
    moment = now_s() if at is None else at
    return replace(frame(CAMERA, moment, sequence, boxes=SMALL, picture=jpeg(90, 640, 360)), width=640, height=360)


def test_what_the_main_stream_shows_counts_for_the_frame_that_was_too_small(
    streams: FrameStreams, worker: DetectorWorker, reader: Callable[..., None]
) -> None:
    reader(ReaderAnswer("", width=1920, height=1080, parts=(BEAR.read_bytes(),)))
    main_stream_comes(streams.client, worker)
    (found,) = send(streams, small_frame(1))
    assert found.is_bear
    assert len(found.crops) == 2
    own, seen = found.crops
    assert own.bear < found.threshold <= seen.bear
    x0, y0, x1, y1 = seen.box
    assert x0 <= SMALL[0][0] < SMALL[0][2] <= x1
    assert y0 <= SMALL[0][1] < SMALL[0][3] <= y1
    wait_for(lambda: looks(streams.client, "raised") == 1)
    assert streams.waiting(streams.frames, DETECTORS) == (0, 0)


def test_a_frame_goes_on_without_its_closer_look_when_nobody_answers_in_time(
    streams: FrameStreams, worker: DetectorWorker, reader: Callable[..., None]
) -> None:
    reader(None)
    main_stream_comes(streams.client, worker)
    began = now_s()
    first, second = send(streams, small_frame(1)) + send(streams, small_frame(2))
    assert first.scored_at - began >= 0.6
    assert second.scored_at - second.frame.captured_at < 10.0  # not asked for again at once
    assert len(first.crops) == len(second.crops) == 1
    wait_for(lambda: looks(streams.client, "late") == 1)


@pytest.mark.parametrize("why", ["its main stream is away: connection refused", ""])
def test_a_main_stream_that_is_away_costs_an_alert_nothing(
    why: str, streams: FrameStreams, worker: DetectorWorker, reader: Callable[..., None]
) -> None:
    reader(ReaderAnswer("", why, parts=() if why else (b"no picture",)))
    main_stream_comes(streams.client, worker)
    (found,) = send(streams, small_frame(1))
    assert len(found.crops) == 1
    wait_for(lambda: looks(streams.client, "away") == 1)


def test_no_reader_no_question(streams: FrameStreams, worker: DetectorWorker) -> None:
    main_stream_comes(streams.client, worker)
    (found,) = send(streams, small_frame(1))
    assert len(found.crops) == 1
    wait_for(lambda: looks(streams.client, "unheard") == 1)


def test_leaves_that_move_for_ever_are_looked_at_now_and_then_and_a_bear_as_long_as_it_stays() -> None:
    leaves, bear = LookBudget(), LookBudget()
    assert [leaves.take(0.0) for _look in range(BURST + 2)] == [True] * BURST + [False] * 2
    in_a_minute = sum(leaves.take(second / 5) for second in range(1, 301))
    assert in_a_minute == pytest.approx(60 * REFILL_PER_S, abs=1)
    for second in range(300):
        assert bear.take(second / 5)
        bear.give_back()


def test_only_small_or_doubtful_things_that_moved_are_looked_at_closer() -> None:
    def at(box: tuple[float, float, float, float], bear: float, reason: Reason = Reason.MOTION) -> int:
        moved = replace(frame(boxes=(box,), reason=reason), width=640, height=360)
        return len(doubtful_crops(moved, replace_crop(scored(bear).crops, box)))

    def replace_crop(crops: Any, box: tuple[float, float, float, float]) -> Any:
        from detector.classify import ScoredFrame

        return ScoredFrame(tuple(replace(crop, box=box) for crop in crops), False, 0.5)

    small, large = (0.4, 0.4, 0.45, 0.5), (0.2, 0.2, 0.2 + 2 * SMALL_PX / 640, 0.2 + 2 * SMALL_PX / 360)
    assert at(small, 0.01) == 1
    assert at(large, 0.01) == 0
    assert at(large, 0.45) == 1  # nearly a bear
    assert at(small, 0.9) == 0  # one already
    assert at(small, 0.01, Reason.KEEPALIVE) == 0


def test_a_visit_is_worth_one_sprint(
    streams: FrameStreams, worker: DetectorWorker, reader: Callable[..., None]
) -> None:
    reader(None)
    began = now_s()
    picture = BEAR.read_bytes()
    seen = [frame(CAMERA, began + 0.1 * n, n, boxes=((0.0, 0.0, 1.0, 1.0),), picture=picture) for n in range(3)]
    assert all(found.is_bear for each in seen for found in send(streams, each))
    wait_for(lambda: sprints(streams.client, "asked") == 1)


def test_a_far_bear_of_a_staged_camera_is_looked_at_in_its_main_stream(
    streams: FrameStreams, worker: DetectorWorker, redis_url: str
) -> None:
    far = StagedVisit("bear", 0.0, 2.0, ((0.3, 0.7), (0.6, 0.7)), 0.06)
    sub = Scene(CAMERA, 320, 180, 10, place="meadow", loop_s=2, visits=(far,), seed=7)
    main = replace(sub, name="main", width=640, height=360)
    with StagedCameras([sub, main]) as cameras:
        camera = {"url": cameras.url(CAMERA), "record_url": cameras.url("main")}
        with running(config_of({CAMERA: camera}), redis_url):
            wait_for(lambda: looks(streams.client, "raised") + looks(streams.client, "same") >= 2)
            assert looks(streams.client, "away") == 0
    found = [FrameScores.unpack(entry.fields) for entry in streams.newest(streams.scores, 1000)]
    looked = [each for each in found if each.frame.reason is Reason.MOTION and len(each.crops) > 1]
    assert looked
