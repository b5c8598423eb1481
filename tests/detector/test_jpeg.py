"""A JPEG from outside is decoded whole or refused in words."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from detector.classify import UndecodableFrame, decode_jpeg


def jpeg(width: int = 64, height: int = 48, *options: int) -> bytes:
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)
    done, data = cv2.imencode(".jpg", ramp, list(options))
    assert done
    return data.tobytes()


def claim_size(data: bytes, width: int, height: int) -> bytes:
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + data[at + 4 :]


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)], ids=["baseline", "progressive"])
def test_a_whole_jpeg_is_decoded(options: tuple[int, ...]) -> None:
    image = decode_jpeg(jpeg(64, 48, *options))
    assert image.shape == (48, 64, 3)
    assert image.dtype == np.uint8


def test_a_grey_jpeg_is_decoded_to_three_channels() -> None:
    done, data = cv2.imencode(".jpg", np.full((20, 30), 90, dtype=np.uint8))
    assert done
    assert decode_jpeg(data.tobytes()).shape == (20, 30, 3)


def test_bytes_after_the_end_do_no_harm() -> None:
    assert decode_jpeg(jpeg() + b"\0" * 64).shape == (48, 64, 3)


def test_a_jpeg_that_claims_to_be_enormous_is_refused_before_it_takes_memory() -> None:
    with pytest.raises(UndecodableFrame, match="65000x65000"):
        decode_jpeg(claim_size(jpeg(), 65_000, 65_000))


def test_the_limit_can_be_set() -> None:
    with pytest.raises(UndecodableFrame, match="at most 100 pixels"):
        decode_jpeg(jpeg(), max_pixels=100)


@pytest.mark.parametrize("kept", [0.5, 0.9, 0.99])
def test_a_jpeg_cut_off_in_its_pixels_is_refused(kept: float) -> None:
    whole = jpeg(320, 240)
    with pytest.raises(UndecodableFrame, match="cut off"):
        decode_jpeg(whole[: int(len(whole) * kept)])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"\xff\xd8",
        b"not a picture",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
        jpeg()[:20],
        b"\xff\xd8" + b"\xff" * 500,
    ],
    ids=["nothing", "one byte", "only a start", "text", "a PNG", "only a header", "fill bytes"],
)
def test_what_is_no_jpeg_is_refused(data: bytes) -> None:
    with pytest.raises(UndecodableFrame):
        decode_jpeg(data)


def test_a_jpeg_of_no_size_is_refused() -> None:
    with pytest.raises(UndecodableFrame, match="without a size"):
        decode_jpeg(claim_size(jpeg(), 0, 48))


def test_garbled_bytes_either_decode_or_are_refused_but_nothing_else() -> None:
    random = np.random.default_rng(3)
    whole = np.frombuffer(jpeg(), dtype=np.uint8)
    outcomes = set()
    for _ in range(200):
        garbled = whole.copy()
        garbled[random.integers(2, len(garbled), 12)] = random.integers(0, 256, 12)
        try:
            outcomes.add(decode_jpeg(garbled.tobytes()).ndim)
        except UndecodableFrame:
            outcomes.add(0)
    assert outcomes == {0, 3}
