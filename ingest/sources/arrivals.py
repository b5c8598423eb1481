"""The packets of one connection, each with the moment at which it arrived."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from core.clock import now_s
from ingest.sources.playback import Playback
from ingest.sources.stream import StreamFailure, explain, is_file


@dataclass(frozen=True, slots=True)
class Arrival:
    """One packet. ``at`` is when it was handed over, ``came_at`` when its data came in (steady clock), ``arrived_at``
    the same by the wall clock; ``waited_s`` of the ``step_s`` seconds since the one before were spent waiting for it.
    """

    packet: Packet[VideoStream]
    at: float
    came_at: float
    arrived_at: float
    waited_s: float
    step_s: float

    @property
    def stream_s(self) -> float | None:
        """Its time by the stream's own clock."""
        packet = self.packet
        ticks = packet.pts if packet.pts is not None else packet.dts
        return None if ticks is None else float(ticks * packet.time_base)


def arrivals(
    container: InputContainer, stream: VideoStream, url: str, read_timeout_s: float, stop: Event
) -> Iterator[Arrival]:
    """Packets until the stream ends or ``stop`` is set; those of a file when they are due in real time.

    FFmpeg hands an H.264 or H.265 picture of a live stream over when the next one begins, or when the connection
    breaks: by then its data has been there for as long as was waited. Its arrival is dated back by that.
    Raises :class:`ingest.sources.stream.StreamFailure` when the connection breaks or is silent for ``read_timeout_s``.
    """
    playback = Playback(stop) if is_file(url) else None
    held_back = playback is None and not stream.codec_context.codec.intra_only
    silence = f"no data for {read_timeout_s:.0f} s"
    packets = container.demux(stream)
    last_at = time.monotonic()
    while not stop.is_set():
        asked_at = time.monotonic()
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.error.FFmpegError, OSError) as error:
            raise StreamFailure(explain(error, silence)) from error
        if playback is not None:
            playback.wait_for(packet)
        at = time.monotonic()
        waited_s = at - asked_at
        held_s = waited_s if held_back else 0.0
        yield Arrival(packet, at, at - held_s, now_s() - held_s, waited_s, at - last_at)
        last_at = at
        if held_back and waited_s >= read_timeout_s:
            raise StreamFailure(silence)  # that was the last picture, handed over because the wait had timed out
