"""Counts survive an absent Redis and carry the names that Prometheus knows."""

from __future__ import annotations

from ingest.tally import DROPPED, SENT, FrameCounters, counter_names


def test_a_camera_knows_what_it_sent_and_what_was_dropped() -> None:
    counters = FrameCounters()
    counters.sent("creek", "motion", 3)
    counters.sent("creek", "keepalive")
    counters.sent("trail", "motion")
    counters.dropped("creek", "spool_full", 2)
    assert counters.of("creek") == ({"motion": 3, "keepalive": 1}, {"spool_full": 2})
    assert counters.of("trail") == ({"motion": 1}, {})


def test_counts_are_told_once_and_wait_while_nobody_listens() -> None:
    counters = FrameCounters()
    counters.sent("creek", "motion", 3)
    first = counters.unreported()
    counters.sent("creek", "motion", 2)
    counters.mark_reported(first)
    assert counters.unreported() == {(SENT, "creek", "motion"): 2}
    counters.mark_reported(counters.unreported())
    assert counters.unreported() == {}


def test_counters_are_named_as_prometheus_prints_them() -> None:
    names = counter_names({(DROPPED, "creek", "redis_full"): 4})
    assert names == {'bearwatch_frames_dropped_total{camera_name="creek",reason="redis_full"}': 4}


def test_frames_that_a_full_stream_let_go_are_no_cameras() -> None:
    counters = FrameCounters()
    counters.overflowed(7)
    assert counter_names(counters.unreported()) == {"bearwatch_frames_overflowed_total": 7}
