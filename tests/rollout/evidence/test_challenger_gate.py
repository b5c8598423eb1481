"""The gate between champion and challenger: its rates, and each condition in words with its numbers."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar  # type: ignore[import-untyped]  # it has no types

from rollout.evidence.challenger_gate import (
    Budget,
    ChallengerRules,
    ChallengerVerdict,
    JudgedEvents,
    judge_challenger,
    threshold_at_budget,
)
from rollout.evidence.stats.mcnemar import mcnemar_mid_p, non_inferiority_p

BUDGET = Budget(0.2, 60.0)
DAY_S = 86_400.0
BEARS, OTHERS = 200, 160


def flags(count: int, *wrong: int, right: bool = True) -> np.ndarray:
    """``right`` everywhere but at the places ``wrong``."""
    found = np.full(count, right)
    found[list(wrong)] = not right
    return found


def events(bears_missed: dict[str, range], alarms: dict[str, range], bears: int = BEARS) -> JudgedEvents:
    """``bears`` events with a bear, then others; who misses and who raises which."""
    is_bear = np.arange(bears + OTHERS) < bears
    alerts = {
        who: np.concatenate([flags(bears, *missed), flags(OTHERS, *alarms.get(who, ()), right=False)])
        for who, missed in bears_missed.items()
    }
    night = np.arange(bears + OTHERS) % 4 == 0
    raccoon = np.arange(bears + OTHERS) >= bears + OTHERS - 40
    return JudgedEvents(is_bear, alerts, {"night": night, "raccoon": raccoon, "bears": is_bear})


def better() -> tuple[JudgedEvents, JudgedEvents]:
    """Golden and rolling events on which the challenger is better by every measure."""
    missed = {"champion": range(12), "challenger": range(2), "anchor": range(14), "never-bear": range(BEARS)}
    alarms = {"champion": range(8), "challenger": range(5), "anchor": range(9)}
    return events(missed, alarms), events({"champion": range(6), "challenger": range(5)}, {}, 60)


def verdict(golden: JudgedEvents, rolling: JudgedEvents, since: float | None = None) -> ChallengerVerdict:
    return judge_challenger(golden, rolling, BUDGET, since)


def failing(found: ChallengerVerdict) -> list[str]:
    return [each.name for each in found.conditions if not each.passed]


def test_a_challenger_that_is_better_everywhere_passes_and_says_by_how_much() -> None:
    found = verdict(*better())
    assert found.passed
    assert found.failing == ()
    said = {each.name: each.sentence for each in found.conditions}
    assert "10 that the challenger alone found and 0 that the champion alone found" in said["better than the champion"]
    assert "12 of 200 golden bears won and 0 lost" in said["not below the anchor"]


def promoted(n: int, gain: float, games: int, seed: int) -> float:
    """How often "better than the champion" holds, for a challenger that is better by ``gain``.

    Made event by event: the champion finds 90% of the bears; of what it misses the challenger finds some, of what it
    finds the challenger loses 2 in 100 of all events.
    """
    dice, passed = random.Random(seed), 0
    others = np.zeros(20, dtype=bool)
    for _ in range(games):
        champion, challenger = [], []
        for _event in range(n):
            seen = dice.random() < 0.9
            turns = dice.random() < (0.02 / 0.9 if seen else (0.02 + gain) / 0.1)
            champion.append(seen)
            challenger.append(seen != turns)
        alerts = {
            "champion": np.concatenate([champion, others]).astype(bool),
            "challenger": np.concatenate([challenger, others]).astype(bool),
        }
        alerts["anchor"] = alerts["champion"]
        golden = JudgedEvents(np.arange(n + 20) < n, alerts)
        found = judge_challenger(golden, golden, BUDGET, None)
        passed += next(each.passed for each in found.conditions if each.name == "better than the champion")
    return passed / games


@pytest.mark.parametrize(
    ("n", "gain", "rate"),
    [
        (400, 0.0, 0.048),
        (400, 0.02, 0.495),
        (400, 0.05, 0.970),
        (150, 0.02, 0.224),
        (150, 0.05, 0.673),
        (60, 0.02, 0.078),
    ],
)
def test_the_gate_lets_through_as_many_as_was_simulated_before(n: int, gain: float, rate: float) -> None:
    games = 600
    tolerance = 3.5 * (rate * (1 - rate) / games) ** 0.5
    assert promoted(n, gain, games, seed=n) == pytest.approx(rate, abs=tolerance)


def test_the_mid_p_lies_between_the_exact_test_and_half_of_its_next_step() -> None:
    for wins, losses in [(0, 0), (1, 0), (8, 8), (12, 4), (4, 12), (30, 11)]:
        exact = mcnemar([[5, wins], [losses, 5]], exact=True).pvalue / 2 if wins > losses else None
        mid = mcnemar_mid_p(wins, losses)
        assert 0 < mid < 1
        assert mid + mcnemar_mid_p(losses, wins) == pytest.approx(1.0)
        assert exact is None or mid < exact


def test_a_model_that_is_worse_by_the_margin_rarely_passes_as_no_worse() -> None:
    """Beside the anchor: the level holds with many differences and with few."""
    random = np.random.default_rng(7)
    for n, churn in [(150, 0.0), (150, 0.02), (400, 0.01), (400, 0.04)]:
        drawn = random.multinomial(n, [churn, churn + 0.02, 1 - 2 * churn - 0.02], 3000)
        passed = np.mean([non_inferiority_p(int(wins), int(losses), n, 0.02) < 0.05 for wins, losses, _ in drawn])
        assert passed < 0.065, (n, churn)
    with pytest.raises(ValueError, match="cannot be tested"):
        non_inferiority_p(100, 51, 150, 0.02)


def test_a_tie_passes_with_fewer_false_alarms_and_not_with_as_many() -> None:
    golden, rolling = better()
    tied = dict(golden.alerts) | {"challenger": golden.alerts["champion"].copy()}
    same = replace(golden, alerts=tied)
    assert failing(verdict(same, rolling)) == ["better than the champion"]
    tied["challenger"][BEARS : BEARS + 3] = False
    assert verdict(replace(golden, alerts=tied), rolling).passed


def test_a_small_golden_set_promotes_nothing_however_good_it_looks() -> None:
    golden = events(
        {"champion": range(12), "challenger": range(0), "anchor": range(12), "never-bear": range(60)}, {}, 60
    )
    found = verdict(golden, better()[1])
    assert "golden events" in failing(found)
    assert "60 events with a bear, 150 are needed" in found.failing[0]


def test_what_is_below_the_anchor_does_not_pass_though_it_beats_the_champion() -> None:
    """Many small losses against champions that each lost a little: the frozen anchor remembers."""
    golden, rolling = better()
    alerts = dict(golden.alerts) | {"anchor": golden.is_bear.copy(), "champion": golden.alerts["champion"].copy()}
    alerts["challenger"] = golden.alerts["challenger"].copy()
    alerts["challenger"][100:108], alerts["champion"][100:130] = False, False
    found = verdict(replace(golden, alerts=alerts), rolling)
    assert failing(found) == ["not below the anchor"]
    assert "0 of 200 golden bears won and 10 lost" in found.failing[0]


@pytest.mark.parametrize(("lost", "vetoed"), [(2, False), (3, True)])
def test_a_slice_that_loses_three_more_than_it_wins_is_a_veto(lost: int, vetoed: bool) -> None:
    golden, rolling = better()
    golden.alerts["challenger"][-lost:] = True  # raccoons that the champion let pass
    found = verdict(golden, rolling)
    assert failing(found) == (["no slice lost"] if vetoed else [])
    assert not vetoed or f"raccoon loses {lost} events" in found.failing[0]


def test_fresh_events_must_be_there_and_must_not_be_lost() -> None:
    golden, rolling = better()
    few = JudgedEvents(rolling.is_bear[:99], {who: each[:99] for who, each in rolling.alerts.items()})
    assert "99 of 100 needed" in verdict(golden, few).failing[0]
    lost = dict(rolling.alerts) | {"challenger": rolling.alerts["champion"].copy()}
    lost["challenger"][30:32] = False
    found = verdict(golden, replace(rolling, alerts=lost))
    assert failing(found) == ["fresh events"]
    assert "0 won and 2 lost" in found.failing[0]


def test_false_alarms_above_the_budget_do_not_pass_nor_does_a_budget_of_no_time() -> None:
    golden, rolling = better()
    noisy = dict(rolling.alerts) | {who: rolling.alerts[who].copy() for who in ("champion", "challenger")}
    for who in ("champion", "challenger"):
        noisy[who][60:73] = True
    assert failing(verdict(golden, replace(rolling, alerts=noisy))) == ["false-alarm budget"]
    nothing = judge_challenger(golden, rolling, Budget(0.2, 0.0), None)
    assert failing(nothing) == ["false-alarm budget"]


def test_every_baseline_must_be_beaten_and_there_must_be_one() -> None:
    golden, rolling = better()
    motion = golden.is_bear.copy()
    alerts = dict(golden.alerts) | {"motion-only": motion}
    found = verdict(replace(golden, alerts=alerts), rolling)
    assert failing(found) == ["better than motion-only"]
    assert "1.000" in found.failing[0]
    alone = {who: each for who, each in golden.alerts.items() if who in ("champion", "challenger", "anchor")}
    assert failing(verdict(replace(golden, alerts=alone), rolling)) == ["baselines"]


def test_nothing_is_promoted_twice_in_a_week() -> None:
    golden, rolling = better()
    found = verdict(golden, rolling, since=6.5 * DAY_S)
    assert failing(found) == ["at most weekly"]
    assert "6.5 days ago" in found.failing[0]
    assert verdict(golden, rolling, since=7 * DAY_S).passed


def test_no_bears_at_all_is_no_evidence_and_no_accident() -> None:
    nothing = JudgedEvents(
        np.zeros(0, dtype=bool), {who: np.zeros(0, dtype=bool) for who in ("champion", "challenger", "anchor")}
    )
    found = judge_challenger(nothing, nothing, BUDGET, None, ChallengerRules(golden_bears=0, rolling_events=0))
    assert not found.passed
    assert "no golden event has a bear" in " ".join(found.failing)
    with pytest.raises(ValueError, match="5 events, the truth has 4"):
        JudgedEvents(np.zeros(4, dtype=bool), {"champion": np.zeros(5, dtype=bool)})


def test_the_threshold_is_the_lowest_that_keeps_the_budget() -> None:
    dice = np.random.default_rng(3)
    for allowed in (0, 1, 5, 40):
        for ties in (False, True):
            scores = dice.random(120).round(1 if ties else 9)
            is_bear = dice.random(120) < 0.4
            threshold = threshold_at_budget(scores, is_bear, allowed)
            assert (scores[~is_bear] >= threshold).sum() <= allowed
            below = np.unique(scores[scores < threshold])
            if len(below) and threshold > 0.05:
                assert (scores[~is_bear] >= below[-1]).sum() > allowed
    assert threshold_at_budget(np.array([0.9]), np.array([True]), 0) == 0.05
    assert threshold_at_budget(np.array([1.0, 1.0]), np.array([True, False]), 0) > 1.0
