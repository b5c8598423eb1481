"""Champion, challenger, anchor and baselines before the same golden and rolling events."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.engines.engine import Engine
from detector.evaluate.manifest import LabelledPicture
from detector.learn.warm_start import bear_scores, live_crops
from detector.models.bundle import ModelBundle
from detector.nightly.judged_events import (
    BEAR,
    Events,
    LightThresholds,
    Scores,
    events_of,
    judged,
    thresholds_at_budget,
)
from detector.nightly.label_pictures import label_pictures
from rollout.evidence.challenger_gate import ANCHOR, CHALLENGER, CHAMPION, Budget, JudgedEvents
from rollout.evidence.labels import Split, TrainingLabel

ROLLING_S: Final = 60 * 86400.0
"""Rolling events older than this say nothing of today."""
MOST_PICTURES: Final = 2000
"""Of each set; of more, the golden ones with the smallest hash and the newest rolling ones are taken."""
MOST_FOR_THE_MEAN: Final = 500
"""Pictures from which the mean picture of a bear is made."""
_TINY_PX: Final = 32

Ask = Callable[[str, int, int], None]
"""Told what is being looked at, how many are done, of how many; raises to end it."""


@dataclass(frozen=True, slots=True)
class JudgingSet:
    """Events with the picture of each of their labels, (m,)."""

    events: Events
    pictures: tuple[LabelledPicture, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the gate is given, and each model's thresholds."""

    golden: JudgedEvents
    rolling: JudgedEvents
    budget: Budget
    thresholds: Mapping[str, LightThresholds]


def judging_set(labels: Sequence[TrainingLabel], split: Split, until: float, media: Path) -> JudgingSet:
    """The events of the golden set, or the rolling ones of the last sixty days."""
    chosen = [each for each in labels if each.split is split]
    if split is Split.ROLLING:
        chosen = [each for each in chosen if each.captured_at >= until - ROLLING_S]
        chosen.sort(key=lambda each: -each.captured_at)
    else:
        chosen.sort(key=lambda each: hashlib.sha256(each.item.encode()).hexdigest())
    events = events_of(chosen[:MOST_PICTURES])
    found = label_pictures(events.labels, media)
    if found.left_out:
        events = events_of([events.labels[place] for place in found.places])
        found = label_pictures(events.labels, media)
    return JudgingSet(events, found.pictures, len(found.left_out))


@dataclass(frozen=True, slots=True)
class Judge:
    """Scores sets of pictures. ``engine_of`` makes an engine for a model.

    ``known`` keeps scores by model and picture: whoever judges the same events again asks about new ones only.
    """

    engine_of: Callable[[ModelBundle], Engine]
    ask: Ask
    known: dict[tuple[str, str], float] = field(default_factory=dict)

    def scores(self, who: str, bundle: ModelBundle, judging: JudgingSet, what: str) -> NDArray[np.float64]:
        """(n,) of events: the highest score of each."""
        asked = [each for each in judging.pictures if (bundle.digest, each.event) not in self.known]
        done, total = 0, len(asked)

        def advance(more: int) -> None:
            nonlocal done
            done += more
            self.ask(f"{who} on {what} events", done, total)

        self.ask(f"{who} on {what} events", 0, total)
        if asked:
            found = bear_scores(self.engine_of(bundle), asked, advance)
            self.known.update({(bundle.digest, each.event): float(f) for each, f in zip(asked, found, strict=True)})
        scores = [self.known[bundle.digest, each.event] for each in judging.pictures]
        return judging.events.highest(np.array(scores, dtype=np.float64))


