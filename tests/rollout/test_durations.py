"""Durations on the wall clock: days are days of the calendar, hours are hours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.clock import civil
from rollout.base.durations import Duration, tzdata_version
from rollout.stages.spec import StageDuration
from tests.support.rollout.rollout_plans import DAY_S, ZONE, default_plan, local


@pytest.mark.parametrize(
    ("start", "duration", "hours"),
    [
        ((2026, 10, 31, 18, 0), "1d", 25.0),
        ((2026, 3, 7, 18, 0), "1d", 23.0),
        ((2026, 6, 1, 18, 0), "1d", 24.0),
        ((2026, 10, 31, 18, 0), "24h", 24.0),
        ((2026, 10, 31, 18, 0), "1d12h", 37.0),
        ((2026, 10, 25, 12, 0), "2w", 14 * 24 + 1.0),
    ],
)
def test_a_day_is_the_same_wall_clock_time_on_the_next_one(start: tuple[int, ...], duration: str, hours: float) -> None:
    at = local(*start)
    assert (Duration.parse(duration).after(at, ZONE) - at) / 3600 == hours


def test_a_time_that_does_not_exist_becomes_as_much_later() -> None:
    end = civil(Duration.parse("1d").after(local(2026, 3, 7, 2, 30), ZONE), ZONE)
    assert (end.day, end.hour, end.minute) == (8, 3, 30)


def test_of_a_time_that_exists_twice_the_first_is_meant() -> None:
    end = Duration.parse("1d").after(local(2026, 10, 31, 1, 30), ZONE)
    assert end - local(2026, 10, 31, 1, 30) == DAY_S
    assert civil(end, ZONE).fold == 0


@pytest.mark.parametrize("text", ["", "1", "d", "1 d", "1d1d", "1h1d", "-1d", "1.5d", "1y"])
def test_what_is_no_duration_is_answered_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write a duration such as 30s, 5m, 24h, 1d or 2w"):
        Duration.parse(text)


@pytest.mark.parametrize("text", ["0s", "90s", "5m", "24h", "1d", "14d", "1d12h"])
def test_a_duration_is_written_so_that_it_can_be_read_again(text: str) -> None:
    assert Duration.parse(str(Duration.parse(text))) == Duration.parse(text)


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        ((2027, 5, 3, 18, 0), "7d", (2027, 5, 10, 12, 0)),
        ((2027, 5, 3, 9, 0), "7d", (2027, 5, 9, 12, 0)),
        ((2027, 5, 3, 18, 0), "1d", (2027, 5, 4, 18, 0)),
        ((2026, 10, 30, 18, 0), "2d", (2026, 11, 1, 12, 0)),
        ((2026, 10, 30, 13, 0), "36h", (2026, 10, 31, 12, 0)),
    ],
)
def test_a_stage_longer_than_a_day_ends_earlier_at_noon(
    start: tuple[int, ...], duration: str, end: tuple[int, ...]
) -> None:
    plan = default_plan()
    stage = replace(plan.stages[1], duration=StageDuration.model_validate(duration))
    assert plan.deadline(stage, local(*start)) == local(*end)


def test_evidence_is_analysed_near_the_end_of_a_stage_or_after_its_minimum() -> None:
    plan, start = default_plan(), local(2027, 5, 3, 18, 0)
    shadow, one_day, one_week = plan.stages[:3]
    assert plan.analysis_opens_at(shadow, start, plan.deadline(shadow, start)) == local(2027, 5, 17, 18, 0)
    assert plan.analysis_opens_at(one_day, start, plan.deadline(one_day, start)) == local(2027, 5, 4, 12, 0)
    assert plan.analysis_opens_at(one_week, start, plan.deadline(one_week, start)) == local(2027, 5, 9, 12, 0)


def test_the_version_of_the_time_zone_data_is_known() -> None:
    assert tzdata_version()[:2] == "20"
