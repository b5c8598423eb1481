"""Two staged cameras, viewers of them, and what a viewer may ask."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from simulation.cameras.encode import EncodedLoop, join_nals
from simulation.cameras.render import SceneRenderer
from simulation.cameras.scene import Scene, StagedVisit
from simulation.cameras.staged_server import StagedCameras

WIDTH, HEIGHT, FPS = 320, 180, 20
CROSSING = StagedVisit("bear", 0, 6, ((0.25, 0.85), (0.75, 0.85)), 0.5)
GOP = 5
SCENE = Scene("gate", WIDTH, HEIGHT, FPS, loop_s=6, visits=(CROSSING,), gop=GOP)
OTHER = Scene("barn", WIDTH, HEIGHT, FPS, loop_s=1, seed=2, gop=GOP)

Luma = npt.NDArray[np.uint8]
Shot = tuple[float | None, Luma]
"""Stream time in seconds (the very first may be unknown) and the luma plane."""


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

    def until(self, shown: Callable[[npt.NDArray[np.uint8], npt.NDArray[np.uint8]], bool], most: int = 500) -> None:
        """Pass pictures over until ``shown(one, the next)`` holds: a busy machine has many on the way when a fault
        begins.
        """
        before = self.shots(1)[0][1]
        for _ in range(most):
            now = self.shots(1)[0][1]
            if shown(before, now):
                return
            before = now
        raise AssertionError(f"not to be seen within {most} pictures")

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
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def raw_rtsp(cameras: StagedCameras) -> socket.socket:
    port = int(cameras.url("gate").rsplit(":", 1)[1].split("/")[0])
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def eventually(holds: Any, timeout_s: float = 60.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


def read_until_silent(viewer: socket.socket) -> None:
    while viewer.recv(65_536):
        continue
