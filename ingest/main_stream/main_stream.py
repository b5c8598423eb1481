"""Reads a camera's main stream for ever, without decoding it, and keeps its last seconds."""

from __future__ import annotations

import logging
import time
from threading import Event, Lock, Thread

import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from core.config import Camera
from core.redaction import shown_address
from ingest.main_stream.kept_pictures import head_of
from ingest.main_stream.packet_ring import KeptPacket, PacketRing, StreamHead
from ingest.sources.arrivals import Arrival, arrivals
from ingest.sources.backoff import Backoff
from ingest.sources.stream import StreamFailure, is_file, open_stream
from ingest.sources.stream_tracks import main_track

log = logging.getLogger(__name__)

PROVEN_S = 5.0
RESTART_AFTER_S = 1.0


class MainStream:
    """One camera's main stream, on a thread of its own until ``stop`` is set. The camera needs a ``record_url``."""

    def __init__(self, name: str, camera: Camera, read_timeout_s: float, stop: Event) -> None:
        self.name = name
        self.ring = PacketRing()
        self._url = camera.record_stream_url
        self._read_timeout_s = read_timeout_s
        self._stop = stop
        self._lock = Lock()
        self._why_away = "nothing has come of it yet"
        self._told: str | None = None
        self.thread = Thread(target=self._run, name=f"main stream {name}", daemon=True)

    @property
    def why_away(self) -> str:
        """Why nothing comes of it, in a sentence; empty while it comes."""
        with self._lock:
            return self._why_away

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._read_for_ever()
            except Exception:
                # The loop's edge: whatever a camera sends, its main stream is read again.
                log.exception("camera %s: the reader of its main stream crashed and starts again", self.name)
                self._say("its reader crashed, see the log")
                self._stop.wait(RESTART_AFTER_S)

    def _read_for_ever(self) -> None:
        backoff = Backoff()
        while not self._stop.is_set():
            opened_at = time.monotonic()
            try:
                self._connection()
                if is_file(self._url):
                    continue  # it plays from its beginning again
                failure = "the stream ended"
            except StreamFailure as error:
                failure = str(error)
            if self._stop.is_set():
                return
            if time.monotonic() - opened_at > PROVEN_S + self._read_timeout_s:
                backoff.reset()
            self._lost(failure)
            self._stop.wait(backoff.next_s())

    def _connection(self) -> None:
        container = open_stream(self._url, self._read_timeout_s)
        try:
            self._keep(container, main_track(container))
        finally:
            container.close()

    def _keep(self, container: InputContainer, stream: VideoStream) -> None:
        """Keep every packet from the first key frame on."""
        head: StreamHead | None = None
        for arrival in arrivals(container, stream, self._url, self._read_timeout_s, self._stop):
            if not arrival.packet.size:
                continue
            data = bytes(arrival.packet)
            if head is None:
                if not arrival.packet.is_keyframe:
                    continue
                head = self._begin(stream, data)
            self.ring.put(_kept(arrival, data, head))

    def _begin(self, stream: VideoStream, first: bytes) -> StreamHead:
        codec = stream.codec_context.name
        try:
            head = head_of(stream, first, codec)
        except (av.error.FFmpegError, ValueError) as error:
            raise StreamFailure("what arrives is not video that can be kept") from error
        log.log(logging.DEBUG if self._told == "" else logging.INFO, "camera %s: main stream, %s", self.name, codec)
        self._told = ""
        self._say("")
        return head

    def _lost(self, failure: str) -> None:
        self._say(failure)
        level = logging.DEBUG if failure == self._told else logging.WARNING
        log.log(level, "camera %s: main stream: %s (%s); alerts go on without it", self.name, failure,
                shown_address(self._url))  # fmt: skip
        self._told = failure

    def _say(self, why: str) -> None:
        with self._lock:
            self._why_away = why


def _kept(arrival: Arrival, data: bytes, head: StreamHead) -> KeptPacket:
    packet = arrival.packet
    return KeptPacket(data, packet.pts, packet.dts, packet.is_keyframe, arrival.arrived_at, arrival.came_at, head)
