"""What the main stream shows of an alert is kept: read from a real staged camera by the real reader, or said to be
missing."""

from __future__ import annotations

import io
from pathlib import Path

import av
import pytest
import redis
from av.container import InputContainer
from sqlalchemy import select

from core.clock import now_s
from core.config import Camera, Config
from core.media import MediaStore
from core.pictures.reader_requests import CHANNEL
from core.redis_client import connect
from core.telemetry import Telemetry, counter
from db.models import Recording
from db.session import Database
from detector.tracking.recordings import AFTER_S, GIVE_UP_S, RECORDED, Recordings
from review_ui.rendering.pictures import jpeg_size
from simulation.cameras.staged_server import StagedCameras
from tests.ingest.test_main_stream import MAIN, SUB
from tests.support.cast import open_encounter
from tests.support.ingest_run import config_of, running, status
from tests.support.waiting import wait_for

CAMERA = "upper-creek"


def with_main_stream(config: Config, url: str, record_url: str) -> Config:
    """The configuration with one camera that has two streams."""
    camera = Camera(campsite="upper-pines", url=url, record_url=record_url)
    return config.model_copy(update={"cameras": {**config.cameras, CAMERA: camera}})


def recorded(database: Database) -> list[Recording]:
    """What is written down."""
    with database.read() as session:
        return list(session.scalars(select(Recording)))


def test_an_alert_keeps_its_moment_at_full_size_and_a_clip_with_the_seconds_before(
    sqlite_database: Database, config: Config, redis_client: redis.Redis, redis_url: str, tmp_path: Path
) -> None:
    media, client = MediaStore(tmp_path), connect(redis_url)
    with StagedCameras([SUB, MAIN]) as cameras:
        own = with_main_stream(config, cameras.url("creek"), cameras.url("creek-main"))
        streams = {"url": cameras.url("creek"), "record_url": cameras.url("creek-main")}
        keeper = Recordings(own, sqlite_database, client, media)
        with running(config_of({CAMERA: streams}), redis_url) as ingest:
            wait_for(lambda: (now := status(client, CAMERA)) is not None and now.main_stream == "")
            main = ingest._watches[CAMERA].main_stream
            assert main is not None
            wait_for(lambda: main.ring.load()[0] > 2.0)
            encounter = open_encounter(sqlite_database, own, media, CAMERA, now_s() - 0.5)
            assert keeper.keep_missing() == 0  # its clip is not over yet
            wait_for(lambda: now_s() > encounter.decided_at + AFTER_S)
            assert keeper.keep_missing() == 1
            assert keeper.keep_missing() == 0
    (row,) = recorded(sqlite_database)
    assert row.why == ""
    assert row.still is not None
    assert row.clip is not None
    still, clip = media.get(row.still), media.get(row.clip)
    assert still is not None
    assert clip is not None
    assert jpeg_size(still) == (MAIN.width, MAIN.height)
    assert row.still_at == pytest.approx(encounter.decided_at, abs=0.5)
    assert row.clip_at is not None
    assert row.clip_s is not None
    assert row.clip_at < encounter.first_at
    assert row.clip_at + row.clip_s == pytest.approx(encounter.decided_at + AFTER_S, abs=0.5)
    with av.open(io.BytesIO(clip)) as file:
        assert isinstance(file, InputContainer)
        assert file.streams.video[0].codec_context.name == "h264"
        assert not file.streams.audio
    assert Telemetry(client).counters()[counter(RECORDED, camera_name=CAMERA, reason="kept")] == 1
    client.close()


def test_an_alert_whose_main_stream_nobody_reads_says_so_when_it_is_too_late(
    sqlite_database: Database, config: Config, redis_client: redis.Redis, tmp_path: Path
) -> None:
    media, now = MediaStore(tmp_path), now_s()
    own = with_main_stream(config, "rtsp://127.0.0.1:1/sub", "rtsp://127.0.0.1:1/main")
    assert redis_client.pubsub_numsub(CHANNEL) == [(CHANNEL.encode(), 0)]
    encounter = open_encounter(sqlite_database, own, media, CAMERA, now)
    clock = [encounter.decided_at + AFTER_S + 1]
    keeper = Recordings(own, sqlite_database, redis_client, media, clock=lambda: clock[0])
    assert keeper.keep_missing() == 0
    assert recorded(sqlite_database) == []  # a reader that restarts may still answer
    clock[0] = encounter.decided_at + GIVE_UP_S + 1
    assert keeper.keep_missing() == 1
    (row,) = recorded(sqlite_database)
    assert (row.still, row.clip, row.why) == (None, None, "nobody who reads this camera answered")
    assert Telemetry(redis_client).counters()[counter(RECORDED, camera_name=CAMERA, reason="missing")] == 1


def test_a_camera_without_a_main_stream_is_not_asked_for_one(
    sqlite_database: Database, config: Config, redis_client: redis.Redis, tmp_path: Path
) -> None:
    media = MediaStore(tmp_path)
    encounter = open_encounter(sqlite_database, config, media, CAMERA, now_s())
    late = encounter.decided_at + GIVE_UP_S + 1
    assert Recordings(config, sqlite_database, redis_client, media, clock=lambda: late).keep_missing() == 0
    assert recorded(sqlite_database) == []
