"""Real RTSP cameras, and everything that can be wrong with them.

All cameras are watched at once: each is well for a while, then each suffers its own trouble, then all are healed. The
tests ask the record what became of their camera.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest
import redis

from bearwatch.embedded import EmbeddedRedis
from core.config import Camera, Motion
from core.messages import CameraHealth, CameraStatus, Frame, Reason
from core.redis_client import connect
from core.telemetry import Telemetry
from ingest.ingest_process import REPORT_EVERY_S
from ingest.scene.motion import MotionGate
from ingest.sources.camera import CameraReader
from ingest.sources.probe import probe
from ingest.tally import BEHIND
from simulation.cameras.builtin import walk
from simulation.cameras.fault_injection import CameraFault
from simulation.cameras.scene import Scene, truth
from simulation.cameras.staged_server import StagedCameras
from tests.support.drawn_scenes import overlap
from tests.support.ingest_run import config_of, fresh, late, probed, running
from tests.support.waiting import wait_for

pytestmark = pytest.mark.long

BLIND_AFTER_S = 2.0
SUFFER_S = 5.0
LOOP_S = 8
PLAYS = 3
FAULTS = tuple(fault for fault in CameraFault if fault is not CameraFault.NONE)


def name_of(fault: CameraFault) -> str:
    """The camera that suffers it."""
    return fault.value.replace("_", "-")


def scene(name: str) -> Scene:
    """A bear that crosses the picture again and again."""
    return Scene(name, width=320, height=180, fps=10, loop_s=LOOP_S, visits=(walk("bear", 1, 6.5, 0.8),))


def at_its_pace(status: CameraStatus) -> bool:
    """Whether a camera of ten frames a second is read and looked at as it should be."""
    return status.source_fps == pytest.approx(10.0, rel=0.2) and status.analysed_fps == pytest.approx(5.0, rel=0.2)


@dataclass
class Record:
    """What was reported of each camera, with the time since the last change of all cameras' health."""

    well: dict[str, CameraStatus] = field(default_factory=dict)
    blind_after_s: dict[str, float] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    at_the_end: dict[str, CameraStatus] = field(default_factory=dict)
    live_after_s: dict[str, float] = field(default_factory=dict)
    healed: dict[str, CameraStatus] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)
    troubled_at: float = 0.0
    healed_at: float = 0.0
    scene_began_at: float = 0.0
    longest_pause_s: float = 0.0
    began_at: float = field(default_factory=time.time)

    @property
    def machine_stood_still(self) -> bool:
        """Whether the calm camera was blind, or another one sooner than its trouble can have made it."""
        soonest = min(self.blind_after_s.values(), default=BLIND_AFTER_S)
        return "calm" in self.blind_after_s or soonest < BLIND_AFTER_S - 0.5

    def of(self, fault: CameraFault, reason: Reason | None = None) -> list[Frame]:
        """Frames of one camera."""
        name = name_of(fault)
        return [f for f in self.frames if f.camera == name and (reason is None or f.reason is reason)]


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StagedCameras]:
    """One camera for each trouble, and a calm one."""
    names = [*map(name_of, FAULTS), "calm"]
    with StagedCameras([scene(name) for name in names], cache_dir=tmp_path_factory.mktemp("loops")) as cameras:
        yield cameras


@pytest.fixture(scope="module")
def record(staged: StagedCameras, tmp_path_factory: pytest.TempPathFactory) -> Record:
    """The whole play: well, troubled, healed. Played again where the machine itself stood still in it."""
    for _ in range(PLAYS):
        found = played(staged, tmp_path_factory.mktemp("redis"))
        if not found.machine_stood_still:
            break
    return found


def played(staged: StagedCameras, folder: Path) -> Record:
    """One play, with a Redis of its own."""
    found = Record()
    config = config_of({name: {"url": staged.url(name)} for name in staged.names}, BLIND_AFTER_S)
    with EmbeddedRedis(folder) as server:
        client = connect(server.url)
        with running(config, server.url):
            play(found, staged, client)
        found.frames = [*fresh(client), *late(client)]
        client.close()
    return found


