"""Sampling, stamps, rates, lag, backoff, and the time inside recordings."""

from __future__ import annotations

import random

import pytest

from ingest.sources.backoff import FIRST_S, LONGEST_S, Backoff
from ingest.sources.lag import Lag
from ingest.sources.pace import FrameRateLimiter, RateMeter, Timestamper
from ingest.sources.playback import MediaTimeline


@pytest.mark.parametrize("source_fps", [5.0, 12.5, 15.0, 25.0, 29.97, 30.0, 60.0])
def test_a_stream_of_any_rate_is_sampled_five_times_a_second(source_fps: float) -> None:
    limiter, picked = FrameRateLimiter(5.0), 0
    for number in range(int(60 * source_fps)):
        at = number / source_fps
        if limiter.due(at):
            limiter.took(at)
            picked += 1
    assert picked == pytest.approx(300, abs=3)


def test_jitter_of_arrival_does_not_lower_the_rate() -> None:
    rng, limiter, picked = random.Random(3), FrameRateLimiter(5.0), 0
    for number in range(15 * 60):
        at = number / 15 + rng.uniform(0, 0.03)
        if limiter.due(at):
            limiter.took(at)
            picked += 1
    assert picked == pytest.approx(300, abs=5)


def test_every_picture_of_a_slow_camera_is_analysed() -> None:
    limiter = FrameRateLimiter(5.0)
    for number in range(20):
        assert limiter.due(number * 0.5)
        limiter.took(number * 0.5)


def test_a_pause_is_not_made_up_for_by_a_burst() -> None:
    limiter = FrameRateLimiter(5.0)
    limiter.took(0.0)
    assert limiter.due(10.0)
    limiter.took(10.0)
    assert not any(limiter.due(10.0 + number / 1000) for number in range(100))


def test_capture_times_only_grow_while_the_clock_is_nudged() -> None:
    timestamper = Timestamper()
    stamps = [timestamper.stamp(now) for now in (100.0, 100.0, 100.2, 99.0, 99.9, 100.3)]
    assert stamps == sorted(set(stamps))
    assert stamps[0] == 100.0
    assert stamps[2] == 100.2
    assert stamps[5] == 100.3


def test_pictures_after_a_clock_was_set_back_have_the_time_that_holds_then() -> None:
    timestamper = Timestamper()
    stamps = [timestamper.stamp(now) for now in (5000.0, 5000.2, 1400.4, 1400.6, 9000.0)]
    assert stamps == [5000.0, 5000.2, 1400.4, 1400.6, 9000.0]


def test_the_rate_is_that_of_the_last_seconds() -> None:
    meter = RateMeter()
    for number in range(300):
        meter.tick(number / 15)
    assert meter.per_second(20.0) == pytest.approx(15.0, rel=0.05)
    assert meter.per_second(40.0) == 0.0


def behind(lag: Lag, seconds: float, *, stream_rate: float, waiting: float, start: float = 0.0) -> list[bool]:
    """Ten packets a second; the stream's clock runs at ``stream_rate``, a share of the time is spent waiting."""
    return [
        lag.behind(start + number / 10, start + stream_rate * number / 10, waiting / 10, 0.1)
        for number in range(int(seconds * 10))
    ]


def test_a_reader_that_keeps_up_is_not_behind() -> None:
    assert not any(behind(Lag(), 30.0, stream_rate=1.0, waiting=0.9))


def test_a_reader_that_decodes_too_slowly_is_behind() -> None:
    assert any(behind(Lag(), 6.0, stream_rate=0.7, waiting=0.0))


def test_a_camera_whose_clock_runs_slow_is_not_taken_for_a_slow_reader() -> None:
    assert not any(behind(Lag(), 60.0, stream_rate=0.5, waiting=0.9))


def test_a_reader_that_has_caught_up_is_no_longer_behind() -> None:
    lag = Lag()
    assert behind(lag, 6.0, stream_rate=0.6, waiting=0.0)[-1]
    caught_up = [lag.behind(6.0 + number / 1000, 3.6 + number / 10, 0.0, 0.001) for number in range(24)]
    assert not caught_up[-1]


def test_a_stream_clock_that_leaps_is_survived() -> None:
    lag = Lag()
    behind(lag, 5.0, stream_rate=1.0, waiting=0.0)
    assert not any(lag.behind(5.0 + n / 10, -90_000.0 + n / 10, 0.0, 0.1) for n in range(50))


def test_packets_without_timestamps_are_never_late() -> None:
    lag = Lag()
    assert not any(lag.behind(number / 10, None, 0.0, 0.1) for number in range(100))


def test_the_first_retry_is_fast_and_later_ones_wait_up_to_half_a_minute() -> None:
    backoff = Backoff(random.Random(1))
    waits = [backoff.next_s() for _ in range(40)]
    assert waits[0] == FIRST_S
    assert waits[1] <= 1.0
    assert max(waits) <= LONGEST_S
    assert min(waits[8:]) > LONGEST_S / 2
    backoff.reset()
    assert backoff.next_s() == FIRST_S


def test_cameras_behind_one_switch_do_not_come_back_all_at_once() -> None:
    waits = []
    for seed in range(20):
        backoff = Backoff(random.Random(seed))
        waits.append([backoff.next_s() for _ in range(8)][-1])
    assert max(waits) - min(waits) > 5.0


def test_broken_timestamps_count_as_usual_steps() -> None:
    timeline = MediaTimeline(usual_step_s=0.1, longest_step_s=5.0)
    stamps = [3.0, 3.04, 3.08, None, None, 3.2, 1.0, 1.04, 999.0]
    elapsed = [timeline.advance(stamp) for stamp in stamps]
    assert elapsed == pytest.approx([0.0, 0.04, 0.08, 0.18, 0.28, 0.38, 0.48, 0.52, 0.62])
