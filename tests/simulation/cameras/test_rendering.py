"""What the staged cameras draw: the subject is where the truth says, and nothing else looks like one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from simulation.cameras.render import SceneRenderer
from simulation.cameras.scene import Box, Disturbance, Place, Scene, StagedVisit, truth
from simulation.cameras.subjects import SUBJECTS

WIDTH, HEIGHT, FPS = 320, 180, 10
SAMPLE_S = 3.0

Mask = npt.NDArray[np.bool_]


@pytest.fixture(scope="module", params=["day", "infrared"])
def empty(request: pytest.FixtureRequest) -> SceneRenderer:
    """A camera that nobody visits."""
    place: Place = "meadow" if request.param == "day" else "trail"
    return SceneRenderer(Scene("empty", WIDTH, HEIGHT, FPS, request.param, place, loop_s=20))


def with_visits(renderer: SceneRenderer, *visits: StagedVisit) -> SceneRenderer:
    """The same camera with visitors: the background is painted once a module, not once a test."""
    return replaced(renderer, replace(renderer.scene, visits=visits))


def replaced(renderer: SceneRenderer, scene: Scene) -> SceneRenderer:
    other = object.__new__(SceneRenderer)
    other.__dict__.update(renderer.__dict__, scene=scene)
    return other


def standing(kind: str, x: float = 0.55, y: float = 0.85, height: float = 0.35) -> StagedVisit:
    return StagedVisit(kind, 0, 10, ((x - 0.05, y), (x + 0.05, y)), height)


def changed(before: SceneRenderer, after: SceneRenderer, t: float = SAMPLE_S) -> Mask:
    """Pixels whose brightness differs by more than sensor noise ever does."""
    frames = [renderer.frame(int(t * FPS))[:HEIGHT].astype(np.int16) for renderer in (before, after)]
    return np.asarray(np.abs(frames[0] - frames[1]) > 12, np.bool_)


def inside(box: Box, grow: float = 0.0) -> Mask:
    rows, columns = np.arange(HEIGHT)[:, None] / HEIGHT, np.arange(WIDTH)[None, :] / WIDTH
    across = (columns >= box.left - grow) & (columns <= box.right + grow)
    return np.asarray(across & (rows >= box.top - grow) & (rows <= box.bottom + grow), np.bool_)


@pytest.mark.parametrize("kind", SUBJECTS)
def test_a_subject_is_drawn_in_the_box_of_the_truth_and_nowhere_else(empty: SceneRenderer, kind: str) -> None:
    visited = with_visits(empty, standing(kind))
    (seen,) = truth(visited.scene, SAMPLE_S)
    difference = changed(empty, visited)
    assert difference[inside(seen.box)].mean() > 0.2
    # Its shadow may fall beside it.
    assert difference[~inside(seen.box, grow=0.12)].mean() < 0.001


def test_the_box_of_the_truth_is_not_larger_than_the_animal(empty: SceneRenderer) -> None:
    visited = with_visits(empty, standing("bear"))
    (seen,) = truth(visited.scene, SAMPLE_S)
    rows, columns = np.nonzero(changed(empty, visited))
    assert np.quantile(rows, 0.002) / HEIGHT == pytest.approx(seen.box.top, abs=0.04)
    assert np.quantile(columns, 0.002) / WIDTH == pytest.approx(seen.box.left, abs=0.05)


def test_an_animal_walking_left_is_the_mirror_of_one_walking_right(empty: SceneRenderer) -> None:
    right, left = (
        with_visits(empty, StagedVisit("bear", 0, 10, path, 0.35))
        for path in (((0.5, 0.85), (0.52, 0.85)), ((0.52, 0.85), (0.5, 0.85)))
    )
    assert changed(left, right).sum() > 200


def test_a_walking_animal_moves_its_legs_and_a_pausing_one_stands_still(empty: SceneRenderer) -> None:
    pausing = with_visits(empty, StagedVisit("bear", 0, 10, ((0.2, 0.85), (0.8, 0.85)), 0.4, pause_s=6))
    quiet = np.abs(_luma(pausing, 4.0) - _luma(pausing, 6.0)).mean()
    walking = np.abs(_luma(pausing, 0.5) - _luma(pausing, 1.0)).mean()
    assert walking > 2 * quiet


def test_an_animal_is_hidden_by_a_tree_that_stands_nearer() -> None:
    creek = SceneRenderer(Scene("creek", WIDTH, HEIGHT, FPS, "day", "creek", loop_s=20, seed=7))
    trunk = inside(Box(0.955, 0.5, 0.975, 0.62))
    behind, before = (
        changed(creek, with_visits(creek, StagedVisit("bear", 0, 10, ((0.955, row), (0.965, row)), 0.4)))[trunk].mean()
        for row in (0.68, 0.9)
    )
    assert behind == 0
    assert before > 0.3


def test_no_two_frames_are_the_same_even_when_nothing_happens(empty: SceneRenderer) -> None:
    frames = {empty.frame(index).tobytes() for index in range(30)}
    assert len(frames) == 30


def test_the_same_frame_is_drawn_the_same_way_twice(empty: SceneRenderer) -> None:
    assert np.array_equal(empty.frame(17), empty.frame(17))


def test_another_seed_paints_another_place() -> None:
    scene = Scene("empty", WIDTH, HEIGHT, FPS, loop_s=10)
    assert changed(SceneRenderer(scene), SceneRenderer(replace(scene, seed=2))).mean() > 0.2


def test_an_infrared_camera_is_grey_and_dark_in_the_distance() -> None:
    frame = SceneRenderer(Scene("night", WIDTH, HEIGHT, FPS, "infrared", "trail", loop_s=10)).frame(0)
    assert (frame[HEIGHT:] == 128).all()
    assert frame[: HEIGHT // 4, WIDTH // 2 :].mean() < 0.6 * frame[HEIGHT // 2 : HEIGHT, :].mean()


@pytest.mark.parametrize(
    ("kind", "at_s", "share"),
    [("branches", 5.0, 0.01), ("cloud_shadow", 5.0, 0.3), ("rain", 5.0, 0.02), ("headlights", 5.0, 0.01)],
)
def test_weather_changes_the_picture_while_it_lasts_and_not_afterwards(
    empty: SceneRenderer, kind: str, at_s: float, share: float
) -> None:
    stormy = replaced(
        empty,
        replace(empty.scene, disturbances=(Disturbance(kind, 2, 6, 0.9),)),  # type: ignore[arg-type]  # parametrised
    )
    assert changed(empty, stormy, at_s).mean() > share
    assert changed(empty, stormy, 9.0).mean() < 0.001


@pytest.mark.parametrize("kind", ["flash", "exposure_step"])
def test_light_bursts_brighten_the_picture_and_fade(empty: SceneRenderer, kind: str) -> None:
    burst = Disturbance(kind, 2, 6, 0.8)  # type: ignore[arg-type]  # parametrised
    lit = replaced(empty, replace(empty.scene, disturbances=(burst,)))
    levels = [float(_luma(lit, t).mean()) for t in (1.9, 2.0, 7.8)]
    assert levels[1] > 1.3 * levels[0]
    assert levels[2] < 1.1 * levels[0]


def test_the_cameras_say_that_they_are_staged(empty: SceneRenderer) -> None:
    label = _luma(empty, 0.0)[int(HEIGHT * 0.92) :, : WIDTH // 2]
    assert label.max() > 180


def _luma(renderer: SceneRenderer, t: float) -> npt.NDArray[np.float32]:
    return renderer.frame(int(t * FPS))[:HEIGHT].astype(np.float32)
