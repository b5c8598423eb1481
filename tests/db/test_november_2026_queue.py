"""What waited in the Redis of November 2026 is read and run by this version."""

from __future__ import annotations

import base64
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
import yaml

from bearwatch.cli.processes.jobs import queue_due, timetable, worker
from core.config import Config
from core.jobs import (
    DELIVERIES,
    FORMER_NAMES,
    HOUSEKEEPING,
    PROBE_CAMERA,
    JobFormat,
    NamedJob,
    enqueue,
    queue_of,
)
from core.messages import CameraHealth, Frame, FrameScores, Reason
from core.streams import DETECTORS, TRACKER, FrameStreams
from core.telemetry import Telemetry
from db.session import Database
from tests.support.factories import T0, jpeg
from tests.support.november_2026 import FOLDER, restore_redis

OLD_JOBS = {f"old-{name}": name for name in ("keep_house", "remind_of_drills", "write_reports", "draw_audits",
                                             "draw_watch_hours")} | {"old-sweep": "sweep_outbox",
                                                                     "old-probe": "probe_camera"}  # fmt: skip


@pytest.fixture
def site(
    redis_url: str, sqlite_database: Database, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment in which jobs run."""
    file = tmp_path / "bearwatch.yaml"
    file.write_text(yaml.safe_dump(config.model_dump(mode="json", exclude_unset=True)))
    for name, value in (
        ("BEARWATCH_CONFIG", str(file)), ("REDIS_URL", redis_url), ("BEARWATCH_DATA", str(tmp_path / "data")),
        ("DATABASE_URL", sqlite_database.url.render_as_string(hide_password=False)),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)


@contextmanager
def _signals_kept() -> Iterator[None]:
    """A worker takes the signals of its process; the test gives them back."""
    kept = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in kept.items():
            signal.signal(each, handler)


def _run_all(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    with _signals_kept():
        worker(client).work(burst=True, logging_level="ERROR")
    client.close()


def test_jobs_that_were_queued_then_run_now(site: None, redis_client: redis.Redis, redis_url: str) -> None:
    restore_redis(redis_client)
    waiting = {
        job.id: job.func_name for name in (DELIVERIES, HOUSEKEEPING) for job in queue_of(redis_client, name).jobs
    }
    assert {job: FORMER_NAMES[name or ""] for job, name in waiting.items()} == OLD_JOBS
    _run_all(redis_url)
    for job in OLD_JOBS:
        done = NamedJob.fetch(job, connection=redis_client, serializer=JobFormat)
        assert done.is_finished, f"{job}: {done.get_status()} {done.latest_result()}"
    assert Telemetry(redis_client).probe("upper-creek") is not None


def test_jobs_wait_under_their_names_as_json(site: None, redis_client: redis.Redis, redis_url: str) -> None:
    enqueue(redis_client, HOUSEKEEPING, PROBE_CAMERA, "upper-creek", job_id="a-test")
    job = NamedJob.fetch("a-test", connection=redis_client, serializer=JobFormat)
    assert json.loads(job.data) == ["probe_camera", None, ["upper-creek"], {}]
    _run_all(redis_url)
    assert NamedJob.fetch("a-test", connection=redis_client, serializer=JobFormat).is_finished


def test_what_is_due_is_queued_once_by_its_name(redis_client: redis.Redis) -> None:
    table = timetable()
    for _ in range(2):
        queue_due(redis_client, table)
    assert [job.func_name for job in queue_of(redis_client, DELIVERIES).jobs] == ["sweep_outbox"]
    assert sorted(job.func_name or "" for job in queue_of(redis_client, HOUSEKEEPING).jobs) == [
        "draw_audits", "draw_watch_hours", "keep_house", "learn_tonight", "remind_of_drills", "write_reports",
    ]  # fmt: skip


def test_a_job_that_is_none_of_ours_is_not_run(redis_client: redis.Redis, redis_url: str, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    enqueue(redis_client, DELIVERIES, "os.mkdir", str(trap), job_id="a-stranger")
    _run_all(redis_url)
    job = NamedJob.fetch("a-stranger", connection=redis_client, serializer=JobFormat)
    assert job.is_failed
    assert not trap.exists()


def test_frames_and_scores_that_waited_are_read(redis_client: redis.Redis) -> None:
    restore_redis(redis_client)
    lane = FrameStreams(redis_client)
    for stream, group in ((lane.frames, DETECTORS), (lane.late, DETECTORS), (lane.scores, TRACKER)):
        lane.ensure_group(stream, group)
    frames = [Frame.unpack(each.fields) for each in lane.read(lane.frames, DETECTORS, "one", 10, None)]
    assert [(each.camera, each.captured_at, each.sequence) for each in frames] == [
        ("upper-creek", T0 + 0.2, 1), ("upper-creek", T0 + 0.4, 2),
    ]  # fmt: skip
    assert frames[0].reason is Reason.MOTION
    assert frames[0].boxes == ((0.4, 0.4, 0.6, 0.8),)
    assert frames[0].jpeg == jpeg(90, 64, 36)
    (late,) = lane.read(lane.late, DETECTORS, "one", 10, None)
    assert Frame.unpack(late.fields).camera == "upper-trail"
    (entry,) = lane.read(lane.scores, TRACKER, "one", 10, None)
    scores = FrameScores.unpack(entry.fields)
    assert (scores.model, scores.infrared, scores.threshold, scores.self_test_ok) == (
        "campsite@224:abababab", True, 0.42, False,
    )  # fmt: skip
    assert [(crop.bear, crop.label, crop.unknown, crop.unknown_score) for crop in scores.crops] == [
        (0.9, "bear", False, 0.0), (0.02, "other_animal", True, 5.5),
    ]  # fmt: skip


def test_what_processes_said_of_themselves_is_read(redis_client: redis.Redis) -> None:
    restore_redis(redis_client)
    telemetry = Telemetry(redis_client)
    seen = telemetry.cameras()
    assert (seen["upper-creek"].health, seen["upper-creek"].content_at) == (CameraHealth.LIVE, T0 - 0.4)
    assert (seen["upper-creek"].sent, seen["upper-creek"].dropped) == ({"motion": 3}, {"full": 1})
    assert (seen["upper-trail"].health, seen["upper-trail"].reconnects) == (CameraHealth.BLIND, 4)
    assert telemetry.counters()['bearwatch_frames_sent_total{camera="upper-creek",reason="motion"}'] == 500
    beats = telemetry.heartbeats()
    assert set(beats) == {"tracker:0", "detector:one", "machine:ridge"}
    assert beats["machine:ridge"]["each_gpu"] == [{"celsius": 61.0, "busy": 0.5, "memory": 0.3}]


def test_a_camera_status_is_written_as_it_was(redis_client: redis.Redis) -> None:
    restore_redis(redis_client)
    kept = json.loads((FOLDER / "redis.json").read_text())["cameras"]["hash"]
    for camera, status in Telemetry(redis_client).cameras().items():
        added = {"main_stream": None, "notice": ""}
        assert json.loads(status.pack()) == {**added, **json.loads(base64.b64decode(kept[camera]))}
