"""How a camera misbehaves: each trouble turns the pictures a healthy camera would send into what a sick one sends."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import av
import cv2
import numpy as np

from simulation.cameras.encode import EncodedLoop, FrameEncoder, join_nals, split_nals
from simulation.cameras.rtp import CLOCK_HZ


class CameraFault(StrEnum):
    """What can be wrong with a camera."""

    NONE = "none"
    FREEZE = "freeze"
    """The same picture again and again, with healthy timestamps and packets."""
    STALL = "stall"
    """The connection stays open and nothing comes."""
    ABORT = "abort"
    """Every open connection is reset once; the camera is healthy again at once, like after a power cut."""
    REFUSE = "refuse"
    """Viewers are thrown out and new ones answered 404, until further notice."""
    GARBAGE = "garbage"
    """Well-formed packets full of random bytes."""
    WRONG_CLOCK = "wrong_clock"
    """Good pictures whose timestamps jump hours ahead and back."""
    RESOLUTION = "resolution"
    """The picture changes size in mid-stream."""
    BLACK = "black"
    """The lens is covered: live, but only noise in the dark."""


@dataclass(frozen=True)
class StagedPicture:
    """One access unit on its way to the viewers; ``ticks`` in 1/90000 s since the camera started."""

    nals: tuple[bytes, ...]
    ticks: int
    is_key: bool


Distortion = Callable[[int], StagedPicture | None]
"""The picture sent at frame number ``index`` since the start; None sends nothing."""

CLOCK_JUMPS_S = (0, 7_200, -3_600, 86_400)
CLOCK_JUMP_EVERY_S = 1


def healthy(loop: EncodedLoop, index: int) -> StagedPicture:
    """What the camera sends when nothing is wrong."""
    return StagedPicture(loop.unit(index), index * CLOCK_HZ // loop.scene.fps, loop.is_key(index))


def distortion(fault: CameraFault, loop: EncodedLoop, index: int) -> Distortion:
    """The distortion that begins at frame ``index``."""
    if fault is CameraFault.FREEZE:
        return _frozen(loop, index)
    if fault is CameraFault.GARBAGE:
        return _garbage(loop, index)
    if fault is CameraFault.WRONG_CLOCK:
        return lambda now: _at_wrong_time(loop, now)
    if fault is CameraFault.RESOLUTION:
        return _Resized(loop, index)
    if fault is CameraFault.BLACK:
        return _Covered(loop)
    if fault in (CameraFault.STALL, CameraFault.REFUSE):
        return lambda now: None
    return lambda now: healthy(loop, now)


def _frozen(loop: EncodedLoop, index: int) -> Distortion:
    """Repeat the last key frame: bit for bit the same picture, however often it is decoded."""
    key = loop.unit(index - index % loop.scene.key_interval)
    return lambda now: StagedPicture(key, now * CLOCK_HZ // loop.scene.fps, True)


def _garbage(loop: EncodedLoop, index: int) -> Distortion:
    source = random.Random(index)

    def distort(now: int) -> StagedPicture:
        good = healthy(loop, now)
        nals = tuple(nal[:1] + source.randbytes(len(nal) - 1) for nal in good.nals)
        return StagedPicture(nals, good.ticks, good.is_key)

    return distort


def _at_wrong_time(loop: EncodedLoop, index: int) -> StagedPicture:
    good = healthy(loop, index)
    turn = index // (loop.scene.fps * CLOCK_JUMP_EVERY_S)
    jump_s = CLOCK_JUMPS_S[turn % len(CLOCK_JUMPS_S)]
    return StagedPicture(good.nals, good.ticks + jump_s * CLOCK_HZ, good.is_key)


class _Resized:
    """Decodes the loop and encodes it again at three quarters of its width and height."""

    def __init__(self, loop: EncodedLoop, index: int) -> None:
        self._loop = loop
        decoder = av.CodecContext.create("h264", "r")
        assert isinstance(decoder, av.VideoCodecContext)
        decoder.thread_count = 1
        self._decoder = decoder
        scene = loop.scene
        self._size = (scene.width * 3 // 8 * 2, scene.height * 3 // 8 * 2)
        self._encoder = FrameEncoder(*self._size, scene.fps, scene.key_interval)
        self._count = 0
        for earlier in range(index - index % scene.key_interval, index):
            self._decode(earlier)

    def __call__(self, index: int) -> StagedPicture | None:
        frames = self._decode(index)
        if not frames:
            return None
        small = frames[-1].reformat(*self._size, format="yuv420p").to_ndarray()
        unit = self._encoder.encode(np.asarray(small, np.uint8))
        is_key = self._count % self._loop.scene.key_interval == 0
        self._count += 1
        return StagedPicture(split_nals(unit), index * CLOCK_HZ // self._loop.scene.fps, is_key)

    def _decode(self, index: int) -> list[av.VideoFrame]:
        return list(self._decoder.decode(av.Packet(join_nals(self._loop.unit(index)))))


class _Covered:
    """Encodes darkness with a little sensor noise, so that no two frames are the same."""

    def __init__(self, loop: EncodedLoop) -> None:
        self._scene = loop.scene
        scene = loop.scene
        self._encoder = FrameEncoder(scene.width, scene.height, scene.fps, scene.key_interval)
        self._rng = np.random.default_rng(loop.scene.seed)
        self._count = 0

    def __call__(self, index: int) -> StagedPicture:
        scene = self._scene
        frame = np.full((scene.height * 3 // 2, scene.width), 128, np.uint8)
        coarse = self._rng.normal(20, 4, (scene.height // 2, scene.width // 2)).clip(16, 40).astype(np.uint8)
        frame[: scene.height] = cv2.resize(coarse, (scene.width, scene.height), interpolation=cv2.INTER_LINEAR)
        is_key = self._count % scene.key_interval == 0
        self._count += 1
        return StagedPicture(split_nals(self._encoder.encode(frame)), index * CLOCK_HZ // scene.fps, is_key)
