"""A night of a campsite belongs to one split, whole and for ever."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core.config import Config
from core.night_span import date_of, night
from db.models import Campsite, Verdict
from db.places import sync_places
from rollout.evidence.labels import Split, bear_night, split_of
from tests.support.factories import T0
from tests.support.labelling import Rangers

ZONES = ("America/Los_Angeles", "America/Anchorage", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "UTC")
DAY_S = 86400.0

campsites = st.sampled_from(["upper-pines", "lower-pines", "tunnel"])
moments = st.floats(min_value=1.7e9, max_value=2.2e9)
labelled = st.tuples(campsites, moments)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("upper-pines/2026-11-30", "train"),
        ("upper-pines/2026-12-01", "train"),
        ("upper-pines/2027-01-14", "rolling"),
        ("lower-pines/2026-11-30", "train"),
        ("lower-pines/2026-12-24", "train"),
        ("tunnel/2026-03-07", "golden"),
        ("tunnel/2026-03-08", "golden"),
    ],
)
def test_a_night_is_on_the_side_on_which_it_was_in_the_first_version(name: str, split: str) -> None:
    assert split_of(name) == split


def test_a_fifth_of_the_nights_judges_a_fifth_is_the_rolling_set_and_the_others_train() -> None:
    nights = [f"campsite-{site}/{date(2026, 1, 1) + timedelta(day)}" for site in range(20) for day in range(365)]
    counted = Counter(split_of(each) for each in nights)
    assert {split: round(count / len(nights), 2) for split, count in counted.items()} == {
        Split.GOLDEN: pytest.approx(0.2, abs=0.02),
        Split.ROLLING: pytest.approx(0.2, abs=0.02),
        Split.TRAIN: pytest.approx(0.6, abs=0.02),
    }


@given(site=campsites, at=moments, share=st.floats(0, 1, exclude_max=True), zone=st.sampled_from(ZONES))
def test_every_moment_of_a_night_is_on_its_side(site: str, at: float, share: float, zone: str) -> None:
    span = night(date_of(at, zone), zone)  # from noon to noon, 23 to 25 hours
    other = span.start + share * (span.end - span.start - 0.001)
    assert bear_night(site, at, zone) == bear_night(site, other, zone)
    assert bear_night(site, span.end, zone) != bear_night(site, at, zone)
    assert bear_night(site, span.start - 1.0, zone) != bear_night(site, at, zone)


@given(before=st.lists(labelled, max_size=30), more=st.lists(labelled, max_size=30), zone=st.sampled_from(ZONES))
def test_no_night_is_on_two_sides_and_more_labels_move_none(
    before: list[tuple[str, float]], more: list[tuple[str, float]], zone: str
) -> None:
    def sides(labels: list[tuple[str, float]]) -> dict[tuple[str, date], set[Split]]:
        found = defaultdict(set)
        for site, at in labels:
            found[site, date_of(at, zone)].add(split_of(bear_night(site, at, zone)))
        return found

    first, then = sides(before), sides([*more, *before])
    assert all(len(splits) == 1 for splits in then.values())
    assert all(then[night] == splits for night, splits in first.items())


def test_what_is_labelled_later_moves_no_label_to_another_side(rangers: Rangers) -> None:
    at = T0
    for number in range(8):
        for camera in ("upper-creek", "lower-meadow"):
            _, alert = rangers.visit(at + number * DAY_S, camera)
            rangers.says(alert, rangers.rosa, Verdict.BEAR, at + number * DAY_S + 60)
    early = rangers.labels(T0 + 4 * DAY_S)
    for number in range(4):  # a second visit in each of those nights
        _, alert = rangers.visit(at + number * DAY_S + 1800, "upper-trail")
        rangers.says(alert, rangers.ben, Verdict.NOT_A_BEAR, T0 + 9 * DAY_S)
    late = rangers.labels(T0 + 10 * DAY_S)
    assert len(early) == 8
    assert len(late) == 20
    assert all(late[item].split is label.split for item, label in early.items())
    sides = defaultdict(set)
    for label in late.values():
        sides[label.bear_night].add(label.split)
    assert all(len(splits) == 1 for splits in sides.values())
    assert {Split.TRAIN, Split.GOLDEN} < set().union(*sides.values())


def test_a_clock_that_is_corrected_moves_no_night(rangers: Rangers) -> None:
    """The night of a label is told by the clock that the campsite had when it was first known."""
    _, alert = rangers.visit(T0)
    rangers.says(alert, rangers.rosa, Verdict.BEAR, T0 + 60)
    before = rangers.labels()
    corrected = rangers.config.model_dump(mode="json", include={"regions", "campsites", "cameras"})
    corrected["regions"]["sierra"]["timezone"] = "Asia/Tokyo"
    with rangers.database.write() as session:
        sync_places(session, Config.model_validate(corrected))
        assert session.scalars(select(Campsite.night_timezone)).all() == ["America/Los_Angeles"] * 2
    assert rangers.labels() == before
