"""Staged cameras as real clients see them, healthy and in every kind of trouble."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from bearwatch.camera_sim.encode import EncodedLoop, join_nals, prepare
from bearwatch.camera_sim.render import SceneRenderer
from bearwatch.camera_sim.scene import Scene, Visit
from bearwatch.camera_sim.server import StagedCameras
from bearwatch.camera_sim.trouble import Trouble

WIDTH, HEIGHT, FPS = 320, 180, 20
CROSSING = Visit("bear", 0, 6, ((0.25, 0.85), (0.75, 0.85)), 0.5)
GOP = 5
SCENE = Scene("gate", WIDTH, HEIGHT, FPS, loop_s=6, visits=(CROSSING,), gop=GOP)
OTHER = Scene("barn", WIDTH, HEIGHT, FPS, loop_s=1, seed=2, gop=GOP)

Luma = npt.NDArray[np.uint8]
Shot = tuple[float | None, Luma]
"""Stream time in seconds (the very first may be unknown) and the luma plane."""


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("loops")


@pytest.fixture(scope="module")
def running(cache_dir: Path) -> Iterator[StagedCameras]:
    with StagedCameras([SCENE, OTHER], cache_dir=cache_dir) as cameras:
        yield cameras


@pytest.fixture
def cameras(running: StagedCameras) -> Iterator[StagedCameras]:
    """The running cameras; whatever a test does to them is healed afterwards."""
    yield running
    for name in running.names:
        running.trouble(name, Trouble.NONE)


class Client:
    """A viewer with PyAV, as ingest is one."""

    def __init__(self, url: str, read_timeout_s: float = 5.0) -> None:
        options = {"rtsp_transport": "tcp", "analyzeduration": "0", "probesize": "32"}
        self._container = av.open(url, "r", options=options, timeout=(5.0, read_timeout_s))
        self._video = self._container.streams.video[0]
        self._video.codec_context.thread_count = 1
        self._packets = self._container.demux(self._video)

    def shots(self, count: int) -> list[Shot]:
        """The next ``count`` pictures that can be decoded; packets that cannot are passed over."""
        found: list[Shot] = []
        while len(found) < count:
            found += self.next_packet()[1]
        return found

    def next_packet(self) -> tuple[int, list[Shot]]:
        """Size of the next packet in bytes, and the pictures it completes."""
        packet = next(self._packets)
        if packet.size == 0:
            raise EOFError("the stream ended")
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            frames = []
        return packet.size, [
            (frame.time, np.asarray(frame.to_ndarray(format="yuv420p")[: frame.height, : frame.width], np.uint8))
            for frame in frames
            if isinstance(frame, av.VideoFrame)
        ]

    def close(self) -> None:
        self._container.close()


@contextmanager
def viewing(url: str, read_timeout_s: float = 5.0) -> Iterator[Client]:
    client = Client(url, read_timeout_s)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def viewing_all(urls: list[str]) -> Iterator[list[Client]]:
    """Several viewers that join at the same time."""
    with ThreadPoolExecutor(len(urls)) as pool:
        clients = list(pool.map(Client, urls))
    try:
        yield clients
    finally:
        for client in clients:
            client.close()


def times(shots: list[Shot]) -> list[float]:
    return [t for t, _ in shots if t is not None]


@cache
def empty_place(seed: int) -> npt.NDArray[np.int16]:
    """The brightness of a place without anybody."""
    return SceneRenderer(Scene("empty", WIDTH, HEIGHT, FPS, seed=seed)).frame(0)[:HEIGHT].astype(np.int16)


def looks_like(shot: Luma, scene: Scene) -> bool:
    """Whether a picture shows this scene's place."""
    upper = slice(0, HEIGHT // 3)
    return float(np.abs(shot[upper].astype(np.int16) - empty_place(scene.seed)[upper]).mean()) < 12


def decoded(loop: EncodedLoop, indices: range | None = None) -> list[Luma]:
    """Frames of a loop (all by default), decoded without any server between."""
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    packets = [av.Packet(join_nals(loop.unit(index))) for index in indices or range(loop.scene.frame_count)]
    frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    rows = loop.scene.height
    return [np.asarray(frame.to_ndarray(format="yuv420p")[:rows], np.uint8) for frame in frames]


def get(url: str, method: str = "GET") -> Any:
    request = urllib.request.Request(url, method=method)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def raw_rtsp(cameras: StagedCameras) -> socket.socket:
    port = int(cameras.url("gate").rsplit(":", 1)[1].split("/")[0])
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_viewer_gets_every_frame_at_the_pace_of_the_camera(cameras: StagedCameras) -> None:
    with viewing(cameras.url("gate")) as client:
        client.shots(1)
        began = time.monotonic()
        shots = client.shots(20)
        took_s = time.monotonic() - began
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
        for _ in range(3):
            client.shots(6)
            (seen,) = cameras.truth("gate")
            _, shot = client.shots(1)[0]
            differs = np.abs(shot.astype(np.int16) - empty_place(SCENE.seed)) > 25
            rows = slice(round(seen.box.top * HEIGHT), round(seen.box.bottom * HEIGHT))
            columns = slice(round(seen.box.left * WIDTH), round(seen.box.right * WIDTH))
            inside = differs[rows, columns].sum()
            assert inside > 0.25 * differs[rows, columns].size
            assert inside > 0.8 * differs[: int(HEIGHT * 0.9)].sum()


def test_two_viewers_see_the_same_moment(cameras: StagedCameras) -> None:
    with viewing_all([cameras.url("gate")] * 2) as (one, two):
        first = {shot.tobytes() for _, shot in one.shots(12)}
        second = {shot.tobytes() for _, shot in two.shots(12)}
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
    assert _eventually(lambda: cameras.viewers("barn") == 0)


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


def test_a_frozen_camera_repeats_one_picture_with_healthy_timestamps_until_healed(cameras: StagedCameras) -> None:
    with viewing(cameras.url("gate")) as client:
        client.shots(3)
        cameras.trouble("gate", "freeze")
        client.shots(5)
        frozen = client.shots(15)
        cameras.trouble("gate", "none")
        client.shots(GOP + 2)
        healed = client.shots(10)
    assert len({shot.tobytes() for _, shot in frozen}) == 1
    assert np.diff(times(frozen)) == pytest.approx(1 / FPS, abs=0.002)
    assert len({shot.tobytes() for _, shot in healed}) == 10


def test_a_stalled_camera_keeps_the_connection_and_sends_nothing(cameras: StagedCameras) -> None:
    with viewing(cameras.url("gate"), read_timeout_s=0.8) as client:
        client.shots(2)
        cameras.trouble("gate", "stall")
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
        assert _eventually(lambda: cameras.viewers("gate") == 1)
        cameras.trouble("gate", "abort")
        with pytest.raises(ConnectionResetError):
            _read_until_silent(viewer)
    with viewing(url) as client:
        assert len(client.shots(2)) == 2


def test_a_viewer_notices_an_abort_at_once(cameras: StagedCameras) -> None:
    with viewing(cameras.url("gate")) as client:
        client.shots(2)
        cameras.trouble("gate", "abort")
        with pytest.raises((EOFError, StopIteration, av.error.FFmpegError)):
            client.shots(10)


def test_a_refusing_camera_throws_out_its_viewers_and_answers_404(cameras: StagedCameras) -> None:
    with viewing(cameras.url("gate")) as client:
        client.shots(2)
        cameras.trouble("gate", "refuse")
        with pytest.raises((EOFError, StopIteration, av.error.FFmpegError)):
            client.shots(10)
    with pytest.raises(av.error.HTTPNotFoundError):
        Client(cameras.url("gate"))
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(cameras.mjpeg_url("gate"))
    cameras.trouble("gate", "none")
    with viewing(cameras.url("gate")) as client:
        assert len(client.shots(2)) == 2


def test_a_camera_that_sends_garbage_is_of_no_use_and_then_recovers(cameras: StagedCameras, cache_dir: Path) -> None:
    good = {shot.tobytes() for shot in decoded(prepare([SCENE], cache_dir)["gate"])}
    with viewing(cameras.url("gate")) as client:
        assert all(shot.tobytes() in good for _, shot in client.shots(3))
        cameras.trouble("gate", "garbage")
        received, shots = 0, list[Shot]()
        began = time.monotonic()
        while time.monotonic() - began < 0.8:
            size, pictures = client.next_packet()
            received += size
            shots += pictures
        assert received > 1_000
        assert not any(shot.tobytes() in good for _, shot in shots[2:])
        cameras.trouble("gate", "none")
        # A picture spoilt by garbage may still come before the first key frame.
        assert sum(shot.tobytes() in good for _, shot in client.shots(GOP + 5)) > 3


def test_a_camera_with_a_wrong_clock_jumps_by_hours_and_sends_good_pictures(cameras: StagedCameras) -> None:
    with viewing(cameras.url("gate")) as client:
        cameras.trouble("gate", "wrong_clock")
        shots = client.shots(30)
    assert np.abs(np.diff(times(shots))).max() > 3000
    assert looks_like(shots[-1][1], SCENE)


def test_a_camera_changes_its_resolution_in_mid_stream_and_back(cameras: StagedCameras) -> None:
    with viewing(cameras.url("gate")) as client:
        client.shots(3)
        cameras.trouble("gate", "resolution")
        client.shots(4)
        small = client.shots(12)
        cameras.trouble("gate", "none")
        client.shots(GOP + 2)
        whole = client.shots(2)
    assert {shot.shape for _, shot in small} == {(134, 240)}
    assert looks_like(cv2.resize(small[-1][1], (WIDTH, HEIGHT)).astype(np.uint8), SCENE)
    assert {shot.shape for _, shot in whole} == {(HEIGHT, WIDTH)}


def test_a_covered_lens_is_dark_and_alive(cameras: StagedCameras) -> None:
    with viewing(cameras.url("gate")) as client:
        cameras.trouble("gate", "black")
        client.shots(4)
        shots = client.shots(12)
    assert max(float(shot.mean()) for _, shot in shots) < 30
    assert len({shot.tobytes() for _, shot in shots}) == 12


def test_a_camera_is_there_as_mjpeg_too(cameras: StagedCameras) -> None:
    capture = cv2.VideoCapture(cameras.mjpeg_url("gate"))
    try:
        pictures = [capture.read()[1] for _ in range(6)]
    finally:
        capture.release()
    assert {picture.shape for picture in pictures} == {(HEIGHT, WIDTH, 3)}
    assert len({picture.tobytes() for picture in pictures}) == 6


def test_trouble_can_be_made_over_http_and_is_listed(cameras: StagedCameras) -> None:
    answer = get(f"{cameras.control_url}/cameras/gate/trouble/freeze", "POST")
    assert answer["trouble"] == "freeze"
    listed = {camera["name"]: camera for camera in get(f"{cameras.control_url}/cameras")["cameras"]}
    assert listed["gate"]["trouble"] == "freeze"
    assert listed["gate"]["url"] == cameras.url("gate")
    assert listed["gate"]["in_view"][0]["kind"] == "bear"
    assert listed["barn"]["trouble"] == "none"
    assert listed["barn"]["in_view"] == []
    assert listed["barn"]["elapsed_s"] == pytest.approx(cameras.elapsed_s("barn"), abs=1.0)


@pytest.mark.parametrize(
    ("path", "method", "status", "says"),
    [
        ("/cameras/gate/trouble/hiccup", "POST", 400, "there are: none, freeze"),
        ("/cameras/attic/trouble/freeze", "POST", 404, "there are: gate, barn"),
        ("/cameras/gate/trouble/freeze", "GET", 405, "not possible"),
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
        cameras.trouble("attic", "freeze")


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


def test_a_loop_is_drawn_once_and_a_damaged_one_again(tmp_path: Path) -> None:
    scene = Scene("small", 160, 90, 5, loop_s=2)
    drawn: list[tuple[str, float]] = []
    first = prepare([scene], tmp_path, lambda name, share: drawn.append((name, share)))["small"]
    assert (drawn[0], drawn[-1]) == (("small", 0.0), ("small", 1.0))
    drawn.clear()
    assert prepare([scene], tmp_path, lambda name, share: drawn.append((name, share)))["small"] == first
    assert drawn == [("small", 1.0)]
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:-100])
    assert prepare([scene], tmp_path)["small"] == first
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]


