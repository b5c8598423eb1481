"""Cameras that are not RTSP: video files in real time, MJPEG over HTTP; and cameras that are not there."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import cv2
import pytest
import redis

from core.config import Camera
from core.messages import CameraHealth, CameraStatus, Reason
from core.redis_client import connect
from core.settings import Settings
from core.telemetry import Telemetry
from ingest.ingest_process import run
from ingest.scene.liveness import Content, content_of
from ingest.scene.picture import Picture
from ingest.sources.probe import probe
from tests.support.drawn_scenes import animal_box, colour, ground, noisy, overlap, with_animal, write_video
from tests.support.ingest_run import config_of, fresh, probed, running, status
from tests.support.services.http_servers import answering
from tests.support.waiting import wait_for

USER, PASSWORD = "ranger", "hunter2"
ROUND = 48
"""Pictures until the animal starts again."""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two seconds in which an animal walks from left to right."""
    return write_video(tmp_path / "clip.mp4", [noisy(with_animal(ground(), 20 + 3 * n), n) for n in range(30)])


@cache
def picture(number: int) -> bytes:
    """A JPEG of the animal on its way; drawn once, so that the camera keeps its pace."""
    return cv2.imencode(".jpg", colour(noisy(with_animal(ground(), 20 + 5 * number), number)))[1].tobytes()


class MjpegCamera(BaseHTTPRequestHandler):
    """Ten pictures a second for whoever knows the password."""

    def do_GET(self) -> None:
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        began, number = time.monotonic(), 0
        while not getattr(self.server, "closing", False):
            jpeg = picture(number % ROUND)
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
            try:
                self.wfile.write(head + jpeg + b"\r\n")
            except OSError:
                return
            number += 1
            time.sleep(max(0.0, began + number / 10 - time.monotonic()))

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def mjpeg_camera() -> Iterator[str]:
    """Host and port of an MJPEG camera."""
    with answering(ThreadingHTTPServer(("127.0.0.1", 0), MjpegCamera)) as server:
        yield f"127.0.0.1:{server.server_port}"
        server.closing = True  # type: ignore[attr-defined] # read by the handler


def at_its_pace(camera: CameraStatus) -> bool:
    """Whether a clip of 15 frames a second is read and looked at as it should be."""
    return camera.source_fps == pytest.approx(15.0, rel=0.15) and camera.analysed_fps == pytest.approx(5.0, rel=0.2)


def test_a_file_plays_in_real_time_and_starts_again_at_its_end(
    redis_client: redis.Redis, redis_url: str, clip: Path
) -> None:
    with running(config_of({"creek": {"url": str(clip)}}), redis_url):
        began = time.monotonic()
        wait_for(lambda: len(fresh(redis_client)) > 14)
        assert time.monotonic() - began > 2.0
        wait_for(lambda: (now := status(redis_client, "creek")) is not None and at_its_pace(now))
        found = status(redis_client, "creek")
    assert found is not None
    assert (found.health, found.reconnects) == (CameraHealth.LIVE, 0)
    assert (found.width, found.height) == (320, 180)
    captured = [frame.captured_at for frame in fresh(redis_client) if frame.reason is not Reason.AUDIT]
    assert captured == sorted(set(captured))
    truths = [animal_box(20 + 3 * number) for number in range(30)]
    moving = [frame for frame in fresh(redis_client) if frame.reason is Reason.MOTION]
    on_the_animal = [any(overlap(box, truth) > 0.3 for box in frame.boxes for truth in truths) for frame in moving]
    assert sum(on_the_animal) >= 0.8 * len(on_the_animal)  # where pictures are skipped, two places make one box


def test_an_mjpeg_camera_behind_a_password_is_read(redis_client: redis.Redis, redis_url: str) -> None:
    with mjpeg_camera() as host:
        url = f"http://{USER}:{PASSWORD}@{host}/video"
        with running(config_of({"creek": {"url": url}}), redis_url):
            wait_for(lambda: len(fresh(redis_client)) > 15)
            wait_for(
                lambda: (
                    (now := status(redis_client, "creek")) is not None
                    and now.source_fps == pytest.approx(10.0, rel=0.2)
                )
            )
            found = status(redis_client, "creek")
    assert found is not None
    assert found.health is CameraHealth.LIVE
    moving = [frame for frame in fresh(redis_client) if frame.reason is Reason.MOTION]
    heights = [box[3] - box[1] for frame in moving for box in frame.boxes]
    assert heights
    assert max(heights) < 0.3


