"""Telling infra-red light is fast because whole blocks of pixels are averaged first; it says the same all the same."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.models.infrared import colourfulness, is_infrared
from detector.parallel_map import side_by_side


def meadow(width: int, height: int, tint: tuple[float, float, float]) -> NDArray[np.uint8]:
    """(height, width, 3) BGR: grey patches, in one tint."""
    patches = np.random.default_rng(3).integers(40, 200, (9, 16, 1)).astype(np.float32)
    image = cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC)[:, :, None] * np.array(tint)
    noisy = (image + np.random.default_rng(4).normal(0, 3, image.shape)).clip(0, 255)
    return np.asarray(noisy, dtype=np.uint8)


@pytest.mark.parametrize(("width", "height"), [(640, 360), (641, 363), (1920, 1080), (200, 150), (50, 40)])
def test_it_says_what_the_plain_formula_says(width: int, height: int) -> None:
    image = meadow(width, height, (0.6, 1.0, 0.8))
    small = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
    expected = np.ptp(small - small.mean(axis=(0, 1)), axis=2).mean()
    assert colourfulness(image) == pytest.approx(float(expected), abs=0.5)


def test_a_tint_of_the_whole_picture_is_no_colour() -> None:
    assert is_infrared(meadow(640, 360, (1.0, 1.0, 1.0)))
    assert not is_infrared(meadow(640, 360, (0.3, 1.0, 0.6)))


def test_work_side_by_side_keeps_its_order_and_its_errors() -> None:
    assert side_by_side(lambda n: n * n, range(9), threads=3) == [n * n for n in range(9)]
    assert side_by_side(lambda n: n, [], threads=3) == []
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda n: 1 // n, [2, 1, 0, 1], threads=2)