def test_a_viewer_can_start_at_every_key_frame_and_only_there(cache_dir: Path) -> None:
    loop = prepare([SCENE], cache_dir)["gate"]
    keys = [index for index in range(SCENE.frame_count) if loop.is_key(index)]
    assert keys == list(range(0, SCENE.frame_count, GOP))
    for key in keys[::4]:
        assert len(decoded(loop, range(key, key + GOP))) == GOP
    with pytest.raises(av.error.InvalidDataError):
        decoded(loop, range(1, GOP))


def test_the_command_plays_until_it_is_interrupted(cache_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "scenes.yaml"
    file.write_text("scenes: [{name: yard, width: 160, height: 90, fps: 5, loop_s: 2}]")
    options = ["--scene", str(file), "--rtsp-port", "0", "--control-port", "0", "--cache-dir", str(tmp_path), "--json"]
    with _command(options) as command:
        assert command.stdout is not None
        announced = json.loads(command.stdout.readline())
        with viewing(announced["cameras"]["yard"]) as client:
            assert client.shots(1)[0][1].shape == (90, 160)
        assert get(announced["control_url"] + "/cameras")["cameras"][0]["name"] == "yard"
        command.send_signal(signal.SIGINT)
        assert command.wait(timeout=10) == 0


def test_the_command_refuses_a_wrong_scene_with_a_sentence(tmp_path: Path) -> None:
    with _command(["--scene", "demo:attic"]) as command:
        _, complaint = command.communicate(timeout=20)
    assert command.returncode == 2
    assert "the demo has upper-creek, upper-trail, lower-meadow" in complaint


def test_a_recording_holds_the_asked_seconds_and_its_truth(cache_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "scenes.yaml"
    visits = "[{kind: fox, start_s: 1, duration_s: 1, path: [[0.4, 0.8], [0.6, 0.8]], height: 0.3}]"
    file.write_text(f"scenes: [{{name: yard, width: 160, height: 90, fps: 5, loop_s: 3, visits: {visits}}}]")
    out = tmp_path / "yard.mp4"
    options = ["--scene", str(file), "--cache-dir", str(tmp_path), "--record", str(out), "--seconds", "4.4"]
    with _command(options) as command:
        command.communicate(timeout=30)
    assert command.returncode == 0
    with av.open(str(out)) as container:
        moments = [frame.time for frame in container.decode(video=0)]
    assert moments == pytest.approx([index / 5 for index in range(22)], abs=0.001)
    truth = json.loads((tmp_path / "yard.truth.json").read_text())
    assert [(visit["kind"], visit["is_bear"]) for visit in truth["visits"]] == [("fox", False), ("fox", False)]
    assert [visit["start_s"] for visit in truth["visits"]] == pytest.approx([1.0, 4.0])
    assert truth["visits"][0]["end_s"] == pytest.approx(1.8)


def test_busy_cameras_play_side_by_side_from_one_process(cache_dir: Path) -> None:
    walking = Visit("deer", 0, 2, ((0.3, 0.9), (0.7, 0.9)), 0.5)
    scenes = [Scene(f"busy-{seed}", 160, 90, 5, loop_s=2, visits=(walking,), seed=seed) for seed in range(4)]
    with (
        StagedCameras(scenes, cache_dir=cache_dir) as cameras,
        viewing_all([cameras.url(name) for name in cameras.names]) as clients,
    ):
        for client in clients:
            assert np.diff(times(client.shots(8))) == pytest.approx(0.2, abs=0.002)
        assert all(cameras.truth(name) for name in cameras.names)


@contextmanager
def _command(options: list[str]) -> Iterator[subprocess.Popen[str]]:
    """``bearwatch camera-sim`` in a process of its own."""
    program = (
        "import argparse, sys; from bearwatch.camera_sim import cli; p = argparse.ArgumentParser(); "
        "cli.add_arguments(p); sys.exit(cli.main(p.parse_args()))"
    )
    command = [sys.executable, "-c", program, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _eventually(holds: Any, timeout_s: float = 3.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


def _read_until_silent(viewer: socket.socket) -> None:
    while viewer.recv(65_536):
        continue
