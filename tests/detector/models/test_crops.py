"""Which parts of a frame the network looks at."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import WHOLE_FRAME, Box, Reason
from detector.models.crops import CropPolicy, crops_for, cut, motion_crops, square_tiles

WIDTH, HEIGHT = 640, 360
POLICY = CropPolicy(margin=0.1, smallest_px=80, join_gap=0.02, most_per_frame=3, tile_rows=2, tile_overlap=1 / 3)


def box_px(left: float, top: float, right: float, bottom: float) -> Box:
    return (left / WIDTH, top / HEIGHT, right / WIDTH, bottom / HEIGHT)


def sides_px(crop: Box) -> tuple[float, float]:
    return (crop[2] - crop[0]) * WIDTH, (crop[3] - crop[1]) * HEIGHT


def covers(crop: Box, box: Box) -> bool:
    slack = 1e-9
    return (
        crop[0] <= box[0] + slack
        and crop[1] <= box[1] + slack
        and crop[2] >= box[2] - slack
        and crop[3] >= box[3] - slack
    )


def test_a_moving_animal_gets_a_square_crop_around_it_with_a_margin() -> None:
    (crop,) = crops_for(Reason.MOTION, [box_px(200, 100, 300, 160)], WIDTH, HEIGHT, POLICY)
    assert crop == pytest.approx(box_px(190, 70, 310, 190))


def test_a_tiny_motion_is_looked_at_in_a_crop_of_the_smallest_size() -> None:
    (crop,) = motion_crops([box_px(300, 200, 310, 206)], WIDTH, HEIGHT, POLICY)
    assert sides_px(crop) == pytest.approx((80, 80))


def test_a_crop_at_the_edge_is_shifted_into_the_frame_and_keeps_its_size() -> None:
    (crop,) = motion_crops([box_px(0, 300, 40, 360)], WIDTH, HEIGHT, POLICY)
    assert crop == pytest.approx(box_px(0, 280, 80, 360))


def test_the_moving_legs_and_the_moving_head_are_one_animal() -> None:
    head, legs = box_px(200, 100, 230, 130), box_px(205, 138, 260, 170)
    (crop,) = motion_crops([head, legs], WIDTH, HEIGHT, POLICY)
    assert covers(crop, head)
    assert covers(crop, legs)


def test_two_animals_far_apart_get_a_crop_each_the_larger_first() -> None:
    near, far = box_px(100, 150, 220, 300), box_px(500, 60, 530, 80)
    first, second = motion_crops([far, near], WIDTH, HEIGHT, POLICY)
    assert covers(first, near)
    assert covers(second, far)


def test_in_a_storm_every_moving_branch_is_still_inside_one_of_three_crops() -> None:
    branches = [box_px(x, y, x + 20, y + 15) for x in range(10, 600, 90) for y in (20, 70, 120)]
    crops = motion_crops(branches, WIDTH, HEIGHT, POLICY)
    assert len(crops) <= 3
    assert all(any(covers(crop, branch) for crop in crops) for branch in branches)


def test_when_the_whole_frame_moves_it_is_looked_at_in_overlapping_squares_of_full_height() -> None:
    crops = motion_crops([WHOLE_FRAME], WIDTH, HEIGHT, POLICY)
    assert len(crops) == 3
    assert all(sides_px(crop) == pytest.approx((360, 360)) for crop in crops)
    assert crops[0][0] == 0.0
    assert crops[-1][2] == pytest.approx(1.0)


@pytest.mark.parametrize("reason", [Reason.KEEPALIVE, Reason.AUDIT])
def test_a_still_frame_is_looked_at_whole_and_in_tiles(reason: Reason) -> None:
    crops = crops_for(reason, [], WIDTH, HEIGHT, POLICY)
    assert crops[0] == WHOLE_FRAME
    assert len(crops) > 4


@pytest.mark.parametrize(
    "nonsense",
    [
        (),
        ((0.5, 0.5, 0.5, 0.9),),
        ((0.9, 0.2, 0.1, 0.4),),
        ((1.2, 0.1, 1.9, 0.4),),
        ((math.nan, 0.1, 0.5, 0.4),),
    ],
    ids=["no box", "flat", "inside out", "outside", "not a number"],
)
def test_a_motion_frame_without_a_usable_box_is_looked_at_like_a_still_frame(nonsense: tuple[Box, ...]) -> None:
    assert crops_for(Reason.MOTION, nonsense, WIDTH, HEIGHT, POLICY) == crops_for(
        Reason.KEEPALIVE, [], WIDTH, HEIGHT, POLICY
    )


@pytest.mark.parametrize(
    ("width", "height", "rows", "expected"),
    [(640, 360, 1, 3), (640, 480, 1, 2), (500, 500, 1, 1), (640, 360, 2, 8), (360, 640, 2, 8)],
)
def test_tiles_fit_the_shape_of_the_frame(width: int, height: int, rows: int, expected: int) -> None:
    assert len(square_tiles(width, height, rows, 1 / 3)) == expected


coordinates = st.floats(min_value=0.0, max_value=1.0, allow_nan=False, width=32)
any_boxes = st.lists(st.tuples(coordinates, coordinates, coordinates, coordinates), max_size=12)
any_side = st.integers(min_value=16, max_value=1200)


@given(boxes=any_boxes, width=any_side, height=any_side)
def test_whatever_the_gate_says_all_motion_is_seen_by_crops_inside_the_frame(
    boxes: list[Box], width: int, height: int
) -> None:
    crops = crops_for(Reason.MOTION, boxes, width, height, POLICY)
    assert crops
    for crop in crops:
        assert -1e-9 <= crop[0] < crop[2] <= 1 + 1e-9
        assert -1e-9 <= crop[1] < crop[3] <= 1 + 1e-9
    for box in boxes:
        if box[0] < box[2] and box[1] < box[3]:
            corners = [(x, y) for x in (box[0], box[2]) for y in (box[1], box[3])]
            assert all(any(covers(crop, (x, y, x, y)) for crop in crops) for x, y in corners)


@given(width=any_side, height=any_side, rows=st.integers(min_value=1, max_value=4))
def test_tiles_leave_no_pixel_out(width: int, height: int, rows: int) -> None:
    seen = np.zeros((height, width), dtype=bool)
    for x0, y0, x1, y1 in square_tiles(width, height, rows, 1 / 3):
        seen[round(y0 * height - 1e-6) : math.ceil(y1 * height), round(x0 * width - 1e-6) : math.ceil(x1 * width)] = (
            True
        )
    assert seen.all()


def test_the_cut_shows_what_lies_in_the_box_as_rgb() -> None:
    image = np.zeros((100, 200, 3), dtype=np.uint8)
    image[50:, 100:] = (255, 128, 0)
    blue, black = cut(image, [(0.5, 0.5, 1.0, 1.0), (0.0, 0.0, 0.5, 0.5)], 32)
    assert (blue == (0, 128, 255)).all()
    assert (black == 0).all()


def test_a_box_thinner_than_a_pixel_still_gives_a_picture() -> None:
    image = np.full((10, 10, 3), 7, dtype=np.uint8)
    crops = cut(image, [(0.999, 0.999, 1.0, 1.0), (0.31, 0.31, 0.3100001, 0.3100001)], 24)
    assert crops.shape == (2, 24, 24, 3)
    assert (crops == 7).all()


def test_no_boxes_give_no_pictures() -> None:
    assert cut(np.zeros((10, 10, 3), dtype=np.uint8), [], 24).shape == (0, 24, 24, 3)
