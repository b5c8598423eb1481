"""Three sites in the same nights: one that never learns, one that learns each night whatever it is told, and this one.

Everything that decides is what runs at a real site: curriculum, warm start, judging sets, thresholds, the gate with its
own rules. What is staged are the animals, the people who answer, and that whoever promotes does so the next morning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.engines.torch_engine import TorchEngine
from detector.evaluate.manifest import LabelledPicture
from detector.learn.recipe import Recipe
from detector.learn.student import start, student_labels
from detector.learn.warm_start import FineTuned, Lesson, SaidOfChild, bear_scores, fine_tune, write_child
from detector.models.bundle import ModelBundle, write_bundle
from detector.models.model import Model, Provenance, Thresholds
from detector.nightly.curriculum import LEAST_STEPS, NightDraws, curriculum
from detector.nightly.judged_events import LightThresholds
from detector.nightly.label_pictures import label_pictures
from detector.nightly.nightly_evaluation import ANCHOR, CHALLENGER, CHAMPION, Judge, Outcome, compare, judging_set
from detector.nightly.nightly_training import LATE_LABELS_S
from rollout.evidence.challenger_gate import ChallengerVerdict, judge_challenger
from rollout.evidence.labels import LabelSource, Split, TrainingLabel
from simulation.learning.staged_nights import (
    AUDITED,
    BEGINNING,
    CAMPSITES,
    DAY_S,
    StagedNights,
    StagedVisitor,
    is_audited,
)
from simulation.learning.staged_pictures import staged_picture

INPUT_PX: Final = 64
RECIPE: Final = Recipe(train_px=INPUT_PX, input_px=INPUT_PX, batch=16, learning_rate=5e-4, epochs=1.0, frozen_stages=3)
"""Longer steps than at a site: the network is small, and what it knows of staged animals it learnt in a minute."""
PASSES: Final = 12.0
"""Over the new labels of a night: there are a few dozen."""
A_CAMERA_DAY: Final = 0.5
"""False alarms that are accepted."""
SCHOOL: Final = ("bear", "deer", "dog", "other_animal", "person")
SCHOOL_PICTURES, SCHOOL_STEPS = 30, 60
NEVER, NAIVE, THIS = "no learning", "naive nightly", "this"


@dataclass(frozen=True, slots=True)
class NightFigures:
    """What one site's model did in one night: false alarms of the newcomers and of others, bears found."""

    night: int
    newcomers: int
    newcomer_alarms: int
    other_alarms: int
    bears: int
    found: int
    said: str
    """What was made of the night, in words."""


@dataclass
class _Site:
    """One policy's model, the labels that it has got, and how its nights went."""

    name: str
    model: ModelBundle
    thresholds: LightThresholds
    labels: list[TrainingLabel]
    promoted_at: float | None = None
    judged_at: float = BEGINNING
    """When a challenger was last judged here; at first, when the season began."""
    nights: list[NightFigures] = field(default_factory=list)


