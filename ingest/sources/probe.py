"""Open a camera once and say what it is: for ``bearwatch check``."""

from __future__ import annotations

import time
from dataclasses import dataclass

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from core.config import Camera
from ingest.scene.liveness import LEAST_CONTRAST, content_of
from ingest.scene.picture import encode
from ingest.sources.stream import StreamFailure, explain, is_file, open_stream, prepare
from ingest.sources.stream_tracks import main_track
from ingest.sources.video import VideoPicture, pixel_aspect

MEASURE_S = 2.0
"""The frame rate of a live stream is counted over so long, and until so many pictures have come."""
MEASURE_PICTURES = 3


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a camera showed. ``error`` says what was wrong when it is not ``ok``; it holds no credentials."""

    camera: str
    ok: bool
    codec: str
    width: int
    height: int
    fps: float
    snapshot_jpeg: bytes | None
    error: str
    dark: bool = False
    """Its first picture shows nothing: black, or of one colour."""


def probe(camera_name: str, camera: Camera, timeout_s: float = 10.0) -> ProbeResult:
    """Open a camera, look at it for a moment, and close it. Takes at most about twice ``timeout_s``; never raises."""
    try:
        container = open_stream(camera.stream_url, timeout_s, timeout_s)
        try:
            return _measure(camera_name, camera, container, timeout_s)
        finally:
            container.close()
    except StreamFailure as failure:
        return ProbeResult(camera_name, False, "", 0, 0, 0.0, None, str(failure))


def _measure(camera_name: str, camera: Camera, container: InputContainer, timeout_s: float) -> ProbeResult:
    stream = main_track(container)
    prepare(stream)
    recording = is_file(camera.url)
    frame, fps = _first_frame(container, timeout_s, 0.0 if recording else MEASURE_S)
    if recording:
        fps = float(stream.average_rate or 0.0)
    codec = stream.codec_context.name
    if frame is None:
        return ProbeResult(
            camera_name, False, codec, 0, 0, fps, None, f"opened, but no picture within {timeout_s:.0f} s"
        )
    picture = VideoPicture(frame, VideoReformatter(), camera.width, camera.height, pixel_aspect(stream))
    snapshot = encode(picture.bgr()).data
    dark = content_of(picture).contrast < LEAST_CONTRAST
    return ProbeResult(camera_name, True, codec, frame.width, frame.height, round(fps, 2), snapshot, "", dark)


def _first_frame(container: InputContainer, timeout_s: float, measure_s: float) -> tuple[VideoFrame | None, float]:
    """The first good frame, and how many packets a second arrived while looking (at least ``measure_s``)."""
    started_at = time.monotonic()
    found: VideoFrame | None = None
    arrivals: list[float] = []
    try:
        for packet in container.demux(main_track(container)):
            now = time.monotonic()
            arrivals.append(now)
            if found is None:
                found = _decode(packet)
            elapsed_s = now - started_at
            if elapsed_s > timeout_s or _measured(found, arrivals, elapsed_s, measure_s):
                break
    except (av.error.FFmpegError, OSError) as error:
        if found is None:
            raise StreamFailure(explain(error, f"opened, but no data for {timeout_s:.0f} s")) from error
    return found, _rate(arrivals)


def _measured(found: VideoFrame | None, arrivals: list[float], elapsed_s: float, measure_s: float) -> bool:
    return found is not None and elapsed_s >= measure_s and (measure_s == 0.0 or len(arrivals) >= MEASURE_PICTURES)


def _decode(packet: Packet[VideoStream]) -> VideoFrame | None:
    try:
        return next((frame for frame in packet.decode() if not frame.is_corrupt), None)
    except av.error.FFmpegError:
        return None


def _rate(arrivals: list[float]) -> float:
    if len(arrivals) < 2 or arrivals[-1] <= arrivals[0]:
        return 0.0
    return (len(arrivals) - 1) / (arrivals[-1] - arrivals[0])
