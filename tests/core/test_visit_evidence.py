"""What frames say together: more never makes less, and how many a second there are does not matter."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.visit_evidence import STRONGEST, WEAKEST, along, independent, level_of, needed
from detector.tracking.tracker import AlertRule, Opened, Track, bear_level, expire, observe
from detector.tracking.visit_peaks import LADDER, VisitPeaks
from tests.support.factories import T0, scored

RULE = AlertRule(min_hits=3, unknown_hits=4, window_s=3.0, quiet_gap_s=60.0, context_s=3.0)
rows = st.lists(st.tuples(st.floats(0.05, 15.0), st.floats(0.0, 1.0), st.floats(0.0, 0.5)), min_size=1, max_size=40)


@given(rows, st.floats(0.05, 0.95))
def test_a_higher_score_never_lowers_the_evidence(row: list[tuple[float, float, float]], threshold: float) -> None:
    at, low, high = 0.0, [], []
    for since, score, more in row:
        at += since
        low.append((at, level_of(score, threshold)))
        high.append((at, level_of(min(score + more, 1.0), threshold)))
    for less, more_ in zip(along(low, 3.0), along(high, 3.0), strict=True):
        assert more_.total >= less.total - 1e-9


@given(rows, st.floats(0.05, 0.9), st.floats(0.0, 0.09))
def test_a_higher_threshold_never_raises_it(
    row: list[tuple[float, float, float]], threshold: float, more: float
) -> None:
    at, frames = 0.0, []
    for since, score, _more in row:
        at += since
        frames.append((at, score))
    lower, higher = (
        list(along([(at, level_of(score, limit)) for at, score in frames], 3.0))
        for limit in (threshold, threshold + more)
    )
    assert all(one.total <= other.total + 1e-9 for one, other in zip(higher, lower, strict=True))


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_level_is_a_log_odd_with_limits(score: float, threshold: float) -> None:
    assert WEAKEST <= level_of(score, threshold) <= STRONGEST
    assume(0.01 < threshold < 0.99)
    assert level_of(threshold, threshold) == pytest.approx(1.0)


@pytest.mark.parametrize("level", [0.3, 0.6, 1.0, STRONGEST])
@pytest.mark.parametrize("fps", [2.5, 10, 15, 30])
def test_the_frame_rate_does_not_change_when_a_bear_is_told(fps: float, level: float) -> None:
    def told(rate: float) -> float:
        frames = [(number / rate, level) for number in range(int(60 * rate))]
        return next(found.at for found in along(frames, 3.0) if found.total >= needed(3))

    assert told(fps) == pytest.approx(told(5), rel=0.15, abs=0.41)


def test_a_hundred_copies_of_one_frame_say_no_more_than_one() -> None:
    *_rest, last = along([(0.0001 * number, 1.0) for number in range(100)], 3.0)
    assert last.total < needed(3)


def test_a_minute_of_the_same_says_no_more_than_twenty_seconds_can() -> None:
    totals = [found.total for found in along([(number / 5, 1.0) for number in range(3000)], 3.0)]
    assert max(totals) == pytest.approx(totals[-1])
    assert totals[-1] < 1.0 + 20.0 / 2.0


def test_what_follows_at_once_is_no_news_and_what_follows_late_is() -> None:
    assert independent(0.0) == 0.0
    assert independent(2.0) == pytest.approx(1 - math.exp(-1))
    assert independent(1e6) == 1.0


@given(
    st.lists(st.tuples(st.floats(0.05, 4.0), st.floats(0.0, 1.0)), min_size=1, max_size=60),
    st.sampled_from(LADDER),
)
def test_a_visits_peak_is_the_threshold_at_which_it_would_just_have_alerted(
    row: list[tuple[float, float]], threshold: float
) -> None:
    """Beside the tracker itself: at each threshold, an alert where the peak reaches it and none where it does not."""
    at, frames = T0, []
    for since, score in row:
        at += since
        frames.append((at, score))
    assume(at - T0 < 500)
    peaks, track, told = VisitPeaks(), Track(), False
    for at, score in frames:
        peaks.add(scored(score, at=at), RULE)
        track, changes = observe(track, scored(score, at=at, threshold=threshold), RULE)
        told = told or any(isinstance(change, Opened) for change in changes)
    peaks.expire(at + 1000, lambda _camera: RULE)
    peak = max((visit.peak for visit in peaks.take()), default=0.0)
    assert told == (peak >= threshold - 1e-9)


def test_leaves_that_move_all_day_are_many_visits_and_a_bear_of_an_hour_is_a_few() -> None:
    peaks = VisitPeaks()
    for step in range(3600):
        peaks.add(scored(0.5, at=T0 + step), RULE)
    peaks.expire(T0 + 4000, lambda _camera: RULE)
    assert len(peaks.take()) == 6


def test_a_frame_without_crops_speaks_against_a_bear() -> None:
    assert bear_level(replace(scored(0.9), crops=())) == WEAKEST
    assert expire(Track(), T0, RULE) == (Track(), [])
