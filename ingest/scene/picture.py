"""One decoded picture: a small luma image for the gate, the full one for the detector only when it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from core.messages import content_digest

Luma = npt.NDArray[np.uint8]
"""Brightness, of shape (height, width)."""
Bgr = npt.NDArray[np.uint8]
"""Colours in OpenCV's order, of shape (height, width, 3)."""
Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

GATE_PIXELS = 320 * 180
"""The gate looks at about this many pixels, whatever the camera's shape."""
JPEG_QUALITY = 80


class Picture(Protocol):
    """What the gate and the sampler need of a picture, wherever it comes from."""

    @property
    def luma(self) -> Luma:
        """Brightness as decoded, uint8 of shape (height, width)."""

    @property
    def small(self) -> Luma:
        """``luma`` scaled down for the gate."""

    def bgr(self) -> Bgr:
        """The picture in the size that is sent, uint8 of shape (height, width, 3)."""


def small_luma(luma: Luma) -> Luma:
    """Scale a luma image down to about ``GATE_PIXELS`` pixels, keeping its shape; a smaller one stays as it is."""
    height, width = luma.shape
    scale = sqrt(GATE_PIXELS / (width * height))
    if scale >= 1.0:
        return luma
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    return cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def fit(width: int, height: int, largest_width: int, largest_height: int) -> tuple[int, int]:
    """The size in which a picture is sent: inside the given box, its shape kept, never enlarged, even numbers."""
    scale = min(1.0, largest_width / width, largest_height / height)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


@dataclass(frozen=True)
class ImagePicture:
    """A picture that is already at hand as a BGR image, as when a folder of images is replayed."""

    image: Bgr
    largest_width: int
    largest_height: int

    @cached_property
    def luma(self) -> Luma:
        """Brightness, (height, width)."""
        return cv2.cvtColor(self.image, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)

    @cached_property
    def small(self) -> Luma:
        """For the gate."""
        return small_luma(self.luma)

    def bgr(self) -> Bgr:
        """In the size that is sent."""
        height, width = self.image.shape[:2]
        size = fit(width, height, self.largest_width, self.largest_height)
        if size == (width, height):
            return self.image
        return cv2.resize(self.image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A picture as it is sent."""

    data: bytes
    digest: str
    width: int
    height: int


def encode(bgr: Bgr) -> Jpeg:
    """Compress a picture. Raises ``cv2.error`` for an image that is none."""
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    jpeg = data.tobytes()
    height, width = bgr.shape[:2]
    return Jpeg(jpeg, content_digest(jpeg), width, height)
