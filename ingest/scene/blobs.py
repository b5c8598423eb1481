"""From a mask of moving pixels to boxes around whole animals."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from core.messages import Box
from ingest.scene.picture import Luma, Mask, Plane

MAX_BOXES = 8
"""More boxes than this in one frame cost the detector more than they tell it."""
OPEN_PX = 3
LEAST_THICKNESS_PX = 5
"""Something thinner than this everywhere is a twig, a wire or a streak of rain."""
JOIN_PX = 7
"""Parts of one animal are at most this far from one another."""
PAD_PX = 2


@dataclass(frozen=True, slots=True)
class Blob:
    """One moving thing: its box and how much it deserves attention."""

    box: Box
    weight: float


def moving_boxes(moving: Mask, calm: Plane, least_px: float) -> tuple[Box, ...]:
    """Boxes around what moves, the most remarkable first, at most ``MAX_BOXES``.

    ``moving`` (h, w) is true where a pixel moves; ``calm`` (h, w) is 1 where pixels rarely change
    and 0 where they always do, so that an animal comes before the branches; ``least_px`` is the smallest area.

    1. Remove single pixels and lines.
    2. Join what is near: legs and body, or a body behind a trunk.
    3. Keep what is large enough and somewhere thick enough.
    """
    opened = cv2.morphologyEx(moving.view(np.uint8), cv2.MORPH_OPEN, _square(OPEN_PX))
    if not cv2.hasNonZero(opened):
        return ()
    thick = cv2.erode(opened, _square(LEAST_THICKNESS_PX))
    joined = cv2.dilate(opened, _square(JOIN_PX))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8, ltype=cv2.CV_16U)
    areas = np.bincount(labels[opened > 0], minlength=count)
    cores = np.bincount(labels[thick > 0], minlength=count)
    blobs = []
    for label in np.flatnonzero((areas >= least_px) & (cores > 0)):
        x, y, width, height = (int(value) for value in stats[label][:4])
        inside = (labels[y : y + height, x : x + width] == label) & (opened[y : y + height, x : x + width] > 0)
        calmness = float(calm[y : y + height, x : x + width][inside].mean())
        blobs.append(Blob(_box(x, y, width, height, moving.shape), float(areas[label]) * (0.1 + calmness)))
    blobs.sort(key=lambda blob: -blob.weight)
    return tuple(blob.box for blob in blobs[:MAX_BOXES])


def _square(size: int) -> Luma:
    return np.ones((size, size), np.uint8)


def _box(x: int, y: int, width: int, height: int, shape: tuple[int, ...]) -> Box:
    """A joined component's rectangle as a padded box in 0-1 coordinates: joining made it larger on every side."""
    margin = JOIN_PX // 2 - PAD_PX
    rows, columns = shape[:2]
    return (
        max(0, x + margin) / columns,
        max(0, y + margin) / rows,
        min(columns, x + width - margin) / columns,
        min(rows, y + height - margin) / rows,
    )
