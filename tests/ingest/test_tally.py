"""Counts survive an absent Redis and carry the names that Prometheus knows."""

from __future__ import annotations

from ingest.tally import DROPPED, SENT, Tally, counter_names


def test_a_camera_knows_what_it_sent_and_what_was_dropped() -> None:
    tally = Tally()
    tally.sent("creek", "motion", 3)
    tally.sent("creek", "keepalive")
    tally.sent("trail", "motion")
    tally.dropped("creek", "spool_full", 2)
    assert tally.of("creek") == ({"motion": 3, "keepalive": 1}, {"spool_full": 2})
    assert tally.of("trail") == ({"motion": 1}, {})


def test_counts_are_told_once_and_wait_while_nobody_listens() -> None:
    tally = Tally()
    tally.sent("creek", "motion", 3)
    first = tally.untold()
    tally.sent("creek", "motion", 2)
    tally.tell(first)
    assert tally.untold() == {(SENT, "creek", "motion"): 2}
    tally.tell(tally.untold())
    assert tally.untold() == {}


def test_counters_are_named_as_prometheus_prints_them() -> None:
    names = counter_names({(DROPPED, "creek", "redis_full"): 4})
    assert names == {'bearwatch_frames_dropped_total{camera_name="creek",reason="redis_full"}': 4}


def test_frames_that_a_full_stream_let_go_are_no_cameras() -> None:
    tally = Tally()
    tally.overflowed(7)
    assert counter_names(tally.untold()) == {"bearwatch_frames_overflowed_total": 7}
