"""A picture file, decoded whole or not at all: half a picture looks like an empty meadow."""

from __future__ import annotations

import io
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
from av.container import InputContainer

from ingest.scene.picture import Bgr

MAX_PIXELS = 150_000_000
"""The largest sensors of today; a few kilobytes can claim to be gigabytes of pixels."""
ZEROS = bytes(512)
"""A block of a memory card that was never written. No compressed picture holds so many zeros in a row."""
PADDED_SHARE = 0.05
"""Uncompressed pictures may end in black; from this share of the file on it is taken for what was never written."""

_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD8)})
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9


class BrokenStill(ValueError):
    """A picture file that is not whole; the message says what is wrong with it."""


def read_still(file: Path) -> Bgr:
    """Decode a picture file to (height, width, 3) BGR, turned as its EXIF data says.

    Raises:
        BrokenStill: cut off, overwritten with zeros, damaged, too large, or not a picture that can be decoded.
        OSError: it cannot be read.
    """
    data = file.read_bytes()
    if not data:
        raise BrokenStill("an empty file")
    if data.startswith(b"\xff\xd8"):
        _check_jpeg(data)
    else:
        _check_tail(data)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise BrokenStill(f"a picture that cannot be decoded ({error.err or 'OpenCV refused it'})") from error
    if image is None:
        raise BrokenStill("a picture that is cut off, damaged or of an unknown kind")
    return image.astype(np.uint8, copy=False)


def _check_tail(data: bytes) -> None:
    """A PNG has checksums and a decoder misses the end of most others; but a tail of zeros decodes."""
    zeros = len(data) - len(data.rstrip(b"\0"))
    if data[:4] == b"RIFF":
        zeros = max(0, zeros - max(0, len(data) - 8 - int.from_bytes(data[4:8], "little")))
        cut = zeros >= len(ZEROS)
    else:
        cut = not data.startswith(b"\x89PNG") and zeros >= max(len(ZEROS), PADDED_SHARE * len(data))
    if cut:
        raise BrokenStill(f"its last {zeros:,} bytes are zeros: they were never written (or it shows nothing there)")


def _check_jpeg(data: bytes) -> None:
    """Walk the segments to the end marker, and see that a strict decoder agrees with what lies between."""
    at, scans, progressive = 2, 0, False
    while True:
        marker, at = _marker(data, at)
        if marker == _END_OF_IMAGE and scans:
            break
        if marker in _BARE_MARKERS:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if marker == _END_OF_IMAGE or length < 2:
            raise BrokenStill("a JPEG whose structure makes no sense")
        if marker in _SIZES:
            _check_size(data, at)
            progressive = marker in _PROGRESSIVE
        header, at = data[at : at + length], at + length
        if marker == _START_OF_SCAN:
            scans += 1
            begin, at = at, _after_scan(data, at)
            if progressive and _first_coefficient(header) > 0 and (hole := data.find(ZEROS, begin, at)) >= 0:
                # A strict decoder takes them for picture data there; in any other JPEG it stumbles. (A scan of means
                # alone, coefficient 0, may well be zeros where it is dark.)
                raise BrokenStill(f"a JPEG with a hole: zeros stand from byte {hole:,} on, where picture data should")
    _decode_strictly(data[:at])


def _check_size(data: bytes, at: int) -> None:
    height, width = int.from_bytes(data[at + 3 : at + 5], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
    if width * height > MAX_PIXELS:
        raise BrokenStill(f"{width}x{height} pixels; at most {MAX_PIXELS // 1_000_000} million are decoded")


def _first_coefficient(header: bytes) -> int:
    """Of a scan of a progressive JPEG: the first of the coefficients that it carries."""
    at = 3 + 2 * header[2] if len(header) > 2 else 0
    return header[at] if 0 < at < len(header) else 0


def _marker(data: bytes, at: int) -> tuple[int, int]:
    """The next marker at ``at``, and where its segment begins."""
    while at + 1 < len(data) and data[at] == 0xFF and data[at + 1] == 0xFF:
        at += 1
    if at + 1 >= len(data):
        raise BrokenStill("a JPEG that is cut off: its end is missing")
    if data[at] != 0xFF:
        raise BrokenStill("a JPEG that is damaged: zeros or other data stand where a segment should")
    return data[at + 1], at + 2


def _after_scan(data: bytes, at: int) -> int:
    """Where the entropy-coded data that begins at ``at`` ends: at the next marker that is none of its own."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise BrokenStill("a JPEG that is cut off: its end is missing")
        if data[at + 1] == 0x00 or data[at + 1] in _BARE_MARKERS:
            at += 2
        elif data[at + 1] == 0xFF:
            at += 1
        else:
            return at


def _decode_strictly(data: bytes) -> None:
    """Raise when FFmpeg decodes the picture only with a blind eye; what it cannot decode at all proves nothing."""
    if _decodes(data, "explode") or not _decodes(data, "crccheck"):
        return
    raise BrokenStill("a JPEG that is damaged: part of its picture data cannot be decoded")


def _decodes(data: bytes, strictness: str) -> bool:
    try:
        with av.open(io.BytesIO(data), format="jpeg_pipe") as container:
            assert isinstance(container, InputContainer)
            stream = container.streams.video[0]
            stream.codec_context.options = {"err_detect": strictness, "threads": "1"}
            return next(iter(container.decode(stream)), None) is not None
    except (av.error.FFmpegError, OSError, ValueError, IndexError):
        return False
