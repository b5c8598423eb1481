"""Which parts of a frame the network looks at. Pure geometry; only :func:`cut` touches pixels.

The network squeezes whatever it gets into a small square: a bear that is a tenth of the frame high disappears in the
whole frame and is plain in its own crop. Boxes are ``(x0, y0, x1, y1)`` in 0-1 coordinates of the frame.

The numbers of :class:`CropPolicy` were measured on staged and real frames (``python -m bench.backbone_speed``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from core.messages import WHOLE_FRAME, Box, Reason


@dataclass(frozen=True, slots=True)
class CropPolicy:
    """How crops are laid out.

    ``margin`` is added on every side, as a share of the moving box's longer side. ``smallest_px`` is the least side
    of a motion crop: fewer pixels do not tell a bear from a stump. Boxes closer than ``join_gap`` (share of the
    frame's longer side) are parts of one animal. ``most_per_frame`` bounds the cost of a frame with motion.
    Still frames are looked at whole and in square tiles, ``tile_rows`` of them across the frame's shorter side;
    neighbours share at least ``tile_overlap`` of a tile.
    """

    margin: float = 0.1
    smallest_px: int = 64
    join_gap: float = 0.02
    most_per_frame: int = 3
    tile_rows: int = 2
    tile_overlap: float = 1 / 3


DEFAULT_POLICY = CropPolicy()
LEAST_EXPONENT = 0.4
"""Of the curve that lifts a dark picture: a grey level of 10 of 255 becomes 70, never more."""
_LEVELS = np.arange(256) / 255
_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def crops_for(
    reason: Reason, boxes: Sequence[Box], width: int, height: int, policy: CropPolicy = DEFAULT_POLICY
) -> tuple[Box, ...]:
    """The crops of one frame of ``width`` by ``height`` pixels, at least one.

    A frame sent for motion gets motion crops. A still frame, and one whose boxes are all empty, is looked at whole
    and in tiles; if something moves in it all the same, that is looked at too.
    """
    moving = [box for box in map(_inside_frame, boxes) if box is not None]
    crops = motion_crops(moving, width, height, policy) if moving else ()
    if reason is Reason.MOTION and crops:
        return crops
    tiles = square_tiles(width, height, policy.tile_rows, policy.tile_overlap)
    return tuple(dict.fromkeys((WHOLE_FRAME, *tiles, *crops)))


def motion_crops(boxes: Sequence[Box], width: int, height: int, policy: CropPolicy = DEFAULT_POLICY) -> tuple[Box, ...]:
    """Square crops that together show everything that moved, largest first, at most ``most_per_frame``.

    1. Boxes that touch or nearly touch are joined.
    2. While there are more than ``most_per_frame``, the two whose common box is smallest are joined. Nothing that
       moved is ever left out, however windy it is.
    3. Each box grows by its margin to a square of at least ``smallest_px``, shifted to lie inside the frame.
    4. If a square would be larger than the frame is high, motion covers most of the frame. Squeezing it would hide
       small animals, so the frame is looked at in squares of its full height, side by side (three for 16:9).
    """
    joined = _join_near(boxes, policy.join_gap, width, height)
    while len(joined) > policy.most_per_frame:
        joined = _join_closest_pair(joined, width, height)
    sides_px = [_side_px(box, width, height, policy) for box in joined]
    if max(sides_px) > min(width, height):
        return square_tiles(width, height, 1, policy.tile_overlap)
    crops = {_square(box, side, width, height) for box, side in zip(joined, sides_px, strict=True)}
    return tuple(sorted(crops, key=lambda crop: (-_area_px(crop, width, height), crop)))


def square_tiles(width: int, height: int, rows: int, overlap: float) -> tuple[Box, ...]:
    """Squares that cover the frame, ``rows`` of them across its shorter side, evenly spread along both sides.

    Neighbours share ``overlap`` of a tile across the shorter side and at least that along the longer one.
    """
    shorter, longer = sorted((width, height))
    side_px = shorter / (rows - (rows - 1) * overlap)
    along = math.ceil((longer / side_px - overlap) / (1 - overlap) - 1e-9)
    columns, lines = (along, rows) if width >= height else (rows, along)
    return tuple(
        (left / width, top / height, (left + side_px) / width, (top + side_px) / height)
        for top in np.linspace(0.0, height - side_px, lines).tolist()
        for left in np.linspace(0.0, width - side_px, columns).tolist()
    )


def cut(image: NDArray[np.uint8], boxes: Sequence[Box], input_px: int, lift: float = 0.0) -> NDArray[np.uint8]:
    """The pixels of each box, squeezed to the network's input, dark ones lifted as the model wants it.

    ``image`` is (height, width, 3) BGR as OpenCV decodes it; the result is (n, input_px, input_px, 3) RGB. Squeezing
    (rather than cropping to a square or padding) was measured to lose least; motion crops are square anyway. Every
    picture that any engine sees, on a CPU or a GPU, live or still or in training, comes through here or through
    :func:`lift_dark`; ``lift`` is that of the model.
    """
    crops = np.empty((len(boxes), input_px, input_px, 3), dtype=np.uint8)
    height, width = image.shape[:2]
    for crop, box in zip(crops, boxes, strict=True):
        left, top, right, bottom = pixels(box, width, height)
        part = image[top:bottom, left:right]
        shrinks = part.shape[0] > input_px or part.shape[1] > input_px
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        cv2.cvtColor(cv2.resize(part, (input_px, input_px), interpolation=how), cv2.COLOR_BGR2RGB, dst=crop)
        if lift:
            lift_dark(crop, lift)
    return crops


def lift_dark(picture: NDArray[np.uint8], lift: float) -> None:
    """Make a dark picture (height, width, 3) RGB brighter by a gamma curve, in place; leave others as they are.

    The curve takes the median grey level to ``lift`` (0-1), with an exponent of ``LEAST_EXPONENT`` at the least: what
    is nearly black holds more noise than bear. Every fourth row and column tell the median: a crop has some thousand
    such pixels, and every live crop comes through here.
    """
    median = float(np.median(np.ascontiguousarray(picture[::4, ::4]) @ _GREY)) / 255
    if median >= lift:
        return
    exponent = max(math.log(lift) / math.log(max(median, 1 / 255)), LEAST_EXPONENT)
    cv2.LUT(picture, np.rint(255 * (_LEVELS**exponent)).astype(np.uint8), dst=picture)


def _inside_frame(box: Box) -> Box | None:
    """The part of a box that lies inside the frame; None when nothing is left or a coordinate is not a number."""
    if not all(map(math.isfinite, box)):
        return None
    x0, y0, x1, y1 = (min(max(value, 0.0), 1.0) for value in box)
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _union(one: Box, other: Box) -> Box:
    return (min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3]))


def _area_px(box: Box, width: int, height: int) -> float:
    return (box[2] - box[0]) * width * (box[3] - box[1]) * height


def _gap_px(one: Box, other: Box, width: int, height: int) -> float:
    """Distance between two boxes along the axis on which they are farther apart; 0 when they touch."""
    across = max(one[0] - other[2], other[0] - one[2], 0.0) * width
    down = max(one[1] - other[3], other[1] - one[3], 0.0) * height
    return max(across, down)


def _join_near(boxes: Sequence[Box], join_gap: float, width: int, height: int) -> list[Box]:
    """Join until no two boxes are closer than the gap."""
    gap_px = join_gap * max(width, height)
    joined: list[Box] = []
    for box in boxes:
        grown = box
        while near := [other for other in joined if _gap_px(grown, other, width, height) <= gap_px]:
            for other in near:
                joined.remove(other)
                grown = _union(grown, other)
        joined.append(grown)
    return joined


def _join_closest_pair(boxes: Sequence[Box], width: int, height: int) -> list[Box]:
    one, other = min(combinations(boxes, 2), key=lambda pair: _area_px(_union(*pair), width, height))
    rest = [box for box in boxes if box not in (one, other)]
    return [*rest, _union(one, other)]


def _side_px(box: Box, width: int, height: int, policy: CropPolicy) -> float:
    longer_px = max((box[2] - box[0]) * width, (box[3] - box[1]) * height)
    return max(longer_px * (1 + 2 * policy.margin), float(min(policy.smallest_px, width, height)))


def _square(box: Box, side_px: float, width: int, height: int) -> Box:
    """A square of the given side around the box's middle, shifted into the frame. It must fit there."""
    left = min(max((box[0] + box[2]) / 2 * width - side_px / 2, 0.0), width - side_px)
    top = min(max((box[1] + box[3]) / 2 * height - side_px / 2, 0.0), height - side_px)
    return (left / width, top / height, (left + side_px) / width, (top + side_px) / height)


def pixels(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Whole pixels that cover the box, at least one by one: left, top, right, bottom."""
    left, top = min(int(box[0] * width), width - 1), min(int(box[1] * height), height - 1)
    right = min(max(math.ceil(box[2] * width - 1e-6), left + 1), width)
    bottom = min(max(math.ceil(box[3] * height - 1e-6), top + 1), height)
    return left, top, right, bottom
