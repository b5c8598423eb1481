"""A night has 24 hours, and 23 or 25 when the clocks change; the page draws each where it belongs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from core.night_span import date_of, night, parse_date
from review_ui.nights.scrub import thumbnail_at
from review_ui.nights.view import bands

HERE = "America/Los_Angeles"


@pytest.mark.parametrize(
    ("day", "hours", "labels"),
    [
        (date(2027, 1, 15), 24, ["12", "15", "18", "21", "00", "03", "06", "09"]),
        (date(2026, 10, 31), 25, ["12", "15", "18", "21", "00", "03", "06", "09"]),
        (date(2027, 3, 13), 23, ["12", "15", "18", "21", "00", "03", "06", "09"]),
    ],
)
def test_a_night_runs_from_noon_to_noon_by_the_clock(day: date, hours: int, labels: list[str]) -> None:
    found = night(day, HERE)
    assert found.hours == hours
    ticks = list(found.ticks())
    assert [tick.label for tick in ticks] == labels
    gaps = [round((b.x - a.x) * hours / 1000, 6) for a, b in pairwise(ticks)]
    assert sorted(gaps) == sorted([3.0] * (len(gaps) - 1) + [3.0 + hours - 24])


def test_an_hour_that_comes_twice_is_two_places_in_the_night() -> None:
    found = night(date(2026, 10, 31), HERE)
    first = datetime(2026, 11, 1, 8, 30, tzinfo=UTC).timestamp()  # 01:30, summer time
    assert found.x(first + 3600) - found.x(first) == pytest.approx(1000 / 25)


def test_a_moment_belongs_to_the_night_that_began_the_noon_before() -> None:
    assert date_of(datetime(2027, 1, 15, 19, 59, tzinfo=UTC).timestamp(), HERE) == date(2027, 1, 14)  # 11:59
    assert date_of(datetime(2027, 1, 15, 20, 0, tzinfo=UTC).timestamp(), HERE) == date(2027, 1, 15)
    assert date_of(datetime(2027, 1, 16, 10, 0, tzinfo=UTC).timestamp(), HERE) == date(2027, 1, 15)


def test_moments_outside_are_brought_inside() -> None:
    found = night(date(2027, 1, 15), HERE)
    assert (found.clamp(0), found.clamp(9e11)) == (found.start, found.end - 1)
    assert (found.x(0), found.x(9e11)) == (0, 1000)


@pytest.mark.parametrize("text", ["", "tonight", "2027-1-5", "2027-02-30", "9999-12-31", "0001-01-01", "2027-01-15x"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_date(text) is None


def test_minutes_in_which_nobody_looked_become_bands_and_the_last_minutes_stay_open() -> None:
    found = night(date(2027, 1, 15), HERE)
    scored = (1 << 60) - 1 & ~(0b11111 << 10)  # all but the minutes 10 to 14
    now = found.start + 3600 + 600
    joined = bands([(found.start, scored)], found, now)
    spans = [((b.start - found.start) / 60, (b.end - found.start) / 60, b.scored) for b in joined]
    assert spans == [(0, 10, True), (10, 15, False), (15, 60, True), (60, 67, False)]


def test_a_camera_of_which_nothing_is_known_was_blind_all_night() -> None:
    found = night(date(2027, 1, 15), HERE)
    (band,) = bands([], found, found.end + 9999)
    assert (band.scored, band.end - band.start) == (False, 24 * 3600)


def test_a_thumbnail_is_found_by_its_minute() -> None:
    minutes = 0b1011  # minutes 0, 1 and 3
    assert thumbnail_at(["a", "b", "c"], minutes, 0.0, 100.0) == ("b", 90.0)
    assert thumbnail_at(["a", "b", "c"], minutes, 0.0, 230.0) == ("c", 210.0)
    assert thumbnail_at(["a", "b", "c"], minutes, 0.0, 900.0) is None  # too far away to say anything
    assert thumbnail_at(["a", "b"], minutes, 0.0, 2600.0) == ("b", 2700.0)  # not one a minute: spread over the hour
    assert thumbnail_at([], minutes, 0.0, 100.0) is None
