"""Photographs of one camera within a minute are one visit."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bearwatch.photo_folder.bursts import SortedPhoto, bursts

NOON = datetime(2026, 6, 1, 12)


def photo(file: str, seconds: float | None, bear: float = 0.1, verdict: str = "deer") -> SortedPhoto:
    at = None if seconds is None else NOON + timedelta(seconds=seconds)
    return SortedPhoto(file, at, {"bear": bear, "deer": 1 - bear}, verdict, bear >= 0.4, 0.4, False, (0, 0, 1, 1))


def test_three_photographs_of_one_trigger_are_one_event_and_the_best_one_speaks() -> None:
    (event,) = bursts([photo("a/1", 0), photo("a/2", 1, 0.9, "bear"), photo("a/3", 2)])
    assert (event.verdict, event.best.file, len(event.photos)) == ("bear", "a/2", 3)


def test_two_cameras_at_the_same_moment_are_two_events() -> None:
    assert len(bursts([photo("a/1", 0), photo("b/1", 0)])) == 2


def test_a_pause_begins_a_new_event_and_a_long_visit_stays_one() -> None:
    assert [len(e.photos) for e in bursts([photo(f"a/{n:03}", 50.0 * n) for n in range(100)])] == [100]
    assert [len(e.photos) for e in bursts([photo("a/1", 0), photo("a/2", 61)])] == [1, 1]


def test_photographs_without_a_time_are_not_guessed_together() -> None:
    assert len(bursts([photo("a/1", None), photo("a/2", None)])) == 2


def test_an_animal_outweighs_the_empty_frames_around_it() -> None:
    empty = [photo(f"a/{n}", n, 0.0, "empty") for n in range(3)]
    (event,) = bursts([*empty, photo("a/9", 4, 0.1, "deer")])
    assert event.verdict == "deer"


@given(st.lists(st.tuples(st.sampled_from("ab"), st.one_of(st.none(), st.integers(0, 500)))), st.randoms())
def test_every_photograph_is_in_one_event_whatever_the_order(taken: list[tuple[str, int | None]], random) -> None:  # type: ignore[no-untyped-def]
    photos = [photo(f"{camera}/{n:03}", at) for n, (camera, at) in enumerate(taken)]
    shuffled = list(photos)
    random.shuffle(shuffled)

    def groups(given: list[SortedPhoto]) -> set[frozenset[str]]:
        return {frozenset(p.file for p in event.photos) for event in bursts(given)}

    assert groups(photos) == groups(shuffled)
    assert sorted(file for group in groups(photos) for file in group) == sorted(p.file for p in photos)
