"""From labels that judge to events, and from scores to who would have raised an alert of which. Pure.

An event is what one campsite's cameras saw of one kind of animal until half an hour was quiet: however many of its
pictures are labelled, it counts once. Each model alerts at thresholds of its own, chosen on the rolling events so that
it stays within the same budget of false alarms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rollout.evidence.challenger_gate import Budget, JudgedEvents, threshold_at_budget
from rollout.evidence.labels import TrainingLabel

GAP_S = 1800.0
_FEWEST_OTHERS = 30
BEAR = "bear"
Scores = NDArray[np.floating]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Events:
    """Labelled pictures (m) dealt out to events (n): ``of`` (m,) says to which."""

    labels: tuple[TrainingLabel, ...]
    of: NDArray[np.int64]
    firsts: tuple[TrainingLabel, ...]
    """Of each event its first label."""

    @property
    def is_bear(self) -> Flags:
        """(n,) whether it was a bear."""
        return np.array([each.label == BEAR for each in self.firsts], dtype=bool)

    @property
    def infrared(self) -> Flags:
        """(n,) its light."""
        return np.array([each.infrared for each in self.firsts], dtype=bool)

    @property
    def camera_days(self) -> float:
        """Nights of cameras of which at least one picture is labelled."""
        return float(len({(each.camera, each.bear_night) for each in self.labels}))

    def highest(self, scores: Scores) -> NDArray[np.float64]:
        """(m,) scores of pictures to (n,) of events: the highest of each."""
        found = np.full(len(self.firsts), -np.inf)
        np.maximum.at(found, self.of, scores)
        return found

    def slices(self) -> dict[str, Flags]:
        """Groups of events by kind, light and campsite; the gate asks each of them."""
        kinds = {label: np.array([each.label == label for each in self.firsts]) for label in self._words("label")}
        sites = {f"at {site}": np.array([e.campsite == site for e in self.firsts]) for site in self._words("campsite")}
        night = self.infrared
        lights = {"bears by day": self.is_bear & ~night, "bears by infra-red": self.is_bear & night}
        found = {**kinds, **sites, **lights} if self.firsts else {}
        return {name: np.asarray(inside, dtype=bool) for name, inside in found.items() if inside.any()}

    def _words(self, name: str) -> list[str]:
        return sorted({str(getattr(each, name)) for each in self.firsts})


def events_of(labels: Sequence[TrainingLabel]) -> Events:
    """Deal labels out to events."""
    ordered = sorted(labels, key=lambda each: (each.campsite, each.label, each.captured_at, each.item))
    of, firsts = list[int](), list[TrainingLabel]()
    for number, each in enumerate(ordered):
        before = ordered[number - 1] if number else None
        same = before is not None and (before.campsite, before.label) == (each.campsite, each.label)
        if not (same and before is not None and each.captured_at - before.captured_at <= GAP_S):
            firsts.append(each)
        of.append(len(firsts) - 1)
    return Events(tuple(ordered), np.array(of, dtype=np.int64), tuple(firsts))


@dataclass(frozen=True, slots=True)
class LightThresholds:
    """From which score on a model alerts, by light."""

    day: float
    infrared: float

    def alerts(self, scores: Scores, infrared: Flags) -> Flags:
        """(n,) which events it alerts of."""
        return np.asarray(scores >= np.where(infrared, self.infrared, self.day), dtype=bool)


def thresholds_at_budget(scores: Scores, rolling: Events, budget: Budget) -> LightThresholds:
    """Of scores (n,) of rolling events: each light by its share of the budget, both alike where one has few events."""
    is_bear, night = rolling.is_bear, rolling.infrared
    others = {light: int((~is_bear & (night == light)).sum()) for light in (False, True)}
    if min(others.values()) < _FEWEST_OTHERS:
        both = threshold_at_budget(scores, is_bear, budget.allowed)
        return LightThresholds(both, both)
    dark = int(budget.allowed * others[True] / sum(others.values()))
    found = {}
    for light, allowed in ((False, budget.allowed - dark), (True, dark)):
        inside = night == light
        found[light] = threshold_at_budget(scores[inside], is_bear[inside], allowed)
    return LightThresholds(found[False], found[True])


def judged(events: Events, alerts: Mapping[str, Flags]) -> JudgedEvents:
    """The events before everybody, with their slices."""
    return JudgedEvents(events.is_bear, alerts, events.slices())
