"""Whether scores mean what they say: without the part that chance adds, whoever chose the hours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from rollout.evidence.calibration import LEAST_HOURS, KnownHour, calibration

ALERT_FROM = 0.5


def _season(rng: np.random.Generator, nights: int, chance: Callable[[float], float]) -> list[KnownHour]:
    """Five known hours a night: of those with a score above .5 all, of the others one in eight."""
    hours = []
    for night in range(nights):
        for score in rng.beta(0.6, 2, 5).tolist():
            weight = 1.0 if score > ALERT_FROM else 8.0
            bear = bool(rng.random() < chance(score))
            hours.append(KnownHour("creek", f"cam/{night}", night * 86400.0, True, score, bear, weight))
    return hours


@pytest.mark.parametrize(
    ("chance", "truth"),
    [(lambda score: score, 0.0), (lambda score: score / 2, 0.115), (lambda score: score**2, 0.142)],
    ids=["honest", "half", "square"],
)
def test_the_error_is_that_of_all_hours_and_the_interval_covers_it(
    chance: Callable[[float], float], truth: float
) -> None:
    rng = np.random.default_rng(1)
    found = [each for _ in range(150) if (each := calibration(_season(rng, 40, chance))) is not None]
    assert len(found) == 150
    root_mean_square = np.sqrt(np.mean([each.error**2 for each in found]))
    assert root_mean_square == pytest.approx(truth, abs=0.01 if truth else 0.035)
    assert np.mean([each.lower <= truth <= each.upper for each in found]) >= 0.87


def test_whoever_counts_only_what_the_model_chose_gets_another_answer() -> None:
    """A model that never alerts on half of its bears looks well calibrated on its alerts."""
    rng = np.random.default_rng(2)
    hours = _season(rng, 200, lambda score: score if score > ALERT_FROM else 0.5)
    chosen = calibration([hour for hour in hours if hour.score > ALERT_FROM])
    everything = calibration(hours)
    assert chosen is not None
    assert everything is not None
    assert chosen.error < 0.08
    assert everything.error > 0.3
    assert everything.hours == 1000
    assert everything.bears == sum(hour.bear for hour in hours)


def test_few_hours_say_nothing() -> None:
    hours = _season(np.random.default_rng(3), 4, lambda score: score)
    assert len(hours) == LEAST_HOURS
    assert calibration(hours) is not None
    assert calibration(hours[1:]) is None
