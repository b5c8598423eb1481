"""From labelled pictures to a model bundle.

1. The pretrained network says what it sees in every clean picture (the teacher, and the yardstick).
2. Sources are dealt out into folds. One network is trained without each fold, and one with everything.
3. Each fold's network, mixed in several shares with the pretrained weights, judges the sources it never saw. Those
   figures choose the mix, the temperature and the thresholds.
4. The network trained on everything, mixed the same way, becomes the bundle. Its own figures on pictures it was
   trained on would flatter it and are not computed: the folds' figures are published.

Everything slow is kept in ``<out>/work`` and taken up again; ``work/plan.json`` refuses to mix two different runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as save_tensors
from torch import Tensor

from detector.bundle import ModelBundle, write_bundle
from detector.labels import IMAGENET_CLASSES, LabelMap
from detector.learn.calibrate import choose_thresholds, fit_temperature
from detector.learn.datasheet import datasheet
from detector.learn.fit import Run, fit
from detector.learn.folds import assign_folds
from detector.learn.heldout import (
    GENERIC_KEY,
    HeldOut,
    by_source,
    choose_mix,
    table,
    unknown_animals,
    unseen_labels,
)
from detector.learn.recipe import SYNONYMS, Recipe
from detector.learn.runs import Watcher, fit_all
from detector.learn.student import Start, mixed, start, student_labels
from detector.learn.teacher import remembered, whole_logits
from detector.manifest import LabelledPicture, UndecodablePicture, read_picture, snapshot_hash
from detector.model import Model, Provenance, Thresholds
from detector.torch_engine import Device, TorchEngine

BUNDLE, WORK, PLAN = "bundle", "work", "plan.json"
NAME = "campsite"
CODE_VERSION = "0.1.0"
_BEST_EVEN_IF_NOT_BETTER = 0.5


class TrainingError(RuntimeError):
    """The pictures or the folder cannot be used for this training."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What came out. ``better`` says whether the held-out sources prefer it to the pretrained network."""

    bundle: ModelBundle
    better: bool
    share: float
    held_out: dict[str, dict[str, Any]]
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class Workshop:
    """How to work, as opposed to what to make. ``advance`` is told the stage, how many more are done, of how many."""

    device: Device = "auto"
    jobs: int = 1
    threads: int = 1
    loaders: int = 0
    watch: Watcher = lambda name, step, steps, loss: None
    advance: Callable[[str, int, int], None] = lambda stage, more, total: None


def train(pictures: Sequence[LabelledPicture], out: Path, recipe: Recipe, shop: Workshop) -> Trained:
    """Train, measure, and write ``<out>/bundle``.

    Raises:
        TrainingError: a label is unknown, there are no bears or only bears, or ``out`` holds another training.
        BackboneError: the pretrained weights cannot be had.
        ValueError: the pictures come from fewer sources than there are folds.
    """
    labels = student_labels()
    usable, left_out = _usable(pictures, labels)
    key = _contents_key(usable)
    _claim(out / WORK, key, recipe)
    beginning = start(recipe.backbone)
    held_out, share_of_all = _learn(usable, key, beginning, labels, out / WORK, recipe, shop)
    found = table(held_out, labels)
    chosen = choose_mix(found)
    better = chosen != GENERIC_KEY
    share = float(chosen) if better else min(held_out.mixes, key=lambda each: abs(each - _BEST_EVEN_IF_NOT_BETTER))
    model, evaluation = _calibrated(held_out, labels, beginning, share, recipe, found)
    evaluation |= {"better_than_generic": better, "share_of_trained_weights": share}
    bundle = write_bundle(
        out / BUNDLE,
        model,
        {name: each.numpy() for name, each in _floats(mixed(beginning.state, share_of_all, share)).items()},
        Provenance(_parent(beginning), snapshot_hash(usable), CODE_VERSION, asdict(recipe)),
        datasheet(model, usable, recipe, evaluation, left_out),
        evaluation,
    )
    return Trained(bundle, better, share, found, left_out)


def _learn(
    usable: Sequence[LabelledPicture],
    key: str,
    beginning: Start,
    labels: LabelMap,
    work: Path,
    recipe: Recipe,
    shop: Workshop,
) -> tuple[HeldOut, dict[str, Tensor]]:
    """Steps 1 to 3; returns what the folds said, and the state of the network trained on everything."""
    generic = _say("teacher", beginning.state, beginning, labels, usable, work / "teacher.npz", key, recipe, shop)
    fold = assign_folds(usable, recipe.folds)
    everything = Run(usable, generic[:, :IMAGENET_CLASSES], recipe, work / "all", *_means(shop))
    runs = [_without(everything, fold, number, work / f"fold-{number}") for number in range(recipe.folds)]
    fit_all([*runs, everything], shop.jobs, shop.watch)
    mixes: dict[float, NDArray[np.float32]] = {}
    for share in recipe.mixes:
        mixes[share] = np.zeros((len(usable), labels.outputs), dtype=np.float32)
        for number, run in enumerate(runs):
            inside = np.flatnonzero(fold == number)
            state = mixed(beginning.state, fit(run), share)
            judged = [usable[place] for place in inside.tolist()]
            file = work / f"heldout-{number}-{share:g}.npz"
            stage = f"held out {number + 1}/{recipe.folds}, share {share:g}"
            mixes[share][inside] = _say(stage, state, beginning, labels, judged, file, key, recipe, shop)
    return HeldOut(usable, fold, generic, mixes), fit(everything)


