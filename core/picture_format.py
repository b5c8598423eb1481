"""A picture that somebody hands in: what it claims to be, read from its first bytes without decoding a pixel.

The page refuses here what is no picture, too large or cut off; only the detector, which is built for pictures from
outside, ever decodes one.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 25_000_000
"""As for a camera's frame: a few kilobytes can claim to be gigabytes of pixels."""
SMALLEST_SIDE_PX = 16

_PNG = b"\x89PNG\r\n\x1a\n"
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset(range(0xD0, 0xDA)) | {0x01}


class BadPhoto(ValueError):
    """What was handed in cannot be looked at; the words say why, to the person who did. ``status`` is HTTP's."""

    def __init__(self, words: str, status: int = 422) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True, slots=True)
class PhotoKind:
    """What a file claims to be; ``name`` is ``JPEG``, ``PNG`` or ``WebP``."""

    name: str
    width: int
    height: int


def inspect(data: bytes) -> PhotoKind:
    """Look at the head and the tail of a file.

    Raises:
        BadPhoto: nothing, too many bytes or pixels, no JPEG, PNG or WebP, or a file that is cut off.
    """
    if not data:
        raise BadPhoto("No picture came with the request.", 400)
    if len(data) > MAX_BYTES:
        raise too_large()
    kind, whole = _kind(data)
    if kind is None:
        raise BadPhoto("This is no JPEG, PNG or WebP picture.", 415)
    if kind.width * kind.height > MAX_PIXELS:
        raise BadPhoto(
            f"The picture has {kind.width} x {kind.height} pixels; at most {MAX_PIXELS // 1_000_000} million fit.", 413
        )
    if min(kind.width, kind.height) < SMALLEST_SIDE_PX:
        raise BadPhoto(f"The picture has {kind.width} x {kind.height} pixels; nothing can be seen in it.")
    if not whole:
        raise BadPhoto(f"The {kind.name} picture is cut off: its end is missing.")
    return kind


def too_large() -> BadPhoto:
    """The refusal of a file with too many bytes."""
    return BadPhoto(f"The file is too large; at most {MAX_BYTES // 1024 // 1024} MB fit.", 413)


def _kind(data: bytes) -> tuple[PhotoKind | None, bool]:
    """What it is, and whether its end is there."""
    if data.startswith(b"\xff\xd8\xff"):
        return _named("JPEG", _jpeg_size(data)), data.rfind(b"\xff\xd9") > 0
    if data.startswith(_PNG) and data[12:16] == b"IHDR":
        size = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
        return _named("PNG", size), b"IEND" in data[-64:]
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _named("WebP", _webp_size(data)), len(data) >= 8 + int.from_bytes(data[4:8], "little")
    return None, False


def _named(name: str, size: tuple[int, int] | None) -> PhotoKind | None:
    return PhotoKind(name, *size) if size and 0 not in size else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        elif marker in _START_OF_FRAME:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """The three kinds of WebP: extended, lossless, and lossy."""
    chunk, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if chunk == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if chunk == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return None
