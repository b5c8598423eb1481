"""Visits found and missed, time to the alarm, false alarms: made up, and through the live gate and tracker."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bearwatch.cli import main
from bearwatch.events_report import as_html
from bearwatch.staged_evaluation import (
    MATCHED,
    MODEL,
    MOTION,
    NEVER,
    FootageError,
    evaluate_events,
    exam_scenes,
    read_footage,
)
from core.config import Detector
from detector.evaluate.event_figures import DAY_S, Alarm, TrueVisit, WatchedFootage, event_figures, rate_matched
from detector.models.bundle import ModelBundle
from simulation.cameras.builtin import walk
from simulation.cameras.encode import prepare
from simulation.cameras.record import record
from simulation.cameras.scene import Scene

BEAR = TrueVisit("bear", True, 10, 20)
LATE_BEAR = TrueVisit("bear", True, 100, 110)
DEER = TrueVisit("deer", False, 40, 50)


def watched(*at_s: float, unknown: tuple[float, ...] = (), seconds: float = DAY_S / 2) -> WatchedFootage:
    alarms = [Alarm(at, at / 1000) for at in at_s]
    return WatchedFootage("a", seconds, (BEAR, DEER, LATE_BEAR), alarms, [Alarm(at) for at in unknown])


def test_an_alarm_while_the_bear_is_there_finds_it_and_one_about_a_deer_is_false() -> None:
    found = event_figures([watched(11.5, 45)])
    assert (found["bear_visits"], found["found"], found["false_alarms"]) == (2, 1, 1)
    assert found["recall"]["recall"] == 0.5
    assert found["recall"]["low"] == pytest.approx(0.0126, abs=1e-3)
    assert found["false_alarms_per_camera_day"] == 2
    assert found["at_most_per_camera_day"] == pytest.approx(9.5, abs=0.05)  # 4.744 / 0.5 days
    assert found["seconds_to_alarm"] == {"median": 1.5, "p90": None, "within_10_s": 0.5}


def test_a_second_alarm_about_one_visit_is_extra_not_false() -> None:
    found = event_figures([watched(12, 18, 21)])
    assert (found["found"], found["extra_alarms"], found["false_alarms"]) == (1, 2, 0)


def test_a_missed_bear_that_was_told_as_unknown_is_counted_apart() -> None:
    found = event_figures([watched(12, unknown=(44.0, 105.0))])
    assert (found["found"], found["unknown_alarms"], found["unknown_bears"]) == (1, 2, 1)


def test_quiet_footage_bounds_little() -> None:
    found = event_figures([WatchedFootage("a", 360, (), [])])
    assert found["recall"] is None
    assert found["false_alarms_per_camera_day"] == 0
    assert found["at_most_per_camera_day"] == pytest.approx(719, abs=1)


def test_a_rate_matched_system_keeps_its_strongest_alarms() -> None:
    (kept,) = rate_matched([watched(11, 45, 105)], 2)
    assert [alarm.at_s for alarm in kept.alarms] == [45, 105]
    assert event_figures([kept])["found"] == 1


def test_the_exam_shows_near_and_far_bears_by_day_and_by_night() -> None:
    scenes = exam_scenes()
    assert {scene.light for scene in scenes} == {"day", "infrared"}
    bears = [visit for scene in scenes for visit in scene.visits if visit.subject.is_bear]
    assert len(bears) == 24
    assert min(bear.height for bear in bears) < 0.2
    assert max(bear.height for bear in bears) > 0.35


class Sure:
    """An engine that says the same of everything."""

    device, threads, runtime = "cpu", 1, "by hand"

    def __init__(self, output: int) -> None:
        self.bundle = ModelBundle.generic("lite0@64")
        self.name, self.input_px, self.output = self.bundle.short_digest, 64, output

    def infer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits = np.zeros((len(images), self.bundle.outputs), dtype=np.float32)
        logits[:, self.output] = 20
        return logits


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("footage")
    visits = (walk("bear", 12, 6, 0.8), walk("deer", 26, 6, 0.8))
    scene = Scene("tiny", 320, 180, 5, loop_s=36, visits=visits)
    record(prepare([scene], folder)[scene.name], folder / "tiny.mp4", scene.loop_s)
    return folder


def test_recordings_go_through_the_live_gate_and_tracker(footage: Path) -> None:
    engines = {MODEL: Sure(294), "blind": Sure(500)}
    recordings, unreadable = read_footage(footage, 5)
    assert unreadable == []
    found = evaluate_events(recordings, engines, Detector(), lambda system, name: lambda reached_s: None)
    systems = found["systems"]
    assert list(systems) == [MODEL, "blind", MOTION, MATCHED, NEVER]
    assert (systems[MODEL]["found"], systems["blind"]["found"], systems[NEVER]["found"]) == (1, 0, 0)
    assert systems[MOTION]["found"] == 1
    assert systems[MOTION]["false_alarms"] >= 1  # the deer moves, too
    assert systems[MODEL]["seconds_to_alarm"]["median"] < 6
    assert systems[MATCHED]["found"] + systems[MATCHED]["false_alarms"] <= (
        systems[MODEL]["found"] + systems[MODEL]["false_alarms"] + systems[MODEL]["extra_alarms"]
    )
    assert json.loads(json.dumps(found)) == found
    page = as_html(found)
    assert "1 of 1" in page
    assert "<script" not in page


def test_footage_without_truth_is_footage_without_a_bear(footage: Path, tmp_path: Path) -> None:
    (tmp_path / "yard.mp4").write_bytes((footage / "tiny.mp4").read_bytes())
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (recording,), (why,) = read_footage(tmp_path, 5)
    assert "broken.mp4" in why
    assert recording.visits == ()
    assert recording.seconds == pytest.approx(36, abs=0.5)


def test_what_cannot_be_evaluated_is_named(footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FootageError, match="neither videos nor images"):
        read_footage(tmp_path, 5)
    (tmp_path / "yard.mp4").write_bytes((footage / "tiny.mp4").read_bytes())
    (tmp_path / "yard.truth.json").write_text("[]")
    with pytest.raises(FootageError, match="not the truth"):
        read_footage(tmp_path, 5)
    assert main(["evaluate", "--bundle", "lite0@64", "--events", str(tmp_path / "none")]) == 2
    assert "neither videos nor images" in capsys.readouterr().err