def _say(
    stage: str,
    state: dict[str, Tensor] | Any,
    beginning: Start,
    labels: LabelMap,
    pictures: Sequence[LabelledPicture],
    file: Path,
    key: str,
    recipe: Recipe,
    shop: Workshop,
) -> NDArray[np.float32]:
    """Logits of whole pictures by a network in the very form in which it would be shipped; remembered in ``file``."""

    def compute() -> NDArray[np.float32]:
        engine = TorchEngine(_in_memory(beginning, state, labels, recipe), shop.device, shop.jobs * shop.threads)
        return whole_logits(engine, pictures, lambda more: shop.advance(stage, more, len(pictures)))

    return remembered(file, f"{key} {recipe.backbone}@{recipe.input_px} {file.stem}", compute)


def _in_memory(beginning: Start, state: Any, labels: LabelMap, recipe: Recipe) -> ModelBundle:
    content = save_tensors({name: each.numpy().astype(np.float16) for name, each in _floats(state).items()})
    weights = {"file": "weights.safetensors", "sha256": hashlib.sha256(content).hexdigest()}
    model = _model(beginning, labels, recipe, Thresholds(0.3, 0.3), weights)
    return ModelBundle(model, Provenance(), None, content)


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
    )


def _calibrated(
    held_out: HeldOut,
    labels: LabelMap,
    beginning: Start,
    share: float,
    recipe: Recipe,
    found: dict[str, dict[str, Any]],
) -> tuple[Model, dict[str, Any]]:
    truth = np.array([labels.names.index(picture.label) for picture in held_out.pictures])
    logits = held_out.mixes[share]
    warm = fit_temperature(logits, labels, truth)
    unseen = unseen_labels(held_out)
    known = np.array(
        [picture.label not in unseen[fold] for picture, fold in zip(held_out.pictures, held_out.fold, strict=True)]
    )
    thresholds = choose_thresholds(logits, warm, held_out.pictures, known)
    limits = thresholds.unknown_day, thresholds.unknown_infrared
    evaluation = {
        "what": "held-out sources: each picture was judged by a network that saw nothing of its source",
        "held_out": found,
        "by_source": by_source(held_out, warm, share),
        "unknown_animals": unknown_animals(held_out, warm, share, limits, thresholds.day),
        "temperature": warm.temperature,
        "thresholds": asdict(thresholds),
    }
    return _model(beginning, warm, recipe, thresholds, {"file": "", "sha256": ""}), evaluation


def _usable(pictures: Sequence[LabelledPicture], labels: LabelMap) -> tuple[list[LabelledPicture], list[str]]:
    """The pictures that can be decoded, with the model's words for their labels; and why the others cannot."""
    named = [replace(picture, label=SYNONYMS.get(picture.label, picture.label)) for picture in pictures]
    strange = sorted({picture.label for picture in named} - set(labels.names))
    if strange:
        raise TrainingError(
            f"unknown labels {', '.join(strange)}; known are {', '.join(labels.names)}, object, nothing"
        )
    usable, left_out = list[LabelledPicture](), list[str]()
    for picture in named:
        try:
            read_picture(picture.path)
        except UndecodablePicture as error:
            left_out.append(str(error))
        else:
            usable.append(picture)
    bears = sum(picture.label == "bear" for picture in usable)
    if not 0 < bears < len(usable):
        raise TrainingError(f"{bears} of {len(usable)} readable pictures are bears; training needs bears and others")
    return usable, left_out


def _contents_key(pictures: Sequence[LabelledPicture]) -> str:
    """Of the pictures in their order, with labels and sources: everything that decides what is trained on."""
    lines = [f"{picture.label} {picture.source} {picture.light} {_hash(picture.path)}" for picture in pictures]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _claim(work: Path, key: str, recipe: Recipe) -> None:
    """Refuse a folder in which something else was trained."""
    plan = json.loads(json.dumps({"pictures": key, "recipe": asdict(recipe)}))
    path = work / PLAN
    if path.is_file() and json.loads(path.read_text()) != plan:
        raise TrainingError(
            f"{work} holds a training with other pictures or another recipe; use another --out, or delete it"
        )
    work.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(plan, indent=1))


def _without(everything: Run, fold: NDArray[np.int64], number: int, folder: Path) -> Run:
    kept = np.flatnonzero(fold != number)
    pictures = [everything.pictures[place] for place in kept.tolist()]
    return replace(everything, pictures=pictures, taught=everything.taught[kept], folder=folder)


def _means(shop: Workshop) -> tuple[str, int, int]:
    import torch

    cuda = shop.device != "cpu" and torch.cuda.is_available()
    return ("cuda" if cuda else "cpu", shop.threads, shop.loaders)


def _floats(state: Any) -> dict[str, Tensor]:
    """Without the counters of normalisations, which decide nothing."""
    return {name: each for name, each in state.items() if each.is_floating_point() and not name.endswith("tracked")}


def _parent(beginning: Start) -> str:
    """SHA-256 over the pretrained weights."""
    content = save_tensors({name: each.numpy() for name, each in _floats(beginning.state).items()})
    return hashlib.sha256(content).hexdigest()