class LearningSeason:
    """Plays the nights. ``say`` is told what is being done; ``history`` nights were judged before the first."""

    def __init__(
        self, work: Path, nights: int, arrival: int, seed: int, say: Callable[[str], None], history: int = 45
    ) -> None:
        self.work, self.seed, self.say = work, seed, say
        self.staged = StagedNights(work / "pictures", seed, nights, arrival, history)
        self.known: dict[tuple[str, str], float] = {}

    def play(self) -> dict[str, list[NightFigures]]:
        """Policy to its nights, in order."""
        self.say("teaching the first model")
        first = self._first_model()
        self.say("judging it")
        thresholds = self._thresholds(first)
        sites = [_Site(name, first, thresholds, list(self.staged.before)) for name in (NEVER, NAIVE, THIS)]
        for number in range(self.staged.nights):
            visits = self.staged.night(number)
            for site in sites:
                self.say(f"night {number + 1} of {self.staged.nights}, {site.name}")
                figures = self._watch(site, visits, number)
                site.nights.append(replace(figures, said=self._learn(site, first, visits, number)))
        return {site.name: site.nights for site in sites}

    def _judge(self) -> Judge:
        return Judge(_engine, lambda what, done, total: None, self.known)

    def _first_model(self) -> ModelBundle:
        """A small network that was shown every animal but the newcomer."""
        beginning = start("lite0")
        model = Model(
            name="staged",
            architecture=beginning.architecture,
            input_px=INPUT_PX,
            mean=beginning.mean,
            std=beginning.std,
            labels=student_labels(),
            weights={"file": "", "sha256": ""},
            thresholds=Thresholds(0.5, 0.5),
        )
        state = {name: each.numpy() for name, each in beginning.state.items() if each.is_floating_point()}
        parent = write_bundle(self.work / "untaught", model, state, Provenance(), "untaught", {})
        labels = [label for label in SCHOOL for _ in range(SCHOOL_PICTURES)]
        pictures = [self._school_picture(number, label) for number, label in enumerate(labels)]
        order = np.random.default_rng(self.seed).integers(0, len(pictures), SCHOOL_STEPS * RECIPE.batch)
        lesson = Lesson(pictures, np.ones(len(pictures), np.float32), order)
        tuned = fine_tune(parent, lesson, replace(RECIPE, seed=self.seed), self.work / "school", _engine)
        return self._kept(tuned, "first")

    def _school_picture(self, number: int, label: str) -> LabelledPicture:
        infrared = number % 2 == 1
        picture, box = staged_picture(label, infrared, 10_000_000 + 1000 * self.seed + number)
        path = self.work / "school" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture)
        light = "night_ir" if infrared else "day"
        return LabelledPicture(path.name, path, label, {"kind": "camtrap", "day_night": light}, box)

    def _kept(self, tuned: FineTuned, name: str) -> ModelBundle:
        said = SaidOfChild("", {}, "of a staged season")
        return write_child(tuned, tuned.parent.model.thresholds, said, self.work / "models" / name)

    def _thresholds(self, model: ModelBundle) -> LightThresholds:
        models = {CHAMPION: model, CHALLENGER: model, ANCHOR: model}
        return self._compared(models, self.staged.before, 0)[1]

    def _compared(
        self, models: dict[str, ModelBundle], labels: Sequence[TrainingLabel], number: int
    ) -> tuple[Outcome, LightThresholds]:
        until = BEGINNING + (number + 1) * DAY_S
        media = self.staged.folder
        sets = {split: judging_set(labels, split, until, media) for split in (Split.GOLDEN, Split.ROLLING)}
        learned = label_pictures([each for each in labels if each.split is Split.TRAIN], media).pictures
        outcome = compare(self._judge(), models, sets, learned, A_CAMERA_DAY)
        return outcome, outcome.thresholds[CHALLENGER]

    def _watch(self, site: _Site, visits: Sequence[StagedVisitor], number: int) -> NightFigures:
        """The night as it was, before anything is learnt from it; its labels are added to the site's."""
        alerts = self._alerts(site, visits)
        for visit, alert in zip(visits, alerts, strict=True):
            if visit.label.split is not Split.TRAIN:
                site.labels.append(visit.label)
            elif alert:
                chosen = replace(visit.label, source=LabelSource.DECISION, weight=0.5, model_selected=True)
                site.labels.append(replace(chosen, model=site.model.short_digest))
            elif is_audited(visit.label.item):
                site.labels.append(replace(visit.label, inclusion_probability=AUDITED, weight=1 / AUDITED))
        bear = np.array([each.is_bear for each in visits])
        new = np.array([each.is_newcomer for each in visits])
        return NightFigures(
            night=number + 1,
            newcomers=int(new.sum()),
            newcomer_alarms=int((alerts & new).sum()),
            other_alarms=int((alerts & ~new & ~bear).sum()),
            bears=int(bear.sum()),
            found=int((alerts & bear).sum()),
            said="",
        )

    def _alerts(self, site: _Site, visits: Sequence[StagedVisitor]) -> NDArray[np.bool_]:
        scores = bear_scores(_engine(site.model), [each.picture for each in visits])
        return site.thresholds.alerts(scores, np.array([each.label.infrared for each in visits]))

    def _learn(self, site: _Site, first: ModelBundle, visits: Sequence[StagedVisitor], number: int) -> str:
        if site.name == NAIVE:
            return self._learn_naively(site, visits, number)
        return self._learn_by_the_gate(site, first, number) if site.name == THIS else ""

    def _learn_naively(self, site: _Site, visits: Sequence[StagedVisitor], number: int) -> str:
        """Last night's alerts, all alike, from last night's model; what comes out is used, at the same thresholds."""
        items = {each.label.item for each in visits}
        alerts = [each for each in site.labels if each.item in items and each.model_selected]
        if not alerts:
            return "no alert to learn from"
        pictures = label_pictures(alerts, self.staged.folder).pictures
        random = np.random.default_rng(self.seed + number)
        steps = max(LEAST_STEPS, round(PASSES * len(pictures) / RECIPE.batch))
        order = random.integers(0, len(pictures), steps * RECIPE.batch)
        lesson = Lesson(pictures, np.ones(len(pictures), np.float32), order)
        name = f"naive-{number}"
        tuned = fine_tune(site.model, lesson, replace(RECIPE, seed=self.seed + number), self.work / name, _engine)
        site.model = self._kept(tuned, name)
        return f"learnt from {len(alerts)} alerts"

    def _learn_by_the_gate(self, site: _Site, first: ModelBundle, number: int) -> str:
        effort = self._effort(site)
        since_then = site.judged_at - LATE_LABELS_S
        plan = NightDraws(batch=RECIPE.batch, passes=PASSES, seed=self.seed + number, new_since=since_then)
        laid_out = curriculum(site.labels, effort, plan)
        if laid_out.new < 20:
            return f"{laid_out.new} new labels are too few"
        pictures = label_pictures(laid_out.labels, self.staged.folder).pictures
        counts = np.array([each.weight for each in laid_out.labels], dtype=np.float32)
        lesson, name = Lesson(pictures, counts, laid_out.order), f"this-{number}"
        tuned = fine_tune(site.model, lesson, replace(RECIPE, seed=plan.seed), self.work / name, _engine)
        models = {CHAMPION: site.model, CHALLENGER: tuned.bundle(), ANCHOR: first}
        outcome, thresholds = self._compared(models, site.labels, number)
        now = BEGINNING + (number + 1) * DAY_S
        since = None if site.promoted_at is None else now - site.promoted_at
        verdict = judge_challenger(outcome.golden, outcome.rolling, outcome.budget, since)
        if verdict.passed:
            site.model, site.thresholds = self._kept(tuned, name), thresholds
            site.promoted_at = now
        site.judged_at = now
        return _words(verdict, laid_out.new)

    def _effort(self, site: _Site) -> dict[str, float]:
        reviews = [each.campsite for each in site.labels if each.model_selected]
        return {name: reviews.count(name) / max(1, len(reviews)) for name in CAMPSITES}


def _engine(of: ModelBundle) -> TorchEngine:
    return TorchEngine(of, "cpu", 1)


def _words(verdict: ChallengerVerdict, new: int) -> str:
    if verdict.passed:
        return f"promoted, {new} new labels"
    return "not promoted: " + ", ".join(each.name for each in verdict.conditions if not each.passed)
