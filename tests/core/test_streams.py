"""The frame streams on a real server: bounded, at least once, and nothing lost with a dead worker."""

from __future__ import annotations

import pytest
import redis

import core.streams
from core.messages import Frame, FrameScores
from core.streams import DETECTORS, TRACKER, FrameStreams, StreamEntry
from tests.support.factories import T0, frame, scored
from tests.support.waiting import wait_for


@pytest.fixture
def streams(redis_client: redis.Redis) -> FrameStreams:
    """An empty road with its groups."""
    streams = FrameStreams(redis_client)
    streams.ensure_group(streams.frames, DETECTORS)
    streams.ensure_group(streams.scores, TRACKER)
    return streams


def test_frames_come_out_in_the_order_they_went_in(streams: FrameStreams) -> None:
    sent = [frame(at=T0 + step) for step in range(5)]
    assert streams.send_frames(sent) == 0
    entries = streams.read(streams.frames, DETECTORS, "one", 10, None)
    assert [Frame.unpack(entry.fields) for entry in entries] == sent


def test_each_frame_goes_to_one_worker(streams: FrameStreams) -> None:
    streams.send_frames([frame(at=T0 + step) for step in range(4)])
    first = streams.read(streams.frames, DETECTORS, "one", 2, None)
    second = streams.read(streams.frames, DETECTORS, "two", 10, None)
    assert len({entry.id for entry in (*first, *second)}) == 4


def test_what_falls_off_the_bounded_stream_is_counted(streams: FrameStreams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core.streams, "MAX_FRAMES", 10)
    assert streams.send_frames([frame(at=T0 + step) for step in range(8)]) == 0
    assert streams.send_frames([frame(at=T0 + step) for step in range(8, 15)]) == 5


def test_a_dead_worker_loses_no_frame(streams: FrameStreams) -> None:
    streams.send_frames([frame(at=T0 + step) for step in range(3)])
    held = streams.read(streams.frames, DETECTORS, "dead", 10, None)
    assert streams.claim(streams.frames, DETECTORS, "alive", 10_000, 10) == []
    taken = list[tuple[StreamEntry, int]]()

    def takes_over() -> bool:
        taken.extend(streams.claim(streams.frames, DETECTORS, "alive", 10, 10))
        return len(taken) == 3

    wait_for(takes_over)
    assert [(entry.id, tries) for entry, tries in taken] == [(entry.id, 2) for entry in held]


def test_a_scored_frame_is_finished_and_its_scores_wait_for_the_tracker(streams: FrameStreams) -> None:
    streams.send_frames([frame()])
    (entry,) = streams.read(streams.frames, DETECTORS, "one", 10, None)
    streams.publish_scores(DETECTORS, [(entry, scored(0.9))])
    assert streams.waiting(streams.frames, DETECTORS) == (0, 0)
    assert streams.client.xlen(streams.frames) == 0
    (score,) = streams.read(streams.scores, TRACKER, "tracker", 10, None)
    assert FrameScores.unpack(score.fields) == scored(0.9)


def test_a_new_tracker_tells_acked_pending_and_unread_apart(streams: FrameStreams) -> None:
    """An unread entry taken for a finished one would be an alert lost."""
    streams.send_frames([frame(at=T0 + n) for n in range(3)])
    entries = streams.read(streams.frames, DETECTORS, "one", 10, None)
    streams.publish_scores(DETECTORS, [(entry, scored(0.9, at=T0 + n)) for n, entry in enumerate(entries)])
    acked, pending = streams.read(streams.scores, TRACKER, "tracker", 2, None)
    streams.acknowledge(streams.scores, TRACKER, [acked.id])
    assert [entry.id for entry in streams.acked(streams.scores, TRACKER, "tracker", 10)] == [acked.id]
    assert [entry.id for entry in streams.pending(streams.scores, TRACKER, "tracker")] == [pending.id]
    assert len(streams.newest(streams.scores, 10)) == 3


def test_a_dead_letter_says_why(streams: FrameStreams) -> None:
    streams.send_frames([frame()])
    (entry,) = streams.read(streams.frames, DETECTORS, "one", 10, None)
    streams.dead_letter(DETECTORS, entry, "cannot be decoded")
    assert streams.waiting(streams.frames, DETECTORS) == (0, 0)
    (dead,) = streams.newest(streams.dead, 10)
    assert dead.fields[b"why"] == b"cannot be decoded"


def test_a_server_that_lost_its_memory_is_met_with_new_groups(streams: FrameStreams) -> None:
    streams.client.flushall()
    assert streams.read(streams.frames, DETECTORS, "one", 10, None) == []
    assert streams.claim(streams.late, DETECTORS, "one", 10, 10) == []
    streams.send_frames([frame()])
    assert len(streams.read(streams.frames, DETECTORS, "one", 10, None)) == 1
