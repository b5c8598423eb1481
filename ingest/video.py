"""A decoded video frame as a picture: colours are converted only when somebody asks for them."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from ingest.picture import Bgr, Luma, fit, small_luma

_LUMA_FIRST = frozenset(
    ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "yuv411p", "yuvj411p", "nv12", "nv21", "gray")
)
"""Formats whose first plane is brightness in eight bits."""


class VideoPicture:
    """One decoded frame, to be sent no larger than given. ``scaler`` belongs to the camera and adapts by itself."""

    def __init__(self, frame: VideoFrame, scaler: VideoReformatter, largest_width: int, largest_height: int) -> None:
        self._frame = frame
        self._scaler = scaler
        self._largest = (largest_width, largest_height)

    @cached_property
    def luma(self) -> Luma:
        """Brightness as decoded, (height, width)."""
        frame = self._frame
        if frame.format.name not in _LUMA_FIRST:
            frame = self._scaler.reformat(frame, format="gray", threads=1)
        plane = frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return rows[: frame.height, : frame.width]

    @cached_property
    def small(self) -> Luma:
        """For the gate."""
        return small_luma(self.luma)

    def bgr(self) -> Bgr:
        """In the size that is sent."""
        width, height = fit(self._frame.width, self._frame.height, *self._largest)
        scaled = self._scaler.reformat(
            self._frame, width=width, height=height, format="bgr24", interpolation="AREA", threads=1
        )
        return scaled.to_ndarray().astype(np.uint8, copy=False)
