"""The tracker process: what it acknowledged is durable, and nothing is raised twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import redis
from sqlalchemy import event, func, select

from core.clock import now_s
from core.config import Config
from core.machine.unwritten_alerts import unwritten_alerts
from core.media import MediaStore
from core.messages import EncounterKind, FrameScores, Reason
from core.redis_client import connect
from core.streams import FrameStreams
from db.models import Alert, CameraHour, CameraLightDay, Encounter, OperatingPointChange
from db.session import Database
from detector.tracking.mean_picture import WARM
from detector.tracking.track_worker import TrackWorker
from tests.support.factories import frame, jpeg, scored
from tests.support.waiting import wait_for

Publish = Callable[[Sequence[FrameScores]], None]


@pytest.fixture
def publish(redis_client: redis.Redis) -> Publish:
    """Put scores on the stream, as a detector does."""
    streams = FrameStreams(redis_client)

    def put(many: Sequence[FrameScores]) -> None:
        for one in many:
            redis_client.xadd(streams.scores, one.pack())  # type: ignore[arg-type]  # redis-py's types are invariant

    return put


class Tracker:
    """A tracker in a thread, which can be stopped kindly or abandoned."""

    def __init__(self, config: Config, database: Database, url: str, media: Path) -> None:
        self.client = connect(url)
        self.worker = TrackWorker(config, database, self.client, MediaStore(media), 0)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.worker.run, args=(self.stop,))

    def __enter__(self) -> Tracker:
        self.thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop.set()
        self.thread.join()
        self.client.close()


def hits(database: Database) -> list[int]:
    """On how many frames each encounter was seen, as far as it is written down."""
    with database.read() as session:
        return list(session.scalars(select(Encounter.hits)))


def count(database: Database, table: type[Alert] | type[Encounter] | type[CameraHour] | type[CameraLightDay]) -> int:
    """Rows of a table."""
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def bear(start: float, frames: int = 4, camera: str = "upper-creek") -> list[FrameScores]:
    """A bear in view."""
    return [scored(0.9, camera, start + step / 5) for step in range(frames)]


def test_a_bear_becomes_one_alert_with_its_pictures(
    database: Database, config: Config, redis_url: str, publish: Publish, tmp_path: Path
) -> None:
    with Tracker(config, database, redis_url, tmp_path):
        start = now_s()
        publish([scored(0.1, at=start - 0.2), *bear(start, 6)])
        wait_for(lambda: count(database, Alert))
        wait_for(lambda: count(database, CameraHour))
    with database.read() as session:
        (encounter,) = session.scalars(select(Encounter)).all()
        assert [frame.agrees for frame in encounter.frames] == [False, True, True, True, True]
        assert all(MediaStore(tmp_path).get(frame.media or "") for frame in encounter.frames)
        assert session.scalars(select(Alert)).one().mode == "shadow"
        (hour,) = session.scalars(select(CameraHour)).all()
        assert hour.frames == {"motion": 7}
        assert (hour.histogram[2], hour.histogram[18]) == (1, 6)


def test_a_camera_hour_knows_how_far_its_thumbnails_were_from_the_mean_picture(
    database: Database, config: Config, redis_url: str, publish: Publish, tmp_path: Path
) -> None:
    start = now_s() // 3600 * 3600 - 7200
    halves = np.full((36, 64, 3), 40, np.uint8)
    halves[:, 32:] = 200
    other = cv2.imencode(".jpg", halves)[1].tobytes()
    pictures = [jpeg()] * WARM + [other]
    thumbnails = [
        replace(one := scored(0.1, at=start + number, reason=Reason.AUDIT), frame=replace(one.frame, jpeg=picture))
        for number, picture in enumerate(pictures)
    ]
    with Tracker(config, database, redis_url, tmp_path):
        publish(thumbnails)
        wait_for(lambda: count(database, CameraHour))
    with database.read() as session:
        (hour,) = session.scalars(select(CameraHour)).all()
        assert len(hour.thumbnails) == WARM + 1
        assert hour.scene_gap == pytest.approx(80.0, abs=5.0)


def test_a_tracker_that_starts_in_the_middle_of_a_visit_raises_no_second_alert(
    database: Database, config: Config, redis_url: str, publish: Publish, tmp_path: Path
) -> None:
    start = now_s()
    with Tracker(config, database, redis_url, tmp_path):
        publish(bear(start))
        wait_for(lambda: count(database, Alert))
    with Tracker(config, database, redis_url, tmp_path):
        publish(bear(start + 1))
        wait_for(lambda: hits(database) == [8])
    assert (count(database, Alert), count(database, Encounter)) == (1, 1)
    with database.read() as session:
        assert session.scalars(select(Encounter)).one().hits == 8


def test_a_tracker_killed_before_it_acknowledged_loses_nothing_and_repeats_nothing(
    database: Database, config: Config, redis_url: str, publish: Publish, tmp_path: Path
) -> None:
    """The worst instant: the alert is in the database, its frames are not acknowledged."""
    victim = Tracker(config, database, redis_url, tmp_path)
    publish(bear(now_s()))
    assert victim.worker._hold_leadership()
    entries = victim.worker.streams.read(victim.worker.streams.scores, "tracker", "tracker", 64, None)
    victim.worker._process(entries)
    assert count(database, Alert) == 1
    victim.client.delete(victim.worker.lease.key)  # it died: its lease runs out
    victim.client.close()
    with Tracker(config, database, redis_url, tmp_path):
        wait_for(lambda: count(database, CameraHour))
    assert (count(database, Alert), count(database, Encounter)) == (1, 1)


def test_only_one_tracker_works_at_a_time(
    database: Database, config: Config, redis_url: str, publish: Publish, tmp_path: Path
) -> None:
    with Tracker(config, database, redis_url, tmp_path) as first:
        wait_for(lambda: first.worker.active)
        with Tracker(config, database, redis_url, tmp_path) as second:
            publish(bear(now_s()))
            wait_for(lambda: count(database, Alert))
            assert not second.worker.active
    assert count(database, Alert) == 1


def test_a_bear_seen_during_an_outage_comes_late_but_comes(
    database: Database, config: Config, redis_url: str, publish: Publish, tmp_path: Path
) -> None:
    with Tracker(config, database, redis_url, tmp_path):
        now = now_s()
        publish([scored(0.1, at=now, reason=Reason.KEEPALIVE), *bear(now - 600)])
        wait_for(lambda: count(database, Alert))
    with database.read() as session:
        encounter = session.scalars(select(Encounter)).one()
        assert encounter.late
        assert encounter.first_at == pytest.approx(now - 600)


def test_an_unreadable_entry_is_buried_and_the_rest_goes_on(
    database: Database, config: Config, redis_url: str, redis_client: redis.Redis, publish: Publish, tmp_path: Path
) -> None:
    with Tracker(config, database, redis_url, tmp_path):
        redis_client.xadd("scores:0", {"h": b"nonsense", "j": b""})
        publish(bear(now_s()))
        wait_for(lambda: count(database, Alert))
    assert redis_client.xlen("dead:0") == 1


def test_what_the_database_refuses_for_ever_does_not_stop_the_watch(
    postgresql_database: Database,
    config: Config,
    redis_url: str,
    redis_client: redis.Redis,
    publish: Publish,
    tmp_path: Path,
) -> None:
    """PostgreSQL has no room for a number of more than 64 bits."""
    start = now_s()
    poison = replace(scored(0.9, at=start), frame=frame(at=start, sequence=2**70))
    with Tracker(config, postgresql_database, redis_url, tmp_path):
        publish([poison, *bear(start + 0.2), *bear(start + 4)])
        wait_for(lambda: count(postgresql_database, Alert))
    assert 1 <= redis_client.xlen("dead:0") <= 5


def test_a_full_disk_costs_the_pictures_and_not_the_alert(
    database: Database, config: Config, redis_url: str, publish: Publish, tmp_path: Path, full_disk: Path
) -> None:
    with Tracker(config, database, redis_url, full_disk):
        publish(bear(now_s()))
        wait_for(lambda: count(database, Alert))
    with database.read() as session:
        encounter = session.scalars(select(Encounter)).one()
        assert encounter.cover is None
        assert len(encounter.frames) >= 3
        assert {kept.media for kept in encounter.frames} == {None}


def test_an_alert_that_cannot_be_written_is_told_to_open_pages_and_written_when_it_can_be(
    sqlite_database: Database, config: Config, redis_client: redis.Redis, redis_url: str, publish: Publish,
    tmp_path: Path,
) -> None:  # fmt: skip
    def takes_nothing(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA query_only = ON")

    event.listen(sqlite_database.engine, "connect", takes_nothing)
    sqlite_database.engine.dispose()
    start = now_s()
    with Tracker(config, sqlite_database, redis_url, tmp_path):
        publish(bear(start))
        wait_for(lambda: unwritten_alerts(redis_client, now_s()))
        (alert,) = unwritten_alerts(redis_client, now_s())
        assert (alert.camera, alert.kind) == ("upper-creek", EncounterKind.BEAR)
        assert start < alert.captured_at < start + 1
        assert count(sqlite_database, Alert) == 0
        event.remove(sqlite_database.engine, "connect", takes_nothing)
        sqlite_database.engine.dispose()
        wait_for(lambda: count(sqlite_database, Alert) == 1)
    assert unwritten_alerts(redis_client, now_s() + 60) == []  # nothing is told of for longer than it holds


def test_a_camera_with_a_threshold_of_its_own_alerts_from_there_on(
    sqlite_database: Database, config: Config, redis_url: str, publish: Publish, tmp_path: Path
) -> None:
    start = now_s()
    with sqlite_database.write() as session:
        for camera, threshold in (("upper-creek", 0.35), ("upper-trail", 0.6)):
            session.add(
                OperatingPointChange(
                    camera_id=camera, infrared=False, at=start - 3600, model="test-model", model_threshold=0.5,
                    before=0.5, threshold=threshold, wanted=0.3, ceiling=0.62, false_alarms_per_day=1.0, visits=3,
                    days=12.0, constant=False, reason="as the test has it",
                )
            )  # fmt: skip
    with Tracker(config, sqlite_database, redis_url, tmp_path):
        publish([scored(0.4, "upper-creek", start + step / 5) for step in range(5)])
        publish([scored(0.55, "upper-trail", start + step / 5) for step in range(3)])
        wait_for(lambda: count(sqlite_database, Alert))
        wait_for(lambda: count(sqlite_database, CameraLightDay) == 2)
    with sqlite_database.read() as session:
        (encounter,) = session.scalars(select(Encounter)).all()
        assert encounter.camera_id == "upper-creek"
        assert encounter.threshold == pytest.approx(0.35)
        days = session.scalars(select(CameraLightDay).order_by(CameraLightDay.camera_id)).all()
        assert [(day.threshold, day.frames, day.minutes >= 1) for day in days] == [(0.5, 5, True), (0.5, 3, True)]
