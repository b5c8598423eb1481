"""The demo's scenes against their own truth: every bear is an encounter, nothing else is, no branch is an animal."""

from __future__ import annotations

from pathlib import Path

import pytest

from bearwatch.footage_replay import replay
from core.config import Camera, Detector, Motion
from core.messages import EncounterKind
from detector.engines.choose import choose_engine
from detector.engines.engine import Engine
from detector.tracking.tracker import AlertRule
from ingest.sources.recorded import gate_frames
from simulation.cameras.builtin import demo_scenes
from simulation.cameras.encode import prepare
from simulation.cameras.record import record
from simulation.cameras.scene import Scene

pytestmark = pytest.mark.long

SLACK_S = 1.0


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The network that the configuration names by default."""
    return choose_engine("cpu", Detector().backbone)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("scene", demo_scenes(), ids=lambda scene: scene.name)
def test_every_bear_is_an_encounter_and_nothing_else_is(scene: Scene, engine: Engine, tmp_path: Path) -> None:
    """Deer, dogs, people, foxes, swaying branches, rain and a cloud's shadow come by in the same two minutes."""
    loop = prepare([scene])[scene.name]
    footage = tmp_path / f"{scene.name}.mp4"
    record(loop, footage, scene.loop_s)
    camera = Camera(campsite="demo", url=str(footage))
    frames = gate_frames(footage, scene.name, camera, Motion())
    told = replay(frames, engine, AlertRule.of(Detector(quiet_gap_s=30)), camera, lambda reached_s: None)
    found = [encounter for encounter in told if encounter.kind is EncounterKind.BEAR]

    bears = [visit for visit in scene.visits if visit.kind == "bear"]
    assert len(bears) == 1
    assert len(found) == len(bears), [(e.start_s, e.end_s, e.peak_score) for e in found]
    for encounter, bear in zip(found, bears, strict=True):
        assert bear.start_s - SLACK_S <= encounter.start_s <= bear.start_s + 4
        assert encounter.end_s <= bear.start_s + bear.duration_s + SLACK_S
        assert encounter.peak_score >= 0.8
        assert encounter.infrared == (scene.light == "infrared")

    animals = [visit for visit in scene.visits if visit.kind != "person"]
    for unknown in (encounter for encounter in told if encounter.kind is EncounterKind.UNKNOWN_ANIMAL):
        assert any(
            visit.start_s - SLACK_S <= unknown.start_s <= visit.start_s + visit.duration_s + SLACK_S
            for visit in animals
        ), (unknown.start_s, unknown.label)