def play(found: Record, cameras: StagedCameras, client: redis.Redis) -> None:
    """Let all cameras be well, then ill, then well."""

    def reported() -> dict[str, CameraStatus]:
        return Telemetry(client).cameras()

    def all_live() -> bool:
        now = reported()
        for name, status in now.items():
            if status.health is CameraHealth.LIVE:
                found.live_after_s.setdefault(name, time.time() - (found.healed_at or time.time()))
        return len(now) == len(cameras.names) and all(status.health is CameraHealth.LIVE for status in now.values())

    wait_for(all_live)
    found.scene_began_at = time.time() - cameras.elapsed_s("calm")
    wait_for(lambda: at_its_pace(reported()["calm"]))
    found.well = reported()
    found.troubled_at = time.time()
    for fault in FAULTS:
        cameras.fault(name_of(fault), fault)
    told_at = found.well["calm"].reported_at
    while time.time() < found.troubled_at + SUFFER_S:
        for name, status in reported().items():
            if name == "calm":
                found.longest_pause_s = max(found.longest_pause_s, status.reported_at - told_at)
                told_at = status.reported_at
            if status.health is CameraHealth.BLIND:
                found.blind_after_s.setdefault(name, status.reported_at - found.troubled_at)
                found.why[name] = status.detail
        time.sleep(0.05)
    found.at_the_end = reported()
    found.live_after_s.clear()
    found.healed_at = time.time()
    for fault in FAULTS:
        cameras.fault(name_of(fault), CameraFault.NONE)
    wait_for(lambda: all(each.reported_at > found.healed_at + REPORT_EVERY_S / 2 for each in reported().values()))
    found.live_after_s.clear()
    wait_for(lambda: all_live() and at_its_pace(reported()["calm"]))
    wait_for(lambda: time.time() - found.began_at > 2 * LOOP_S)  # the bear has crossed the picture more than once
    found.healed = reported()


def test_a_healthy_camera_is_live_and_reports_what_it_is(record: Record) -> None:
    status = record.healed["calm"]
    assert (status.health, status.width, status.height, status.reconnects) == (CameraHealth.LIVE, 320, 180, 0)
    assert set(status.dropped) <= {BEHIND}, "and that only where others need the machine"
    assert "calm" not in record.blind_after_s


def test_boxes_of_a_walking_bear_lie_on_the_bear(record: Record) -> None:
    overlaps = []
    for frame in record.frames:
        if frame.camera != "calm" or frame.reason is not Reason.MOTION:
            continue
        for seen in truth(scene("calm"), frame.captured_at - record.scene_began_at):
            if seen.inside > 0.5:
                box = (seen.box.left, seen.box.top, seen.box.right, seen.box.bottom)
                overlaps.append(max(overlap(found, box) for found in frame.boxes))
    assert len(overlaps) >= 25
    assert sum(value > 0.4 for value in overlaps) >= 0.8 * len(overlaps)


def test_most_pictures_of_a_walking_bear_are_sent(record: Record) -> None:
    sent = sorted(f.captured_at for f in record.frames if f.camera == "calm" and f.reason is not Reason.AUDIT)
    moments = [sent[0] + 2.0 + step / 100 for step in range(int(100 * (sent[-1] - sent[0] - 2.0)))]
    walking = [
        at for at in moments if any(seen.inside > 0.5 for seen in truth(scene("calm"), at - record.scene_began_at))
    ]
    near = [any(abs(at - captured) <= 0.15 for captured in sent) for at in walking]
    assert len(walking) > 500
    assert sum(near) >= 0.85 * len(near)


def test_capture_times_and_sequences_of_every_camera_only_grow(record: Record) -> None:
    for name in {frame.camera for frame in record.frames}:
        frames = sorted((frame for frame in record.frames if frame.camera == name), key=lambda frame: frame.sequence)
        first = frames[0].sequence  # nobody takes frames here: where the play takes long, the stream sheds its oldest
        assert [frame.sequence for frame in frames] == list(range(first, first + len(frames)))
        captured = [frame.captured_at for frame in frames if frame.reason is not Reason.AUDIT]
        assert captured == sorted(set(captured))


@pytest.mark.parametrize(
    "fault", [CameraFault.FREEZE, CameraFault.STALL, CameraFault.REFUSE, CameraFault.GARBAGE, CameraFault.BLACK]
)
def test_a_camera_that_shows_nothing_new_is_blind_in_time(record: Record, fault: CameraFault) -> None:
    name = name_of(fault)
    assert record.well[name].health is CameraHealth.LIVE
    # Its last content may be a frame older than the trouble; a status is at most one report old, or as old as reports
    # have become on a busy machine.
    longest_pause_s = max(REPORT_EVERY_S, record.longest_pause_s)
    assert record.blind_after_s[name] <= BLIND_AFTER_S + longest_pause_s + 0.5
    assert record.at_the_end[name].health is CameraHealth.BLIND


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (CameraFault.FREEZE, "picture frozen for"),
        (CameraFault.STALL, "no data for 2 s"),
        (CameraFault.REFUSE, "no such stream (404)"),
        (CameraFault.GARBAGE, "can be decoded"),
        (CameraFault.BLACK, "covered or black for"),
    ],
)
def test_a_blind_camera_says_why(record: Record, fault: CameraFault, words: str) -> None:
    assert words in record.why[name_of(fault)]


