"""The frame road on a real server: bounded, at least once, and nothing lost with a dead worker."""

from __future__ import annotations

import pytest
import redis

import core.streams
from core.messages import Frame, FrameScores
from core.streams import DETECTORS, TRACKER, Entry, FrameRoad
from tests.support.factories import T0, frame, scored
from tests.support.waiting import wait_for


@pytest.fixture
def road(redis_client: redis.Redis) -> FrameRoad:
    """An empty road with its groups."""
    road = FrameRoad(redis_client)
    road.ensure_group(road.frames, DETECTORS)
    road.ensure_group(road.scores, TRACKER)
    return road


def test_frames_come_out_in_the_order_they_went_in(road: FrameRoad) -> None:
    sent = [frame(at=T0 + step) for step in range(5)]
    assert road.send_frames(sent) == 0
    entries = road.read(road.frames, DETECTORS, "one", 10, None)
    assert [Frame.unpack(entry.fields) for entry in entries] == sent


def test_each_frame_goes_to_one_worker(road: FrameRoad) -> None:
    road.send_frames([frame(at=T0 + step) for step in range(4)])
    first = road.read(road.frames, DETECTORS, "one", 2, None)
    second = road.read(road.frames, DETECTORS, "two", 10, None)
    assert len({entry.id for entry in (*first, *second)}) == 4


def test_what_falls_off_the_bounded_stream_is_counted(road: FrameRoad, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core.streams, "MAX_FRAMES", 10)
    assert road.send_frames([frame(at=T0 + step) for step in range(8)]) == 0
    assert road.send_frames([frame(at=T0 + step) for step in range(8, 15)]) == 5


def test_a_dead_worker_loses_no_frame(road: FrameRoad) -> None:
    road.send_frames([frame(at=T0 + step) for step in range(3)])
    held = road.read(road.frames, DETECTORS, "dead", 10, None)
    assert road.take_over(road.frames, DETECTORS, "alive", 10_000, 10) == []
    taken = list[tuple[Entry, int]]()

    def takes_over() -> bool:
        taken.extend(road.take_over(road.frames, DETECTORS, "alive", 10, 10))
        return len(taken) == 3

    wait_for(takes_over)
    assert [(entry.id, tries) for entry, tries in taken] == [(entry.id, 2) for entry in held]


def test_a_scored_frame_is_finished_and_its_scores_wait_for_the_tracker(road: FrameRoad) -> None:
    road.send_frames([frame()])
    (entry,) = road.read(road.frames, DETECTORS, "one", 10, None)
    road.publish_scores(DETECTORS, [(entry, scored(0.9))])
    assert road.waiting(road.frames, DETECTORS) == (0, 0)
    assert road.client.xlen(road.frames) == 0
    (score,) = road.read(road.scores, TRACKER, "tracker", 10, None)
    assert FrameScores.unpack(score.fields) == scored(0.9)


def test_a_new_tracker_tells_finished_unfinished_and_unread_apart(road: FrameRoad) -> None:
    """An unread entry taken for a finished one would be an alert lost."""
    road.send_frames([frame(at=T0 + n) for n in range(3)])
    entries = road.read(road.frames, DETECTORS, "one", 10, None)
    road.publish_scores(DETECTORS, [(entry, scored(0.9, at=T0 + n)) for n, entry in enumerate(entries)])
    finished, unfinished = road.read(road.scores, TRACKER, "tracker", 2, None)
    road.acknowledge(road.scores, TRACKER, [finished.id])
    assert [entry.id for entry in road.finished(road.scores, TRACKER, "tracker", 10)] == [finished.id]
    assert [entry.id for entry in road.unfinished(road.scores, TRACKER, "tracker")] == [unfinished.id]
    assert len(road.newest(road.scores, 10)) == 3


def test_a_buried_entry_says_why(road: FrameRoad) -> None:
    road.send_frames([frame()])
    (entry,) = road.read(road.frames, DETECTORS, "one", 10, None)
    road.bury(DETECTORS, entry, "cannot be decoded")
    assert road.waiting(road.frames, DETECTORS) == (0, 0)
    (dead,) = road.newest(road.dead, 10)
    assert dead.fields[b"why"] == b"cannot be decoded"


def test_a_server_that_lost_its_memory_is_met_with_new_groups(road: FrameRoad) -> None:
    road.client.flushall()
    assert road.read(road.frames, DETECTORS, "one", 10, None) == []
    assert road.take_over(road.late, DETECTORS, "one", 10, 10) == []
    road.send_frames([frame()])
    assert len(road.read(road.frames, DETECTORS, "one", 10, None)) == 1
