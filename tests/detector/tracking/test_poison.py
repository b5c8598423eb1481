"""A poisoned entry never ends the tracker: it is buried and counted, and what comes after it is tracked."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import event, select

from core.clock import now_s
from core.config import Config
from core.messages import FrameScores
from core.redis_client import connect
from core.streams import FrameStreams
from core.telemetry import Telemetry
from db.models import Alert, CameraHour
from db.session import Database
from detector.tracking.camera_hours import CameraHours
from tests.detector.tracking.test_track_worker import Tracker, bear, count
from tests.support.factories import scored
from tests.support.waiting import wait_for

TWO_SHARDS = """
regions:
  sierra: {timezone: America/Los_Angeles, shard: 0}
  north: {timezone: America/Los_Angeles, shard: 1}
campsites: {upper: {region: sierra}, far: {region: north}}
cameras: {upper-creek: {campsite: upper, url: "rtsp://127.0.0.1:1/x"}, far-cam: {campsite: far, url: "rtsp://127.0.0.1:1/y"}}
"""


def put(client: redis.Redis, scores: FrameScores, **changed: Any) -> None:
    """Put scores on the stream, some of their header changed."""
    packed = scores.pack()
    header = json.loads(packed["h"]) | changed
    client.xadd("scores:0", {**packed, "h": json.dumps(header).encode()})  # type: ignore[dict-item]  # invariant


POISON: dict[str, dict[str, Any]] = {
    "no number": {"captured_at": math.nan},
    "endless": {"captured_at": math.inf},
    "huge": {"captured_at": 1e300},
    "year 300000": {"captured_at": 1e13, "reason": "audit"},
    "a sequence that no database holds": {"sequence": 10**30},
    "tomorrow": {"captured_at": now_s() + 86_400},
    "no score": {"crops": [[[0, 0, 1, 1], math.nan, "bear", 0.9]]},
    "no list": {"crops": 7},
}


@pytest.mark.parametrize("changed", POISON.values(), ids=POISON)
def test_a_poisoned_entry_is_buried_and_the_bear_behind_it_is_found_also_after_a_restart(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path, changed: dict[str, Any]
) -> None:
    client = connect(redis_url)
    streams = FrameStreams(client)
    streams.ensure_group(streams.scores, "tracker")
    put(client, scored(0.9, at=now_s()), **changed)
    assert len(streams.read(streams.scores, "tracker", "tracker", 10, None)) == 1  # a predecessor has read it and died
    put(client, scored(0.9, at=now_s()), **changed)
    with Tracker(config, sqlite_database, redis_url, tmp_path):
        start = now_s()
        for scores in bear(start):
            put(client, scores)
        wait_for(lambda: count(sqlite_database, Alert))
        wait_for(lambda: client.xlen(streams.dead) == 2)
    assert Telemetry(client).counters()['bearwatch_dead_letters_total{stream="scores"}'] == 2
    assert streams.pending(streams.scores, "tracker", "tracker") == []
    client.close()


def test_what_goes_wrong_with_one_frame_in_any_later_step_buries_that_frame_alone(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(redis_url)
    add = CameraHours.add

    def picky(self: CameraHours, scores: FrameScores, thumbnail: str | None, gap: float | None = None) -> None:
        if scores.model == "poison":
            raise OverflowError("a fault that nobody has thought of")
        add(self, scores, thumbnail, gap)

    monkeypatch.setattr(CameraHours, "add", picky)
    start = now_s()
    still = [scored(0.1, "upper-trail", start + step / 5) for step in range(6)]
    for number, scores in enumerate(still):
        put(client, scores, model="poison" if number in (2, 4) else "fine")
    with Tracker(config, sqlite_database, redis_url, tmp_path):
        wait_for(lambda: client.xlen("dead:0") == 2)
        wait_for(lambda: count(sqlite_database, CameraHour))
        for scores in bear(now_s()):
            put(client, scores)
        wait_for(lambda: count(sqlite_database, Alert))
    with sqlite_database.read() as session:
        frames = {hour.camera_id: hour.frames for hour in session.scalars(select(CameraHour))}
    assert frames == {"upper-trail": {"motion": 4}, "upper-creek": {"motion": 4}}
    client.close()


def test_a_number_that_the_database_refuses_when_it_is_flushed_is_found_out(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    client = connect(redis_url)
    seen = False

    def refuse(_mapper: Any, _connection: Any, hour: CameraHour) -> None:
        nonlocal seen
        if hour.camera_id == "lower-meadow":
            seen = True
            raise ValueError("a row that no database takes")

    event.listen(CameraHour, "before_insert", refuse)
    try:
        put(client, scored(0.1, "lower-meadow", now_s()))
        put(client, scored(0.1, "upper-creek", now_s()))
        with Tracker(config, sqlite_database, redis_url, tmp_path):
            wait_for(lambda: client.xlen("dead:0") == 1)
            wait_for(lambda: count(sqlite_database, CameraHour))
    finally:
        event.remove(CameraHour, "before_insert", refuse)
    assert seen
    client.close()


@contextmanager
def tracker_process(tmp_path: Path, redis_url: str, *, program: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """The process `bearwatch tracker` with two shards."""
    (tmp_path / "bearwatch.yaml").write_text(TWO_SHARDS)
    environment = {
        **os.environ,
        "REDIS_URL": redis_url,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'b.sqlite3'}",
        "BEARWATCH_DATA": str(tmp_path),
        "BEARWATCH_CONFIG": str(tmp_path / "bearwatch.yaml"),
    }
    start = program + "import sys; from bearwatch.cli import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen([sys.executable, "-c", start, "tracker"], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def alive(tmp_path: Path, redis_url: str) -> int:
    """What a health check gets."""
    command = [sys.executable, "-m", "bearwatch", "alive", "tracker", "--config", str(tmp_path / "bearwatch.yaml")]
    return subprocess.run(command, env={**os.environ, "REDIS_URL": redis_url}, check=False).returncode


def test_a_shard_whose_thread_dies_takes_its_process_along(tmp_path: Path, redis_url: str) -> None:
    database = Database(f"sqlite:///{tmp_path / 'b.sqlite3'}")
    from db.migrate import upgrade

    upgrade(database)
    database.close()
    dies = (
        "from detector.tracking.track_worker import TrackWorker\n"
        "round_ = TrackWorker._round\n"
        "def dies(self):\n"
        "    if self.streams.shard == 1 and self.streams.client.exists('end'): raise SystemError('fatal') from None\n"
        "    round_(self)\n"
        "TrackWorker._round = dies\n"
        "TrackWorker._start_over_ = TrackWorker._start_over\n"
        "def over(self):\n"
        "    if hasattr(self, 'tracks'): raise RuntimeError('and its recovery, too')\n"
        "    self._start_over_()\n"
        "TrackWorker._start_over = over\n"
    )
    client = connect(redis_url)
    with tracker_process(tmp_path, redis_url, program=dies) as process:
        wait_for(lambda: {"tracker:0", "tracker:1"} <= Telemetry(client).heartbeats().keys())
        assert alive(tmp_path, redis_url) == 0
        client.set("end", "1")
        assert process.wait(timeout=60) == 70
    client.close()


def test_alive_asks_for_every_shard(tmp_path: Path, redis_url: str) -> None:
    (tmp_path / "bearwatch.yaml").write_text(TWO_SHARDS)
    client = connect(redis_url)
    telemetry = Telemetry(client)
    telemetry.beat("tracker:0", now_s(), {})
    assert alive(tmp_path, redis_url) == 1, "nobody tracks shard 1"
    telemetry.beat("tracker:1", now_s() - 60, {})
    assert alive(tmp_path, redis_url) == 1, "who tracked shard 1 has fallen silent"
    telemetry.beat("tracker:1", now_s(), {})
    assert alive(tmp_path, redis_url) == 0
    client.close()
