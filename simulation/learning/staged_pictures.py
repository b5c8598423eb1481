"""Pictures of staged visits, each one animal in front of a painted place, with the box in which it moved."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.messages import Box
from simulation.cameras.painting.cutout import STEPS, figure
from simulation.cameras.painting.landscape import by_day, by_infrared, paint_place
from simulation.cameras.scene import Light, Place

WIDTH_PX: Final = 320
HEIGHT_PX: Final = 180
PLACES: Final[tuple[Place, ...]] = ("meadow", "trail", "creek")
STAGED_BY: Final = {
    "bear": ("bear", "black_bear"),
    "deer": ("deer", "elk"),
    "dog": ("dog",),
    "other_animal": ("fox",),
    "person": ("person",),
    "raccoon": ("badger",),
}
"""Which cut-outs stand for which label. There is no raccoon among them: a badger, striped, low and grey, plays it."""

Picture = NDArray[np.uint8]


def staged_picture(label: str, infrared: bool, seed: int) -> tuple[Picture, Box]:
    """A picture (180, 320, 3) BGR and the box of its animal, 0-1. The same seed gives the same picture."""
    random = np.random.default_rng(seed)
    light: Light = "infrared" if infrared else "day"
    picture = _place(PLACES[int(random.integers(len(PLACES)))], infrared).astype(np.float32)
    kind = STAGED_BY[label][int(random.integers(len(STAGED_BY[label])))]
    tall = int(random.integers(30, 110))
    colour, alpha, pad = _painted(kind, tall, bool(random.integers(2)), int(random.integers(STEPS)), light)
    rows, columns = alpha.shape
    left = int(random.integers(-pad, max(1, WIDTH_PX - columns + pad)))
    top = int(random.integers(20, max(21, HEIGHT_PX - rows + pad)))
    picture *= float(random.uniform(0.75, 1.2))
    box = _lay(picture, colour * float(random.uniform(0.8, 1.2)), alpha, left, top, pad)
    picture += random.normal(0, random.uniform(1, 6), picture.shape[:2])[..., None]
    if random.random() < 0.3:
        cv2.GaussianBlur(picture, (0, 0), float(random.uniform(0.5, 1.2)), dst=picture)
    return np.clip(picture, 0, 255).astype(np.uint8), box


@lru_cache
def _place(place: Place, infrared: bool) -> Picture:
    canvas = paint_place(place, WIDTH_PX, HEIGHT_PX, 11)
    return cv2.cvtColor(by_infrared(canvas), cv2.COLOR_GRAY2BGR).astype(np.uint8) if infrared else by_day(canvas)


@lru_cache(maxsize=512)
def _painted(
    kind: str, tall: int, to_right: bool, step: int, light: Light
) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    """BGR (h, w, 3), opacity (h, w), and the margin around the animal."""
    drawn = figure(kind, tall, to_right, step, light)
    rows, columns = drawn.luma.shape
    u, v = (cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_LINEAR) - 128 for plane in drawn.chroma)
    luma = 1.164 * (drawn.luma - 16)
    colours = np.dstack([luma + 2.017 * u, luma - 0.392 * u - 0.813 * v, luma + 1.596 * v])
    return colours.astype(np.float32), drawn.alpha.astype(np.float32), drawn.pad_px


def _lay(
    picture: NDArray[np.float32], colour: NDArray[np.float32], alpha: NDArray[np.float32], left: int, top: int, pad: int
) -> Box:
    """Lay the animal on the picture, in place, as far as it lies inside; returns its box."""
    rows, columns = alpha.shape
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + columns, WIDTH_PX), min(top + rows, HEIGHT_PX)
    cut = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    share = alpha[cut][..., None]
    picture[y0:y1, x0:x1] += share * (colour[cut] - picture[y0:y1, x0:x1])
    inside = max(x0, left + pad), max(y0, top + pad), min(x1, left + columns - pad), min(y1, top + rows - pad)
    return inside[0] / WIDTH_PX, inside[1] / HEIGHT_PX, inside[2] / WIDTH_PX, inside[3] / HEIGHT_PX
