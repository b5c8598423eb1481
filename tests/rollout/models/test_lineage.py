"""Who is champion follows from the changes in order, and a model once rolled back from never comes back by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from db.models import ChangeKind, ChangeTrigger
from rollout.models.lineage import ChampionChange, Standing, standing_after

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def promoted(number: int, to: str) -> ChampionChange:
    """Somebody promoted a model."""
    return ChampionChange(number, float(number), ChangeKind.PROMOTE, ChangeTrigger.PERSON, None, to)


def rolled_back(number: int) -> ChampionChange:
    """Somebody rolled the champion back."""
    return ChampionChange(number, float(number), ChangeKind.ROLLBACK, ChangeTrigger.PERSON, None, None)


def test_before_any_change_the_configured_model_is_champion_and_nothing_can_be_rolled_back() -> None:
    there = standing_after([])
    assert (there.champion, there.may_roll_back, there.last) == (None, False, None)


def test_rollbacks_go_down_the_lineage_to_the_configured_model() -> None:
    there = standing_after([promoted(1, A), promoted(2, B)])
    assert (there.champion, there.previous) == (B, A)
    there = standing_after([promoted(1, A), promoted(2, B), rolled_back(3)])
    assert (there.champion, there.previous) == (A, None)
    there = standing_after([promoted(1, A), promoted(2, B), rolled_back(3), rolled_back(4)])
    assert (there.champion, there.may_roll_back) == (None, False)


def test_a_model_that_was_rolled_back_from_is_not_what_the_next_one_goes_back_to() -> None:
    there = standing_after([promoted(1, A), promoted(2, B), rolled_back(3), promoted(4, C)])
    assert (there.champion, there.previous) == (C, A)


@given(st.lists(st.sampled_from([A, B, C, None]), max_size=30))
def test_a_rollback_right_after_a_promotion_leaves_everything_as_it_was(course: list[str | None]) -> None:
    events = [rolled_back(n) if to is None else promoted(n, to) for n, to in enumerate(course)]
    before: Standing = standing_after(events)
    after = standing_after([*events, promoted(100, A), rolled_back(101)])
    assert after.lineage == before.lineage
    assert before.lineage[0] is None
