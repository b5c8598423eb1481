"""A decoded video frame as a picture: colours are converted only when somebody asks for them.

It is shown as a player shows it: turned and mirrored as its display matrix says, and as wide as its pixels are.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from ingest.scene.picture import Bgr, Luma, fit, small_luma

_LUMA_FIRST = frozenset(
    ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "yuv411p", "yuvj411p", "nv12", "nv21", "gray")
)
"""Formats whose first plane is brightness in eight bits."""
CREDIBLE_ASPECT = (0.25, 4.0)
"""A pixel that claims to be wider or narrower than this is a broken header."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How a decoded picture is shown: first transposed, then mirrored."""

    transposed: bool = False
    right_to_left: bool = False
    upside_down: bool = False

    def __call__(self, pixels: Any) -> Any:
        """The pixels, (height, width, …), as they are shown."""
        if self.transposed:
            pixels = pixels.swapaxes(0, 1)
        if self.right_to_left:
            pixels = pixels[:, ::-1]
        if self.upside_down:
            pixels = pixels[::-1]
        return np.ascontiguousarray(pixels)


UPRIGHT = Turn()


def turn_of(frame: VideoFrame) -> Turn:
    """What the frame's display matrix asks for, to the nearest quarter turn."""
    data = cast(Any, frame.side_data).get(Type.DISPLAYMATRIX)
    if data is None or len(bytes(data)) < 36:
        return UPRIGHT
    a, b, _, c, d = struct.unpack("=5i", bytes(data)[:20])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Turn(False, a < 0, d < 0)
    return Turn(True, c < 0, b < 0)


def pixel_aspect(stream: VideoStream) -> float:
    """Width of one pixel over its height; 1 where the stream says nothing, or nothing that can be."""
    said = stream.codec_context.sample_aspect_ratio or stream.sample_aspect_ratio
    aspect = float(said) if said else 1.0
    return aspect if CREDIBLE_ASPECT[0] <= aspect <= CREDIBLE_ASPECT[1] else 1.0


class VideoPicture:
    """One decoded frame, to be sent no larger than given. ``scaler`` belongs to the camera and adapts by itself.

    ``aspect``: width over height of one pixel.
    """

    def __init__(
        self,
        frame: VideoFrame,
        scaler: VideoReformatter,
        largest_width: int,
        largest_height: int,
        aspect: float = 1.0,
    ) -> None:
        self._frame = frame
        self._scaler = scaler
        self._largest = (largest_width, largest_height)
        self._aspect = aspect
        self._turn = turn_of(frame)

    @cached_property
    def luma(self) -> Luma:
        """Brightness as decoded, (height, width), the right way up; its pixels need not be square."""
        frame = self._frame
        if frame.format.name not in _LUMA_FIRST:
            frame = self._scaler.reformat(frame, format="gray", threads=1)
        plane = frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
        return rows if self._turn == UPRIGHT else cast(Luma, self._turn(rows))

    @cached_property
    def small(self) -> Luma:
        """For the gate."""
        return small_luma(self.luma)

    def bgr(self) -> Bgr:
        """In the size that is sent."""
        width, height = round(self._frame.width * self._aspect), self._frame.height
        if self._turn.transposed:
            height, width = fit(height, width, *self._largest)
        else:
            width, height = fit(width, height, *self._largest)
        scaled = self._scaler.reformat(
            self._frame, width=width, height=height, format="bgr24", interpolation="AREA", threads=1
        )
        pixels = scaled.to_ndarray().astype(np.uint8, copy=False)
        return pixels if self._turn == UPRIGHT else cast(Bgr, self._turn(pixels))
