"""What Redis tells the breakers: what waits and how old it is, who reported, and nothing when it is away."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import redis

from core.config import Config
from core.jobs import DELIVERIES, enqueue
from core.machine.host import MachineReporter
from core.redis_client import connect
from core.streams import DETECTORS, TRACKER, FrameStreams
from core.telemetry import Telemetry
from rollout.breakers import collect_telemetry
from tests.support.factories import frame, scored
from tests.support.waiting import wait_for


def test_what_waits_is_counted_and_its_age_known(redis_client: redis.Redis, config: Config) -> None:
    streams = FrameStreams(redis_client)
    streams.ensure_group(streams.frames, DETECTORS)
    streams.ensure_group(streams.scores, TRACKER)
    now = time.time()
    assert collect_telemetry(redis_client, config, now).waiting[0].oldest_s == 0.0
    streams.send_frames([frame(sequence=1), frame(sequence=2)])
    streams.send_frames([frame(sequence=3)], late=True)
    enqueue(redis_client, DELIVERIES, "no.such.job")
    sent_within_s = time.time() - now
    snapshot = collect_telemetry(redis_client, config, now + 60)
    assert snapshot.answers
    assert (snapshot.waiting[0].entries, snapshot.jobs) == (3, 1)
    assert 60 - sent_within_s - 0.01 <= snapshot.waiting[0].oldest_s <= 60.01


def test_frames_wait_even_before_any_detector_has_come(redis_client: redis.Redis, config: Config) -> None:
    FrameStreams(redis_client).send_frames([frame(sequence=number) for number in range(5)])
    assert collect_telemetry(redis_client, config, time.time()).waiting[0].entries == 5


def test_scores_count_until_the_tracker_has_made_them_durable(redis_client: redis.Redis, config: Config) -> None:
    streams = FrameStreams(redis_client)
    streams.ensure_group(streams.scores, TRACKER)
    began = time.time()
    redis_client.xadd(streams.scores, scored(0.9).pack())  # type: ignore[arg-type]  # redis-py's types are invariant
    now = time.time()
    assert 29.99 <= collect_telemetry(redis_client, config, now + 30).waiting[0].oldest_s <= 30.01 + now - began
    (entry,) = streams.read(streams.scores, TRACKER, "tracker", 10, None)
    assert 29.99 <= collect_telemetry(redis_client, config, now + 30).waiting[0].oldest_s <= 30.01 + now - began
    streams.acknowledge(streams.scores, TRACKER, [entry.id])
    snapshot = collect_telemetry(redis_client, config, now + 30)
    assert (snapshot.waiting[0].oldest_s, snapshot.waiting[0].entries) == (0.0, 0)


def test_a_machine_reports_itself(redis_client: redis.Redis, config: Config, tmp_path: Path) -> None:
    stop = threading.Event()
    thread = MachineReporter(redis_client, tmp_path / "not yet there", [0]).start(stop)
    try:
        wait_for(lambda: any(name.startswith("machine:") for name in Telemetry(redis_client).heartbeats()))
    finally:
        stop.set()
        thread.join()
    ((_name, facts),) = collect_telemetry(redis_client, config, time.time()).heartbeats.items()
    assert facts["shards"] == [0]
    assert 0 < facts["memory_used"] < 1


def test_a_gpu_once_seen_is_expected_by_the_next_process_too(redis_client: redis.Redis, tmp_path: Path) -> None:
    reporter = MachineReporter(redis_client, tmp_path)
    reporter.report()
    telemetry = Telemetry(redis_client)
    ((name, facts),) = telemetry.heartbeats().items()
    telemetry.beat(name, facts["at"], {"gpus_expected": 64})
    MachineReporter(redis_client, tmp_path).report()
    assert telemetry.heartbeats()[name]["gpus_expected"] == 64


def test_a_redis_that_is_away_says_nothing_and_raises_nothing(config: Config, tmp_path: Path) -> None:
    snapshot = collect_telemetry(connect(f"unix://{tmp_path / 'nobody'}"), config, 5.0)
    assert (snapshot.answers, dict(snapshot.cameras), dict(snapshot.waiting)) == (False, {}, {})
