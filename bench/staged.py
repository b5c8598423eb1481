"""Frames with a known animal in a known place: the demo's cut-outs pasted on pictures without an animal.

Half of the frames look like infra-red night (grey, dim, noisy). The motion box is as wrong as those of a real gate:
too loose, only a part of the animal, or with the trail that it leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.messages import Box

WIDTH, HEIGHT = 640, 360
ASSETS = Path(__file__).parents[1] / "simulation" / "cameras" / "assets"
BEARS = ("brown-bear", "black-bear")
OTHERS = ("doe", "elk", "dog", "fox", "boar", "badger", "walker")
HEIGHTS = (0.10, 0.15, 0.20, 0.25, 0.30, 0.35)
"""Animal heights, as shares of the frame's height."""
_GREY_BELOW_SATURATION = 25


@dataclass(frozen=True, slots=True)
class StagedFrames:
    """One staged frame (360, 640, 3) BGR, the box in which the gate saw motion, and the truth."""

    image: NDArray[np.uint8]
    box: Box
    animal: str
    height: float
    night: bool

    @property
    def is_bear(self) -> bool:
        """Whether a bear is in the frame."""
        return self.animal in BEARS


def stage(backgrounds: Sequence[NDArray[np.uint8]], bears: int, others: int, seed: int) -> list[StagedFrames]:
    """``bears`` frames with a bear and ``others`` with another animal, over all heights, by day and by night."""
    random = np.random.default_rng(seed)
    cast = [BEARS[i % len(BEARS)] for i in range(bears)] + [OTHERS[i % len(OTHERS)] for i in range(others)]
    cutouts = {animal: _cutout(animal) for animal in (*BEARS, *OTHERS)}
    frames = []
    for number, animal in enumerate(cast):
        height = HEIGHTS[number // 2 % len(HEIGHTS)]
        night = bool(number // (2 * len(HEIGHTS)) % 2)
        background = backgrounds[int(random.integers(len(backgrounds)))]
        image, box = _paste(background, cutouts[animal], height, night, random)
        frames.append(StagedFrames(image, _as_a_gate_sees_it(box, random), animal, height, night))
    return frames


def frame_shaped(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of a picture, as a 640x360 frame."""
    height, width = image.shape[:2]
    wide = min(width, height * WIDTH // HEIGHT)
    high = min(height, width * HEIGHT // WIDTH)
    top, left = (height - high) // 2, (width - wide) // 2
    part = image[top : top + high, left : left + wide]
    return np.asarray(cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _cutout(animal: str) -> NDArray[np.uint8]:
    image = cv2.imread(str(ASSETS / f"{animal}.png"), cv2.IMREAD_UNCHANGED)
    if image is None or image.shape[2] != 4:
        raise FileNotFoundError(f"{ASSETS / animal}.png is missing or has no transparency")
    rows, columns = np.where(image[:, :, 3] > 40)
    return np.asarray(image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1], dtype=np.uint8)


def _paste(
    background: NDArray[np.uint8], cutout: NDArray[np.uint8], height: float, night: bool, random: np.random.Generator
) -> tuple[NDArray[np.uint8], Box]:
    """Paste at a random place in the lower part, in the light of that place; returns frame and true box."""
    high = round(HEIGHT * height)
    wide = max(4, cutout.shape[1] * high // cutout.shape[0])
    small = cv2.resize(cutout, (wide, high), interpolation=cv2.INTER_AREA)
    if random.random() < 0.5:
        small = small[:, ::-1]
    left, top = int(random.integers(0, WIDTH - wide)), int(random.uniform(0.3, 1.0) * (HEIGHT - high))
    alpha = cv2.GaussianBlur(small[:, :, 3].astype(np.float32) / 255, (3, 3), 0)[:, :, None]
    frame = background.astype(np.float32)
    place = frame[top : top + high, left : left + wide]
    light = (place.mean() + 40) / (small[:, :, :3][small[:, :, 3] > 128].mean() + 40)
    place[:] = small[:, :, :3] * np.clip(light, 0.45, 1.3) * alpha + place * (1 - alpha)
    grey = night or cv2.cvtColor(background, cv2.COLOR_BGR2HSV)[:, :, 1].mean() < _GREY_BELOW_SATURATION
    image = _by_night(frame, random) if grey else frame + random.normal(0, 2, frame.shape)
    _, jpeg = cv2.imencode(".jpg", image.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 80])
    box = (left / WIDTH, top / HEIGHT, (left + wide) / WIDTH, (top + high) / HEIGHT)
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), dtype=np.uint8), box


def _by_night(frame: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float64]:
    grey = frame @ np.array([0.114, 0.587, 0.299])
    grey = (grey - grey.mean()) * random.uniform(0.55, 0.9) + random.uniform(45, 95)
    grey += random.normal(0, random.uniform(3, 9), grey.shape)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _as_a_gate_sees_it(box: Box, random: np.random.Generator) -> Box:
    x0, y0, x1, y1 = box
    wide, high = x1 - x0, y1 - y0
    kind = random.integers(3)
    if kind == 0:  # too loose
        grow = random.uniform(0, 0.25, 4)
        x0, y0, x1, y1 = x0 - grow[0] * wide, y0 - grow[1] * high, x1 + grow[2] * wide, y1 + grow[3] * high
    elif kind == 1:  # only a part moves
        part_wide, part_high = random.uniform(0.5, 0.85, 2) * (wide, high)
        x0, y0 = random.uniform(x0, x1 - part_wide), random.uniform(y0, y1 - part_high)
        x1, y1 = x0 + part_wide, y0 + part_high
    else:  # where it was, too
        trail = random.uniform(0.1, 0.5) * wide
        x0, x1 = (x0 - trail, x1) if random.random() < 0.5 else (x0, x1 + trail)
    return (max(x0, 0.0), max(y0, 0.0), min(x1, 1.0), min(y1, 1.0))
