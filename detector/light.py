"""Whether a picture was taken by infra-red light: it has no colours then. Pure pixels, no network."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE_PX = 64
COLOURLESS = 7.0
"""Mean distance, in grey levels, between a pixel's highest and lowest channel after the picture's own tint is taken
out. Of 632 infra-red and grey pictures 96% are below, of 4,427 daylight pictures 1.4%, of 258 dark ones 4%."""


def is_infrared(image: NDArray[np.uint8]) -> bool:
    """Whether (height, width, 3) BGR shows a scene without colours, be it tinted blue or green as a whole."""
    small = cv2.resize(image, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    untinted = small - small.mean(axis=(0, 1)) + small.mean()
    return bool(np.ptp(untinted, axis=2).mean() < COLOURLESS)
