"""Recorded footage, through the very gate, sampler and JPEG step of a live camera, faster than real time."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av.error
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from core.config import Camera, Motion
from core.messages import Frame
from ingest.frames import FrameMaker
from ingest.motion import PRIME_PICTURES
from ingest.pace import FrameRateLimiter
from ingest.picture import Bgr, ImagePicture, Luma, Picture
from ingest.playback import MediaTimeline
from ingest.stream import StreamFailure, open_stream, prepare
from ingest.video import VideoPicture

log = logging.getLogger(__name__)

IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"))
USUAL_FPS = 25.0
LONGEST_PAUSE_S = 3600.0
"""A longer gap between two pictures of one recording is a broken timestamp."""
PRIME_S = 10.0
"""The gate learns the background of a recording from its first seconds."""
LEAST_TO_PRIME = 5


@dataclass(frozen=True, slots=True)
class Recorded:
    """One picture of a recording and its time since the recording's start."""

    time_s: float
    picture: Picture


def read_recording(path: Path, fps: float, width: int, height: int) -> Iterator[Recorded]:
    """Pictures of a video file (any container) or of a folder of images, to be sent no larger than given.

    A video is sampled to ``fps`` by its timestamps, or by counting pictures where those are broken. The images of a
    folder are the successive frames of one camera at ``fps``, in the order of their names (2 before 10).
    Raises :class:`ingest.stream.StreamFailure` when there is nothing to read.
    """
    if path.is_dir():
        yield from _images(path, fps, width, height)
    else:
        yield from _video(path, fps, width, height)


def recording_s(path: Path, fps: float) -> float | None:
    """How long a recording is, when that is known without reading it."""
    if path.is_dir():
        return len(_image_files(path)) / fps
    container = open_stream(str(path), 0.0)
    duration = container.duration
    container.close()
    return duration / 1e6 if duration else None


def gate_frames(path: Path, name: str, camera: Camera, settings: Motion, start_at: float = 0.0) -> Iterator[Frame]:
    """The frames that a camera would have sent of this recording; ``captured_at`` counts from ``start_at``.

    1. Learn the background from the first seconds, so that an animal in them is seen, too.
    2. Read again from the start, as from a camera: the first pictures are sent whole in any case.
    """
    maker = FrameMaker(name, camera, settings)
    background = _first_pictures(path, camera)
    if len(background) >= LEAST_TO_PRIME:
        maker.gate.prime(background)
    for recorded in read_recording(path, camera.fps, camera.width, camera.height):
        yield from maker.frames_of(recorded.picture, start_at + recorded.time_s)


def _first_pictures(path: Path, camera: Camera) -> list[Luma]:
    """Up to ``PRIME_PICTURES`` small pictures spread over the first seconds."""
    pictures: list[Luma] = []
    for recorded in read_recording(path, min(camera.fps, PRIME_PICTURES / PRIME_S), camera.width, camera.height):
        if recorded.time_s > PRIME_S or len(pictures) == PRIME_PICTURES:
            break
        pictures.append(recorded.picture.small.copy())
    return pictures


def _video(path: Path, fps: float, width: int, height: int) -> Iterator[Recorded]:
    container = open_stream(str(path), 0.0)
    try:
        stream = container.streams.video[0]
        prepare(stream, threads=0)
        rate = float(stream.average_rate or USUAL_FPS)
        timeline = MediaTimeline(1.0 / rate, LONGEST_PAUSE_S)
        limiter = FrameRateLimiter(fps)
        scaler = VideoReformatter()
        for frame in _decoded(container):
            time_s = timeline.advance(frame.time if frame.pts is not None else None)
            if limiter.due(time_s):
                limiter.took(time_s)
                yield Recorded(time_s, VideoPicture(frame, scaler, width, height))
    finally:
        container.close()


def _decoded(container: InputContainer) -> Iterator[VideoFrame]:
    """All frames that can be decoded; broken ones are passed over."""
    broken = 0
    packets = container.demux(container.streams.video[0])
    while True:
        try:
            packet = next(packets)
            frames = packet.decode()
        except StopIteration:
            break
        except av.error.EOFError:
            break
        except av.error.FFmpegError:
            broken += 1
            continue
        yield from frames
    if broken:
        log.warning("%s: %d broken packets were passed over", container.name, broken)


def _images(folder: Path, fps: float, width: int, height: int) -> Iterator[Recorded]:
    files = _image_files(folder)
    if not files:
        raise StreamFailure(f"{folder} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    for number, file in enumerate(files):
        image = _image(file)
        if image is None:
            log.warning("%s is not an image that can be read; passed over", file)
            continue
        yield Recorded(number / fps, ImagePicture(image, width, height))


def _image(file: Path) -> Bgr | None:
    data = np.frombuffer(file.read_bytes(), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    return None if image is None else image.astype(np.uint8, copy=False)


def _image_files(folder: Path) -> list[Path]:
    files = [file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()]
    return sorted(files, key=_natural)


def _natural(file: Path) -> list[tuple[int, str]]:
    """Sort key that reads digits as numbers."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", file.name.lower()) if part]
