"""Whether the scene lives, region by region: a frozen sensor goes on ticking where its encoder paints the time.

Whatever a camera prints into its picture (a clock in any corner, a blinking dot, a scrolling line) changes few regions
again and again, or many regions one after the other. A live sensor changes most of them at once: by its own noise, by
light, by leaves. So a picture shows life only when many regions look as they never looked before. Neither brightness
and contrast that an automatic gain turns up and down over a dead picture, nor the few variants of one picture that an
encoder produces again and again, are life. And a picture is dead when it is far stiller than this camera, in this
light, ever was.
"""

from __future__ import annotations

import zlib
from collections import deque

import cv2
import numpy as np
import numpy.typing as npt

from ingest.scene.picture import Luma, Plane

COLUMNS, ROWS = 16, 9
LIVING_SHARE = 0.25
"""So many of the regions that can live must do so at once; what cameras print covers less of the picture."""
LEAST_CHANGE = 3.0
"""Grey levels, in the size of the gate, by which a region's pattern must differ from what is remembered of it."""
LEAST_PIXELS = 2
REMEMBERED_STATES = 4
"""The last appearances of a region are known: an encoder repeats those of a dead picture, noise never does."""
CLIPPED = (6.0, 249.0)
"""A region darker or brighter than this shows nothing, in a live picture either."""
EVERY_S = 1.0
"""A picture is looked at so often at most."""
CALM_REGIONS = 25
"""Percentile: the unrest of a picture is that of its calmer regions, so that wind and animals do not count."""
STILLER = 0.3
"""So much stiller than the stillest before, in the same light, is not live."""
RECENT_LOOKS, KNOWN_AFTER_LOOKS = 11, 60
RISE = 0.01
"""What is known of the stillest moments is raised by so much of the way at each look: cameras are changed."""
LIGHT_STEP = 32
"""Grey levels of mean brightness that are one light, with a noise of its own."""
LEAST_SPREAD = 2.0
GAIN_WITHIN = (0.5, 2.0)


Regions = npt.NDArray[np.bool_]
"""One value a region, of shape (ROWS, COLUMNS)."""


class SceneLife:
    """Follows the regions of one camera's picture. Times are seconds of any clock that only grows."""

    def __init__(self) -> None:
        self._pattern: Plane | None = None
        """What is remembered of each region, its mean taken away: (rows, height, columns, width)."""
        self._spread = np.zeros((ROWS, COLUMNS), np.float32)
        self._states: list[deque[int]] = []
        self._looked_at = float("-inf")
        self._before: Plane | None = None
        self._unrest: deque[float] = deque(maxlen=RECENT_LOOKS)
        self._stillest: dict[int, tuple[float, int]] = {}
        """Of each light: the unrest of the stillest moments, and how many looks it is known from."""
        self.alive_at: float = float("-inf")
        """When the scene last showed that it lives."""
        self.share = 1.0
        """The share of the regions that can live which did, at the last look."""

    def look(self, small: Luma, at: float) -> float:
        """Look at a picture in the gate's size; returns :attr:`alive_at`.

        1. Take each region's mean away and scale it to the remembered contrast: gain and exposure are not life.
        2. A region lives when its pattern differs from the remembered one, and looks as it has not looked before.
        3. The scene is alive when ``LIVING_SHARE`` of them live at once, and it is not far stiller than it ever was.
        """
        if at - self._looked_at < EVERY_S and self._pattern is not None:
            return self.alive_at
        self._looked_at = at
        regions = _regions(small)
        mean = regions.mean(axis=(1, 3))
        pattern = regions - mean[:, None, :, None]
        spread = pattern.std(axis=(1, 3))
        if self._pattern is None or self._pattern.shape != pattern.shape:
            self._begin(pattern, spread, at)
            return self.alive_at
        lives = np.zeros((ROWS, COLUMNS), np.bool_)
        for row, column in np.argwhere(self._changed(pattern, spread)):
            if self._is_new(int(row), int(column), small):
                lives[row, column] = True
                self._pattern[row, :, column] = pattern[row, :, column]
                self._spread[row, column] = spread[row, column]
        able = (mean > CLIPPED[0]) & (mean < CLIPPED[1])
        able = able if able.any() else np.ones_like(able)
        self.share = float(lives[able].mean())
        still = self._too_still(pattern, able, float(mean.mean()))
        if self.share >= LIVING_SHARE and not still:
            self.alive_at = at
        return self.alive_at

    def _too_still(self, pattern: Plane, able: Regions, brightness: float) -> bool:
        """Whether the last looks were far stiller than the stillest that is known of this light; learns while alive."""
        before, self._before = self._before, pattern
        if before is None or before.shape != pattern.shape:
            return False
        self._unrest.append(float(np.percentile(np.abs(pattern - before).mean(axis=(1, 3))[able], CALM_REGIONS)))
        if len(self._unrest) < RECENT_LOOKS:
            return False
        unrest, light = float(np.median(self._unrest)), int(brightness // LIGHT_STEP)
        stillest, looks = self._stillest.get(light, (unrest, 0))
        if looks >= KNOWN_AFTER_LOOKS and unrest < STILLER * stillest:
            return True
        self._stillest[light] = min(unrest, stillest + RISE * (unrest - stillest)), looks + 1
        return False

    def _begin(self, pattern: Plane, spread: Plane, at: float) -> None:
        self._pattern, self._spread = pattern.copy(), spread.copy()
        self._states = [deque(maxlen=REMEMBERED_STATES) for _ in range(ROWS * COLUMNS)]
        self.alive_at = at

    def _changed(self, pattern: Plane, spread: Plane) -> Regions:
        assert self._pattern is not None
        enough = (self._spread > LEAST_SPREAD) & (spread > LEAST_SPREAD)
        gain = np.where(enough, np.clip(spread / np.maximum(self._spread, 1e-3), *GAIN_WITHIN), 1.0).astype(np.float32)
        difference = np.abs(pattern - self._pattern * gain[:, None, :, None])
        pixels = (difference > LEAST_CHANGE * np.maximum(gain, 1.0)[:, None, :, None]).sum(axis=(1, 3))
        found: Regions = pixels >= LEAST_PIXELS
        return found

    def _is_new(self, row: int, column: int, small: Luma) -> bool:
        height, width = small.shape[0] // ROWS, small.shape[1] // COLUMNS
        region = small[row * height : (row + 1) * height, column * width : (column + 1) * width]
        state = zlib.crc32(np.ascontiguousarray(region).data)
        states = self._states[row * COLUMNS + column]
        if state in states:
            return False
        states.append(state)
        return True


def _regions(small: Luma) -> Plane:
    """A picture cut into (rows, height, columns, width), what is over at its edges left out."""
    height, width = max(1, small.shape[0] // ROWS), max(1, small.shape[1] // COLUMNS)
    if small.shape[0] < ROWS or small.shape[1] < COLUMNS:
        small = cv2.resize(small, (COLUMNS, ROWS)).astype(np.uint8, copy=False)
    cut = small[: height * ROWS, : width * COLUMNS].astype(np.float32)
    return cut.reshape(ROWS, height, COLUMNS, width)
