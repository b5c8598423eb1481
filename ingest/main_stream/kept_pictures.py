"""Pictures and clips out of kept packets: decoded as far as is asked for, and muxed without being encoded again."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final, cast

import av
import av.error
import cv2
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from core.messages import Box
from ingest.main_stream.packet_ring import KeptPacket, StreamHead
from ingest.scene.picture import Bgr
from ingest.sources.ffmpeg_limits import MAX_PIXELS
from ingest.sources.video import VideoPicture, pixel_aspect

MOST_DECODED: Final = 60
"""Pictures decoded for one that is asked for. Where a key frame comes more rarely, the key frame itself is taken."""
PLAYABLE: Final = frozenset({"h264", "hevc"})
"""What phones play in an MP4 file."""
JPEG_QUALITY: Final = 90
LONGEST_SIDE: Final = 16_384
_MILLISECOND: Final = Fraction(1, 1000)


class NoPicture(Exception):
    """There is none; the message says why, for people."""


def head_of(stream: VideoStream, first: bytes, codec: str) -> StreamHead:
    """What is to be remembered of a stream, from the stream itself while it is open and its first key frame."""
    out = io.BytesIO()
    with av.open(out, "w", format="nut") as container:
        kept = container.add_stream_from_template(stream)
        container.mux_one(_packet(first, kept, 0, 0, _MILLISECOND, is_key=True))
    assert stream.time_base is not None
    return StreamHead(codec, out.getvalue(), stream.time_base)


def picture_of(packets: Sequence[KeptPacket]) -> tuple[Bgr, float]:
    """The last picture of a group that begins with a key frame, (height, width, 3) BGR as a player shows it, and when
    it was taken. Raises :class:`NoPicture`."""
    if not packets:
        raise NoPicture("no key frame of the main stream has come yet")
    wanted = packets if len(packets) <= MOST_DECODED else packets[:1]
    with _opened(wanted[0].head) as stream:
        context = stream.codec_context
        frame, number = _last_frame(context, wanted)
        aspect = pixel_aspect(stream)
    picture = VideoPicture(frame, VideoReformatter(), LONGEST_SIDE, LONGEST_SIDE, aspect)
    return picture.bgr(), wanted[min(number, len(wanted) - 1)].arrived_at


def cut_jpegs(picture: Bgr, boxes: Sequence[Box]) -> list[bytes]:
    """Each box of a picture as a JPEG; at least one pixel of it."""
    height, width = picture.shape[:2]
    found = []
    for x0, y0, x1, y1 in boxes:
        left, top = min(max(int(x0 * width), 0), width - 1), min(max(int(y0 * height), 0), height - 1)
        right, bottom = max(left + 1, min(round(x1 * width), width)), max(top + 1, min(round(y1 * height), height))
        part = np.ascontiguousarray(picture[top:bottom, left:right])
        found.append(cv2.imencode(".jpg", part, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes())
    return found


def clip_of(packets: Sequence[KeptPacket]) -> tuple[bytes, float, float]:
    """An MP4 file of pictures of one connection, when it begins, and its seconds. Raises :class:`NoPicture`."""
    if len(packets) < 2:
        raise NoPicture("the main stream showed nothing in that time")
    head = packets[0].head
    if head.codec not in PLAYABLE:
        raise NoPicture(f"the main stream is {head.codec}; only H.264 and H.265 are kept as a clip")
    # The index is moved to the front of the file when it is finished: that needs a file, not memory.
    with tempfile.TemporaryDirectory(prefix="bearwatch-clip-") as folder:
        file = Path(folder) / "clip.mp4"
        _mux(file, packets)
        content = file.read_bytes()
    return content, packets[0].arrived_at, packets[-1].arrived_at - packets[0].arrived_at


def _mux(file: Path, packets: Sequence[KeptPacket]) -> None:
    head = packets[0].head
    try:
        with _opened(head) as template, av.open(str(file), "w", format="mp4", options=_FRONT_INDEX) as container:
            stream = container.add_stream_from_template(template)
            if head.codec == "hevc":
                stream.codec_context.codec_tag = "hvc1"  # Apple's players know no other
            for packet, pts, dts, time_base in _timed(packets):
                container.mux_one(_packet(packet.data, stream, pts, dts, time_base, is_key=packet.is_key))
    except (av.error.FFmpegError, ValueError) as error:
        raise NoPicture(f"the main stream cannot be put into a file ({type(error).__name__})") from error


_FRONT_INDEX: Final = {"movflags": "+faststart"}


def _timed(packets: Sequence[KeptPacket]) -> Iterator[tuple[KeptPacket, int, int, Fraction]]:
    """Each packet with its time from the first on: the stream's own, or that of arrival where the stream's makes no
    sense (it is missing, stands still or runs back)."""
    known = [(each.pts, each.dts) for each in packets if each.pts is not None and each.dts is not None]
    dts = [pair[1] for pair in known]
    if len(known) == len(packets) and all(one < other for one, other in pairwise(dts)):
        start = dts[0]
        for packet, (pts, at) in zip(packets, known, strict=True):
            yield packet, max(pts, at) - start, at - start, packet.head.time_base
        return
    last = -1
    for packet in packets:
        last = max(last + 1, round((packet.came_at - packets[0].came_at) * 1000))
        yield packet, last, last, _MILLISECOND


def _last_frame(context: VideoCodecContext, packets: Sequence[KeptPacket]) -> tuple[VideoFrame, int]:
    """The newest whole picture, and which of them it is."""
    context.thread_count = 1
    context.options = {"max_pixels": str(MAX_PIXELS)}
    last, count = None, -1
    try:
        for data in (*(packet.data for packet in packets), None):
            for frame in context.decode(None if data is None else Packet(data)):
                count += 1
                last = last if frame.is_corrupt else frame
    except av.error.FFmpegError as error:
        if last is None:
            raise NoPicture("the main stream's key frame cannot be decoded") from error
    if last is None:
        raise NoPicture("the main stream's key frame cannot be decoded")
    return last, max(count, 0)


@contextmanager
def _opened(head: StreamHead) -> Iterator[VideoStream]:
    with av.open(io.BytesIO(head.nut), format="nut") as container:
        assert isinstance(container, InputContainer)
        yield container.streams.video[0]


def _packet(
    data: bytes, stream: VideoStream, pts: int, dts: int, time_base: Fraction, *, is_key: bool
) -> Packet[VideoStream]:
    packet = cast("Packet[VideoStream]", Packet(data))
    packet.stream = stream
    packet.time_base, packet.pts, packet.dts, packet.is_keyframe = time_base, pts, dts, is_key
    return packet
