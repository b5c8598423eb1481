"""Staged cameras as real clients see them when all is well."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from simulation.cameras.scene import Scene, StagedVisit
from simulation.cameras.staged_server import StagedCameras
from tests.support.rtsp_viewing import (
    FPS,
    HEIGHT,
    OTHER,
    SCENE,
    WIDTH,
    Client,
    empty_place,
    eventually,
    looks_like,
    raw_rtsp,
    times,
    viewing,
    viewing_all,
)
from tests.support.waiting import wait_for


def test_a_viewer_gets_every_frame_at_the_pace_of_the_camera(cameras: StagedCameras) -> None:
    with viewing(cameras.url("gate")) as client:
        client.shots(1)
        for _ in range(5):  # once where nobody else needs the machine
            began = time.monotonic()
            shots = client.shots(20)
            took_s = time.monotonic() - began
            if took_s == pytest.approx(20 / FPS, abs=0.8):
                break
    steps = np.diff(times(shots))
    assert steps == pytest.approx(1 / FPS, abs=0.002)
    assert took_s == pytest.approx(20 / FPS, abs=0.8)
    assert {shot.shape for _, shot in shots} == {(HEIGHT, WIDTH)}
    assert looks_like(shots[0][1], SCENE)


def test_no_two_frames_of_a_live_camera_are_the_same(cameras: StagedCameras) -> None:
    with viewing(cameras.url("barn")) as client:
        pictures = {shot.tobytes() for _, shot in client.shots(20)}
    assert len(pictures) == 20


def test_the_stream_goes_on_without_a_break_when_the_loop_begins_again(cameras: StagedCameras) -> None:
    with viewing(cameras.url("barn")) as client:
        shots = client.shots(30)
    assert np.diff(times(shots)) == pytest.approx(1 / FPS, abs=0.002)


def test_the_live_picture_shows_the_subject_where_the_truth_says(cameras: StagedCameras) -> None:
    with viewing(cameras.url("gate")) as client:

        def there() -> bool:
            client.shots(6)
            (seen,) = cameras.truth("gate")
            _, shot = client.shots(1)[0]
            differs = np.abs(shot.astype(np.int16) - empty_place(SCENE.seed)) > 25
            rows = slice(round(seen.box.top * HEIGHT), round(seen.box.bottom * HEIGHT))
            columns = slice(round(seen.box.left * WIDTH), round(seen.box.right * WIDTH))
            inside = differs[rows, columns].sum()
            return bool(
                inside > 0.25 * differs[rows, columns].size and inside > 0.8 * differs[: int(HEIGHT * 0.9)].sum()
            )

        for _ in range(3):
            wait_for(there)  # on a busy machine a picture may be seconds behind the truth


def test_two_viewers_see_the_same_moment(cameras: StagedCameras) -> None:
    with viewing_all([cameras.url("gate")] * 2) as (one, two):
        first = {shot.tobytes() for _, shot in one.shots(24)}
        second = {shot.tobytes() for _, shot in two.shots(24)}
        assert cameras.viewers("gate") == 2
    assert len(first & second) >= 8


def test_two_cameras_show_two_places(cameras: StagedCameras) -> None:
    with viewing_all([cameras.url("gate"), cameras.url("barn")]) as (one, two):
        assert looks_like(one.shots(1)[0][1], SCENE)
        assert looks_like(two.shots(1)[0][1], OTHER)


def test_a_viewer_that_does_not_read_holds_up_nobody(cameras: StagedCameras) -> None:
    with raw_rtsp(cameras) as lazy:
        url = cameras.url("gate")
        for number, line in enumerate((f"SETUP {url}/trackID=0", f"PLAY {url}"), start=1):
            transport = "Transport: RTP/AVP/TCP;interleaved=0-1\r\n" if number == 1 else ""
            lazy.sendall(f"{line} RTSP/1.0\r\nCSeq: {number}\r\n{transport}\r\n".encode())
        with viewing(url) as client:
            assert np.diff(times(client.shots(15))) == pytest.approx(1 / FPS, abs=0.002)
            assert cameras.viewers("gate") == 2


def test_opencv_opens_a_camera_with_its_defaults(cameras: StagedCameras) -> None:
    capture = cv2.VideoCapture(cameras.url("gate"))
    try:
        assert capture.isOpened()
        assert capture.get(cv2.CAP_PROP_FPS) == FPS
        assert [capture.read()[1].shape for _ in range(5)] == [(HEIGHT, WIDTH, 3)] * 5
    finally:
        capture.release()


def test_a_viewer_that_leaves_is_forgotten(cameras: StagedCameras) -> None:
    with viewing(cameras.url("barn")) as client:
        client.shots(1)
        assert cameras.viewers("barn") == 1
    assert eventually(lambda: cameras.viewers("barn") == 0)


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        ("DESCRIBE rtsp://x/nowhere", "", "404"),
        ("SETUP rtsp://x/gate/trackID=0", "Transport: RTP/AVP;client_port=5000-5001\r\n", "461"),
        ("PLAY rtsp://x/gate", "", "455"),
        ("RECORD rtsp://x/gate", "", "501"),
        ("OPTIONS *", "", "200"),
    ],
)
def test_what_a_camera_cannot_do_it_says(cameras: StagedCameras, request_line: str, headers: str, status: str) -> None:
    with raw_rtsp(cameras) as viewer:
        viewer.sendall(f"{request_line} RTSP/1.0\r\nCSeq: 9\r\n{headers}\r\n".encode())
        answer = viewer.recv(4096).decode()
    assert answer.startswith(f"RTSP/1.0 {status} ")
    assert "CSeq: 9\r\n" in answer


def test_a_client_that_speaks_something_else_is_hung_up_on(cameras: StagedCameras) -> None:
    with raw_rtsp(cameras) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert stranger.recv(4096) == b""


def test_a_camera_is_there_as_mjpeg_too(cameras: StagedCameras) -> None:
    capture = cv2.VideoCapture(cameras.mjpeg_url("gate"))
    try:
        pictures = [capture.read()[1] for _ in range(6)]
    finally:
        capture.release()
    assert {picture.shape for picture in pictures} == {(HEIGHT, WIDTH, 3)}
    assert len({picture.tobytes() for picture in pictures}) == 6


def test_when_the_cameras_stop_no_thread_no_port_and_no_viewer_is_left(cache_dir: Path) -> None:
    before = set(threading.enumerate())
    with StagedCameras([OTHER], cache_dir=cache_dir) as cameras:
        client = Client(cameras.url("barn"))
        client.shots(1)
        ports = [int(url.rsplit(":", 1)[1].split("/")[0]) for url in (cameras.url("barn"), cameras.control_url)]
        idle = socket.create_connection(("127.0.0.1", ports[0]), timeout=10)
        idle.sendall(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        assert idle.recv(4096).startswith(b"RTSP/1.0 200")
    with idle:
        assert idle.recv(1) == b""
    with pytest.raises((EOFError, StopIteration, av.error.FFmpegError)):
        client.shots(50)
    client.close()
    assert set(threading.enumerate()) == before
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def test_a_taken_port_is_reported_and_nothing_stays_behind(cameras: StagedCameras, cache_dir: Path) -> None:
    taken = int(cameras.control_url.rsplit(":", 1)[1])
    before = set(threading.enumerate())
    with pytest.raises(OSError, match=str(taken)), StagedCameras([OTHER], cache_dir=cache_dir, rtsp_port=taken):
        pass
    assert set(threading.enumerate()) == before


def test_busy_cameras_play_side_by_side_from_one_process(cache_dir: Path) -> None:
    walking = StagedVisit("deer", 0, 2, ((0.3, 0.9), (0.7, 0.9)), 0.5)
    scenes = [Scene(f"busy-{seed}", 160, 90, 5, loop_s=2, visits=(walking,), seed=seed) for seed in range(4)]
    with (
        StagedCameras(scenes, cache_dir=cache_dir) as cameras,
        viewing_all([cameras.url(name) for name in cameras.names]) as clients,
    ):
        for client in clients:
            assert np.diff(times(client.shots(8))) == pytest.approx(0.2, abs=0.002)
        assert all(cameras.truth(name) for name in cameras.names)
