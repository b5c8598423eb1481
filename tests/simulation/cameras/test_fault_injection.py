"""Staged cameras in every kind of trouble, as real clients see them."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from simulation.cameras.encode import prepare
from simulation.cameras.staged_server import StagedCameras
from tests.support.rtsp_viewing import (
    FPS,
    GOP,
    HEIGHT,
    SCENE,
    WIDTH,
    Client,
    Shot,
    decoded,
    eventually,
    get,
    looks_like,
    raw_rtsp,
    read_until_silent,
    times,
    viewing,
)


def test_a_frozen_camera_repeats_one_picture_with_healthy_timestamps_until_healed(cameras: StagedCameras) -> None:
    with viewing(cameras.url("gate")) as client:
        client.shots(3)
        cameras.fault("gate", "freeze")
        client.until(np.array_equal)
        frozen = client.shots(15)
        cameras.fault("gate", "none")
        client.shots(GOP + 2)
        healed = client.shots(10)
    assert len({shot.tobytes() for _, shot in frozen}) == 1
    assert np.diff(times(frozen)) == pytest.approx(1 / FPS, abs=0.002)
    assert len({shot.tobytes() for _, shot in healed}) == 10


def test_a_stalled_camera_keeps_the_connection_and_sends_nothing(cameras: StagedCameras) -> None:
    with viewing(cameras.url("gate"), read_timeout_s=0.8) as client:
        client.shots(2)
        cameras.fault("gate", "stall")
        with pytest.raises(av.error.FFmpegError):
            client.shots(10)
        assert cameras.viewers("gate") == 1


def test_an_aborting_camera_resets_its_viewers_and_takes_new_ones(cameras: StagedCameras) -> None:
    with raw_rtsp(cameras) as viewer:
        url = cameras.url("gate")
        viewer.sendall(
            f"SETUP {url} RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n"
            f"PLAY {url} RTSP/1.0\r\nCSeq: 2\r\n\r\n".encode()
        )
        assert eventually(lambda: cameras.viewers("gate") == 1)
        cameras.fault("gate", "abort")
        with pytest.raises(ConnectionResetError):
            read_until_silent(viewer)
    with viewing(url) as client:
        assert len(client.shots(2)) == 2


def test_a_viewer_notices_an_abort_at_once(cameras: StagedCameras) -> None:
    with viewing(cameras.url("gate")) as client:
        client.shots(2)
        cameras.fault("gate", "abort")
        with pytest.raises((EOFError, StopIteration, av.error.FFmpegError)):
            client.shots(10)


def test_a_refusing_camera_throws_out_its_viewers_and_answers_404(cameras: StagedCameras) -> None:
    with viewing(cameras.url("gate")) as client:
        client.shots(2)
        cameras.fault("gate", "refuse")
        with pytest.raises((EOFError, StopIteration, av.error.FFmpegError)):
            client.shots(10)
    with pytest.raises(av.error.HTTPNotFoundError):
        Client(cameras.url("gate"))
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(cameras.mjpeg_url("gate"))
    cameras.fault("gate", "none")
    with viewing(cameras.url("gate")) as client:
        assert len(client.shots(2)) == 2


def test_a_camera_that_sends_garbage_is_of_no_use_and_then_recovers(cameras: StagedCameras, cache_dir: Path) -> None:
    good = {shot.tobytes() for shot in decoded(prepare([SCENE], cache_dir)["gate"])}
    with viewing(cameras.url("gate")) as client:
        assert all(shot.tobytes() in good for _, shot in client.shots(3))
        cameras.fault("gate", "garbage")
        received, shots = 0, list[Shot]()
        began = time.monotonic()
        while time.monotonic() - began < 0.8 or received <= 1_000:
            size, pictures = client.next_packet()
            received += size
            shots += pictures
        assert received > 1_000
        assert not any(shot.tobytes() in good for _, shot in shots[2:])
        cameras.fault("gate", "none")
        # A picture spoilt by garbage may still come before the first key frame.
        assert sum(shot.tobytes() in good for _, shot in client.shots(GOP + 5)) > 3


def test_a_camera_with_a_wrong_clock_jumps_by_hours_and_sends_good_pictures(cameras: StagedCameras) -> None:
    with viewing(cameras.url("gate")) as client:
        cameras.fault("gate", "wrong_clock")
        shots = client.shots(30)
    assert np.abs(np.diff(times(shots))).max() > 3000
    assert looks_like(shots[-1][1], SCENE)


def test_a_camera_changes_its_resolution_in_mid_stream_and_back(cameras: StagedCameras) -> None:
    with viewing(cameras.url("gate")) as client:
        client.shots(3)
        cameras.fault("gate", "resolution")
        client.until(lambda _, shot: shot.shape == (134, 240))
        small = client.shots(12)
        cameras.fault("gate", "none")
        client.until(lambda _, shot: shot.shape == (HEIGHT, WIDTH))
        whole = client.shots(2)
    assert {shot.shape for _, shot in small} == {(134, 240)}
    assert looks_like(cv2.resize(small[-1][1], (WIDTH, HEIGHT)).astype(np.uint8), SCENE)
    assert {shot.shape for _, shot in whole} == {(HEIGHT, WIDTH)}


def test_a_covered_lens_is_dark_and_alive(cameras: StagedCameras) -> None:
    with viewing(cameras.url("gate")) as client:
        cameras.fault("gate", "black")
        client.until(lambda _, shot: float(shot.mean()) < 30)
        shots = client.shots(12)
    assert max(float(shot.mean()) for _, shot in shots) < 30
    assert len({shot.tobytes() for _, shot in shots}) == 12


def test_trouble_can_be_made_over_http_and_is_listed(cameras: StagedCameras) -> None:
    answer = get(f"{cameras.control_url}/cameras/gate/fault/freeze", "POST")
    assert answer["fault"] == "freeze"
    listed = {camera["name"]: camera for camera in get(f"{cameras.control_url}/cameras")["cameras"]}
    assert listed["gate"]["fault"] == "freeze"
    assert listed["gate"]["url"] == cameras.url("gate")
    assert listed["gate"]["in_view"][0]["kind"] == "bear"
    assert listed["barn"]["fault"] == "none"
    assert listed["barn"]["in_view"] == []
    assert listed["barn"]["elapsed_s"] == pytest.approx(cameras.elapsed_s("barn"), abs=1.0)


@pytest.mark.parametrize(
    ("path", "method", "status", "says"),
    [
        ("/cameras/gate/fault/hiccup", "POST", 400, "there are: none, freeze"),
        ("/cameras/attic/fault/freeze", "POST", 404, "there are: gate, barn"),
        ("/cameras/gate/fault/freeze", "GET", 405, "not possible"),
        ("/", "GET", 404, "GET /cameras"),
    ],
)
def test_a_wrong_command_is_answered_with_what_is_possible(
    cameras: StagedCameras, path: str, method: str, status: int, says: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(cameras.control_url + path, method)
    with refused.value as answer:
        assert answer.code == status
        assert says in json.load(answer)["error"]


def test_an_unknown_camera_is_named_with_those_there_are(cameras: StagedCameras) -> None:
    with pytest.raises(KeyError, match=r"no staged camera 'attic'; there are: gate, barn"):
        cameras.fault("attic", "freeze")
