"""What Redis tells the breakers: what waits and how old it is, who reported, and nothing when it is away."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import redis

from core.config import Config
from core.host import MachineReporter
from core.jobs import DELIVERIES, enqueue
from core.redis_client import connect
from core.streams import DETECTORS, TRACKER, FrameRoad
from core.telemetry import Telemetry
from rollout.breakers import listen
from tests.support.factories import frame, scored
from tests.support.waiting import wait_for


def test_what_waits_is_counted_and_its_age_known(redis_client: redis.Redis, config: Config) -> None:
    road = FrameRoad(redis_client)
    road.ensure_group(road.frames, DETECTORS)
    road.ensure_group(road.scores, TRACKER)
    now = time.time()
    assert listen(redis_client, config, now).waiting[0].oldest_s == 0.0
    road.send_frames([frame(sequence=1), frame(sequence=2)])
    road.send_frames([frame(sequence=3)], late=True)
    enqueue(redis_client, DELIVERIES, "no.such.job")
    sent_within_s = time.time() - now
    heard = listen(redis_client, config, now + 60)
    assert heard.answers
    assert (heard.waiting[0].entries, heard.jobs) == (3, 1)
    assert 60 - sent_within_s - 0.01 <= heard.waiting[0].oldest_s <= 60.01


def test_frames_wait_even_before_any_detector_has_come(redis_client: redis.Redis, config: Config) -> None:
    FrameRoad(redis_client).send_frames([frame(sequence=number) for number in range(5)])
    assert listen(redis_client, config, time.time()).waiting[0].entries == 5


def test_scores_count_until_the_tracker_has_made_them_durable(redis_client: redis.Redis, config: Config) -> None:
    road = FrameRoad(redis_client)
    road.ensure_group(road.scores, TRACKER)
    began = time.time()
    redis_client.xadd(road.scores, scored(0.9).pack())  # type: ignore[arg-type]  # redis-py's types are invariant
    now = time.time()
    assert 29.99 <= listen(redis_client, config, now + 30).waiting[0].oldest_s <= 30.01 + now - began
    (entry,) = road.read(road.scores, TRACKER, "tracker", 10, None)
    assert 29.99 <= listen(redis_client, config, now + 30).waiting[0].oldest_s <= 30.01 + now - began
    road.acknowledge(road.scores, TRACKER, [entry.id])
    heard = listen(redis_client, config, now + 30)
    assert (heard.waiting[0].oldest_s, heard.waiting[0].entries) == (0.0, 0)


def test_a_machine_reports_itself(redis_client: redis.Redis, config: Config, tmp_path: Path) -> None:
    stop = threading.Event()
    thread = MachineReporter(redis_client, tmp_path / "not yet there", [0]).start(stop)
    try:
        wait_for(lambda: any(name.startswith("machine:") for name in Telemetry(redis_client).heartbeats()))
    finally:
        stop.set()
        thread.join()
    ((_name, facts),) = listen(redis_client, config, time.time()).heartbeats.items()
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
    heard = listen(connect(f"unix://{tmp_path / 'nobody'}"), config, 5.0)
    assert (heard.answers, dict(heard.cameras), dict(heard.waiting)) == (False, {}, {})
