"""From labels to a judged challenger: the part of the night that needs torch."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from core.config import Config
from detector.engines.torch_engine import TorchEngine
from detector.evaluate.manifest import UndecodablePicture
from detector.learn.exported import export_if_possible
from detector.learn.fit import TrainingDiverged
from detector.learn.intake import TrainingError
from detector.learn.objective import NOT_BEAR
from detector.learn.warm_start import (
    FineTuned,
    Lesson,
    SaidOfChild,
    fine_tune,
    new_reference,
    write_child,
)
from detector.models.bundle import ModelBundle
from detector.models.model import Thresholds
from detector.nightly.curriculum import Curriculum, NightDraws, curriculum
from detector.nightly.guard import Guard
from detector.nightly.judged_events import BEAR, LightThresholds
from detector.nightly.label_pictures import label_pictures
from detector.nightly.learning_site import LearningSite, LessonError, NothingToLearn, model_folder, work_folder
from detector.nightly.model_card import night_datasheet
from detector.nightly.nightly_evaluation import (
    ANCHOR,
    CHALLENGER,
    CHAMPION,
    Judge,
    Outcome,
    compare,
    judging_set,
    results,
)
from detector.nightly.reigning import Reigning
from detector.nightly.run_store import ClaimedRun, last_trained
from detector.tracking.camera_thresholds import WHERE_CAMPERS_ARE_WARNED
from rollout.evidence.challenger_gate import ChallengerVerdict, judge_challenger
from rollout.evidence.feedback import EFFORT_WINDOW_S
from rollout.evidence.feedback_metrics import reviews_between
from rollout.evidence.labels import LabelSnapshot, Split, label_snapshot
from rollout.evidence.labels.vocabulary import read_vocabulary

LATE_LABELS_S: Final = 7 * 86400.0
"""Pictures of so long before the last run count as new all the same: people answer late."""
LEAST_OF_A_NEW_WORD: Final = 10
"""Pictures without which a label that the champion does not know is not begun with."""
_PART: Final = "bundle.part"


@dataclass(frozen=True, slots=True)
class Challenged:
    """A challenger with the gate's verdict. ``facts`` are columns of its row."""

    verdict: ChallengerVerdict
    facts: dict[str, Any]
    short_digest: str
    tuned: FineTuned
    thresholds: Thresholds
    outcome: Outcome
    lesson: Lesson
    guard: Guard
    threads: int

    def write(self, work: Path, data: Path) -> ModelBundle:
        """Write the bundle below the site's folder, whole or not at all, and return it.

        It is made below ``work`` and moved: whoever is killed on the way leaves nothing that looks like a model. One
        that is there already, from a run killed a moment later, is the same, as its name is its digest.
        """
        part = work / _PART
        shutil.rmtree(part, ignore_errors=True)
        self.guard.between("writing the bundle", 0, 1)
        engine = TorchEngine(self.tuned.bundle(), "cpu", self.threads)
        said = SaidOfChild(
            self.facts["snapshot"],
            {"what": "a night's challenger", "golden": self.facts["golden"], "rolling": self.facts["rolling"]}
            | {"verdict": self.facts["verdict"], "labels": self.facts["labels"]},
            night_datasheet(self.tuned, self.facts),
        )
        bundle = write_child(self.tuned, self.thresholds, said, part, new_reference(engine, self.lesson.pictures))
        export_if_possible(bundle)
        self.guard.between("writing the bundle", 1, 1)
        place = data / model_folder(bundle.digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_dir():
            os.replace(part, place)
        return ModelBundle.load(place)


def challenge(site: LearningSite, run: ClaimedRun, champion: Reigning, guard: Guard) -> Challenged:
    """Train a challenger from the champion and judge it.

    Raises:
        NothingToLearn: there are too few new labels.
        LessonError: the champion cannot be started from, or the challenger is no model.
        NightEnded: time, memory or an open breaker.
    """
    snapshot, effort, before = _read(site, run)
    work = _own_work(work_folder(site.data, run.id), snapshot, champion)
    plan = NightDraws(
        labels=site.config.learning.labels_per_night,
        batch=site.recipe.batch,
        passes=site.recipe.epochs,
        seed=run.seed,
        new_since=None if before is None else before - LATE_LABELS_S,
    )
    laid_out = _laid_out(snapshot, champion, effort, plan, site.config)
    facts: dict[str, Any] = {
        "snapshot": snapshot.digest,
        "champion": champion.bundle.digest,
        "anchor": ModelBundle.open(site.anchor).digest,
        "labels": dict(laid_out.summary) | {"left_out": dict(snapshot.left_out)},
    }
    guard.progress.note(**facts)
    try:
        return _judged(site, run, champion, guard, snapshot, laid_out, facts, work)
    except (TrainingDiverged, TrainingError, UndecodablePicture) as error:
        raise LessonError(str(error)) from error


def _judged(
    site: LearningSite,
    run: ClaimedRun,
    champion: Reigning,
    guard: Guard,
    snapshot: LabelSnapshot,
    laid_out: Curriculum,
    facts: dict[str, Any],
    work: Path,
) -> Challenged:
    threads = site.config.learning.threads

    def engine(of: ModelBundle) -> TorchEngine:
        return TorchEngine(of, "cpu", threads)

    lesson = _lesson(laid_out, site.media.root)
    recipe = replace(site.recipe, seed=run.seed)
    tuned = fine_tune(
        champion.bundle,
        lesson,
        recipe,
        work,
        engine,
        threads,
        before_step=lambda step, steps: guard.between("training", step, steps),
        asked=lambda done, total: guard.between("asking the champion", done, total),
    )
    sets = {
        split: judging_set(snapshot.labels, split, run.labels_until, site.media.root)
        for split in (Split.GOLDEN, Split.ROLLING)
    }
    models = {CHAMPION: champion.bundle, CHALLENGER: tuned.bundle(), ANCHOR: ModelBundle.open(site.anchor)}
    a_day = site.config.detector.false_alarms_per_camera_day or WHERE_CAMPERS_ARE_WARNED
    outcome = compare(Judge(engine, guard.between), models, sets, lesson.pictures, a_day)
    since = None if champion.promoted_at is None else run.labels_until - champion.promoted_at
    verdict = judge_challenger(outcome.golden, outcome.rolling, outcome.budget, since, site.rules)
    thresholds = _live(champion.bundle.model.thresholds, outcome.thresholds[CHALLENGER])
    model = replace(tuned.bundle().model, thresholds=thresholds)
    facts |= {
        "challenger": model.digest,
        "golden": results(outcome.golden, outcome.thresholds),
        "rolling": results(outcome.rolling, outcome.thresholds),
        "verdict": verdict.to_json(),
    }
    short = f"{model.name}@{model.input_px}:{model.digest[:8]}"
    return Challenged(verdict, facts, short, tuned, thresholds, outcome, lesson, guard, threads)


def _read(site: LearningSite, run: ClaimedRun) -> tuple[LabelSnapshot, dict[str, float], float | None]:
    """The labels as they stood when the run began, each campsite's share of the reviews, and the last run's moment."""
    until = run.labels_until
    with site.database.read() as session:
        snapshot = label_snapshot(session, site.config, site.media, until, site.rule)
        bears = read_vocabulary(session).bears
        return _bears_as_one(snapshot, bears), _effort(session, site.config, until), last_trained(session)


def _bears_as_one(snapshot: LabelSnapshot, bears: Collection[str]) -> LabelSnapshot:
    """A kind of bear is a bear: the network has one output for all of them, on which people are warned."""
    labels = tuple(replace(each, label=BEAR) if each.label in bears else each for each in snapshot.labels)
    return replace(snapshot, labels=labels)


def _effort(session: Session, config: Config, until: float) -> dict[str, float]:
    sites = sorted(config.campsites)
    reviews = [each.campsite for each in reviews_between(session, sites, until - EFFORT_WINDOW_S, until)]
    return {name: reviews.count(name) / max(1, len(reviews)) for name in sites}


def _own_work(folder: Path, snapshot: LabelSnapshot, champion: Reigning) -> Path:
    """The run's folder, emptied when what is in it was begun with other labels or another champion."""
    plan = {"snapshot": snapshot.digest, "champion": champion.bundle.digest}
    kept = folder / "night.json"
    if not kept.is_file() or json.loads(kept.read_text()) != plan:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        kept.write_text(json.dumps(plan))
    return folder


def _laid_out(
    snapshot: LabelSnapshot, champion: Reigning, effort: Mapping[str, float], plan: NightDraws, config: Config
) -> Curriculum:
    known = {*champion.bundle.labels.names, NOT_BEAR}
    of_word: dict[str, int] = {}
    for each in snapshot.labels:
        of_word[each.label] = of_word.get(each.label, 0) + 1
    rare = {word for word, count in of_word.items() if word not in known and count < LEAST_OF_A_NEW_WORD}
    found = curriculum([each for each in snapshot.labels if each.label not in rare], effort, plan)
    if found.new < config.learning.at_least:
        raise NothingToLearn(
            f"{found.new} new labels may train, {config.learning.at_least} are needed (`learning.at_least`): "
            f"{len(snapshot.labels)} labels in all, {sum(snapshot.left_out.values())} left out"
        )
    waiting = {f"too few of {word} to begin with": of_word[word] for word in sorted(rare)}
    return replace(found, summary=dict(found.summary) | waiting)


def _lesson(laid_out: Curriculum, media: Path) -> Lesson:
    """Pictures, and how much each counts; one that went a moment ago gives its turns to the next."""
    found = label_pictures(laid_out.labels, media)
    if not found.pictures:
        raise LessonError(f"no picture can be read any more: {found.left_out[0]}")
    places = np.array(found.places)
    order: NDArray[np.int64] = np.minimum(np.searchsorted(places, laid_out.order), len(places) - 1).astype(np.int64)
    counts = np.array([laid_out.labels[place].weight for place in found.places], dtype=np.float32)
    return Lesson(found.pictures, counts, order)


def _live(parent: Thresholds, found: LightThresholds) -> Thresholds:
    """The parent's thresholds with live ones chosen anew; a threshold cannot be 1 or more."""
    return replace(parent, day=round(min(found.day, 0.999), 4), infrared=round(min(found.infrared, 0.999), 4))
