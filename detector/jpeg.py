"""Decoding a JPEG that comes from outside: checked before any memory is taken for its pixels."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_PIXELS = 25_000_000
"""Three times a 4K frame. A few kilobytes can claim to be gigabytes of pixels."""

_START_OF_IMAGE = b"\xff\xd8"
_END_OF_IMAGE = b"\xff\xd9"
_START_OF_SCAN = 0xDA
_SIZE_MARKERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD8)})


class UndecodableFrame(ValueError):
    """The bytes are not one whole JPEG of a sensible size."""


def decode_jpeg(data: bytes, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode to (height, width, 3) BGR.

    Raises:
        UndecodableFrame: not a JPEG, larger than ``max_pixels``, cut off before its end, or damaged.
    """
    check_jpeg(data, max_pixels)
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise UndecodableFrame(f"a damaged JPEG of {len(data)} bytes: {error}") from error
    if image is None:
        raise UndecodableFrame(f"a damaged JPEG of {len(data)} bytes")
    return cast(NDArray[np.uint8], image)


def check_jpeg(data: bytes, max_pixels: int = MAX_PIXELS) -> None:
    """Look at a JPEG's markers before anybody decodes it.

    Raises:
        UndecodableFrame: not a JPEG, larger than ``max_pixels``, or cut off before its end.
    """
    width, height, scan_at = _read_header(data)
    if width * height > max_pixels:
        raise UndecodableFrame(f"a JPEG of {width}x{height} pixels; at most {max_pixels} pixels are decoded")
    if data.find(_END_OF_IMAGE, scan_at) < 0:
        raise UndecodableFrame(f"a JPEG that is cut off: {len(data)} bytes without its end marker")


def _read_header(data: bytes) -> tuple[int, int, int]:
    """Width, height, and where the first scan begins. Walks the marker segments; reads no pixels."""
    if not data.startswith(_START_OF_IMAGE):
        raise UndecodableFrame(f"not a JPEG: {len(data)} bytes beginning with {data[:4].hex(' ') or 'nothing'}")
    size: tuple[int, int] | None = None
    at = len(_START_OF_IMAGE)
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in _BARE_MARKERS:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == _START_OF_SCAN:
            break
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _SIZE_MARKERS and at + 9 <= len(data):
            size = int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + length
    if size is None or 0 in size:
        raise UndecodableFrame(f"a JPEG without a size in its header ({len(data)} bytes)")
    return size[0], size[1], at
