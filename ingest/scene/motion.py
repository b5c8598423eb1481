"""The motion gate: where something moved in a fixed camera's picture.

It saves computing and finds the crop; the detector is the judge. So it would rather see a branch too much than miss a
bear. ``python -m bench.gate`` compares it with the usual background subtractors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import cv2
import numpy as np

from core.config import Motion, Point
from core.messages import Box
from ingest.scene.blobs import moving_boxes
from ingest.scene.light import compare_light
from ingest.scene.picture import Luma, Mask, Plane

WARM_UP_S = 1.0
"""So long after its start the gate only learns."""
WARM_UP_TAU_S = 0.4
BACKGROUND_TAU_S = 5.0
"""The background follows slow changes (dusk, drifting shade) with this time constant."""
HOLD_S = 25.0
"""A subject that stops is a subject for so long; then it becomes background, which takes about ten seconds more."""
NOISE_TAU_S = 8.0
NOISE_FACTOR = 3.0
"""A pixel must change by this many times its usual noise."""
RESTLESS_TAU_S = 12.0
RESTLESS_START = 0.34
"""A pixel that starts to move three times in about twelve seconds is a branch."""
RESTLESS_JUMP = 0.025
"""So is one that jumps about without a pause for that long; an animal busy in one place has been sent often by then."""
FORGOTTEN = 0.01
"""Below this it is nothing: numbers that shrink for ever become so small that arithmetic slows down."""
LEAST_JUMP = 14.0
"""Grey levels from one picture to the next."""
STRENGTH_SHARE = 0.25
LIGHT_STEP = 0.45
"""Logarithm of the change of light over most of the picture that is a switch (day to infra-red), not a cloud."""
CHANGED_CELL = 0.12
CHANGED_CELLS = 0.6
"""When this share of the picture's cells has changed pixels, everything changed: the camera moved or switched."""
CELLS = (8, 6)
USUAL_STEP_S = 0.2
SHORTEST_STEP_S = 0.02
LONGEST_STEP_S = 1.0
PRIME_PICTURES = 25


@dataclass(frozen=True, slots=True)
class MotionResult:
    """What the gate says of one picture.

    ``global_change``: the whole picture changed at once, so nothing can be said of its parts and the gate starts again.
    """

    boxes: tuple[Box, ...]
    moved: bool
    global_change: bool


STILL = MotionResult((), False, False)


class MotionGate:
    """Remembers how one camera's picture looks when nothing moves. Not safe for several threads."""

    def __init__(self, settings: Motion, masks: Sequence[Sequence[Point]] = ()) -> None:
        self._threshold = float(settings.threshold)
        self._min_area = settings.min_area
        self._polygons = masks
        self._memory: _Memory | None = None

    def prime(self, pictures: Sequence[Luma]) -> None:
        """Learn the background of a recording at once, from pictures spread over its first seconds.

        The median of each pixel does not contain what walks through, so that the first second is watched too.
        """
        same_size = [picture for picture in pictures if picture.shape == pictures[0].shape][:PRIME_PICTURES]
        background = np.median(np.stack([_smooth(picture) for picture in same_size]), axis=0).astype(np.float32)
        self._memory = _Memory(background, None, self._watched(background))

    def forget(self) -> None:
        """Start anew with the next picture."""
        self._memory = None

    def feed(self, luma: Luma, at: float) -> MotionResult:
        """Look at one picture (uint8, about 320x180) that was taken at ``at`` seconds of any steady clock.

        1. A first picture, or one of another size, starts the memory: no stale background survives.
        2. Correct the background for the light of this picture (:mod:`ingest.scene.light`).
        3. A pixel moves when it differs by more than the threshold, its usual noise and its usual restlessness, and
           the pattern around it is not the background's.
        4. When all of the picture changed, learn it anew.
        5. Learn: what is still slowly becomes background; what stopped long ago, too.
        """
        image = _smooth(luma)
        memory = self._memory
        if memory is None or memory.background.shape != image.shape:
            self._memory = _Memory(image, at, self._watched(image))
            return STILL
        step_s = memory.advance(at)
        light = compare_light(image, memory.background)
        predicted = light.predict(memory.background)
        difference = np.abs(image - predicted)
        other_pattern = memory.watched & ~light.same_pattern
        moving = other_pattern & (difference > memory.tolerance(self._threshold))
        if abs(light.step) > LIGHT_STEP or _all_changed(moving, memory.watched):
            memory.start_again(image, at)
            return MotionResult((), False, True)
        changed = difference > self._threshold
        memory.learn(image, predicted, difference, changed, changed & other_pattern, step_s)
        if memory.warming_up():
            return STILL
        boxes = moving_boxes(moving, memory.calm(), self._min_area * image.size)
        return MotionResult(boxes, bool(boxes), False)

    def _watched(self, image: Plane) -> Mask:
        """Where motion counts: outside the masks."""
        height, width = image.shape
        masked = np.zeros((height, width), np.uint8)
        for polygon in self._polygons:
            corners = np.array([[x * width, y * height] for x, y in polygon]).round().astype(np.int32)
            cv2.fillPoly(masked, [corners], 1)
        watched: Mask = masked == 0
        return watched


