"""``bearwatch train --from``: labelled pictures and an earlier bundle to a new one, with both judged side by side.

One event in five is held out whole. What the bundle has been trained on before is not known event by event: where the
held-out pictures were among that, its figures flatter it, and the new one's are all the more worth.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.engines.torch_engine import TorchEngine
from detector.evaluate.evaluation import figures_json
from detector.evaluate.figures import figures
from detector.evaluate.manifest import LabelledPicture, snapshot_hash
from detector.learn.calibrate import is_infrared
from detector.learn.exported import export_if_possible
from detector.learn.intake import TrainingError, claim, contents_key, usable_pictures
from detector.learn.recipe import Recipe
from detector.learn.sampling import draw_weights
from detector.learn.student import student_labels
from detector.learn.training import BUNDLE, WORK, TrainingSetup
from detector.learn.warm_start import (
    FineTuned,
    Lesson,
    SaidOfChild,
    bear_scores,
    fine_tune,
    new_reference,
    warm_recipe,
    write_child,
)
from detector.models.bundle import ModelBundle
from detector.models.model import Thresholds

PARENT, CHILD = "parent", "child"
_HELD_OUT = 5


@dataclass(frozen=True, slots=True)
class WarmTrained:
    """What came out: the bundle, the figures of parent and child on held-out events, and what was left out."""

    bundle: ModelBundle
    held_out: dict[str, dict[str, Any]]
    left_out: list[str]


def train_from(
    parent: ModelBundle, pictures: Sequence[LabelledPicture], out: Path, recipe: Recipe, setup: TrainingSetup
) -> WarmTrained:
    """Go on training from ``parent`` and write ``<out>/bundle``. Interrupted, the same call goes on.

    Raises:
        TrainingError: a label is unknown, there are no bears or only bears, nothing can be held out, ``out`` holds
            another training, or the parent cannot be started from.
        TrainingDiverged: the loss is no number any more.
    """
    usable, left_out = usable_pictures(pictures, student_labels())
    recipe = warm_recipe(parent, recipe)
    claim(out / WORK, f"{contents_key(usable)} from {parent.digest}", recipe)
    held = held_out_events(usable)
    shown = [usable[place] for place in np.flatnonzero(~held).tolist()]
    judged = [usable[place] for place in np.flatnonzero(held).tolist()]
    lesson = _lesson(shown, recipe)

    def engine(of: ModelBundle) -> TorchEngine:
        return TorchEngine(of, setup.device, setup.threads)

    def watch(step: int, steps: int) -> None:
        setup.watch("from the bundle", step + 1, steps, 0.0)

    tuned = fine_tune(parent, lesson, recipe, out / WORK / "warm", engine, setup.threads, watch)
    scores = {
        who: bear_scores(engine(of), judged, partial(_advance, setup, f"held out, {who}", len(judged)))
        for who, of in ((PARENT, parent), (CHILD, tuned.bundle()))
    }
    bundle = _write(tuned, judged, scores, lesson, out / BUNDLE, engine(tuned.bundle()))
    export_if_possible(bundle)
    return WarmTrained(bundle, _figures(judged, scores), left_out)


def _advance(setup: TrainingSetup, stage: str, total: int, more: int) -> None:
    setup.advance(stage, more, total)


def held_out_events(pictures: Sequence[LabelledPicture]) -> NDArray[np.bool_]:
    """(n,) which pictures are held out: of the events with a bear and of the others one in five each, by their hash.

    An event with a bear on any of its pictures is one with a bear. The same pictures give the same events.

    Raises:
        TrainingError: there is a single event of either kind, so that nothing can be held out.
    """
    with_bear = {picture.event for picture in pictures if picture.label == "bear"}
    chosen = set[str]()
    for events in (with_bear, {picture.event for picture in pictures} - with_bear):
        if len(events) < 2:
            raise TrainingError("one event with a bear and one without must be held out: two of either are needed")
        ordered = sorted(events, key=lambda event: hashlib.sha256(event.encode()).hexdigest())
        chosen |= set(ordered[: max(1, len(ordered) // _HELD_OUT)])
    return np.array([picture.event in chosen for picture in pictures], dtype=bool)


def _lesson(shown: Sequence[LabelledPicture], recipe: Recipe) -> Lesson:
    steps = max(1, round(recipe.epochs * len(shown) / recipe.batch))
    weights = draw_weights(shown, recipe.bear_share, recipe.camera_trap_weight, recipe.night_share)
    order = np.random.default_rng(recipe.seed).choice(len(shown), size=steps * recipe.batch, p=weights)
    return Lesson(shown, np.ones(len(shown), dtype=np.float32), order)


def _figures(judged: Sequence[LabelledPicture], scores: dict[str, NDArray[np.float32]]) -> dict[str, dict[str, Any]]:
    truth = np.array([picture.label == "bear" for picture in judged], dtype=bool)
    return {who: figures_json(figures(each, truth)) for who, each in scores.items()}


def same_false_positives(
    judged: Sequence[LabelledPicture], scores: dict[str, NDArray[np.float32]], parent: Thresholds
) -> Thresholds:
    """The child's live thresholds: of the held-out pictures without a bear it calls as many a bear as its parent does.

    By light where there are such pictures in it, else as they were.
    """
    others = np.array([picture.label != "bear" for picture in judged], dtype=bool)
    dark = np.array([is_infrared(picture) for picture in judged], dtype=bool)
    found = {}
    for name, inside, threshold in (("day", others & ~dark, parent.day), ("infrared", others & dark, parent.infrared)):
        if inside.any():
            allowed = int((scores[PARENT][inside] >= threshold).sum())
            ranked = np.sort(scores[CHILD][inside])[::-1]
            least = float(ranked[allowed]) if allowed < len(ranked) else 0.0
            # Never far below the parent's: with no false positives on few pictures any threshold would do.
            found[name] = max(threshold, math.ceil(1e4 * float(np.nextafter(least, 2.0))) / 1e4)
    return replace(parent, **found)


def _write(
    tuned: FineTuned,
    judged: Sequence[LabelledPicture],
    scores: dict[str, NDArray[np.float32]],
    lesson: Lesson,
    folder: Path,
    engine: TorchEngine,
) -> ModelBundle:
    found = _figures(judged, scores)
    thresholds = same_false_positives(judged, scores, tuned.parent.model.thresholds)
    evaluation = {
        "what": "one event in five, held out from the steps since the parent",
        "parent": tuned.parent.digest,
        "held_out": found,
        "sources": sorted({picture.source for picture in (*lesson.pictures, *judged)}),
    }
    said = SaidOfChild(snapshot_hash(lesson.pictures), evaluation, _datasheet(tuned, lesson, len(judged), found))
    return write_child(tuned, thresholds, said, folder, new_reference(engine, lesson.pictures))


def _datasheet(tuned: FineTuned, lesson: Lesson, judged: int, found: dict[str, dict[str, Any]]) -> str:
    recipe, steps = tuned.recipe, len(lesson.order) // tuned.recipe.batch
    rows = "\n".join(f"| {who} | {each['bears']} | {each['auc']} |" for who, each in found.items())
    return f"""# Datasheet of a model that goes on from `{tuned.parent.short_digest}`

{tuned.parent.architecture}, {steps} steps of {recipe.batch} pictures from its parent's weights at a learning rate of
{recipe.learning_rate:g}, seed {recipe.seed}, {len(lesson.pictures)} pictures shown. What its parent's datasheet says of
where it fails holds here too, as nothing else was measured.

Held out were {judged} pictures, one event in five of either kind, each seen as the live system cuts it:

| who | bears | area under the ROC curve |
|---|---|---|
{rows}

The parent may have been trained on some of these; the new model was not shown them since.
"""
