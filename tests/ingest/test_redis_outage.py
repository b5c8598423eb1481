"""Frames on their way to a real Redis that goes away, is full, or comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
import redis

from bearwatch.embedded import EmbeddedRedis
from core.messages import Frame
from core.redis_client import connect
from core.streams import MAX_FRAMES, frames_stream
from core.telemetry import Telemetry
from ingest.sender import MOST_PER_BATCH, FrameSender
from ingest.spool import OVERHEAD_BYTES, Spool
from ingest.tally import OVERFLOWED, REDIS_FULL, SPOOL_FULL, FrameCounters
from tests.support.drawn_scenes import ground, noisy, with_animal, write_video
from tests.support.factories import frame
from tests.support.ingest_run import config_of, fresh, late, running
from tests.support.waiting import wait_for


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A server that a test may stop."""
    with EmbeddedRedis(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def clip(tmp_path: Path) -> str:
    """A video of an animal that walks."""
    pictures = [noisy(with_animal(ground(), 10 + 2 * number), number) for number in range(120)]
    return str(write_video(tmp_path / "clip.mp4", pictures))


def frames_of_now(count: int, age_s: float = 0.0) -> list[Frame]:
    """Frames of the last moments."""
    now = time.time() - age_s
    return [frame(at=now + number / 1000, sequence=number) for number in range(count)]


def sender(client: redis.Redis, spool: Spool, counters: FrameCounters) -> FrameSender:
    """A sender to shard 0."""
    return FrameSender(client, lambda camera: 0, spool, counters, Event())


def test_fresh_frames_go_first_and_late_ones_to_their_own_stream(redis_client: redis.Redis) -> None:
    spool, counters = Spool(), FrameCounters()
    for item in (*frames_of_now(20, age_s=30.0), *frames_of_now(3)):
        spool.put(item)
    sending = sender(redis_client, spool, counters)
    assert sending.send_next()
    assert (len(fresh(redis_client)), len(late(redis_client))) == (3, 0)
    while sending.send_next():
        pass
    assert [item.sequence for item in late(redis_client)] == list(range(20))
    assert counters.of("upper-creek") == ({"motion": 23}, {})


def test_each_shard_gets_the_frames_of_its_cameras(redis_client: redis.Redis) -> None:
    spool, counters = Spool(), FrameCounters()
    for number, item in enumerate(frames_of_now(6)):
        spool.put(frame("upper-creek" if number % 2 else "far-lake", at=item.captured_at, sequence=number))
    FrameSender(redis_client, {"upper-creek": 0, "far-lake": 3}.__getitem__, spool, counters, Event()).send_next()
    assert redis_client.xlen(frames_stream(0)) == redis_client.xlen(frames_stream(3)) == 3


def test_frames_that_redis_has_no_memory_for_are_dropped_and_counted(redis_client: redis.Redis) -> None:
    spool, counters = Spool(), FrameCounters()
    for item in frames_of_now(5):
        spool.put(item)
    sending = sender(redis_client, spool, counters)
    redis_client.config_set("maxmemory", "1")
    try:
        assert sending.send_next()
    finally:
        redis_client.config_set("maxmemory", "512mb")
    assert counters.of("upper-creek") == ({}, {REDIS_FULL: 5})
    for item in frames_of_now(2):
        spool.put(item)
    assert sending.send_next()
    assert counters.of("upper-creek")[0] == {"motion": 2}


def test_frames_that_fall_off_the_bounded_stream_are_counted(redis_client: redis.Redis) -> None:
    spool, counters = Spool(), FrameCounters()
    sending = sender(redis_client, spool, counters)
    for start in range(0, MAX_FRAMES + 40, MOST_PER_BATCH):
        for item in frames_of_now(MOST_PER_BATCH):
            spool.put(item)
        assert sending.send_next(), start
    sent = counters.of("upper-creek")[0]["motion"]
    assert redis_client.xlen(frames_stream(0)) == MAX_FRAMES
    assert counters.unreported()[(OVERFLOWED, "", "")] == sent - MAX_FRAMES


def test_a_spool_that_overflows_while_redis_is_away_counts_what_it_lost(own_redis: EmbeddedRedis) -> None:
    client = connect(own_redis.url)
    size = len(frame().jpeg) + OVERHEAD_BYTES
    spool, counters = Spool(max_bytes=10 * size), FrameCounters()
    sending = sender(client, spool, counters)
    own_redis.stop()
    dropped = 0
    for item in frames_of_now(25):
        dropped += len(spool.put(item))
        assert not sending.send_next()
    own_redis.start()
    while sending.send_next():
        pass
    assert len(fresh(client)) + len(late(client)) == 10
    assert dropped + counters.of("upper-creek")[1].get(SPOOL_FULL, 0) == 15
    client.close()


def test_no_frame_is_lost_while_redis_is_away_for_some_seconds(own_redis: EmbeddedRedis, clip: str) -> None:
    client = connect(own_redis.url)
    with running(config_of({"creek": {"url": clip}}), own_redis.url):
        wait_for(lambda: len(fresh(client)) > 10)
        client.shutdown(save=True)  # what it holds is on disk, so that every frame can be accounted for
        own_redis.stop()
        time.sleep(3.0)
        own_redis.start()
        back_at = time.time()
        wait_for(lambda: bool(late(client)))
        wait_for(lambda: any(item.captured_at > back_at + 1.0 for item in fresh(client)))
    on_time, waited = fresh(client), late(client)
    numbers = {item.sequence for item in (*on_time, *waited)}
    assert numbers == set(range(max(numbers) + 1))
    assert len(waited) >= 5
    assert max(item.captured_at for item in waited) < back_at
    assert [item.sequence for item in waited] == sorted(item.sequence for item in waited)
    client.close()


def test_counters_reach_redis_although_it_was_away_while_they_were_counted(own_redis: EmbeddedRedis, clip: str) -> None:
    client = connect(own_redis.url)
    own_redis.stop()
    with running(config_of({"creek": {"url": clip}}), own_redis.url) as ingest:
        wait_for(lambda: ingest.spool.load()[0] >= 5)
        own_redis.start()
        wait_for(lambda: bool(Telemetry(client).counters()))
        wait_for(lambda: len(fresh(client)) > 5)
    counted = sum(count for name, count in Telemetry(client).counters().items() if "sent_total" in name)
    assert counted == len(fresh(client)) + len(late(client))
    client.close()
