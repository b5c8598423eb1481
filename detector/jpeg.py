"""Decoding a JPEG that comes from outside: checked before any memory is taken for its pixels."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from core.pictures.jpeg_header import MAX_SCANS, read_jpeg_header

MAX_PIXELS = 25_000_000
"""Three times a 4K frame. A few kilobytes can claim to be gigabytes of pixels."""


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


def decoded_or_why(data: bytes) -> NDArray[np.uint8] | UndecodableFrame:
    """:func:`decode_jpeg`, with its error as an answer: of many pictures decoded side by side, one may be broken."""
    try:
        return decode_jpeg(data)
    except UndecodableFrame as error:
        return error


def check_jpeg(data: bytes, max_pixels: int = MAX_PIXELS) -> None:
    """Look at a JPEG's markers before anybody decodes it.

    Raises:
        UndecodableFrame: not a JPEG, larger than ``max_pixels``, of too many scans, or cut off before its end.
    """
    header = read_jpeg_header(data)
    if header is None:
        if not data.startswith(b"\xff\xd8"):
            raise UndecodableFrame(f"not a JPEG: {len(data)} bytes beginning with {data[:4].hex(' ') or 'nothing'}")
        raise UndecodableFrame(f"a JPEG without a size in its header ({len(data)} bytes)")
    if header.width * header.height > max_pixels:
        raise UndecodableFrame(
            f"a JPEG of {header.width}x{header.height} pixels; at most {max_pixels} pixels are decoded"
        )
    if header.scans > MAX_SCANS:
        raise UndecodableFrame(f"a JPEG of {header.scans} scans; at most {MAX_SCANS} are decoded")
    if not header.whole:
        raise UndecodableFrame(f"a JPEG that is cut off: {len(data)} bytes without its end marker")
