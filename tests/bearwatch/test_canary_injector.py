"""Test clips: a known bear on every camera's path is seen and written down, and nobody ever hears of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import redis
from sqlalchemy import func, select

from bearwatch.canary_injector import FRAMES, CanaryInjector, draw, due_cameras, frame_of, judge
from core.config import Config, Detector
from core.media import MediaStore
from core.messages import CANARY, CropScore, Frame, FrameScores, canary_camera
from core.redis_client import connect
from core.streams import DETECTORS, FrameStreams
from core.telemetry import Telemetry
from db.models import (
    Alert,
    BreakerState,
    CameraHour,
    CanaryRun,
    Delivery,
    Encounter,
    LedgerEntry,
    Mode,
)
from db.session import Database
from detector.classify import classify, decode_jpeg
from detector.engines.choose import choose_engine
from detector.tracking.canary_results import CanaryTracks
from detector.tracking.track_worker import TrackWorker
from detector.tracking.tracker import AlertRule
from rollout.breakers.gate_metrics import CLIP_EVERY_S, JUDGED_AFTER_S, canary_recall
from tests.support.cast import grant
from tests.support.factories import T0
from tests.support.rollout.breaker_site import inject
from tests.support.waiting import wait_for


@contextmanager
def _site(config: Config, database: Database, url: str, media: Path, bear: float) -> Iterator[None]:
    """A real tracker, and a detector that gives every frame the same score."""
    client, stop = connect(url), threading.Event()
    streams = FrameStreams(client)
    worker = TrackWorker(config, database, connect(url), MediaStore(media), 0)

    def score() -> None:
        streams.ensure_group(streams.frames, DETECTORS)
        while not stop.is_set():
            entries = streams.read(streams.frames, DETECTORS, "one", 16, 50)
            frames = [(entry, Frame.unpack(entry.fields)) for entry in entries]
            scored = [
                (entry, FrameScores(frame, (CropScore(frame.boxes[0], bear, "bear", bear),), "test-model", time.time()))
                for entry, frame in frames
            ]
            if scored:
                streams.publish_scores(DETECTORS, scored)

    threads = [threading.Thread(target=score), threading.Thread(target=worker.run, args=(stop,))]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        client.close()


def _prove(client: redis.Redis, injector: CanaryInjector) -> None:
    """Another detector of the site has proved itself; the one that gives one score for everything cannot."""
    Telemetry(client).beat("detector:beside", time.time(), {"self_test": {"ok": True, "failed": 0}})
    wait_for(lambda: injector.proven_shards(time.time()) == {0})


def test_a_cold_start_fails_nobody(
    sqlite_database: Database, config: Config, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """No clip before a detector has proved itself and the tracker is there; what a restart cut off is no miss."""
    now = time.time()
    with sqlite_database.write() as session:
        session.add(
            CanaryRun(
                camera_id="upper-creek", planted_at=now - 300, frames=FRAMES, background="painted", seen=None,
                seen_at=None, latency_s=None, peak_score=0.0, model=None,
            )
        )  # fmt: skip
    injector = CanaryInjector(config, sqlite_database, redis_client, MediaStore(tmp_path), fps=1000.0)
    telemetry, stop = Telemetry(redis_client), threading.Event()
    assert injector.round(stop) == []
    assert _count(sqlite_database, CanaryRun) == [0], "whether that path worked nobody can say"
    telemetry.beat("detector:a", now, {"self_test": {"ok": False, "failed": 1}})
    telemetry.beat("tracker:0", now, {})
    assert injector.round(stop) == []
    telemetry.beat("detector:a", now, {"self_test": {"ok": True, "failed": 0}})
    assert injector.round(stop) == sorted(config.cameras)
    telemetry.beat("detector:a", now, {"self_test": {"ok": False, "failed": 1}})
    assert injector.proven_shards(now) == {0}, "one that fails later is tried all the same"
    telemetry.beat("detector:b", now + 60, {"self_test": {"ok": False, "failed": 1}})
    telemetry.beat("tracker:0", now + 60, {})
    assert injector.proven_shards(now + 60) == set(), "another one has to prove itself first"


def _count(database: Database, *tables: type) -> list[int]:
    with database.read() as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def test_a_planted_bear_is_seen_and_leaves_no_trace_but_its_own(
    sqlite_database: Database, config: Config, redis_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """Even where campers are warned automatically."""
    now = time.time()
    with sqlite_database.write() as session:
        grant(session, "upper-pines", Mode.AUTOMATIC, now - 10, now + 100)
    injector = CanaryInjector(config, sqlite_database, redis_client, MediaStore(tmp_path), fps=15.0)
    with _site(config, sqlite_database, redis_url, tmp_path, bear=0.95):
        _prove(redis_client, injector)
        assert injector.round(threading.Event()) == sorted(config.cameras)

        def all_seen() -> bool:
            with sqlite_database.read() as session:
                return session.scalar(select(func.count(CanaryRun.id)).where(CanaryRun.seen.is_(True))) == 3

        wait_for(all_seen)
    assert _count(sqlite_database, Encounter, Alert, Delivery, CameraHour, LedgerEntry, BreakerState) == [0] * 6
    assert MediaStore(tmp_path).days() == []
    with sqlite_database.read() as session:
        for run in session.scalars(select(CanaryRun)):
            assert (run.frames, run.background, run.model) == (FRAMES, "painted", "test-model")
            assert run.latency_s is not None
            assert run.peak_score == pytest.approx(0.95)


def test_a_model_that_sees_nothing_has_missed_it(
    sqlite_database: Database, config: Config, redis_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    injector = CanaryInjector(config, sqlite_database, redis_client, MediaStore(tmp_path), fps=15.0)
    with _site(config, sqlite_database, redis_url, tmp_path, bear=0.05):
        _prove(redis_client, injector)
        injector.round(threading.Event())

        def checked() -> bool:
            with sqlite_database.read() as session:
                return session.scalar(select(func.count(CanaryRun.id)).where(CanaryRun.peak_score > 0)) == 3

        wait_for(checked)
    now = time.time()
    with sqlite_database.write() as session:
        assert judge(session, now) == 0, "not yet"
        assert judge(session, now + JUDGED_AFTER_S) == 3
        assert set(session.scalars(select(CanaryRun.seen))) == {False}
        assert due_cameras(session, config, now) == sorted(config.cameras), "the second clip follows at once"
        inject(session, config, now, seen=False)
        assert due_cameras(session, config, now + 60) == [], "two in a row are no accident, and have tripped a breaker"
        assert due_cameras(session, config, now + CLIP_EVERY_S) == sorted(config.cameras)


def test_where_campers_rely_on_it_a_test_clip_is_sent_every_quarter_of_an_hour(
    sqlite_database: Database, config: Config
) -> None:
    with sqlite_database.write() as session:
        inject(session, config, T0)
        grant(session, "upper-pines", Mode.ASSISTED, T0, T0 + 3500)
        assert due_cameras(session, config, T0 + 899, 900.0) == []
        assert due_cameras(session, config, T0 + 901, 900.0) == ["upper-creek", "upper-trail"]
        assert due_cameras(session, config, T0 + 901) == [], "the road says how often"
        inject(session, config, T0 + 905, camera="upper-creek", seen=False)
        assert due_cameras(session, config, T0 + 970, 900.0) == ["upper-creek", "upper-trail"], "doubt goes first"


def test_the_bear_is_drawn_over_what_the_camera_sees(
    sqlite_database: Database, config: Config, redis_client: redis.Redis, tmp_path: Path
) -> None:
    media = MediaStore(tmp_path)
    encoded, buffer = cv2.imencode(".jpg", np.full((240, 320, 3), (200, 30, 30), np.uint8))
    assert encoded
    key = media.put("upper-creek", T0 + 60, buffer.tobytes())
    with sqlite_database.write() as session:
        session.add(
            CameraHour(
                camera_id="upper-creek", hour_at=T0, frames={}, unknown={}, histogram=[0] * 20, max_score=0.0,
                minutes=1, thumbnails=[key],
            )
        )  # fmt: skip
    injector = CanaryInjector(config, sqlite_database, redis_client, media)
    with sqlite_database.read() as session:
        behind = injector._background(session, "upper-creek", T0 + 600)
        assert injector._background(session, "upper-creek", T0 + 9000) is None, "that was hours ago"
        assert injector._background(session, "upper-trail", T0 + 600) is None
    assert behind is not None
    clip = draw("upper-creek", behind, 640, 360)
    assert clip.background == "camera"
    middle = clip.pictures[0][:, 300]
    assert np.abs(middle.astype(int) - (200, 30, 30)).max() < 12, "beside the bear everything is as it was"


def test_the_network_that_comes_along_sees_it_by_day_and_by_night() -> None:
    engine = choose_engine("cpu", threads=1)
    for ground in (None, np.full((360, 640, 3), 30, np.uint8)):
        clip = draw("any", ground, 640, 360)
        frames = [frame_of(clip, step, T0 + step / 5) for step in (0, 5, 11)]
        crops = classify(engine, [(decode_jpeg(f.jpeg), f.boxes, f.reason) for f in frames])
        tracks = CanaryTracks(AlertRule.of(Detector()))
        for frame, seen in zip(frames, crops, strict=True):
            assert tracks.add(FrameScores(frame, tuple(seen), engine.name, frame.captured_at))
        assert [news.opened for news in tracks._news] == [False, True, False]


def test_no_camera_can_be_named_like_a_planted_one(config: Config) -> None:
    assert canary_camera(CANARY + "upper-creek") == "upper-creek"
    assert canary_camera("upper-creek") is None
    with pytest.raises(ValueError, match="pattern"):
        Config.model_validate(
            {**config.model_dump(), "cameras": {CANARY + "x": config.cameras["upper-creek"].model_dump()}}
        )


def test_recall_of_test_clips_is_unknown_until_every_path_was_tried(sqlite_database: Database, config: Config) -> None:
    sites = ["upper-pines", "lower-pines"]
    with sqlite_database.write() as session:
        inject(session, config, T0, camera="upper-creek")
        measured = canary_recall(session, sites, T0 - 3600, T0 + 600)
        assert measured.value is None
        assert measured.why == "no test clip was sent for lower-meadow, upper-trail"
        inject(session, config, T0 + 60)
        inject(session, config, T0 + 120, seen=False, camera="upper-trail")
        measured = canary_recall(session, sites, T0 - 3600, T0 + 600)
        assert measured.value == pytest.approx(0.8)
        assert measured.n == 5
        assert measured.detail == {"missed": {"upper-trail": 1}}
        assert canary_recall(session, ["upper-pines"], T0 + 90, T0 + 150).value is None, "that one is not judged yet"
