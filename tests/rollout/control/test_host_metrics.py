"""How machines and queues were: written once a minute, thinned to hours, and gone when its time is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import select
from sqlalchemy.orm import Session

from bearwatch import host_metrics_thread
from bearwatch.housekeeping import forget_rows
from core.config import Config
from core.machine.host import MachineReporter
from core.site_config import Retention
from core.telemetry import Telemetry, counter
from db.downsampling import thin_samples
from db.models import CameraCount, CanaryRun, GpuSample, MachineSample, QueueSample
from db.session import Database
from rollout.breakers.telemetry_snapshot import QueueDepth, TelemetrySnapshot, collect_telemetry
from rollout.control.host_metrics import write_minute
from tests.support.factories import T0
from tests.support.waiting import wait_for

DAY_S = 86400.0
HOUR_AT = T0 // 3600 * 3600
GPU = {"celsius": 64.0, "busy": 0.4, "memory": 0.25, "throttled": False}
FACTS: dict[str, Any] = {
    "load": 0.4, "cpu_c": None, "memory_used": 0.5, "disk_free": 0.6, "gpus": 1, "gpus_expected": 1, "each_gpu": [GPU],
    "throttled": False,
}  # fmt: skip


def told(at: float, said_at: float | None = None, **facts: Any) -> TelemetrySnapshot:
    """One machine, one queue."""
    beat = {"at": at if said_at is None else said_at, **FACTS, **facts}
    return TelemetrySnapshot(at, True, {}, {"machine:ridge": beat, "jobs": {"at": at}}, {0: QueueDepth(12, 0.4)}, 2)


def minutes(session: Session, config: Config, start: float, count: int, **facts: Any) -> None:
    """Minute after minute, each a little hotter and with a little less free disk than the one before."""
    for number in range(count):
        changed = {"load": 0.4 + number / 100, "disk_free": 0.6 - number / 1000, **facts}
        assert write_minute(session, config, told(start + 60.0 * number, **changed), {}, start + 60.0 * number)


def test_a_minute_is_written_once_whoever_comes_first(database: Database, config: Config) -> None:
    with database.write() as session:
        assert write_minute(session, config, told(T0), {}, T0)
        assert not write_minute(session, config, told(T0 + 20, load=9.0), {}, T0 + 20)
        assert write_minute(session, config, told(T0 + 61, load=9.0), {}, T0 + 61)
    with database.read() as session:
        assert session.scalars(select(MachineSample.load).order_by(MachineSample.minute)).all() == [0.4, 9.0]
        assert [(each.entries, each.jobs) for each in session.scalars(select(QueueSample))] == [(12, 2), (12, 2)]
        assert [each.celsius for each in session.scalars(select(GpuSample))] == [64.0, 64.0]


def test_a_sensor_that_is_missing_is_null_and_never_zero(database: Database, config: Config) -> None:
    with database.write() as session:
        write_minute(session, config, told(T0, disk_free=None, throttled=None, each_gpu=None, gpus=None), {}, T0)
    with database.read() as session:
        row = session.scalars(select(MachineSample)).one()
        assert (row.cpu_c, row.disk_free, row.throttled, row.gpus) == (None, None, None, None)
        assert session.scalars(select(GpuSample)).all() == []


def test_who_is_silent_and_who_does_not_answer_leaves_a_gap(sqlite_database: Database, config: Config) -> None:
    with sqlite_database.write() as session:
        assert write_minute(session, config, told(T0, said_at=T0 - 61), {}, T0)
        assert not write_minute(session, config, TelemetrySnapshot(T0 + 60, False), {}, T0 + 60)
    with sqlite_database.read() as session:
        assert session.scalars(select(MachineSample)).all() == []
        assert len(session.scalars(select(QueueSample)).all()) == 1


def test_counters_of_known_cameras_are_kept_hour_by_hour(sqlite_database: Database, config: Config) -> None:
    counters = {
        counter("bearwatch_frames_sent_total", camera_name="upper-creek", reason="motion"): 70,
        counter("bearwatch_frames_sent_total", camera_name="upper-creek", reason="keepalive"): 30,
        counter("bearwatch_frames_dropped_total", camera_name="upper-creek", reason="stale"): 4,
        counter("bearwatch_frames_scored_total", camera_name="upper-creek"): 96,
        counter("bearwatch_frames_scored_total", camera_name="canary:upper-creek"): 5,
        counter("bearwatch_crops_scored_total"): 500,
    }
    with sqlite_database.write() as session:
        for after in (0, 60, 3600):
            write_minute(session, config, told(HOUR_AT + after), counters, HOUR_AT + after)
    with sqlite_database.read() as session:
        rows = session.scalars(select(CameraCount).order_by(CameraCount.hour_at)).all()
        assert [(row.camera_id, row.hour_at, row.sent, row.dropped, row.scored) for row in rows] == [
            ("upper-creek", HOUR_AT, 100, 4, 96), ("upper-creek", HOUR_AT + 3600, 100, 4, 96),
        ]  # fmt: skip


def test_old_minutes_become_hours_that_hold_the_worst_of_them(database: Database, config: Config) -> None:
    with database.write() as session:
        minutes(session, config, HOUR_AT + 300, 20)
        minutes(session, config, HOUR_AT + 2 * DAY_S, 3, throttled=True)
        minutes(session, config, HOUR_AT + 3 * DAY_S, 2)
    before = HOUR_AT + 3 * DAY_S
    handled: list[int] = []
    while not handled or handled[-1]:
        with database.write() as session:
            handled.append(thin_samples(session, before))
    assert handled == [60, 9, 0]
    with database.read() as session:
        rows = session.scalars(select(MachineSample).order_by(MachineSample.minute)).all()
        assert [(row.minute * 60.0, row.span, row.throttled) for row in rows[:2]] == [
            (HOUR_AT, 20, False), (HOUR_AT + 2 * DAY_S, 3, True),
        ]  # fmt: skip
        assert (rows[0].load, rows[0].disk_free, rows[0].cpu_c) == pytest.approx((0.59, 0.581, None))
        assert [row.span for row in rows[2:]] == [1, 1]  # too young
        assert session.scalars(select(QueueSample.span).order_by(QueueSample.minute)).all() == [20, 3, 1, 1]


def test_history_and_test_clips_go_when_their_time_is_over(sqlite_database: Database, config: Config) -> None:
    with sqlite_database.write() as session:
        for at in (T0, T0 + 10 * DAY_S, T0 + 30 * DAY_S):
            write_minute(session, config, told(at), {'bearwatch_frames_sent_total{camera_name="upper-creek"}': 1}, at)
            session.add(CanaryRun(camera_id="upper-creek", planted_at=at, frames=1, background="camera", peak_score=0))
    forget_rows(sqlite_database, Retention(history_days=25), T0 + 30 * DAY_S)
    with sqlite_database.read() as session:
        for column in (MachineSample.minute, GpuSample.minute, QueueSample.minute, CameraCount.hour_at, CanaryRun.id):
            assert len(session.scalars(select(column)).all()) == 2, column


@pytest.fixture
def keeping(
    sqlite_database: Database, config: Config, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[threading.Thread]]:
    """Two processes' threads that would write the same minutes."""
    monkeypatch.setattr(host_metrics_thread, "POLL_EVERY_S", 0.05)
    stop, address = threading.Event(), str(sqlite_database.url)
    threads = [
        threading.Thread(target=host_metrics_thread.keep_history, args=(config, redis_url, address, stop))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    yield threads
    stop.set()
    for thread in threads:
        thread.join()


def test_several_processes_write_each_minute_once(
    sqlite_database: Database, redis_client: redis.Redis, keeping: list[threading.Thread]
) -> None:
    Telemetry(redis_client).beat("machine:ridge", time.time(), FACTS)

    def written() -> int:
        with sqlite_database.read() as session:
            return len(session.scalars(select(QueueSample)).all())

    wait_for(written)
    time.sleep(0.3)
    assert written() <= 2  # the minute may have changed meanwhile
    assert all(thread.is_alive() for thread in keeping)


def test_what_this_machine_says_of_itself_is_what_is_written_down(
    sqlite_database: Database, config: Config, redis_client: redis.Redis, tmp_path: Path
) -> None:
    MachineReporter(redis_client, tmp_path, name="ridge").report()
    now = time.time()
    with sqlite_database.write() as session:
        assert write_minute(session, config, collect_telemetry(redis_client, config, now), {}, now)
    with sqlite_database.read() as session:
        row = session.scalars(select(MachineSample)).one()
    assert row.machine == "ridge"
    assert row.gpus is not None
    assert row.load is not None
    assert 0 < (row.memory_used or 0) < 1
    assert 0 <= (row.disk_free or 0) <= 1


def test_who_has_said_nothing_for_a_week_is_forgotten(redis_client: redis.Redis) -> None:
    telemetry = Telemetry(redis_client)
    telemetry.beat("detector:ridge-1", T0 - 8 * DAY_S, {})
    telemetry.beat("detector:ridge-2", T0, {})
    assert telemetry.forget_silent(T0 - 7 * DAY_S) == 1
    assert list(telemetry.heartbeats()) == ["detector:ridge-2"]
