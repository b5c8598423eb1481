"""How the pictures of one batch are shared out among threads, and what every engine accepts."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def expect_pictures(images: NDArray[np.uint8], input_px: int) -> None:
    """Refuse anything but RGB pictures (n, input_px, input_px, 3).

    Raises:
        ValueError: another type or shape.
    """
    expected = (input_px, input_px, 3)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != expected:
        raise ValueError(f"expected uint8 pictures of shape (n, {expected}), got {images.dtype} {images.shape}")


def cpu_step(images: int, threads: int, chunk: int) -> int:
    """Pictures per chunk so that all threads get nearly the same work and no chunk exceeds ``chunk``."""
    rounds = math.ceil(images / (threads * chunk))
    return math.ceil(images / (threads * max(rounds, 1))) or 1
