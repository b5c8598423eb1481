"""When a disk will be full, and lines that have gaps."""

from __future__ import annotations

import pytest

from core.charts.line import runs
from rollout.reports.sections.disk_forecast import forecast

HOUR_S = 3600.0


def hours(*free: float) -> list[tuple[float, float]]:
    """An hour after the other."""
    return [(number * HOUR_S, share) for number, share in enumerate(free)]


def test_a_disk_that_shrinks_is_full_where_the_line_meets_the_ground() -> None:
    found = forecast(hours(*(0.5 - 0.01 * n / 24 for n in range(72))))
    assert found is not None
    assert (found.a_day, found.days) == pytest.approx((0.01, 47.04), rel=0.01)
    assert found.over_s == 71 * HOUR_S


def test_one_that_does_not_shrink_has_no_last_day() -> None:
    for step in (0.0, 0.001):
        found = forecast(hours(*(0.5 + step * n / 24 for n in range(48))))
        assert found is not None
        assert found.days is None


def test_a_day_of_measurements_is_the_least() -> None:
    assert forecast(hours(*(0.5 - n / 100 for n in range(24)))) is None
    assert forecast(hours(*(0.5 - n / 100 for n in range(25)))) is not None
    assert forecast([]) is None


def test_the_line_begins_anew_when_somebody_has_made_room() -> None:
    falling = [0.30 - 0.1 * n / 24 for n in range(48)]
    assert forecast(hours(*falling, *[0.9] * 20)) is None
    found = forecast(hours(*falling, *(0.9 - 0.03 * n / 24 for n in range(48))))
    assert found is not None
    assert found.a_day == pytest.approx(0.03)


def test_points_far_apart_are_not_joined() -> None:
    points = [(0.0, 1.0), (60.0, 1.0), (400.0, 2.0), (460.0, 2.0)]
    assert [len(run) for run in runs(points, 180.0)] == [2, 2]
    assert list(runs([], 180.0)) == []
