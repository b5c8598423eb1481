"""From labelled pictures to a model bundle.

1. The pretrained network says what it sees in every clean picture (the teacher, and the yardstick). Animals are cut out
   of daylight pictures, to be put into night scenes (:mod:`detector.learn.cutouts`).
2. Sources are dealt out into folds. One network is trained without each fold, and one with everything.
3. Each fold's network, mixed in several shares with the pretrained weights, judges the sources it never saw. Those
   figures choose the mix, the temperature and the thresholds.
4. With that mix the folds' networks judge more: unknown animals, still pictures in the bundle's view, pictures made
   hard, live crops (:mod:`detector.learn.judge`); and what the thresholds do on every source.
5. The network trained on everything, mixed the same way, becomes the bundle, with its exported graph where the tools
   for it are installed. Its own figures on pictures it was trained on would flatter it and are not computed: the folds'
   figures are published.

Everything slow is kept in ``<out>/work`` and taken up again; ``work/plan.json`` refuses to mix two different runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as save_tensors
from torch import Tensor

from detector.engines.choose import DEFAULT_BACKBONE
from detector.engines.engine import Device
from detector.engines.torch_engine import TorchEngine
from detector.evaluate.manifest import LabelledPicture, snapshot_hash
from detector.learn.calibrate import LIVE_RATE, STILL_RATE, bear_thresholds, fit_temperature, unknown_limits
from detector.learn.cutouts import Cutouts, cutout_places, make_cutouts
from detector.learn.datasheet import datasheet
from detector.learn.exported import export_if_possible
from detector.learn.fit import Run, fit
from detector.learn.folds import assign_folds
from detector.learn.held_out_thresholds import JudgedPictures, operating_point
from detector.learn.heldout import (
    ALL,
    GENERIC_KEY,
    HeldOut,
    by_slice,
    by_source,
    choose_mix,
    known_pictures,
    table,
)
from detector.learn.intake import TrainingError, claim, contents_key, usable_pictures
from detector.learn.judge import FoldPredictors
from detector.learn.recipe import NEW_LABELS, Recipe
from detector.learn.runs import Watcher, fit_all
from detector.learn.student import Start, interpolate_weights, start, student_labels
from detector.learn.teacher import remembered, whole_logits
from detector.learn.unseen_animals import better_way, compare, reference_places
from detector.models.bundle import ModelBundle, write_bundle
from detector.models.imagenet_labels import GENERIC, IMAGENET_CLASSES, LabelMap, doubts, energies
from detector.models.model import Model, Provenance, Thresholds
from detector.models.ood import DOUBT, ENERGY, NEIGHBOURS, Reference
from detector.models.view import View

__all__ = ["Trained", "TrainingError", "TrainingSetup", "train"]


BUNDLE, WORK = "bundle", "work"
NAME = "campsite"
CODE_VERSION = "0.1.0"
_BEST_EVEN_IF_NOT_BETTER = 0.5


@dataclass(frozen=True, slots=True)
class Trained:
    """What came out. ``better`` says whether the held-out sources prefer it to the pretrained network."""

    bundle: ModelBundle
    better: bool
    share: float
    held_out: dict[str, dict[str, Any]]
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class TrainingSetup:
    """How to work, as opposed to what to make. ``advance`` is told the stage, how many more are done, of how many."""

    device: Device = "auto"
    jobs: int = 1
    threads: int = 1
    loaders: int = 0
    watch: Watcher = lambda name, step, steps, loss: None
    advance: Callable[[str, int, int], None] = lambda stage, more, total: None


def train(pictures: Sequence[LabelledPicture], out: Path, recipe: Recipe, setup: TrainingSetup) -> Trained:
    """Train, measure, and write ``<out>/bundle``.

    Raises:
        TrainingError: a label is unknown, there are no bears or only bears, or ``out`` holds another training.
        BackboneError: the pretrained weights cannot be had.
        ValueError: the pictures come from fewer sources than there are folds.
    """
    labels = student_labels()
    usable, left_out = usable_pictures(pictures, labels)
    key = contents_key(usable)
    claim(out / WORK, key, recipe)
    context = _TrainingContext(start(recipe.backbone), labels, recipe, setup, out / WORK, key)
    held_out, fold_states, state_of_all = _learn(usable, context)
    found = table(held_out, labels)
    chosen = choose_mix(found)
    better = chosen != GENERIC_KEY
    share = float(chosen) if better else min(held_out.mixes, key=lambda each: abs(each - _BEST_EVEN_IF_NOT_BETTER))
    model, evaluation, way = _calibrated(held_out, fold_states, share, found, context)
    evaluation |= {"better_than_generic": better, "share_of_trained_weights": share}
    evaluation |= {"sources": sorted({picture.source for picture in usable})}
    state = context.mixed(state_of_all, share)
    bundle = write_bundle(
        out / BUNDLE,
        model,
        {name: each.numpy() for name, each in _floats(state).items()},
        Provenance(_parent(context.beginning), snapshot_hash(usable), CODE_VERSION, asdict(recipe)),
        datasheet(model, usable, recipe, evaluation, left_out),
        evaluation,
        _reference(state, usable, context) if way == NEIGHBOURS else None,
    )
    export_if_possible(bundle)
    return Trained(bundle, better, share, found, left_out)


@dataclass(frozen=True, slots=True)
class _TrainingContext:
    """What every step of one training needs."""

    beginning: Start
    labels: LabelMap
    recipe: Recipe
    setup: TrainingSetup
    work: Path
    key: str

    def mixed(self, trained: dict[str, Tensor], share: float) -> dict[str, Tensor]:
        """``share`` of trained weights, the rest pretrained."""
        return interpolate_weights(self.beginning.state, trained, share)

    def bundle(self, state: Any, labels: LabelMap | None = None) -> ModelBundle:
        """A network in the very form in which it is served, in memory."""
        content = save_tensors({name: each.numpy().astype(np.float16) for name, each in _floats(state).items()})
        weights = {"file": "weights.safetensors", "sha256": hashlib.sha256(content).hexdigest()}
        model = _model(self.beginning, labels or self.labels, self.recipe, Thresholds(0.3, 0.3), weights)
        return ModelBundle(model, Provenance(), None, content)

    def engine(self, bundle: ModelBundle) -> TorchEngine:
        """To run it with."""
        return TorchEngine(bundle, self.setup.device, self.setup.jobs * self.setup.threads)

    def remember(self, name: str, compute: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """Compute an array once for this training, and keep it."""
        recipe = self.recipe
        return remembered(self.work / f"{name}.npz", f"{self.key} {recipe.backbone}@{recipe.input_px} {name}", compute)

    def say(self, name: str, stage: str, state: Any, pictures: Sequence[LabelledPicture]) -> NDArray[np.float32]:
        """Logits (n, outputs) of whole pictures."""

        def compute() -> NDArray[np.float32]:
            engine = self.engine(self.bundle(state))
            return whole_logits(engine, pictures, lambda more: self.setup.advance(stage, more, len(pictures)))

        return self.remember(name, compute)


def _learn(
    usable: Sequence[LabelledPicture], context: _TrainingContext
) -> tuple[HeldOut, list[dict[str, Tensor]], dict[str, Tensor]]:
    """Steps 1 to 3; returns what the folds said, their networks' states, and that of the one trained on everything."""
    recipe, setup = context.recipe, context.setup
    generic = context.say("teacher", "teacher", context.beginning.state, usable)
    fold = assign_folds(usable, recipe.folds)
    cutouts = _cutouts(usable, context)
    everything = Run(usable, generic[:, :IMAGENET_CLASSES], recipe, context.work / "all", *_means(setup), cutouts)
    runs = [_without(everything, fold, number, context.work / f"fold-{number}") for number in range(recipe.folds)]
    everything = _as_long_as(runs, everything)
    fit_all([*runs, everything], setup.jobs, setup.watch)
    states = [fit(run) for run in runs]
    mixes: dict[float, NDArray[np.float32]] = {}
    for share in recipe.mixes:
        mixes[share] = np.zeros((len(usable), context.labels.outputs), dtype=np.float32)
        for number, trained in enumerate(states):
            inside = np.flatnonzero(fold == number)
            state = context.mixed(trained, share)
            judged = [usable[place] for place in inside.tolist()]
            stage = f"held out {number + 1}/{recipe.folds}, share {share:g}"
            mixes[share][inside] = context.say(f"heldout-{number}-{share:g}", stage, state, judged)
    return HeldOut(usable, fold, generic, mixes, recipe.withheld), states, fit(everything)


