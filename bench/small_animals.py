"""Far animals, 12 to 40 pixels high in the stream that is analysed: how many bears are seen with the main stream's
pixels, and how many others are taken for one.

The staged cameras' own scenery in 1920x1080 with their own animals, at places and in light of their own; the analysed
stream is the same picture in 640x360. Each is cut as the live system cuts it, from a motion box that is too loose.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.staged import ASSETS, BEARS
from bench.tables import Row, show
from core.messages import Box, Frame, Reason
from detector.classify import score_frames
from detector.closer_look import CloserLook, HeldFrame, doubtful_crops
from detector.engines.choose import choose_engine
from detector.engines.engine import Engine
from simulation.cameras.render import SceneRenderer
from simulation.cameras.scene import Light, Place, Scene

MAIN = (1920, 1080)
ANALYSED = (640, 360)
HEIGHTS_PX = (12, 16, 20, 26, 32, 40)
OTHERS = ("doe", "elk", "dog", "fox", "boar", "walker")
SCENERY: tuple[tuple[Place, Light], ...] = (("creek", "day"), ("trail", "infrared"))
EACH = 2
"""Places for each animal, height and scenery."""


@dataclass(frozen=True, slots=True)
class FarAnimal:
    """One moment in both streams, (height, width, 3) BGR, and where the gate saw motion."""

    animal: str
    height_px: int
    light: Light
    analysed: NDArray[np.uint8]
    main: NDArray[np.uint8]
    box: Box


def far_animals(backgrounds: Sequence[tuple[Light, NDArray[np.uint8]]], seed: int) -> Iterator[FarAnimal]:
    """Every animal in every height before every background."""
    random = np.random.default_rng(seed)
    for light, background in backgrounds:
        for animal in (*BEARS, *OTHERS):
            sprite = _sprite(animal)
            for height_px in HEIGHTS_PX:
                for _place in range(EACH):
                    main, box = _far_animal(height_px, light, background, sprite, random)
                    analysed = np.asarray(cv2.resize(main, ANALYSED, interpolation=cv2.INTER_AREA), dtype=np.uint8)
                    yield FarAnimal(animal, height_px, light, _as_sent(analysed, 80), main, box)


def _far_animal(
    height_px: int,
    light: Light,
    background: NDArray[np.uint8],
    sprite: NDArray[np.uint8],
    random: np.random.Generator,
) -> tuple[NDArray[np.uint8], Box]:
    """The main stream's picture with the animal somewhere in it, and a motion box that is too loose."""
    high = round(height_px * MAIN[1] / ANALYSED[1])
    wide = max(4, sprite.shape[1] * high // sprite.shape[0])
    small = cv2.resize(sprite, (wide, high), interpolation=cv2.INTER_AREA)
    small = small if random.random() < 0.5 else small[:, ::-1]
    left, top = int(random.integers(0, MAIN[0] - wide)), int(random.uniform(0.45, 0.95) * (MAIN[1] - high))
    main = background.copy()
    place = main[top : top + high, left : left + wide].astype(np.float32)
    alpha = cv2.GaussianBlur(small[:, :, 3].astype(np.float32) / 255, (5, 5), 0)[:, :, None]
    colours = small[:, :, :3].astype(np.float32)
    if light == "infrared":
        colours = np.repeat((colours @ np.array([0.114, 0.587, 0.299], np.float32))[:, :, None], 3, axis=2)
    brightness = (place.mean() + 40) / (colours[small[:, :, 3] > 128].mean() + 40)
    shown = colours * np.clip(brightness, 0.45, 1.3) + random.normal(0, 2, (high, wide, 1))
    mixed = shown * alpha + place * (1 - alpha)
    main[top : top + high, left : left + wide] = np.clip(mixed, 0, 255).astype(np.uint8)
    loose = random.uniform(0.0, 0.25, 4) * (wide, high, wide, high)
    box = (
        max(0.0, (left - loose[0]) / MAIN[0]),
        max(0.0, (top - loose[1]) / MAIN[1]),
        min(1.0, (left + wide + loose[2]) / MAIN[0]),
        min(1.0, (top + high + loose[3]) / MAIN[1]),
    )
    return main, box


def seen(engine: Engine, far: FarAnimal) -> tuple[bool, bool]:
    """Whether it is taken for a bear from the analysed stream alone, and with the closer look."""
    (alone,) = score_frames(engine, [(far.analysed, [far.box], Reason.MOTION)])
    frame = Frame("far", 0.0, 0, "", (far.box,), Reason.MOTION, *ANALYSED, b"")
    before = any(crop.bear >= alone.threshold for crop in alone.crops)
    doubtful = doubtful_crops(frame, alone)
    if not doubtful:
        return before, before
    boxes, subjects = zip(*doubtful, strict=True)
    parts = [_part(far.main, box, subject) for box, subject in doubtful]
    held = HeldFrame(cast(Any, None), cast(Any, None), frame, alone, boxes, subjects, 0.0)
    with_it = CloserLook(cast(Any, None), "bench").judged(held, score_frames(engine, parts))
    return before, any(crop.bear >= with_it.threshold for crop in with_it.crops)


def measure(engine: Engine, seed: int = 11) -> list[Row]:
    """Shares taken for a bear, by animal and height."""
    backgrounds = [
        (light, SceneRenderer(Scene(place, *MAIN, light=light, place=place, loop_s=1, seed=7)).bgr(0))
        for place, light in SCENERY
    ]
    found = [(far, seen(engine, far)) for far in far_animals(backgrounds, seed)]
    rows: list[Row] = []
    for kind in ("bear", "other"):
        mine = [each for each in found if (each[0].animal in BEARS) == (kind == "bear")]
        groups = [(f"{px} px", [each for each in mine if each[0].height_px == px]) for px in HEIGHTS_PX]
        groups += [(light, [each for each in mine if each[0].light == light]) for light in ("day", "infrared")]
        for name, group in [*groups, ("all", mine)]:
            alone, with_it = (sum(each[1][place] for each in group) / len(group) for place in (0, 1))
            rows.append(
                {"animal": kind, "which": name, "n": len(group), "analysed stream": alone, "closer look": with_it}
            )
    return rows


def _part(main: NDArray[np.uint8], box: Box, subject: Box) -> tuple[NDArray[np.uint8], list[Box], Reason]:
    height, width = main.shape[:2]
    left, top, right, bottom = (
        round(box[0] * width), round(box[1] * height), round(box[2] * width), round(box[3] * height)
    )  # fmt: skip
    across, down = box[2] - box[0], box[3] - box[1]
    inner = (
        (subject[0] - box[0]) / across, (subject[1] - box[1]) / down,
        (subject[2] - box[0]) / across, (subject[3] - box[1]) / down,
    )  # fmt: skip
    return _as_sent(main[top:bottom, left:right], 90), [inner], Reason.MOTION


def _as_sent(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    _, jpeg = cv2.imencode(".jpg", np.ascontiguousarray(image), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), dtype=np.uint8)


def _sprite(animal: str) -> NDArray[np.uint8]:
    image = cv2.imread(str(ASSETS / f"{animal}.png"), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise FileNotFoundError(f"{ASSETS / animal}.png is missing")
    rows, columns = np.where(image[:, :, 3] > 40)
    return np.asarray(image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1], dtype=np.uint8)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    engine = choose_engine("cpu", "built-in", threads=arguments.threads, runtime="onnx")
    show("Far animals: the share taken for a bear", measure(engine), arguments.json)


if __name__ == "__main__":
    main()
