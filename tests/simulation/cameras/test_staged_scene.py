"""The schedule of a staged camera: who is in view when, and what a scene file may say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulation.cameras.builtin import demo_scenes, load_test_scenes, moving_scene
from simulation.cameras.painting.landscape import photographed
from simulation.cameras.scene import Disturbance, Scene, Seen, StagedVisit, truth
from simulation.cameras.scene_file import SceneError, load_scenes
from simulation.cameras.subjects import SUBJECTS

CROSSING = StagedVisit("bear", 10, 8, ((-0.2, 0.8), (1.2, 0.8)), 0.3)
SCENE = Scene("gate", loop_s=30, visits=(CROSSING,))

GOOD_FILE = """\
scenes:
  - name: gate
    light: infrared
    loop_s: 20
    visits:
      - kind: bear
        start_s: 2
        duration_s: 8
        path: [[-0.1, 0.8], [1.1, 0.8]]
        height: 0.3
    disturbances:
      - kind: rain
        start_s: 0
        duration_s: 5
"""


def test_nobody_is_in_view_before_and_after_a_visit() -> None:
    assert truth(SCENE, 9.9) == ()
    assert truth(SCENE, 18.0) == ()


def test_a_bear_in_the_middle_of_its_way_stands_in_the_middle_of_the_picture() -> None:
    (bear,) = truth(SCENE, 14.0)
    assert bear.kind == "bear"
    assert bear.is_bear
    assert bear.inside == 1.0
    assert (bear.box.left + bear.box.right) / 2 == pytest.approx(0.5)
    assert bear.box.bottom == pytest.approx(0.8)
    assert bear.box.bottom - bear.box.top == pytest.approx(0.3)


def test_a_box_has_the_shape_of_the_animal_in_pixels() -> None:
    (bear,) = truth(SCENE, 14.0)
    width_px = (bear.box.right - bear.box.left) * SCENE.width
    height_px = (bear.box.bottom - bear.box.top) * SCENE.height
    assert width_px / height_px == pytest.approx(SUBJECTS["bear"].aspect)


def test_an_animal_half_outside_has_the_box_of_its_visible_half() -> None:
    entering = Scene("gate", loop_s=10, visits=(StagedVisit("bear", 0, 10, ((0.0, 0.8), (0.0, 0.9)), 0.3),))
    (bear,) = truth(entering, 1.0)
    assert bear.box.left == 0.0
    assert bear.inside == pytest.approx(0.5)


def test_an_animal_still_outside_is_not_in_view() -> None:
    assert truth(SCENE, 10.0) == ()


def test_the_schedule_repeats_with_every_loop() -> None:
    assert [truth(SCENE, 14.0 + 30 * turn) for turn in range(5)] == [truth(SCENE, 14.0)] * 5


def test_an_animal_that_pauses_stays_where_it_is_and_then_goes_on() -> None:
    pausing = replace(SCENE, visits=(replace(CROSSING, pause_s=4),))
    boxes = [truth(pausing, t)[0].box for t in (12.1, 13.0, 15.9)]
    assert boxes[0] == boxes[1] == boxes[2]
    assert truth(pausing, 17.0)[0].box.left > boxes[0].left


@pytest.mark.parametrize("kind", SUBJECTS)
def test_every_subject_has_the_shape_of_its_picture(kind: str) -> None:
    rows, columns = photographed(SUBJECTS[kind].asset).shape[:2]
    assert SUBJECTS[kind].aspect == pytest.approx(columns / rows, rel=0.01)


def test_the_first_bear_of_the_demo_is_in_full_view_between_25_and_45_seconds() -> None:
    in_view = [t for t in np.arange(25, 45, 0.25) if any(s.is_bear and s.inside == 1 for s in _seen(t))]
    assert len(in_view) * 0.25 >= 8


def test_in_the_demo_no_minute_passes_without_a_bear() -> None:
    loop_s = demo_scenes()[0].loop_s
    with_bear = {t for t in range(2 * loop_s) if any(seen.is_bear for seen in _seen(t))}
    assert all(with_bear & set(range(start, start + 60)) for start in range(loop_s))


@pytest.mark.parametrize("kind", ["bear", "deer", "dog", "person"])
def test_every_loop_of_the_demo_shows_each_kind(kind: str) -> None:
    assert any(seen.kind == kind for t in range(demo_scenes()[0].loop_s) for seen in _seen(t))


@pytest.mark.parametrize("kind", ["branches", "cloud_shadow"])
def test_every_loop_of_the_demo_has_wind_and_clouds(kind: str) -> None:
    assert any(disturbance.kind == kind for scene in demo_scenes() for disturbance in scene.disturbances)


def test_a_bear_visits_the_infrared_camera_of_the_demo() -> None:
    (night,) = [scene for scene in demo_scenes() if scene.light == "infrared"]
    assert any(visit.subject.is_bear for visit in night.visits)


@pytest.mark.parametrize("index", range(5))
def test_on_a_load_camera_somebody_is_always_in_view_and_one_of_them_is_a_bear(index: int) -> None:
    scene = moving_scene(index)
    moments = [truth(scene, t) for t in np.arange(0, scene.loop_s, 0.1)]
    assert all(moments)
    assert sum(visit.subject.is_bear for visit in scene.visits) == 1


def test_load_cameras_have_names_of_their_own() -> None:
    assert len({scene.name for scene in load_test_scenes(12)}) == 12


def test_a_scene_file_is_read_with_its_defaults(tmp_path: Path) -> None:
    (tmp_path / "scenes.yaml").write_text(GOOD_FILE)
    (scene,) = load_scenes(tmp_path / "scenes.yaml")
    visit = StagedVisit("bear", 2, 8, ((-0.1, 0.8), (1.1, 0.8)), 0.3)
    expected = Scene("gate", light="infrared", loop_s=20, visits=(visit,), disturbances=(Disturbance("rain", 0, 5),))
    assert scene == expected


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("height: 0.3", "hieght: 0.3", "10: scenes.0.visits.0.hieght: unknown key"),
        ("    light:", "    colour: red\n    light:", "3: scenes.0.colour: unknown key"),
        ("scenes:", "cameras: []\nscenes:", "1: cameras: unknown key"),
        ("        height: 0.3\n", "", "6: scenes.0.visits.0.height: is missing"),
        ("kind: bear", "kind: unicorn", "6: scenes.0.visits.0: kind is 'unicorn'; known kinds: bear,"),
        ("kind: rain", "kind: hail", "12: scenes.0.disturbances.0.kind: Input should be 'branches'"),
        ("start_s: 2", "start_s: soon", "7: scenes.0.visits.0.start_s: Input should be a valid number"),
        ("loop_s: 20", "loop_s: 20.5", "4: scenes.0.loop_s: "),
        ("duration_s: 8", "duration_s: 30", "ends at 32 s, after the loop of 20 s"),
        ("height: 0.3", "height: 0", "height is 0.0; it must be"),
        ("name: gate", "name: The Gate", "name is 'The Gate'"),
        ("loop_s: 20", "loop_s: 20\n    width: 639", "width is 639; it must be even"),
        ("loop_s: 20", "loop_s: 20\n    gop: 7", "gop is 7; it must be 0 or divide the loop's 300 frames evenly"),
        ("scenes:", "scenes: [", "is not valid YAML"),
        (GOOD_FILE, "", "is empty"),
        (GOOD_FILE, "scenes: []", "describe at least one scene"),
        (GOOD_FILE, "scenes: [{name: a}, {name: a}]", "2 scenes are named 'a'"),
        (GOOD_FILE, "- 1", "Input should be a mapping"),
    ],
)
def test_a_wrong_scene_file_is_refused_with_line_and_key(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = tmp_path / "scenes.yaml"
    assert old in GOOD_FILE
    path.write_text(GOOD_FILE.replace(old, new, 1))
    with pytest.raises(SceneError) as refused:
        load_scenes(path)
    assert complaint in str(refused.value)
    assert str(refused.value).startswith(str(path))


def test_a_missing_scene_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=r"nowhere\.yaml: cannot be read"):
        load_scenes(tmp_path / "nowhere.yaml")


def _seen(t: float) -> list[Seen]:
    return [seen for scene in demo_scenes() for seen in truth(scene, t)]