def _cutouts(usable: Sequence[LabelledPicture], context: _TrainingContext) -> Cutouts | None:
    recipe, setup = context.recipe, context.setup
    if not (recipe.pasted_bears or recipe.pasted_others):
        return None
    engine = context.engine(ModelBundle.generic(DEFAULT_BACKBONE))
    many = len(cutout_places(usable))
    return make_cutouts(usable, context.work / "cutouts", engine, lambda more: setup.advance("cut-outs", more, many))


def _model(
    beginning: Start, labels: LabelMap, recipe: Recipe, thresholds: Thresholds, weights: dict[str, str]
) -> Model:
    return Model(
        name=NAME,
        architecture=beginning.architecture,
        input_px=recipe.input_px,
        mean=beginning.mean,
        std=beginning.std,
        labels=labels,
        weights=weights,
        thresholds=thresholds,
        view=View.parse(recipe.view),
        lift=recipe.lift,
    )


def _calibrated(
    held_out: HeldOut,
    fold_states: Sequence[dict[str, Tensor]],
    share: float,
    found: dict[str, Any],
    context: _TrainingContext,
) -> tuple[Model, dict[str, Any], str]:
    """Step 4: the model's numbers, what was measured, and by what unknown animals are told."""
    pictures, logits = held_out.pictures, held_out.mixes[share]
    truth = np.array([context.labels.names.index(picture.label) for picture in pictures])
    warm = fit_temperature(logits, context.labels, truth)
    fold_predictors = _fold_predictors(held_out, fold_states, share, warm, context)
    known, bear = known_pictures(held_out), warm.bear_scores(logits)
    ood_scores = {
        ENERGY: energies(logits),
        DOUBT: doubts(logits, warm),
        NEIGHBOURS: np.zeros(len(bear), np.float32) if known.all() else fold_predictors.distances(logits),
    }
    crop_places, crops = fold_predictors.live_crops()
    cropped = JudgedPictures([pictures[place] for place in crop_places], crops)
    live = np.concatenate([bear, crops]), [*pictures, *cropped.pictures]
    limits = _at_least(bear_thresholds(*live, LIVE_RATE), context.recipe.live_at_least)
    strangers = compare(ood_scores, pictures, known, bear, limits)
    way = better_way(strangers)
    places, trained, generic = fold_predictors.stills(View.parse(context.recipe.view))
    sample = [pictures[place] for place in places]
    still_limits = bear_thresholds(trained, sample, STILL_RATE)
    thresholds = Thresholds(*limits, *unknown_limits(ood_scores[way], pictures, known), *still_limits)
    evaluation = {
        "what": "held-out sources: each picture was judged by a network that saw nothing of its source",
        "held_out": found,
        "by_source": by_source(held_out, warm, share),
        "at_thresholds": {
            "still pictures": operating_point(JudgedPictures(sample, trained), still_limits, STILL_RATE),
            "whole pictures, seen once": operating_point(JudgedPictures(pictures, bear), limits, LIVE_RATE),
            "live crops": operating_point(cropped, limits, LIVE_RATE),
        },
        "stills": by_slice(sample, {GENERIC_KEY: generic, f"{share:g}": trained}),
        "stills_whole": by_slice(sample, _seen_once(held_out, warm, share, places)),
        "made_hard": {
            kind: by_slice([pictures[place] for place in p], {GENERIC_KEY: g, f"{share:g}": t})[ALL]
            for kind, (p, t, g) in fold_predictors.hard().items()
        },
        "unknown_animals": strangers,
        "unknown_by": way,
        "temperature": warm.temperature,
        "thresholds": asdict(thresholds),
    }
    model = _model(context.beginning, warm, context.recipe, thresholds, {"file": "", "sha256": ""})
    # Neighbours come in with the reference, when the bundle is written.
    return replace(model, unknown_by=ENERGY if way == NEIGHBOURS else way), evaluation, way


