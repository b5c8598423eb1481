"""Pictures of a bear that walks, and of a place for it to walk in, for whoever has to show a known bear to a detector.

They are files of this package, made from the staged cameras by ``python -m simulation.cameras.sprites``: whoever uses
them needs no painter.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

Light = Literal["day", "infrared"]
STEPS = 12
"""Pictures in one step cycle."""
TALL_PX = 384
"""The bear's height in the files."""
PAD_PX = 36
"""The margin around it there, into which its legs swing."""
ASPECT = 1.183
"""Its width over its height."""

Picture = npt.NDArray[np.uint8]
"""(height, width, 3) BGR."""
Sprite = npt.NDArray[np.float32]
"""(height, width, 4): BGR 0-255, multiplied by its opacity 0-1, which comes last."""


@lru_cache(maxsize=2 * STEPS * 2)
def bear(light: Light, step: int, tall_px: int) -> Sprite:
    """A bear ``tall_px`` high that walks to the right, at one of :data:`STEPS` moments of its walk, with its margin.

    The margin is :func:`pad_px` on each side.
    """
    raw = _read(f"bear-{light}-{step % STEPS:02d}.webp").astype(np.float32)
    opacity = raw[..., 3:] / 255
    whole = np.dstack([raw[..., :3] * opacity, opacity])
    pad = pad_px(tall_px)
    size = (round(tall_px * ASPECT) + 2 * pad, tall_px + 2 * pad)
    method = cv2.INTER_AREA if tall_px < TALL_PX else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(whole, size, interpolation=method), np.float32)


def pad_px(tall_px: int) -> int:
    """The margin around a bear of this height."""
    return round(PAD_PX * tall_px / TALL_PX)


@lru_cache(maxsize=4)
def meadow(width: int, height: int) -> Picture:
    """A meadow by day in this size; what does not fit its shape is cut off at the sides or above and below."""
    whole = _read("meadow-day.webp")
    rows, columns = whole.shape[:2]
    scale = max(width / columns, height / rows)
    size = (max(width, round(columns * scale)), max(height, round(rows * scale)))
    large = cv2.resize(whole, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.ascontiguousarray(large[top : top + height, left : left + width], np.uint8)


@cache
def _read(name: str) -> Picture:
    found = cv2.imdecode(np.frombuffer(files(__name__).joinpath(name).read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise ValueError(f"{__name__}/{name} is no picture; install Bearwatch again")
    return np.asarray(found, np.uint8)
