"""When a champion gives way by itself, and when it is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from db.models import ChangeKind, ChangeTrigger
from rollout.breakers import Breakers
from rollout.breakers.breaker_spec import ABOUT_THE_MODEL
from rollout.models.automatic_rollback import (
    NEW_FOR_S,
    ON_TRIAL_S,
    DetectorReport,
    ModelTrip,
    rollback_cause,
)
from rollout.models.lineage import ChampionChange, Standing

A, B = "a" * 64, "b" * 64
AT = 1000.0
PROMOTED = Standing((None, A, B), ChampionChange(7, AT, ChangeKind.PROMOTE, ChangeTrigger.PERSON, A, B))
BACK = Standing((None, A), ChampionChange(8, AT, ChangeKind.ROLLBACK, ChangeTrigger.BREAKER, B, A))


def report(state: str, process: str = "detector:one", change: int = 7) -> DetectorReport:
    """What a detector says."""
    return DetectorReport(process, "campsite@224:bbbbbbbb", change, state, None, "its scores are no numbers")


def test_a_new_champion_that_one_detector_refuses_gives_way() -> None:
    cause = rollback_cause(PROMOTED, None, [report("refused"), report("in_use", "detector:two")], [], AT + 5)
    assert cause is not None
    assert cause.trigger is ChangeTrigger.REFUSED
    assert cause.why == "detector:one refused it: its scores are no numbers"


def test_a_detector_that_comes_much_later_without_the_bundle_takes_no_champion_from_the_others() -> None:
    late = AT + NEW_FOR_S + 1
    assert rollback_cause(PROMOTED, AT, [report("refused"), report("in_use", "detector:two")], [], late) is None
    assert rollback_cause(PROMOTED, AT, [report("refused")], [], late) is not None, "but nobody uses it any more"


def test_a_refusal_of_another_change_and_one_that_still_loads_say_nothing() -> None:
    assert rollback_cause(PROMOTED, None, [report("refused", change=6), report("loading")], [], AT + 5) is None


def test_a_model_that_was_rolled_back_to_and_is_refused_gives_way_to_the_one_before_it() -> None:
    assert rollback_cause(BACK, None, [report("refused", change=8)], [], AT + 5) is not None
    bottom = Standing((None,), BACK.last)
    assert rollback_cause(bottom, None, [report("refused", change=8)], [], AT + 5) is None


def test_a_breaker_about_the_model_that_opens_after_its_first_frame_takes_it_back() -> None:
    trip = ModelTrip("canary_clip", AT + 60, "2 test clips missed in a row")
    cause = rollback_cause(PROMOTED, AT + 20, [report("in_use")], [trip], AT + 65)
    assert cause is not None
    assert (cause.trigger, cause.why) == (ChangeTrigger.BREAKER, "breaker canary_clip: 2 test clips missed in a row")


@pytest.mark.parametrize(
    ("standing", "first", "tripped", "now"),
    [
        (PROMOTED, None, AT + 60, AT + 65),
        (PROMOTED, AT + 80, AT + 60, AT + 90),
        (PROMOTED, AT + 20, AT + ON_TRIAL_S + 30, AT + ON_TRIAL_S + 31),
        (BACK, AT + 20, AT + 60, AT + 65),
        (Standing(), AT + 20, AT + 60, AT + 65),
    ],
    ids=["not-scoring-yet", "opened-before-it", "no-longer-on-trial", "a-rollback-already", "nothing-before-it"],
)
def test_a_breaker_that_says_nothing_about_the_change_changes_nothing(
    standing: Standing, first: float | None, tripped: float, now: float
) -> None:
    trip = ModelTrip("recall_edetector", tripped, "misses")
    assert rollback_cause(standing, first, [report("in_use")], [trip], now) is None


def test_the_breakers_about_the_model_are_breakers() -> None:
    assert set(Breakers().specs()) >= ABOUT_THE_MODEL


@pytest.mark.parametrize(
    "facts",
    [
        {}, {"model_change": None}, {"model_change": "7"}, {"model": "m", "model_change": {"change": "7"}},
        {"model": "m", "model_change": {"change": 7, "state": 3, "why": ""}},
        {"model": "m", "model_change": {"change": 7, "state": "in_use", "why": "", "first_scored_at": "now"}},
        {"model": 3, "model_change": {"change": 7, "state": "in_use", "why": ""}},
    ],
)  # fmt: skip
def test_a_heartbeat_that_says_nothing_readable_is_no_report(facts: dict[str, Any]) -> None:
    assert DetectorReport.of("detector:one", facts) is None
