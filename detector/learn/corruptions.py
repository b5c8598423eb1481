"""Daylight pictures of held-out sources made hard, in ways that training does not use: what few real pictures show.

There are hardly any real pictures of bears by infra-red light or far away, so figures on them are coarse. These are
many, of bears and others alike, and made by other formulas than the augmentations of training
(:mod:`detector.learn.augmentations`), so that they do not merely measure how well those were learned. Deterministic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.evaluate.manifest import LabelledPicture, read_picture

BEARS, OTHERS = 120, 240
_SCENE = (416, 234)
_SMALL = 0.45
_FEW_PX = 56

Image = NDArray[np.uint8]
Hardship = Callable[[Image, int, Sequence[Image]], Image]
"""A picture, its place (which seeds all chance) and empty scenes to a harder picture."""


def hard_places(pictures: Sequence[LabelledPicture]) -> list[int]:
    """Which daylight pictures to make hard: so many bears and others, spread over the sources. In order."""
    random = np.random.default_rng(7)
    chosen: list[int] = []
    for wanted, most in ((True, BEARS), (False, OTHERS)):
        by_source: dict[str, list[int]] = {}
        for place, picture in enumerate(pictures):
            usable = picture.light in ("", "day") and picture.label != "empty"
            if usable and (picture.label == "bear") == wanted:
                by_source.setdefault(picture.source, []).append(place)
        shuffled = [random.permutation(by_source[source]).tolist() for source in sorted(by_source)]
        turns = max((len(each) for each in shuffled), default=0)
        chosen += [each[turn] for turn in range(turns) for each in shuffled if turn < len(each)][:most]
    return sorted(chosen)


def empty_scenes(pictures: Sequence[LabelledPicture]) -> list[Image]:
    """What to put small animals into: pictures without an animal; a plain grey scene where there are none."""
    found = [read_picture(picture.path) for picture in pictures if picture.label == "empty"][:24]
    return found or [np.full((_SCENE[1], _SCENE[0], 3), 110, dtype=np.uint8)]


def by_lamp(image: Image, place: int, scenes: Sequence[Image]) -> Image:
    """By an infra-red lamp: the green channel's opposite of colour, flat, lit from the middle, grainy."""
    random = np.random.default_rng(place)
    grey = image[:, :, 2].astype(np.float32) * 0.6 + image[:, :, 1] * 0.4
    height, width = grey.shape
    rows, columns = np.ogrid[-1 : 1 : complex(height), -1 : 1 : complex(width)]
    lamp = 1 / (1 + random.uniform(0.6, 2.5) * (rows**2 + columns**2))
    flat = (grey - grey.mean()) * random.uniform(0.35, 0.8) + random.uniform(60, 120)
    lit = cv2.GaussianBlur((flat * lamp).astype(np.float32), (0, 0), random.uniform(0.4, 1.2))
    grainy = lit + random.normal(0, random.uniform(2, 7), lit.shape)
    return np.repeat(np.clip(grainy, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def far_away(image: Image, place: int, scenes: Sequence[Image]) -> Image:
    """Small, in an empty scene: a fifth of its area, on its lower half, with soft edges."""
    random = np.random.default_rng(place)
    scene = cv2.resize(scenes[int(random.integers(len(scenes)))], _SCENE, interpolation=cv2.INTER_AREA)
    scale = _SMALL * min(_SCENE[0] / image.shape[1], _SCENE[1] / image.shape[0])
    size = max(8, int(image.shape[1] * scale)), max(8, int(image.shape[0] * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    left = int(random.integers(_SCENE[0] - size[0] + 1))
    top = int(random.integers((_SCENE[1] - size[1]) // 2, _SCENE[1] - size[1] + 1))
    inner = np.zeros((size[1], size[0]), dtype=np.float32)
    border = max(2, min(size) // 10)
    inner[border:-border, border:-border] = 1
    mask = cv2.GaussianBlur(inner, (0, 0), border / 2)[:, :, None]
    shown = scene.astype(np.float32)
    part = shown[top : top + size[1], left : left + size[0]]
    shown[top : top + size[1], left : left + size[0]] = part * (1 - mask) + small * mask
    return np.asarray(shown.clip(0, 255), dtype=np.uint8)


def few_pixels(image: Image, place: int, scenes: Sequence[Image]) -> Image:
    """As a crop of 56 pixels that went through a poor JPEG."""
    scale = _FEW_PX / max(image.shape[:2])
    size = max(8, round(image.shape[1] * scale)), max(8, round(image.shape[0] * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 45])[1]
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None, "what was just encoded can be decoded"
    return np.asarray(decoded, dtype=np.uint8)


HARD: dict[str, Hardship] = {
    "by lamp (made)": by_lamp,
    "far away (made)": far_away,
    "few pixels (made)": few_pixels,
}
