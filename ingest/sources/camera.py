"""Reads one camera for ever: opens it, picks pictures, survives whatever it does, and opens it again.

A frame's road begins here. One thread runs one reader; every wait is bounded, because a camera that freezes must not
freeze its reader.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from core.config import Camera
from core.redaction import shown_address
from ingest.sources.arrivals import Arrival, arrivals
from ingest.sources.backoff import Backoff
from ingest.sources.hardware import Decoding, decoding_for
from ingest.sources.lag import Lag
from ingest.sources.pace import SPRINT_FPS, FrameRateLimiter, RateMeter, Sprint, Timestamper
from ingest.sources.stream import StreamFailure, is_file, open_stream, prepare
from ingest.sources.stream_tracks import main_track
from ingest.sources.video import VideoPicture, pixel_aspect

log = logging.getLogger(__name__)

PROVEN_S = 5.0
"""A connection that has shown pictures for so long is good: the next failure is retried fast again."""


@dataclass(frozen=True, slots=True)
class CapturedFrame:
    """A picture and the moment at which it arrived: by the wall clock, and by a steady one that nobody sets."""

    picture: VideoPicture
    captured_at: float
    came_at: float


@dataclass(slots=True)
class ReaderFacts:
    """What a reader knows of its camera; written by its thread alone."""

    width: int = 0
    height: int = 0
    codec: str = ""
    reconnects: int = 0
    undecodable: int = 0
    behind: int = 0
    notice: str = ""
    """By what its pictures are decoded, where that is not what the configuration asks for."""
    arrivals: RateMeter = field(default_factory=RateMeter)


class CameraReader:
    """Reads one camera until ``stop`` is set.

    ``lost`` is called with a sentence whenever the connection breaks or cannot be made.
    """

    def __init__(
        self, name: str, camera: Camera, read_timeout_s: float, stop: Event, lost: Callable[[str], None]
    ) -> None:
        self.name = name
        self.facts = ReaderFacts()
        self.sprint = Sprint()
        self._camera = camera
        self._read_timeout_s = read_timeout_s
        self._stop = stop
        self._lost = lost
        self._timestamper = Timestamper()
        self._scaler = VideoReformatter()
        self._decoding = decoding_for(camera.hwaccel)
        if self._decoding.notice:
            log.warning("camera %s: %s", name, self._decoding.notice)
        self._told: str | None = None
        """What the log last said of the connection: a night without a camera is two lines, not a thousand."""

    def captured_frames(self) -> Iterator[CapturedFrame]:
        """Pictures, about ``camera.fps`` a second, for ever.

        1. Open the camera and read until it ends, breaks or says nothing for too long.
        2. Say what happened; wait, longer after each failure in a row; begin again.
        """
        backoff = Backoff()
        while not self._stop.is_set():
            opened_at = time.monotonic()
            shown_at: float | None = None
            try:
                for captured in self._connection():
                    shown_at = time.monotonic()
                    yield captured
                failure = "the stream ended" if shown_at is not None else "the stream ended without a picture"
                if shown_at is not None and is_file(self._camera.url):
                    continue
            except StreamFailure as error:
                failure = str(error)
            if self._stop.is_set():
                return
            if shown_at is not None and shown_at - opened_at > PROVEN_S:
                backoff.reset()
            self._wait_after(failure, backoff.next_s())

    def _wait_after(self, failure: str, wait_s: float) -> None:
        self.facts.reconnects += 1
        self._lost(failure)
        level = logging.DEBUG if failure == self._told else logging.WARNING
        address = shown_address(self._camera.url)
        log.log(level, "camera %s: %s (%s); it is tried again for ever", self.name, failure, address)
        self._told = failure
        self._stop.wait(wait_s)

    def _connection(self) -> Iterator[CapturedFrame]:
        container = self._opened()
        try:
            stream = main_track(container)
            prepare(stream)
            self.facts.codec = stream.codec_context.name
            level = logging.DEBUG if self._told == "" else logging.INFO
            log.log(level, "camera %s: connected, %s", self.name, self.facts.codec)
            self._told = ""
            yield from self._pictures(container, stream)
        except StreamFailure:
            if self._decoding.device is not None and not self.facts.width:
                self._use_processor("it shows nothing of this camera")
            raise
        finally:
            container.close()

    def _opened(self) -> InputContainer:
        """The camera's address, open: with the chip that is to decode it, without where that cannot."""
        self.facts.notice = self._decoding.notice
        if self._decoding.device is not None:
            try:
                accelerator = self._decoding.accelerator()
                return open_stream(self._camera.stream_url, self._read_timeout_s, hwaccel=accelerator)
            except NotImplementedError:
                self._use_processor("it does not decode what this camera sends")
        return open_stream(self._camera.stream_url, self._read_timeout_s)

    def _use_processor(self, why: str) -> None:
        """From the next connection on; the camera is not lost to a driver."""
        notice = f"decoded by the processor, not as `hwaccel: {self._camera.hwaccel}` asks ({why})"
        self._decoding = Decoding(None, notice)
        self.facts.notice = notice
        log.warning("camera %s: %s", self.name, notice)

    def _pictures(self, container: InputContainer, stream: VideoStream) -> Iterator[CapturedFrame]:
        """Decode a connection's packets and pick the pictures that are due.

        1. Pictures that are not due are decoded only if others need them. In a sprint more are due, beside the beat.
        2. While the reader is behind, nothing is decoded; it resumes at the next key frame.
        3. Broken data is counted; a stream that shows nothing else for the read time-out is given up.
        """
        limiter, sprinting = FrameRateLimiter(self._camera.fps), FrameRateLimiter(SPRINT_FPS)
        skipper = _Skipper()
        context = stream.codec_context
        good_at = time.monotonic()
        for arrival in arrivals(container, stream, self._camera.url, self._read_timeout_s, self._stop):
            self.facts.arrivals.tick(arrival.at)
            on_beat = limiter.due(arrival.at)
            due = on_beat or (self.sprint.on(arrival.at) and sprinting.due(arrival.at))
            if skipper.skip(arrival):
                if on_beat:
                    limiter.took(arrival.at)
                    self.facts.behind += 1
                continue
            if not due and context.codec.intra_only:
                continue
            context.skip_frame = "DEFAULT" if due else "NONREF"
            frames = self._decoded(arrival.packet)
            if frames:
                good_at = arrival.at
            elif arrival.at - good_at > self._read_timeout_s:
                raise StreamFailure(f"nothing that it sent for {arrival.at - good_at:.0f} s can be decoded")
            if frames and due:
                sprinting.took(arrival.at)
                if on_beat:
                    limiter.took(arrival.at)
                yield self._captured(frames[-1], arrival, pixel_aspect(stream))

    def _decoded(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            self.facts.undecodable += 1
            return []
        good = [frame for frame in frames if not frame.is_corrupt]
        self.facts.undecodable += len(frames) - len(good)
        return good

    def _captured(self, frame: VideoFrame, arrival: Arrival, aspect: float) -> CapturedFrame:
        self.facts.width, self.facts.height = frame.width, frame.height
        picture = VideoPicture(frame, self._scaler, self._camera.width, self._camera.height, aspect)
        return CapturedFrame(picture, self._timestamper.stamp(arrival.arrived_at), arrival.came_at)


class _Skipper:
    """Skips packets of a connection while its reader is behind, and then up to the next key frame."""

    def __init__(self) -> None:
        self._lag = Lag()
        self._skipping = False

    def skip(self, arrival: Arrival) -> bool:
        if self._lag.behind(arrival.at, arrival.stream_s, arrival.waited_s, arrival.step_s):
            self._skipping = True
        elif self._skipping and arrival.packet.is_keyframe:
            self._skipping = False
        return self._skipping