def compare(
    judge: Judge,
    models: Mapping[str, ModelBundle],
    sets: Mapping[Split, JudgingSet],
    learned: Sequence[LabelledPicture],
    per_camera_day: float,
) -> Outcome:
    """All models and baselines on both sets, each at thresholds chosen anew on the rolling one.

    ``learned`` are pictures that may train, from which the mean picture of a bear is made.

    Raises:
        TrainingDiverged: a score is no number.
    """
    golden, rolling = sets[Split.GOLDEN], sets[Split.ROLLING]
    budget = Budget(per_camera_day, rolling.events.camera_days)
    scores: dict[str, tuple[Scores, Scores]] = {}
    known: dict[str, tuple[Scores, Scores]] = {}
    for who, bundle in models.items():
        if bundle.digest not in known:
            found = judge.scores(who, bundle, golden, "golden"), judge.scores(who, bundle, rolling, "rolling")
            known[bundle.digest] = found
        scores[who] = known[bundle.digest]
    mean = MeanPicture.of(learned, models[CHAMPION])
    for name, baseline in _baselines(mean).items():
        scores[name] = baseline(golden), baseline(rolling)
    thresholds = {who: thresholds_at_budget(found[1], rolling.events, budget) for who, found in scores.items()}
    alerts = [
        {who: thresholds[who].alerts(found[place], each.events.infrared) for who, found in scores.items()}
        for place, each in enumerate((golden, rolling))
    ]
    return Outcome(judged(golden.events, alerts[0]), judged(rolling.events, alerts[1]), budget, thresholds)


def _baselines(mean: MeanPicture | None) -> dict[str, Callable[[JudgingSet], NDArray[np.float64]]]:
    found: dict[str, Callable[[JudgingSet], NDArray[np.float64]]] = {"never-bear": _never, "motion-only": _motion}
    return found if mean is None else {**found, "mean picture": mean.scores}


def _never(judging: JudgingSet) -> NDArray[np.float64]:
    return np.zeros(len(judging.events.firsts))


def _motion(judging: JudgingSet) -> NDArray[np.float64]:
    """The share of the frame that moved: the larger, the likelier a bear."""
    areas = [0.0 if p.box is None else (p.box[2] - p.box[0]) * (p.box[3] - p.box[1]) for p in judging.pictures]
    return judging.events.highest(np.array(areas, dtype=np.float64))


@dataclass(frozen=True, slots=True)
class MeanPicture:
    """How much more a crop looks like the average bear than like the average of the others."""

    direction: NDArray[np.float64]
    bundle: ModelBundle

    @classmethod
    def of(cls, learned: Sequence[LabelledPicture], bundle: ModelBundle) -> MeanPicture | None:
        """From pictures that may train; None without bears, or without others."""
        kinds: dict[bool, list[NDArray[np.float64]]] = {True: [], False: []}
        for picture in learned[:MOST_FOR_THE_MEAN]:
            kinds[picture.label == BEAR].append(_tiny(picture, bundle))
        if not kinds[True] or not kinds[False]:
            return None
        return cls(_unit(np.mean(kinds[True], axis=0)) - _unit(np.mean(kinds[False], axis=0)), bundle)

    def scores(self, judging: JudgingSet) -> NDArray[np.float64]:
        """(n,) of events, 0-1."""
        found = np.array([_tiny(picture, self.bundle) @ self.direction for picture in judging.pictures])
        return judging.events.highest(1 / (1 + np.exp(-found)))


def _tiny(picture: LabelledPicture, bundle: ModelBundle) -> NDArray[np.float64]:
    grey = cv2.cvtColor(live_crops(picture, bundle)[0], cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_TINY_PX, _TINY_PX), interpolation=cv2.INTER_AREA).astype(np.float64).ravel()
    return _unit(small - small.mean())


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


def results(events: JudgedEvents, thresholds: Mapping[str, LightThresholds]) -> dict[str, Any]:
    """What everybody made of the events, as JSON values."""
    bears, others = int(events.is_bear.sum()), int((~events.is_bear).sum())
    found: dict[str, Any] = {"bears": bears, "others": others, "who": {}, "slices": {}}
    for who, alerts in events.alerts.items():
        limits = thresholds[who]
        found["who"][who] = {
            "found": int((alerts & events.is_bear).sum()),
            "false_alarms": events.false_alarms(who),
            "threshold_day": round(limits.day, 4),
            "threshold_infrared": round(limits.infrared, 4),
        }
    for name, inside in events.slices.items():
        wins, losses = events.wins_losses(CHALLENGER, CHAMPION, inside)
        found["slices"][name] = {"events": int(inside.sum()), "wins": wins, "losses": losses}
    return found


__all__ = ["ANCHOR", "CHALLENGER", "CHAMPION", "Judge", "JudgingSet", "Outcome", "compare", "judging_set", "results"]
