"""Draw the pictures of :mod:`bearwatch.sprites` anew: ``python -m simulation.cameras.sprites bearwatch/sprites``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from simulation.cameras.painting.cutout import STEPS, figure
from simulation.cameras.painting.landscape import by_day, paint_place
from simulation.cameras.scene import Light

TALL_PX = 384
"""The bear's height, without its margin."""
QUALITY = 88
MEADOW_PX = (1280, 720)
LIGHTS: tuple[Light, ...] = ("day", "infrared")

Picture = npt.NDArray[np.uint8]


def pictures() -> Iterator[tuple[str, Picture]]:
    """Every picture with its file's name: bears (height, width, 4) BGR and opacity, and a meadow (height, width, 3)."""
    for light in LIGHTS:
        for step in range(STEPS):
            yield f"bear-{light}-{step:02d}.webp", _bear(light, step)
    yield "meadow-day.webp", by_day(paint_place("meadow", *MEADOW_PX, 11))


def _bear(light: Light, step: int) -> Picture:
    """A figure's video-range planes (BT.601) as BGR and opacity."""
    drawn = figure("bear", TALL_PX, True, step, light)
    rows, columns = drawn.luma.shape
    u, v = (cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_LINEAR) - 128 for plane in drawn.chroma)
    luma = 1.164 * (drawn.luma - 16)
    colours = [luma + 2.017 * u, luma - 0.392 * u - 0.813 * v, luma + 1.596 * v]
    return np.clip(np.dstack([*colours, drawn.alpha * 255]) + 0.5, 0, 255).astype(np.uint8)


def main(folder: Path) -> None:
    """Write them all."""
    for name, picture in pictures():
        encoded, buffer = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
        if not encoded:
            raise ValueError(f"{name}: a picture of {picture.shape} cannot be encoded as WebP")
        (folder / name).write_bytes(buffer.tobytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