@pytest.mark.parametrize("fault", [CameraFault.WRONG_CLOCK, CameraFault.RESOLUTION])
def test_trouble_that_hides_nothing_does_not_blind(record: Record, fault: CameraFault) -> None:
    name = name_of(fault)
    assert name not in record.blind_after_s
    assert record.healed[name].reconnects == 0
    assert set(record.healed[name].dropped) <= {BEHIND}


def test_a_reset_connection_is_made_again_before_anybody_is_blind(record: Record) -> None:
    name = name_of(CameraFault.ABORT)
    assert record.at_the_end[name].reconnects == 1
    assert name not in record.blind_after_s


@pytest.mark.parametrize("fault", FAULTS)
def test_every_camera_is_live_again_after_its_trouble(record: Record, fault: CameraFault) -> None:
    assert record.healed[name_of(fault)].health is CameraHealth.LIVE
    after = [frame for frame in record.of(fault) if frame.captured_at > record.healed_at]
    assert after


def test_a_frozen_picture_is_not_sent_again_and_again(record: Record) -> None:
    frozen = [f for f in record.of(CameraFault.FREEZE) if record.troubled_at + 0.5 < f.captured_at < record.healed_at]
    assert len(frozen) <= 1


def test_the_camera_of_a_changed_resolution_reports_and_sends_the_new_one(record: Record) -> None:
    during = [
        frame
        for frame in record.of(CameraFault.RESOLUTION, Reason.MOTION)
        if record.troubled_at + 2.0 < frame.captured_at < record.healed_at
    ]
    assert {(frame.width, frame.height) for frame in during} == {(240, 134)}
    at_the_end = record.at_the_end[name_of(CameraFault.RESOLUTION)]
    assert (at_the_end.width, at_the_end.height) == (240, 134)


def test_capture_times_never_come_from_a_cameras_clock(record: Record) -> None:
    frames = record.of(CameraFault.WRONG_CLOCK)
    assert all(record.scene_began_at - 10 < frame.captured_at < time.time() for frame in frames)


def test_broken_data_is_counted(record: Record) -> None:
    assert record.healed[name_of(CameraFault.GARBAGE)].dropped["undecodable"] > 0


def test_probing_an_rtsp_camera_shows_what_it_is(staged: StagedCameras) -> None:
    camera = Camera(campsite="pines", url=staged.url("calm"))
    result = probed("calm", camera, 10.0)
    staged.fault("calm", CameraFault.STALL)
    silent = probe("calm", camera, 1.5)
    staged.fault("calm", CameraFault.NONE)
    assert (result.ok, result.codec, result.width, result.height, result.error) == (True, "h264", 320, 180, "")
    assert result.snapshot_jpeg is not None
    assert not silent.ok
    assert silent.error == "opened, but no data for 2 s"


def test_a_reader_that_is_too_slow_shows_what_is_and_not_what_was(staged: StagedCameras) -> None:
    stop, gate, errors = Event(), MotionGate(Motion()), list[float]()
    reader = CameraReader("calm", Camera(campsite="pines", url=staged.url("calm")), 2.0, stop, pytest.fail)
    scene_began_at = time.time() - staged.elapsed_s("calm")
    for number, captured in enumerate(reader.captured_frames()):
        time.sleep(0.45)  # more than twice as long as there is
        boxes = gate.feed(captured.picture.small, captured.captured_at).boxes
        visible = [
            seen.box for seen in truth(scene("calm"), captured.captured_at - scene_began_at) if seen.inside > 0.5
        ]
        if boxes and visible:
            middle = (visible[0].left + visible[0].right) / 2
            errors.append(min(abs((box[0] + box[2]) / 2 - middle) for box in boxes))
        if number == 15:
            break
    assert reader.facts.behind > 0
    assert len(errors) >= 5
    assert sorted(errors)[len(errors) // 2] < 0.25  # the bear crosses the picture in six seconds