def _at_least(limits: tuple[float, float], least: float) -> tuple[float, float]:
    day, infrared = (max(limit, least) for limit in limits)
    return day, infrared


def _seen_once(held_out: HeldOut, labels: LabelMap, share: float, places: list[int]) -> dict[str, NDArray[np.float32]]:
    return {
        GENERIC_KEY: GENERIC.bear_scores(held_out.generic[places, :IMAGENET_CLASSES]),
        f"{share:g}": labels.bear_scores(held_out.mixes[share][places]),
    }


def _fold_predictors(
    held_out: HeldOut,
    fold_states: Sequence[dict[str, Tensor]],
    share: float,
    labels: LabelMap,
    context: _TrainingContext,
) -> FoldPredictors:
    states = [context.mixed(state, share) for state in fold_states]

    def remember(name: str, compute: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """What the pretrained network says depends on no mix."""
        mix = "" if name.endswith(GENERIC_KEY) else f"-{share:g}-{labels.temperature:g}"
        return context.remember(f"{name}{mix}", compute)

    return FoldPredictors(
        pictures=held_out.pictures,
        fold=held_out.fold,
        bundles=[context.bundle(state, labels) for state in states],
        generic=context.bundle(_plain(context.beginning.state), GENERIC),
        withheld=held_out.withheld,
        engine_of=context.engine,
        remember=remember,
        advance=context.setup.advance,
    )


def _plain(state: Any) -> dict[str, Tensor]:
    """The pretrained network with its own 1,000 outputs alone."""
    outputs = IMAGENET_CLASSES + len(NEW_LABELS)
    return {name: each[:IMAGENET_CLASSES] if each.shape[:1] == (outputs,) else each for name, each in state.items()}


def _reference(state: dict[str, Tensor], usable: Sequence[LabelledPicture], context: _TrainingContext) -> Reference:
    chosen = [usable[place] for place in reference_places(usable)]
    return Reference.of(context.say("reference-all", "reference", state, chosen))


def _without(everything: Run, fold: NDArray[np.int64], number: int, folder: Path) -> Run:
    """The run that sees nothing of a fold, nor of the withheld label."""
    withheld = np.array([picture.label == everything.recipe.withheld for picture in everything.pictures])
    kept = np.flatnonzero((fold != number) & ~withheld)
    pictures = [everything.pictures[place] for place in kept.tolist()]
    return replace(everything, pictures=pictures, taught=everything.taught[kept], folder=folder)


def _as_long_as(runs: Sequence[Run], everything: Run) -> Run:
    """The run on everything, with as many steps as the folds' runs have on average.

    So it goes as far from the pretrained weights as they do, and the mix that suits them suits it too.
    """
    share = sum(len(run.pictures) for run in runs) / len(runs) / len(everything.pictures)
    return replace(everything, recipe=replace(everything.recipe, epochs=everything.recipe.epochs * share))


def _means(setup: TrainingSetup) -> tuple[str, int, int]:
    import torch

    cuda = setup.device != "cpu" and torch.cuda.is_available()
    return ("cuda" if cuda else "cpu", setup.threads, setup.loaders)


def _floats(state: Any) -> dict[str, Tensor]:
    """Without the counters of normalisations, which decide nothing."""
    return {name: each for name, each in state.items() if each.is_floating_point() and not name.endswith("tracked")}


def _parent(beginning: Start) -> str:
    """SHA-256 over the pretrained weights."""
    content = save_tensors({name: each.numpy() for name, each in _floats(beginning.state).items()})
    return hashlib.sha256(content).hexdigest()
