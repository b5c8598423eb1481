"""The detector process on a real network and a real Redis."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

import detector.worker
from core.clock import now_s
from core.config import Detector
from core.messages import FrameScores, Reason
from core.redis_client import connect
from core.streams import DETECTORS, TRACKER, FrameStreams
from core.telemetry import Telemetry
from detector.engines.choose import choose_engine
from detector.engines.engine import Engine
from detector.worker import CLAIM_AFTER_MS, TAKE_OVER_EVERY_S, DetectorWorker
from tests.support.factories import frame, jpeg
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The real network on the CPU."""
    return choose_engine("cpu", threads=1)


@pytest.fixture
def streams(redis_client: redis.Redis) -> FrameStreams:
    """An empty road with its groups."""
    streams = FrameStreams(redis_client)
    streams.ensure_group(streams.frames, DETECTORS)
    streams.ensure_group(streams.scores, TRACKER)
    return streams


@pytest.fixture
def start(engine: Engine, redis_url: str, streams: FrameStreams) -> Iterator[Callable[..., DetectorWorker]]:
    """Start a worker in a thread."""
    stop = threading.Event()
    threads: list[threading.Thread] = []
    clients: list[redis.Redis] = []

    def begin(**settings: Any) -> DetectorWorker:
        clients.append(connect(redis_url))
        worker = DetectorWorker(engine, Detector(**settings), clients[-1], [0])
        threads.append(threading.Thread(target=worker.run, args=(stop,)))
        threads[-1].start()
        return worker

    yield begin
    stop.set()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()


def scores(streams: FrameStreams) -> list[FrameScores]:
    """What the detector has published so far."""
    return [FrameScores.unpack(entry.fields) for entry in streams.newest(streams.scores, 1000)]


def length(client: redis.Redis, stream: str) -> int:
    """Entries of a stream."""
    return client.xlen(stream)


def test_frames_of_all_cameras_are_scored_and_finished(
    streams: FrameStreams, start: Callable[..., DetectorWorker]
) -> None:
    sent = [frame(camera, now_s(), n) for n, camera in enumerate(("upper-creek", "upper-trail", "lower-meadow"))]
    streams.send_frames(sent)
    start()
    wait_for(lambda: length(streams.client, streams.scores) == 3)
    assert [score.frame for score in scores(streams)] == sent
    assert all(score.crops and 0 <= score.bear <= 1 for score in scores(streams))
    assert streams.waiting(streams.frames, DETECTORS) == (0, 0)
    assert length(streams.client, streams.frames) == 0


def test_a_dead_workers_frames_are_taken_over_within_five_seconds(
    streams: FrameStreams, start: Callable[..., DetectorWorker]
) -> None:
    streams.send_frames([frame(at=now_s(), sequence=n) for n in range(3)])
    assert len(streams.read(streams.frames, DETECTORS, "dead-worker", 10, None)) == 3
    start()
    wait_for(lambda: length(streams.client, streams.scores) == 3)
    assert CLAIM_AFTER_MS / 1000 + TAKE_OVER_EVERY_S < 5.0


def test_an_undecodable_picture_is_buried_after_three_tries_and_counted(
    streams: FrameStreams, start: Callable[..., DetectorWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector.worker, "CLAIM_AFTER_MS", 50)
    monkeypatch.setattr(detector.worker, "TAKE_OVER_EVERY_S", 0.1)
    streams.send_frames([frame(picture=jpeg()[:-20], at=now_s()), frame(at=now_s())])
    start()
    wait_for(lambda: length(streams.client, streams.dead) == 1)
    assert length(streams.client, streams.scores) == 1
    counters = Telemetry(streams.client).counters
    wait_for(lambda: counters().get('bearwatch_dead_letters_total{stream="frames"}') == 1)
    assert counters()['bearwatch_undecodable_frames_total{camera_name="upper-creek"}'] == 3


def test_when_overloaded_the_newest_frame_of_each_camera_is_scored_and_the_rest_counted(
    streams: FrameStreams, start: Callable[..., DetectorWorker]
) -> None:
    now = now_s()
    old = [frame(camera, now - 20 + n, n) for camera in ("a", "b") for n in range(10)]
    streams.send_frames(old)
    start(max_batch=4)
    wait_for(lambda: length(streams.client, streams.scores) >= 2)
    wait_for(lambda: streams.waiting(streams.frames, DETECTORS) == (0, 0))
    newest = {score.frame.camera: score.frame.sequence for score in scores(streams)}
    assert newest == {"a": 9, "b": 9}
    assert len(scores(streams)) == 2
    counters = Telemetry(streams.client).counters
    wait_for(lambda: counters().get('bearwatch_frames_dropped_total{camera_name="a",reason="stale"}') == 9)


def test_late_frames_are_scored_when_nothing_fresh_waits(
    streams: FrameStreams, start: Callable[..., DetectorWorker]
) -> None:
    old = now_s() - 60
    streams.send_frames([frame(at=old + n, sequence=n, reason=Reason.MOTION) for n in range(20)], late=True)
    streams.send_frames([frame(at=now_s(), sequence=99)])
    start(max_batch=4)
    wait_for(lambda: length(streams.client, streams.scores) == 21)
    assert scores(streams)[0].frame.sequence == 99


def test_redis_going_away_does_not_end_the_worker(
    streams: FrameStreams, start: Callable[..., DetectorWorker], redis_url: str
) -> None:
    start()
    admin = connect(redis_url)
    wait_for(lambda: Telemetry(admin).heartbeats())
    admin.client_kill_filter(_type="normal", skipme=True)
    admin.flushall()
    streams.send_frames([frame(at=now_s())])
    wait_for(lambda: length(admin, streams.scores) == 1)
    admin.close()
