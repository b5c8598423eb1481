"""A picture that somebody hands in: what it claims to be, read from its first bytes without decoding a pixel.

The page refuses here what is no picture, too large or cut off; only the detector, which is built for pictures from
outside, ever decodes one.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.pictures.jpeg_header import MAX_SCANS, read_jpeg_header

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 25_000_000
"""As for a camera's frame: a few kilobytes can claim to be gigabytes of pixels."""
SMALLEST_SIDE_PX = 16

_PNG = b"\x89PNG\r\n\x1a\n"
_ANIMATED_WEBP = 0x02


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


@dataclass(frozen=True, slots=True)
class _Claims:
    """What the head and the tail of a file say."""

    kind: PhotoKind
    whole: bool
    scans: int = 1
    animated: bool = False


def inspect(data: bytes) -> PhotoKind:
    """Look at the head and the tail of a file.

    Raises:
        BadPhoto: nothing, too many bytes, pixels or scans, no JPEG, PNG or WebP, one that moves or is cut off.
    """
    if not data:
        raise BadPhoto("No picture came with the request.", 400)
    if len(data) > MAX_BYTES:
        raise too_large()
    claims = _claims(data)
    if claims is None:
        raise BadPhoto("This is no JPEG, PNG or WebP picture.", 415)
    kind = claims.kind
    if kind.width * kind.height > MAX_PIXELS:
        raise BadPhoto(
            f"The picture has {kind.width} x {kind.height} pixels; at most {MAX_PIXELS // 1_000_000} million fit.", 413
        )
    if min(kind.width, kind.height) < SMALLEST_SIDE_PX:
        raise BadPhoto(f"The picture has {kind.width} x {kind.height} pixels; nothing can be seen in it.")
    if not claims.whole:
        raise BadPhoto(f"The {kind.name} picture is cut off: its end is missing.")
    if claims.scans > MAX_SCANS:
        raise BadPhoto(f"The JPEG picture has {claims.scans} scans; at most {MAX_SCANS} are looked at.")
    if claims.animated:
        raise BadPhoto(f"The {kind.name} picture moves; hand in a single picture.")
    return kind


def too_large() -> BadPhoto:
    """The refusal of a file with too many bytes."""
    return BadPhoto(f"The file is too large; at most {MAX_BYTES // 1024 // 1024} MB fit.", 413)


def _claims(data: bytes) -> _Claims | None:
    """What it says that it is; None for no picture that is looked at."""
    if data.startswith(b"\xff\xd8\xff"):
        jpeg = read_jpeg_header(data)
        return _Claims(PhotoKind("JPEG", jpeg.width, jpeg.height), jpeg.whole, jpeg.scans) if jpeg else None
    if data.startswith(_PNG) and data[12:16] == b"IHDR":
        size = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
        animated = b"acTL" in data[: data.find(b"IDAT") + 1]
        return _Claims(PhotoKind("PNG", *size), b"IEND" in data[-64:], animated=animated) if 0 not in size else None
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        found = _webp_size(data)
        if found is None or 0 in found:
            return None
        animated = data[12:16] == b"VP8X" and bool(data[20] & _ANIMATED_WEBP)
        whole = len(data) >= 8 + int.from_bytes(data[4:8], "little")
        return _Claims(PhotoKind("WebP", *found), whole, animated=animated)
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
