"""Steps of the sequential detectors, over plain JSON memories. Pure.

The detectors themselves are in :mod:`rollout.evidence.stats.change_detectors`; here stands what a day or a visit means
to a breaker.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from rollout.breakers.breaker_spec import BreakerSpec
from rollout.evidence.stats.change_detectors import (
    MIXED,
    BettingMixture,
    ecusum_step,
    expected_shares,
    loop_eprocess_step,
    sr_mixture_step,
)
from rollout.evidence.stats.drift import REFERENCE_WEEKS, week_p

DetectorState = dict[str, Any]
UNKNOWN_SHARE: Final = 0.02
"""A day's share of frames with an unknown animal that is still good."""
CAMERA_MEAN, CAMERA_CAP = 2.0, 24.0
"""False alarms a day of one camera that are still good, and what more than that counts as."""
CAMERA_BETS: Final = (1.0, 3.0, 6.0, 11.0)
MAD_CAMERA_SHARE: Final = 20.0
"""All cameras' own detectors together spend a twentieth of what the one over all of them does."""
SERIES_POINTS: Final = 60
TEST_DAYS: Final = 7
LEAST_DAYS: Final = 4
"""A week with fewer days on which anything was scored says nothing."""
LOOP_YEAR_S: Final = 365 * 86400.0

Histograms = npt.NDArray[np.float64]
"""(days, bins): each row sums to 1."""


def recall_step(memory: DetectorState, missed: bool, at: float, spec: BreakerSpec, campsite: str) -> DetectorState:
    """One bear that was found at a campsite without the model's help: a hit or a miss.

    Half of the evidence is of all campsites together, half is the sum of what each has by itself: a campsite where the
    model has gone blind is lost in the mean of many. Each half grows by one a bear at most while all is well, and so
    does their mean. What an e-CUSUM remembered before is never more than the mixture would: it goes on from there.
    """
    p0, p1 = spec.number("p0"), spec.number("p1")
    before = memory.get("levels") or [memory.get("level", 0.0)] * len(MIXED)
    together = sr_mixture_step(before, missed, p0, p1)
    sites = {**memory.get("sites", {})}
    sites[campsite] = list(sr_mixture_step(sites.get(campsite, ()), missed, p0, p1))
    level = (fmean(together) + sum(map(fmean, sites.values()))) / 2.0
    return _at({**memory, "levels": list(together), "sites": sites}, at, level)


def worst_campsite(memory: DetectorState) -> str | None:
    """The campsite that has more evidence by itself than all have together; None where it is not one campsite alone."""
    sites = {campsite: fmean(levels) for campsite, levels in memory.get("sites", {}).items()}
    worst = max(sites, key=lambda campsite: sites[campsite], default=None)
    return worst if len(sites) > 1 and worst and sites[worst] > fmean(memory["levels"]) else None


def false_alarm_step(memory: DetectorState, counts: Sequence[int], at: float, spec: BreakerSpec) -> DetectorState:
    """One day: how many false alarms each camera gave that was looking."""
    return _bet(memory, [float(count) for count in counts], at, spec.number("mean0"), spec.number("cap"))


def camera_alarm_step(memory: DetectorState, count: int, at: float) -> DetectorState:
    """One day of one camera: its false alarms against a mean that a camera may have for a while."""
    before = BettingMixture(CAMERA_MEAN, CAMERA_CAP, CAMERA_BETS, tuple(memory.get("levels", ())))
    after = before.step([float(count)])
    return _at({**memory, "levels": list(after.levels)}, at, after.level)


def mad_camera_alarm(spec: BreakerSpec, cameras: int) -> float:
    """The level of :func:`camera_alarm_step` at which a camera trips, so that many together keep their budget."""
    return MAD_CAMERA_SHARE * spec.number("c") * max(cameras, 1)


def unknown_step(memory: DetectorState, share: float | None, at: float) -> DetectorState:
    """One day of a campsite: the share of its frames with an animal that the model does not know."""
    return _bet(memory, [] if share is None else [share], at, UNKNOWN_SHARE, 1.0)


def drift_step(memory: DetectorState, p_value: float, at: float) -> DetectorState:
    """One week of a campsite, held against the reference: a small p-value becomes evidence, ``1 / (2 sqrt p)``."""
    return _at(memory, at, ecusum_step(memory.get("level", 1.0), 0.5 / p_value**0.5))


def week_step(memory: DetectorState, days: Histograms, at: float) -> DetectorState:
    """One week of a campsite. The first eight are the reference, which stays; every later one is held against them."""
    if len(days) < LEAST_DAYS:
        return memory
    bins = days.shape[1]
    score = float(days.mean(axis=0) @ ((np.arange(bins) + 0.5) / bins))
    reference = list(memory.get("reference", []))
    if len(reference) < REFERENCE_WEEKS:
        return {**memory, "reference": [*reference, score]}
    return drift_step(memory, week_p(reference, score), at)


def loop_step(
    memory: DetectorState, campsite: str, effort: Mapping[str, int], at: float, delta: float
) -> DetectorState:
    """One bear that was found independently of the model. ``effort`` counts reviews by campsite before it.

    Both shares are taken before the bear counts: what it was expected to be, and what it got. The evidence begins
    again every year: good years would otherwise hide a loop that begins after them.
    """
    sites = sorted(effort)
    bears = memory.get("bears", {})
    expected = expected_shares(bears, sites)[campsite]
    share = expected_shares(effort, sites)[campsite]
    begun = memory.get("begun", at)
    if at - begun >= LOOP_YEAR_S:
        memory, begun = {**memory, "level": 1.0}, at
    level = loop_eprocess_step(memory.get("level", 1.0), expected, share, delta)
    return _at({**memory, "begun": begun, "bears": {**bears, campsite: bears.get(campsite, 0) + 1}}, at, level)


def restarted(memory: DetectorState) -> DetectorState:
    """The memory after a reset: the evidence is gone, and what it was held against; what was counted stays counted."""
    gone = ("level", "levels", "sites", "since", "series", "reference")
    kept = {key: value for key, value in memory.items() if key not in gone}
    return {key: restarted(value) if isinstance(value, dict) else value for key, value in kept.items()}


def day_histograms(rows: Iterable[tuple[int, Sequence[int]]], last_day: int, days: int) -> Histograms:
    """Rows of ``(day, histogram)`` as one normalised histogram for each of the ``days`` up to ``last_day`` with any.

    Each camera-hour counts the same, however many frames it had: a windy day is one day.
    """
    sums: dict[int, npt.NDArray[np.float64]] = {}
    for day, histogram in rows:
        counts = np.asarray(histogram, dtype=np.float64)
        if counts.sum() > 0 and last_day - days < day <= last_day:
            sums[day] = sums.get(day, np.zeros(len(counts))) + counts / counts.sum()
    return np.array([sums[day] / sums[day].sum() for day in sorted(sums)])


def _bet(memory: DetectorState, values: Sequence[float], at: float, mean: float, cap: float) -> DetectorState:
    before = BettingMixture(mean, cap, levels=tuple(memory.get("levels", ())))
    after = before.step(values)
    return _at({**memory, "levels": list(after.levels)}, at, after.level)


def _at(memory: DetectorState, at: float, level: float) -> DetectorState:
    series = [*memory.get("series", []), [at, level]][-SERIES_POINTS:]
    return {**memory, "level": level, "series": series}
