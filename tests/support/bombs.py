"""Pictures that are small to send and dear to look at."""

from __future__ import annotations

import struct

import cv2
import numpy as np


def segment(marker: int, body: bytes) -> bytes:
    """One marker segment of a JPEG."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def scan_bomb(scans: int, side: int = 4992) -> bytes:
    """A progressive JPEG of ``side`` by ``side`` pixels with so many nearly empty scans, some forty bytes each.

    Each scan says with a few end-of-band runs that nothing changes in any block; a decoder walks them all.
    """
    blocks = (side // 8) ** 2
    head = b"\xff\xd8" + segment(0xDB, b"\0" + bytes([1] * 64))
    head += segment(0xC2, b"\x08" + struct.pack(">HH", side, side) + b"\x01\x01\x11\x00")
    tables = segment(0xC4, b"\x00" + bytes([1] + [0] * 15) + b"\x00")
    tables += segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\xe0")
    first = segment(0xDA, b"\x01\x01\x00\x00\x00\x00") + bytes((blocks + 7) // 8)
    bits, left = "", blocks
    while left > 0:
        run = max(min(left, 32767), 16384)
        bits += "0" + format(run - 16384, "014b")
        left -= run
    bits += "1" * (-len(bits) % 8)
    runs = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    return head + tables + first + (segment(0xDA, b"\x01\x01\x00\x01\x3f\x00") + runs) * (scans - 1) + b"\xff\xd9"


def large_webp(side: int = 5000) -> bytes:
    """A WebP of nothing, a few kilobytes long."""
    return cv2.imencode(".webp", np.zeros((side, side, 3), np.uint8), [cv2.IMWRITE_WEBP_QUALITY, 1])[1].tobytes()


def animated_webp(chunk: bytes, canvas: int = 64, side: int = 5000) -> bytes:
    """A WebP that says it moves on a small canvas, with one frame as large as ``side``."""
    size = (canvas - 1).to_bytes(3, "little")
    body = b"VP8X" + struct.pack("<I", 10) + bytes([2, 0, 0, 0]) + size * 2
    body += b"ANIM" + struct.pack("<I", 6) + bytes(6)
    inner = bytes(6) + (side - 1).to_bytes(3, "little") * 2 + (100).to_bytes(3, "little") + b"\0" + chunk
    body += b"ANMF" + struct.pack("<I", len(inner)) + inner
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def mismatched_webp(chunk: bytes, canvas: int = 64) -> bytes:
    """A WebP whose canvas is small and whose picture is large."""
    size = (canvas - 1).to_bytes(3, "little")
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + size * 2 + chunk
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
