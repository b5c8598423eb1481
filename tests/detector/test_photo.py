"""What somebody hands in is refused by its head and tail, before anybody decodes it."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.pictures.photo_request import UnreadablePhoto
from core.pictures.picture_format import MAX_BYTES, BadPhoto, PhotoKind, inspect
from detector.photo import decode_photo


def picture(width: int = 300, height: int = 200) -> NDArray[np.uint8]:
    """Noise, so that no format can make it small."""
    return np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)


def encoded(suffix: str, image: NDArray[np.uint8] | None = None, *options: int) -> bytes:
    """A real file."""
    done, buffer = cv2.imencode(suffix, picture() if image is None else image, list(options))
    assert done
    return buffer.tobytes()


FILES = {
    "JPEG": encoded(".jpg"),
    "PNG": encoded(".png"),
    "WebP": encoded(".webp", None, cv2.IMWRITE_WEBP_QUALITY, 80),
    "lossless WebP": encoded(".webp", None, cv2.IMWRITE_WEBP_QUALITY, 101),
}


@pytest.mark.parametrize("name", FILES)
def test_each_format_says_its_size_and_is_decoded(name: str) -> None:
    assert inspect(FILES[name]) == PhotoKind(name.removeprefix("lossless "), 300, 200)
    assert decode_photo(FILES[name]).shape == (200, 300, 3)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.1, 0.6, 0.99])
def test_a_picture_that_is_cut_off_is_refused(name: str, share: float) -> None:
    data = FILES[name][: int(len(FILES[name]) * share)]
    with pytest.raises(BadPhoto, match="cut off") as refused:
        inspect(data)
    assert refused.value.status == 422
    with pytest.raises(UnreadablePhoto):
        decode_photo(data)


@pytest.mark.parametrize("name", FILES)
def test_a_picture_that_is_damaged_inside_is_no_error_of_ours(name: str) -> None:
    data = bytearray(FILES[name])
    data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    assert outcome(bytes(data)) in ((200, 300, 3), f"a damaged {name.removeprefix('lossless ')} picture")


def outcome(data: bytes) -> tuple[int, ...] | str:
    """The decoded picture's shape, or why there is none."""
    try:
        return decode_photo(data).shape
    except UnreadablePhoto as unreadable:
        return str(unreadable)


def bomb(width: int, height: int) -> bytes:
    """A small PNG that claims to be large."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_refused_unopened() -> None:
    with pytest.raises(BadPhoto, match="60000 x 60000 pixels") as refused:
        inspect(bomb(60_000, 60_000))
    assert refused.value.status == 413
    with pytest.raises(UnreadablePhoto):
        decode_photo(bomb(60_000, 60_000))


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"GIF89a" + bytes(100), 415),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
        (b"\xff\xd8\xff\xe0 nothing more \xff\xd9", 415),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", 415),
        (bytes(MAX_BYTES + 1), 413),
        (encoded(".png", picture(4, 4)), 422),
    ],
)
def test_what_is_no_picture_is_refused_with_the_right_word(data: bytes, status: int) -> None:
    with pytest.raises(BadPhoto) as refused:
        inspect(data)
    assert refused.value.status == status
