"""What a JPEG says of itself in its markers: its size and its scans. No pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_SCANS: Final = 100
"""Encoders make ten or so. Each scan of a progressive JPEG walks over every block of the picture, and may be forty
bytes long: thousands of them keep a decoder busy for minutes."""

_START_OF_IMAGE: Final = b"\xff\xd8"
_END_OF_IMAGE: Final = b"\xff\xd9"
_START_OF_SCAN: Final = 0xDA
_SIZE_MARKERS: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_BARE_MARKERS: Final = frozenset({0x01, *range(0xD0, 0xD8)})


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """Width and height in pixels, how many scans follow, and whether the end marker is there."""

    width: int
    height: int
    scans: int
    whole: bool


def read_jpeg_header(data: bytes) -> JpegHeader | None:
    """Walk the marker segments up to the first scan, and count the scans; None for what is no JPEG of any size.

    Behind the first scan the byte 0xFF is always followed by a zero or a marker, so that a marker is found by looking
    for it; a table that happens to hold the same two bytes counts as a scan too many, never as one too few.
    """
    if not data.startswith(_START_OF_IMAGE):
        return None
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
        return None
    scans = data.count(bytes((0xFF, _START_OF_SCAN)), at)
    return JpegHeader(*size, scans=scans, whole=data.find(_END_OF_IMAGE, at) >= 0)
