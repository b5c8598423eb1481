"""Footage as it comes off real cards: cover pictures, odd names, companions, files that were never finished."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from ingest.scene.picture import Bgr, Luma
from tests.support.drawn_scenes import colour, ground, noisy, with_animal, write_video


def walking(seconds: float, fps: int = 15) -> list[Luma]:
    """An animal that walks from the first picture on."""
    return [noisy(with_animal(ground(), 20 + round(30 * n / fps)), n) for n in range(int(seconds * fps))]


def clip(path: Path, seconds: float = 4.0, codec: str = "libx264") -> Path:
    """A video of :func:`walking` whose name may have any suffix; its container is that of ``path.name``'s last but one
    suffix where there are two (``night.ts.MTS`` is a transport stream called ``night.MTS``).
    """
    real = path.with_name(path.name.rsplit(".", 1)[0]) if path.name.count(".") > 1 else path
    write_video(real, walking(seconds), codec=codec)
    if real == path:
        return path
    wanted = path.with_name(f"{path.name.split('.')[0]}.{path.name.rsplit('.', 1)[1]}")
    return real.rename(wanted)


def jpeg(number: int = 0, quality: int = 92, progressive: bool = False) -> bytes:
    """One picture of the walk, 640x360 so that a memory card's blocks are small beside it."""
    picture = noisy(with_animal(ground(width=640, height=360), 40 + 6 * number, 180, 80, 56), number)
    return encoded(colour(picture), quality, progressive)


def encoded(picture: Bgr, quality: int = 92, progressive: bool = False) -> bytes:
    """A picture as JPEG."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)]
    return cv2.imencode(".jpg", picture, options)[1].tobytes()


def atoms(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes of an MP4 between two offsets: kind, offset, size."""
    while at + 8 <= end:
        size = int.from_bytes(data[at : at + 4], "big") or end - at
        yield data[at + 4 : at + 8], at, size
        at += size


def add_cover(path: Path) -> Path:
    """Give an MP4 a black cover picture, as phones and editors do; FFmpeg shows it as a stream of video."""
    data = path.read_bytes()
    ((at, size),) = [(at, size) for kind, at, size in atoms(data, 0, len(data)) if kind == b"moov"]
    assert at + size == len(data), "what lies behind the index would move"
    art = encoded(np.zeros((90, 160, 3), np.uint8))
    handler = _box(b"hdlr", struct.pack(">II", 0, 0) + b"mdirappl" + b"\0" * 9)
    cover = _box(b"covr", _box(b"data", struct.pack(">II", 13, 0) + art))
    user = _box(b"udta", _box(b"meta", b"\0" * 4 + handler + _box(b"ilst", cover)))
    inner = data[at + 8 :]
    header = int.from_bytes(inner[:4], "big")
    path.write_bytes(data[:at] + _box(b"moov", inner[:header] + user + inner[header:]))
    return path


def set_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Say in an MP4 that it is shown turned or mirrored: x' = ax + cy, y' = bx + dy."""
    data = path.read_bytes()
    at = data.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    matrix = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(data[:at] + matrix + data[at + 36 :])
    return path


def set_edit_list(path: Path, duration_ms: int, media_time: int) -> Path:
    """Let an MP4's edit list play ``duration_ms`` from ``media_time`` (in the track's ticks; -1: nothing) on."""
    data = path.read_bytes()
    at = data.index(b"elst") + 4 + 4 + 4
    path.write_bytes(data[:at] + struct.pack(">Ii", duration_ms, media_time) + data[at + 8 :])
    return path


def _box(kind: bytes, content: bytes) -> bytes:
    return (len(content) + 8).to_bytes(4, "big") + kind + content
