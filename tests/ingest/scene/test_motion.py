"""The gate sees what walks and overlooks light, weather and leaves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.config import Motion
from ingest.scene.blobs import MAX_BOXES
from ingest.scene.motion import HOLD_S, MotionGate, MotionResult
from ingest.scene.picture import Luma
from tests.support.drawn_scenes import FPS, HEIGHT, WIDTH, animal_box, ground, noisy, overlap, walk, with_animal

WARM = 15
"""Pictures after which a gate knows its scene."""


@pytest.fixture
def gate() -> MotionGate:
    """A gate with the usual settings."""
    return MotionGate(Motion())


def feed_ground(gate: MotionGate, first: int = 0, count: int = WARM) -> list[MotionResult]:
    """Let the gate look at the empty scene."""
    return [gate.feed(noisy(ground(), number), number / FPS) for number in range(first, first + count)]


def gain(picture: Luma, factor: float | np.ndarray) -> Luma:
    """The same scene in another light."""
    return np.clip(picture * factor, 0, 255).astype(np.uint8)


def test_an_empty_scene_with_sensor_noise_is_still(gate: MotionGate) -> None:
    assert not any(result.moved or result.global_change for result in feed_ground(gate, count=50))


def test_a_walking_animal_is_boxed_tightly_in_nearly_every_picture(gate: MotionGate) -> None:
    feed_ground(gate)
    seen = [
        max((overlap(box, truth) for box in gate.feed(picture, 3.0 + at).boxes), default=0.0)
        for at, picture, truth in walk(10.0)
    ]
    assert np.mean([overlapped > 0.5 for overlapped in seen]) >= 0.95
    assert np.mean(seen) > 0.7


def test_a_small_animal_far_away_is_seen(gate: MotionGate) -> None:
    feed_ground(gate)
    hits = 0
    for number in range(25):
        left = 40 + 3 * number
        picture = noisy(with_animal(ground(), left, width=14, height=12), number)
        truth = animal_box(left, width=14, height=12)
        hits += any(overlap(box, truth) > 0.3 for box in gate.feed(picture, 3.0 + number / FPS).boxes)
    assert hits >= 20


def test_motion_inside_a_mask_is_ignored() -> None:
    masked = MotionGate(Motion(), [[(0.0, 0.4), (1.0, 0.4), (1.0, 1.0), (0.0, 1.0)]])
    feed_ground(masked)
    assert not any(masked.feed(picture, 3.0 + at).moved for at, picture, _ in walk(8.0))


def test_motion_outside_a_mask_is_still_seen() -> None:
    masked = MotionGate(Motion(), [[(0.0, 0.0), (1.0, 0.0), (1.0, 0.3), (0.0, 0.3)]])
    feed_ground(masked)
    assert np.mean([masked.feed(picture, 3.0 + at).moved for at, picture, _ in walk(8.0)]) > 0.9


def test_an_exposure_step_is_not_motion(gate: MotionGate) -> None:
    feed_ground(gate)
    results = [
        gate.feed(noisy(gain(ground(), 1.3 if number // 5 % 2 else 1.0), number), 3.0 + number / FPS)
        for number in range(40)
    ]
    assert not any(result.moved for result in results)


def test_a_cloud_shadow_is_not_motion(gate: MotionGate) -> None:
    feed_ground(gate)
    columns = np.arange(WIDTH, dtype=np.float32)
    results = []
    for number in range(50):
        edge = -120 + 10 * number
        shade = 1.0 - 0.4 / (1.0 + np.exp(-(edge - columns) / 12.0)) / (1.0 + np.exp((edge - 160 - columns) / 12.0))
        results.append(gate.feed(noisy(gain(ground(), shade[None, :]), number), 3.0 + number / FPS))
    assert np.mean([result.moved for result in results]) < 0.1


def test_an_animal_under_a_cloud_shadow_is_still_seen(gate: MotionGate) -> None:
    feed_ground(gate)
    seen = []
    for at, picture, truth in walk(9.0):
        shade = 1.0 - 0.4 * min(1.0, at / 2.0)
        boxes = gate.feed(gain(picture, shade), 3.0 + at).boxes
        seen.append(any(overlap(box, truth) > 0.4 for box in boxes))
    assert np.mean(seen) >= 0.8


def test_a_switch_to_infrared_is_a_global_change_and_then_quiet(gate: MotionGate) -> None:
    feed_ground(gate)
    night = np.clip(255.0 * (ground() / 255.0) ** 2.2, 0, 255).astype(np.uint8)
    results = [gate.feed(noisy(night, number), 3.0 + number / FPS) for number in range(20)]
    assert results[0].global_change
    assert not any(result.moved or result.global_change for result in results[3:])


def test_an_animal_is_seen_again_within_a_second_of_a_switch_to_infrared(gate: MotionGate) -> None:
    feed_ground(gate)
    night = np.clip(255.0 * (ground() / 255.0) ** 2.2, 0, 255).astype(np.uint8)
    gate.feed(noisy(night, 1), 3.0)
    seen = []
    for number in range(5, 30):
        left = 20 + 5 * number
        picture = noisy(with_animal(night, left, shade=110.0), number)
        boxes = gate.feed(picture, 3.0 + number / FPS).boxes
        seen.append(any(overlap(box, animal_box(left)) > 0.3 for box in boxes))
    assert np.mean(seen) >= 0.8


def test_streaks_of_rain_are_not_motion(gate: MotionGate) -> None:
    rng = np.random.default_rng(5)
    results = []
    for number in range(60):
        picture = ground().copy()
        for _ in range(20):
            x, y = int(rng.integers(0, WIDTH)), int(rng.integers(0, HEIGHT))
            cv2.line(picture, (x, y), (x + 1, y + int(rng.integers(4, 14))), 200, 1)
        results.append(gate.feed(noisy(picture, number), number / FPS))
    assert np.mean([result.moved for result in results]) < 0.1


def test_branches_that_sway_for_a_while_fall_silent(gate: MotionGate) -> None:
    moved = []
    for number in range(200):
        picture = ground().copy()
        crown = ground(seed=9, width=120, height=60)
        shift = round(10 * np.sin(number * 1.9) * np.sin(number * 0.13))
        picture[10:60, 200:280] = crown[5:55, 20 + shift : 100 + shift]
        moved.append(gate.feed(noisy(picture, number), number / FPS).moved)
    assert any(moved[:50])
    assert np.mean(moved[125:]) < 0.2


def test_an_animal_is_seen_in_front_of_swaying_branches(gate: MotionGate) -> None:
    seen = []
    for number in range(150):
        picture = ground().copy()
        picture[70:130, 100:260] = np.roll(ground(seed=9)[70:130, 100:260], round(4 * np.sin(number * 1.9)), axis=1)
        left = 4 * (number - 100) + 60
        if number >= 100:
            picture = with_animal(picture, left)
        boxes = gate.feed(noisy(picture, number), number / FPS).boxes
        if number >= 100:
            seen.append(any(overlap(box, animal_box(left)) > 0.3 for box in boxes))
    assert np.mean(seen) >= 0.8


def test_an_animal_busy_in_one_place_is_seen_for_many_seconds(gate: MotionGate) -> None:
    feed_ground(gate)
    seen = []
    for number in range(int(10 * FPS)):
        left = 150 + round(4 * np.sin(number * 1.3))
        picture = noisy(with_animal(ground(), left, shade=45.0 + 12.0 * (number % 2)), number)
        boxes = gate.feed(picture, 3.0 + number / FPS).boxes
        seen.append(any(overlap(box, animal_box(left)) > 0.4 for box in boxes))
    assert np.mean(seen) >= 0.9


def test_an_animal_that_halts_is_kept_for_twenty_seconds_and_then_let_go(gate: MotionGate) -> None:
    feed_ground(gate)
    moved = {}
    for number in range(int(60 * FPS)):
        at = number / FPS
        left = 20 + round(25 * min(at, 4.0))
        moved[round(at, 1)] = gate.feed(noisy(with_animal(ground(), left), number), 3.0 + at).moved
    assert all(moved[second] for second in (6.0, 12.0, 18.0, 24.0))
    assert HOLD_S >= 20.0
    assert not any(moved[second] for second in (50.0, 55.0, 59.0))


def test_another_resolution_starts_anew(gate: MotionGate) -> None:
    feed_ground(gate)
    other = ground(seed=4, width=240, height=180)
    results = [gate.feed(noisy(other, number), 3.0 + number / FPS) for number in range(20)]
    assert not any(result.moved or result.global_change for result in results)


def test_a_new_gate_only_learns_for_about_a_second(gate: MotionGate) -> None:
    results = [gate.feed(picture, at).moved for at, picture, _ in walk(4.0)]
    assert not any(results[:4])
    assert all(results[10:])


def test_a_primed_gate_sees_the_animal_in_the_first_pictures(gate: MotionGate) -> None:
    clip = list(walk(4.0))
    gate.prime([picture for _, picture, _ in clip])
    seen = [any(overlap(box, truth) > 0.5 for box in gate.feed(picture, at).boxes) for at, picture, truth in clip[:5]]
    assert all(seen)


def test_there_are_never_more_boxes_than_a_detector_can_look_at(gate: MotionGate) -> None:
    feed_ground(gate)
    picture = ground().copy()
    for column in range(8):
        for row in range(4):
            picture[10 + 44 * row : 22 + 44 * row, 8 + 40 * column : 20 + 40 * column] ^= 0x70
    result = gate.feed(picture, 3.2)
    assert result.global_change or len(result.boxes) == MAX_BOXES


def test_boxes_stay_inside_the_picture(gate: MotionGate) -> None:
    feed_ground(gate)
    picture = with_animal(ground(), -15, top=160)
    boxes = gate.feed(picture, 3.2).boxes
    assert boxes
    assert all(0.0 <= x0 < x1 <= 1.0 and 0.0 <= y0 < y1 <= 1.0 for x0, y0, x1, y1 in boxes)


def test_a_clock_that_jumps_does_not_confuse_the_gate(gate: MotionGate) -> None:
    feed_ground(gate)
    results = [gate.feed(noisy(ground(), number), at) for number, at in enumerate((1e9, 1e9 + 0.2, 5.0, 5.2))]
    assert not any(result.moved for result in results)