def test_probing_an_mjpeg_camera_shows_what_it_is() -> None:
    with mjpeg_camera() as host:
        camera = Camera(campsite="pines", url=f"http://{USER}:{PASSWORD}@{host}/video")
        result = probed("creek", camera, 10.0)
        refused = probe("creek", Camera(campsite="pines", url=f"http://{USER}:wrong@{host}/video"), 60.0)
    assert (result.ok, result.codec, result.width, result.height) == (True, "mjpeg", 320, 180)
    assert result.snapshot_jpeg is not None
    assert result.snapshot_jpeg.startswith(b"\xff\xd8")
    assert not refused.ok
    assert "user name or password" in refused.error
    assert "wrong" not in refused.error


def test_probing_a_file_tells_its_rate_and_where_the_animal_is(clip: Path) -> None:
    result = probe("creek", Camera(campsite="pines", url=str(clip)), 60.0)
    assert (result.ok, result.codec, result.fps) == (True, "h264", 15.0)


def test_probing_a_camera_that_is_not_there_says_so_without_raising(tmp_path: Path) -> None:
    refused = probe("creek", Camera(campsite="pines", url="rtsp://127.0.0.1:1/creek"), 3.0)
    missing = probe("creek", Camera(campsite="pines", url=str(tmp_path / "none.mp4")), 3.0)
    assert (refused.ok, refused.snapshot_jpeg) == (False, None)
    assert "refused" in refused.error
    assert missing.error == "no such file"


def test_an_unreachable_camera_is_blind_and_tried_again_while_others_work(
    redis_client: redis.Redis, redis_url: str, clip: Path
) -> None:
    cameras = {"creek": {"url": str(clip)}, "gone": {"url": "rtsp://ranger:hunter2@127.0.0.1:1/x"}}
    with running(config_of(cameras), redis_url):
        wait_for(lambda: (found := status(redis_client, "gone")) is not None and found.health is CameraHealth.BLIND)
        gone, creek = status(redis_client, "gone"), status(redis_client, "creek")
        before = gone.reconnects if gone else 0
        wait_for(lambda: (status(redis_client, "gone") or gone).reconnects > before)  # type: ignore[union-attr] # gone is set
    assert gone is not None
    assert gone.content_at is None
    assert gone.detail == "no connection: connection refused: is the camera on, and is this its port?"
    assert gone.blind_reason(gone.reported_at, 15.0) == gone.detail
    assert creek is not None
    assert creek.health is CameraHealth.LIVE


def test_a_reader_that_crashes_starts_again(
    redis_client: redis.Redis, redis_url: str, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes = [1]

    def fragile(picture: Picture) -> Content:
        if crashes:
            raise RuntimeError(f"crash {crashes.pop()}")
        return content_of(picture)

    monkeypatch.setattr("ingest.watch.content_of", fragile)
    with running(config_of({"creek": {"url": str(clip)}}, blind_after_s=10.0), redis_url):
        wait_for(lambda: len(fresh(redis_client)) > 3)
    assert not crashes


def test_the_process_reports_itself_and_its_enabled_cameras_and_stops_when_it_is_told_to(
    redis_url: str, clip: Path
) -> None:
    stop = Event()
    cameras = {f"camera-{number}": {"url": str(clip), "enabled": number < 4} for number in range(5)}
    worker = Thread(target=run, args=(config_of(cameras), Settings(redis_url=redis_url), stop))
    client, began = connect(redis_url), time.time()
    worker.start()
    wait_for(lambda: Telemetry(client).heartbeats().get("ingest", {}).get("live") == 4)
    stop.set()
    worker.join(60.0)
    assert not worker.is_alive()
    stopped_by = time.time()
    heartbeat = Telemetry(client).heartbeats()["ingest"]
    assert heartbeat["cameras"] == 4
    assert set(Telemetry(client).cameras()) == {f"camera-{number}" for number in range(4)}
    assert began < heartbeat["at"] < stopped_by
    client.close()
