"""Pictures are measured without decoding them, and crops never leave the picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.media import MediaStore
from core.messages import WHOLE_FRAME, Box
from review_ui.rendering.pictures import PictureView, crop, jpeg_size, picture
from review_ui.rendering.wording import age
from tests.support.factories import T0, jpeg

UNIT = st.floats(0, 1)


@pytest.mark.parametrize("size", [(64, 36), (640, 360), (1920, 1080), (17, 333)])
@pytest.mark.parametrize("progressive", [0, 1])
def test_a_jpeg_tells_its_size(size: tuple[int, int], progressive: int) -> None:
    width, height = size
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive, cv2.IMWRITE_JPEG_RST_INTERVAL, 4]
    _, buffer = cv2.imencode(".jpg", np.zeros((height, width, 3), np.uint8), options)
    assert jpeg_size(buffer.tobytes()) == size


@given(st.binary(max_size=200))
def test_what_is_no_jpeg_has_no_size_and_breaks_nothing(head: bytes) -> None:
    for start in (b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00\x00"):
        size = jpeg_size(start + head)
        assert size is None or len(size) == 2


def test_a_picture_that_is_gone_is_none(tmp_path: Path) -> None:
    store = MediaStore(tmp_path)
    key = store.put("upper-creek", T0, jpeg())
    assert picture(store, key) == PictureView(key, 64, 36)
    store.remove(key)
    assert picture(store, key) is None
    assert picture(store, None) is None


@given(UNIT, UNIT, UNIT, UNIT)
def test_a_crop_is_square_holds_the_boxs_middle_and_stays_inside(a: float, b: float, c: float, d: float) -> None:
    box: Box = (min(a, b), min(c, d), max(a, b), max(c, d))
    of = PictureView("k", 640, 360)
    part = crop(of, box)
    if box == WHOLE_FRAME:
        assert part is None
        return
    assert part is not None
    assert 0 <= part.x <= part.x + part.side <= of.width + 1e-6
    assert 0 <= part.y <= part.y + part.side <= of.height + 1e-6
    assert part.x - 1e-6 <= (box[0] + box[2]) / 2 * of.width <= part.x + part.side + 1e-6
    assert part.y - 1e-6 <= (box[1] + box[3]) / 2 * of.height <= part.y + part.side + 1e-6


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h 00 min"), (172_799, "47 h 59 min"),
     (172_800, "2 days")],
)  # fmt: skip
def test_an_age_reads_as_people_say_it(seconds: float, words: str) -> None:
    assert age(seconds) == words
