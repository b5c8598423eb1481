"""A camera's threshold keeps its promise of false alarms, and no bear ever pays for it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.tracking.operating_point import (
    STEP_A_DAY,
    ScoredVisit,
    VisitAnswer,
    Watched,
    ceiling,
    decide,
    floor,
    quantile,
)

OWN = 0.567
visits = st.lists(st.builds(ScoredVisit, st.floats(0.2, 0.97), st.sampled_from(VisitAnswer)), max_size=60).map(tuple)
watched = st.builds(Watched, visits, st.floats(0, 30), st.just(0.001), st.floats(0.3, 0.99), st.integers(0, 1_000_000))
befores = st.floats(floor(OWN), ceiling(OWN))
wishes = st.floats(0.05, 5)


def log_odds(score: float) -> float:
    return math.log(score / (1 - score))


@given(befores, watched, wishes, st.floats(0, 3))
def test_it_stays_between_floor_and_ceiling_and_moves_slowly(
    before: float, seen: Watched, a_day: float, elapsed: float
) -> None:
    found = decide(before, seen, OWN, a_day, elapsed)
    assert floor(OWN) - 1e-9 <= found.threshold <= ceiling(OWN) + 1e-9
    assert abs(log_odds(found.threshold) - log_odds(before)) <= STEP_A_DAY * min(elapsed, 1) + 1e-6
    assert found.reason


@given(befores, watched, wishes, st.lists(st.floats(0.2, 0.97), min_size=1, max_size=20))
def test_bears_never_raise_it(before: float, seen: Watched, a_day: float, peaks: list[float]) -> None:
    """Whether somebody has said that they were bears, or nobody has answered yet, or they were missed."""
    without = decide(before, seen, OWN, a_day, 1.0)
    for answer in (VisitAnswer.BEAR, VisitAnswer.OPEN, VisitAnswer.QUIET):
        bears = tuple(ScoredVisit(peak, answer) for peak in peaks)
        found = decide(before, replace(seen, visits=(*seen.visits, *bears)), OWN, a_day, 1.0)
        assert found.threshold <= max(before, without.threshold) + 1e-9


@given(befores, watched, wishes, st.lists(st.floats(0.2, 0.97), min_size=1, max_size=20))
def test_confirmed_bears_change_nothing_at_all(before: float, seen: Watched, a_day: float, peaks: list[float]) -> None:
    bears = tuple(ScoredVisit(peak, VisitAnswer.BEAR) for peak in peaks)
    with_bears = decide(before, replace(seen, visits=(*seen.visits, *bears)), OWN, a_day, 1.0)
    assert with_bears.threshold == decide(before, seen, OWN, a_day, 1.0).threshold


@given(befores, watched, wishes)
def test_who_accepts_more_false_alarms_never_gets_a_higher_threshold(
    before: float, seen: Watched, a_day: float
) -> None:
    strict, lenient = (decide(before, seen, OWN, wish, 1.0).threshold for wish in (a_day, 2 * a_day))
    if int(a_day * seen.days) >= 1:  # before that nothing is promised and nothing moves
        assert lenient <= strict + 1e-9


def test_a_quiet_camera_comes_to_listen_at_the_floor() -> None:
    threshold = OWN
    for day in range(1, 400):
        threshold = decide(threshold, Watched((), min(day, 30), 0.001, 0.1, 9999), OWN, 1.0, 1.0).threshold
    assert threshold == pytest.approx(0.24, abs=0.03)


def test_a_new_camera_keeps_the_models_own() -> None:
    found = decide(OWN, Watched((), 3.0, 0.001, 0.1, 9999), OWN, 0.2, 1.0)
    assert (found.threshold, found.wanted) == (OWN, None)
    assert "takes 5.0 to promise 0.2" in found.reason


def test_a_wish_beyond_the_ceiling_is_named() -> None:
    nest = tuple(ScoredVisit(0.95, VisitAnswer.NOT_A_BEAR) for _ in range(200))
    threshold = OWN
    for _day in range(30):
        found = decide(threshold, Watched(nest, 20.0, 0.001, 0.99, 9999), OWN, 1.0, 1.0)
        threshold = found.threshold
    assert threshold == pytest.approx(ceiling(OWN))
    assert "above the ceiling of 0.68" in found.reason


def test_an_alert_without_an_answer_holds_it_where_it_is() -> None:
    unanswered = tuple(ScoredVisit(0.9, VisitAnswer.OPEN) for _ in range(100))
    found = decide(OWN, Watched(unanswered, 20.0, 0.001, 0.99, 9999), OWN, 1.0, 1.0)
    assert found.threshold == OWN


def test_a_camera_whose_scores_are_constant_is_named_and_left_alone() -> None:
    found = decide(0.4, Watched((), 20.0, 0.031, 0.031, 5000), OWN, 1.0, 1.0)
    assert (found.threshold, found.wanted) == (0.4, None)
    assert "all 5000 frames scored 0.031" in found.reason
    assert not Watched((), 1.0, 0.03, 0.03, 50).constant


@given(st.lists(st.floats(0.2, 0.97), max_size=80), st.floats(0, 40), wishes)
def test_the_quantile_leaves_no_more_visits_above_it_than_wished(peaks: list[float], days: float, a_day: float) -> None:
    found = quantile(peaks, days, a_day)
    if found is not None:
        above = sum(peak >= found for peak in peaks)
        assert above <= a_day * days * (len(peaks) + 1) / max(1, len(peaks)) + 1e-6
