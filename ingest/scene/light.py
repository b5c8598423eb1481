"""Changes of light, told apart from things that move.

A cloud, an exposure step or a flash makes pixels brighter or darker but leaves the pattern of the ground as it was; an
animal puts another pattern there. So the pattern decides: where it is kept, the change is light.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ingest.scene.picture import Mask, Plane

WINDOW_PX = 5
"""Patterns are compared in windows of this size, at half the gate's resolution."""
SAME_PATTERN = 0.8
"""Correlation from which two windows show the same pattern."""
LEAST_TEXTURE = 3.0
"""Standard deviation in grey levels below which a window has no pattern to compare: the change may be anything."""
SPREAD_PX = 21
"""Light seen where a pattern is kept is taken to fall on its surroundings of this size, too."""
CELLS = (16, 9)
"""Columns and rows of the coarse light map that serves where no pattern is found."""
COARSE_WEIGHT = 0.05
FLOOR = 6.0
"""Added to grey levels before they are divided, so that noise in the dark does not look like light."""


@dataclass(frozen=True, slots=True)
class Light:
    """How the light of a picture differs from the background's.

    ``gain`` (h, w) is what the background is multiplied with; ``same_pattern`` (h, w) is true where the background's
    pattern is still there; ``step`` is the logarithm of the median change over the whole picture.
    """

    gain: Plane
    same_pattern: Mask
    step: float

    def predict(self, background: Plane) -> Plane:
        """The background in this light."""
        floor = np.float32(FLOOR)
        predicted: Plane = np.minimum((background + floor) * self.gain - floor, np.float32(255.0))
        return predicted


def compare_light(image: Plane, background: Plane) -> Light:
    """Compare an image with the background of the same shape.

    1. Halve both and correlate them window by window: the pattern is kept where the correlation is high.
    2. There the ratio of the windows' means is the change of light; it is spread over the surroundings.
    3. Where nothing near keeps its pattern, the median of a coarse map answers: an animal covers few of its cells.
    """
    height, width = image.shape
    half = (width // 2, height // 2)
    now = _resize(image, half)
    before = _resize(background, half)
    mean_now, mean_before = _mean(now, WINDOW_PX), _mean(before, WINDOW_PX)
    variance_now = _mean(now * now, WINDOW_PX) - mean_now * mean_now
    variance_before = _mean(before * before, WINDOW_PX) - mean_before * mean_before
    covariance = _mean(now * before, WINDOW_PX) - mean_now * mean_before
    kept = (
        (variance_before > LEAST_TEXTURE**2)
        & (covariance > 0)
        & (covariance * covariance > np.float32(SAME_PATTERN**2) * np.maximum(variance_now, 0) * variance_before)
    )
    change = cv2.log((mean_now + np.float32(FLOOR)) / (mean_before + np.float32(FLOOR))).astype(np.float32, copy=False)
    coarse = cv2.medianBlur(_resize(change, CELLS), 5).astype(np.float32, copy=False)
    gain = cv2.exp(cv2.resize(_spread(change, kept, coarse), (width, height))).astype(np.float32, copy=False)
    same = cv2.resize(kept.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    return Light(gain, same, float(np.median(coarse)))


def _spread(change: Plane, kept: Mask, coarse: Plane) -> Plane:
    """The change of light everywhere: the mean of what is known nearby, else the coarse map's value."""
    height, width = change.shape
    weight = kept.astype(np.float32)
    fallback = cv2.resize(coarse, (width, height)).astype(np.float32, copy=False)
    slight = np.float32(COARSE_WEIGHT)
    spread: Plane = (_mean(weight * change, SPREAD_PX) + slight * fallback) / (_mean(weight, SPREAD_PX) + slight)
    return spread


def _mean(plane: Plane, size: int) -> Plane:
    return cv2.blur(plane, (size, size)).astype(np.float32, copy=False)


def _resize(plane: Plane, size: tuple[int, int]) -> Plane:
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
