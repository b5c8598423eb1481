"""A baseline without a network: how far a thumbnail is from the mean picture of its camera, by the same light.

Whoever says that a model is good has to say that it is better than this. A mean picture needs no training and no box:
whatever stands where usually nothing does, makes the picture differ.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.jpeg import UndecodableFrame, check_jpeg

WIDTH, HEIGHT = 64, 36
DAYS: Final = 3
MEMORY: Final = DAYS * 24 * 60 // 2
"""Thumbnails that the mean remembers: one a minute, half of each day in the light or in the dark."""
WARM: Final = 60
"""So many thumbnails make a mean picture; before that nothing differs from it."""
_BLOCK: Final = 4

Small = NDArray[np.float32]
"""(36, 64) grey levels around the picture's own mean."""


class Scenes:
    """The mean picture of each camera, in colour and by infra-red light. Not kept: a restart begins anew."""

    def __init__(self) -> None:
        self._means: dict[tuple[str, bool], tuple[int, Small]] = {}

    def compare(self, camera: str, infrared: bool, jpeg: bytes) -> float | None:
        """How far a thumbnail is from the mean picture; then it becomes part of it.

        The distance is that of the block of pixels (4 by 4 of 64 by 36) that differs most, in grey levels. None while
        the mean picture is made of fewer than :data:`WARM`, and for what is no picture.
        """
        picture = small(jpeg)
        if picture is None:
            return None
        count, mean = self._means.get((camera, infrared), (0, picture))
        found = difference(picture, mean) if count >= WARM else None
        count += 1
        self._means[camera, infrared] = count, mean + (picture - mean) / np.float32(min(count, MEMORY))
        return found


def small(jpeg: bytes) -> Small | None:
    """A picture as grey levels around its own mean, so that clouds and exposure matter little; None for no picture."""
    try:
        check_jpeg(jpeg)
        image = cv2.imdecode(np.frombuffer(jpeg, dtype=np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_2)
    except (UndecodableFrame, cv2.error):
        return None
    if image is None:
        return None
    grey = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(grey - grey.mean(), dtype=np.float32)


def difference(picture: Small, mean: Small) -> float:
    """Of all blocks, the largest mean distance in grey levels."""
    apart = np.abs(picture - mean).reshape(HEIGHT // _BLOCK, _BLOCK, WIDTH // _BLOCK, _BLOCK)
    return float(apart.mean(axis=(1, 3)).max())