class _Memory:
    """What is known of each pixel, all of shape (h, w): the background, its noise, how restless it is and how strongly
    it changes then, and for how long it has been something else than the background.
    """

    def __init__(self, background: Plane, at: float | None, watched: Mask) -> None:
        self.background = background.copy()
        self.watched = watched
        self._noise = np.full_like(background, 3.0)
        self._restless = np.zeros_like(background)
        self._strength = np.zeros_like(background)
        self._strange_s = np.zeros_like(background)
        self._was_changed = np.zeros(background.shape, np.bool_)
        self._before = background
        self._at = at
        self._age_s = 0.0 if at is not None else WARM_UP_S

    def advance(self, at: float) -> float:
        """Seconds since the last picture, within reason: clocks are set, and cameras pause."""
        step_s = USUAL_STEP_S if self._at is None else min(max(at - self._at, SHORTEST_STEP_S), LONGEST_STEP_S)
        self._at = at
        self._age_s += step_s
        return step_s

    def warming_up(self) -> bool:
        return self._age_s < WARM_UP_S

    def start_again(self, image: Plane, at: float) -> None:
        """Take this picture for the background; what is known of noise and restlessness stays."""
        self.background = image.copy()
        self._strange_s[:] = 0.0
        self._was_changed[:] = False
        self._age_s = WARM_UP_S / 2
        self._at = at

    def tolerance(self, threshold: float) -> Plane:
        """The difference that each pixel must exceed."""
        usual = np.minimum(self._restless, np.float32(1.0)) * self._strength
        noise = np.float32(NOISE_FACTOR) * self._noise
        tolerance: Plane = np.maximum(np.maximum(usual, noise), np.float32(threshold))
        return tolerance

    def calm(self) -> Plane:
        """1 where pixels rarely change, 0 where they always do."""
        calm: Plane = np.float32(1.0) - np.minimum(self._restless, np.float32(1.0))
        return calm

    def learn(
        self, image: Plane, predicted: Plane, difference: Plane, changed: Mask, strange: Mask, step_s: float
    ) -> None:
        """Update everything from one picture; ``changed`` differs, ``strange`` has another pattern as well."""
        self._learn_background(image, predicted, strange, step_s)
        _approach(self._noise, np.float32(1.25) * difference, _share(step_s, NOISE_TAU_S), ~changed)
        _approach(self._strength, np.float32(1.2) * difference, STRENGTH_SHARE, changed)
        self._restless *= np.float32(exp(-step_s / RESTLESS_TAU_S))
        cv2.threshold(self._restless, FORGOTTEN, 0.0, cv2.THRESH_TOZERO, dst=self._restless)
        self._restless[changed & ~self._was_changed] += np.float32(RESTLESS_START)
        self._restless[changed & (np.abs(image - self._before) > LEAST_JUMP)] += np.float32(RESTLESS_JUMP)
        self._was_changed = changed
        self._before = image

    def _learn_background(self, image: Plane, predicted: Plane, strange: Mask, step_s: float) -> None:
        self._strange_s -= np.float32(2.0 * step_s)
        self._strange_s[strange] += np.float32(3.0 * step_s)
        np.maximum(self._strange_s, np.float32(0.0), out=self._strange_s)
        if self.warming_up():
            _approach(self.background, image, _share(step_s, WARM_UP_TAU_S))
            return
        subject = strange & (self._strange_s < HOLD_S)
        # Under a subject the background keeps its pattern and follows the light alone.
        _approach(self.background, np.where(subject, predicted, image), _share(step_s, BACKGROUND_TAU_S))


def _smooth(luma: Luma) -> Plane:
    return cv2.blur(luma, (3, 3)).astype(np.float32)


def _share(step_s: float, tau_s: float) -> float:
    """How much of the way to its target a value goes in ``step_s``."""
    return 1.0 - exp(-step_s / tau_s)


def _approach(value: Plane, target: Plane, share: float, where: Mask | None = None) -> None:
    """Move ``value`` in place by ``share`` of the way to ``target``."""
    cv2.accumulateWeighted(target, value, share, mask=None if where is None else where.view(np.uint8))


def _all_changed(moving: Mask, watched: Mask) -> bool:
    """Whether motion is everywhere that is watched."""
    share, possible = _cell_shares(moving), _cell_shares(watched)
    in_use = possible > 0.1
    if not in_use.any():
        return False
    return bool((share[in_use] > CHANGED_CELL * possible[in_use]).mean() > CHANGED_CELLS)


def _cell_shares(mask: Mask) -> Plane:
    """The share of each coarse cell that a mask covers."""
    return cv2.resize(mask.astype(np.float32), CELLS, interpolation=cv2.INTER_AREA).astype(np.float32)
