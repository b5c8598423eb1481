"""Train a model on labelled pictures and write it as a bundle, with a datasheet that says how good it is.

Run the same command again to go on after an interruption."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which pictures, where to, and how."""
    parser.add_argument(
        "--manifest",
        type=Path,
        required=True,
        nargs="+",
        help="CSVs with the columns file, label, and best also source",
    )
    parser.add_argument("--root", type=Path, default=None, help="folder of the files (each manifest's own)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the bundle and for work in progress")
    parser.add_argument("--backbone", default=None, help="pretrained network: lite0, lite2, or a timm model (lite2)")
    parser.add_argument(
        "--recipe",
        choices=("standard", "night"),
        default="standard",
        help="which numbers to start from; night lifts dark pictures and pastes animals into night scenes",
    )
    parser.add_argument("--input-px", type=int, default=None, help="side of the pictures in use (224)")
    parser.add_argument("--train-px", type=int, default=None, help="side of the pictures in training (the recipe: 192)")
    parser.add_argument("--epochs", type=float, default=None, help="passes over the pictures (the recipe: 2)")
    parser.add_argument("--batch", type=int, default=None, help="pictures in a step (32)")
    parser.add_argument("--learning-rate", type=float, default=None, help="at its highest (the recipe: 0.0002)")
    parser.add_argument(
        "--view",
        default=None,
        help="how the bundle scores still pictures, see bearwatch evaluate (blend@224+320)",
    )
    parser.add_argument("--seed", type=int, default=None, help="same seed, same pictures, same augmentations (1)")
    parser.add_argument(
        "--from",
        dest="parent",
        default=None,
        metavar="BUNDLE",
        help="a bundle, or `built-in`, from whose weights training goes on: few steps, a small learning rate, one "
        "event in five held out (the pretrained weights)",
    )
    parser.add_argument(
        "--layers",
        choices=("all", "last"),
        default=None,
        help="with --from: which layers learn, all or the last stages and the head (all but the first two stages)",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--jobs", type=int, default=None, help="runs side by side (a core each; one on a GPU)")
    parser.add_argument("--loaders", type=int, default=None, help="processes that prepare pictures (GPU: 8, CPU: none)")
    parser.add_argument("--json", action="store_true", help="the outcome as one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when a bundle was written, better or not; 2 when the pictures or the network cannot be used."""
    from detector.evaluate.manifest import ManifestError, read_manifest
    from detector.learn.fit import TrainingDiverged
    from detector.learn.training import TrainingError, train
    from detector.models.backbones import BackboneError
    from detector.models.bundle import BundleError

    try:
        _refuse_at_odds(arguments)
        pictures = [row for each in arguments.manifest for row in read_manifest(each, arguments.root)]
        if arguments.parent is not None:
            return _go_on(arguments, pictures)
        with _bars() as progress:
            trained = train(pictures, arguments.out, _recipe(arguments), _shop(arguments, progress))
    except (ManifestError, TrainingError, TrainingDiverged, BackboneError, BundleError, ValueError) as error:
        print(f"bearwatch train: {error}", file=sys.stderr)
        return 2
    _say(arguments, trained)
    return 0


def _refuse_at_odds(arguments: argparse.Namespace) -> None:
    """Options that say two things. Raises ValueError."""
    if arguments.parent is None and arguments.layers is not None:
        raise ValueError("--layers goes with --from; from the pretrained weights the recipe says which layers learn")
    if arguments.parent is not None:
        for name in ("input_px", "view"):
            if getattr(arguments, name) is not None:
                option = "--" + name.replace("_", "-")
                raise ValueError(f"{option} does not go with --from: the bundle decides that")


def _go_on(arguments: argparse.Namespace, pictures: Any) -> int:
    from detector.learn.warm_start import refuse_another_architecture
    from detector.learn.warm_training import train_from
    from detector.models.backbones import BACKBONES
    from detector.models.bundle import ModelBundle

    parent = ModelBundle.open(arguments.parent)
    if arguments.backbone is not None:
        known = BACKBONES.get(arguments.backbone)
        refuse_another_architecture(parent, arguments.backbone, known.architecture if known else arguments.backbone)
    with _bars() as progress:
        trained = train_from(parent, pictures, arguments.out, _warm_recipe(arguments), _shop(arguments, progress))
    for why in trained.left_out:
        print(f"left out: {why}", file=sys.stderr)
    outcome = {
        "bundle": str(trained.bundle.directory),
        "model": trained.bundle.short_digest,
        "parent": parent.short_digest,
        "held_out": trained.held_out,
    }
    if arguments.json:
        print(json.dumps(outcome))
        return 0
    print(f"{trained.bundle.directory}: {trained.bundle.short_digest}, from {parent.short_digest}")
    for who, found in trained.held_out.items():
        print(f"{who}: area under the ROC curve {found['auc']} on {found['pictures']} held-out pictures")
    return 0


def _warm_recipe(arguments: argparse.Namespace) -> Any:
    """The recipe's numbers, but for one pass, a small learning rate, and the layers that learn."""
    from detector.learn.recipe import NIGHT_RECIPE
    from detector.learn.warm_start import LAYERS

    found = _recipe(arguments)
    if arguments.epochs is None:
        found = replace(found, epochs=NIGHT_RECIPE.epochs)
    if arguments.learning_rate is None:
        found = replace(found, learning_rate=NIGHT_RECIPE.learning_rate)
    frozen = NIGHT_RECIPE.frozen_stages if arguments.layers is None else LAYERS[arguments.layers]
    return replace(found, frozen_stages=frozen)


def _recipe(arguments: argparse.Namespace) -> Any:
    from detector.learn.recipe import RECIPES

    names = ("backbone", "input_px", "train_px", "epochs", "batch", "learning_rate", "view", "seed")
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    return replace(RECIPES[arguments.recipe], **given)


def _shop(arguments: argparse.Namespace, progress: Progress) -> Any:
    import torch

    from detector.learn.training import TrainingSetup

    cuda = arguments.device != "cpu" and torch.cuda.is_available()
    cores = len(os.sched_getaffinity(0))
    tasks: dict[str, Any] = {}

    def watch(name: str, step: int, steps: int, loss: float) -> None:
        task = tasks.setdefault(name, None) or progress.add_task(f"training {name}", total=steps)
        tasks[name] = task
        progress.update(task, completed=step, description=f"training {name}, loss {loss:.2f}")

    def advance(stage: str, more: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = progress.add_task(f"scoring: {stage}", total=total)
        progress.advance(tasks[stage], more)

    return TrainingSetup(
        device=arguments.device,
        jobs=arguments.jobs or (1 if cuda else min(cores, 3)),
        threads=1,
        loaders=arguments.loaders if arguments.loaders is not None else (min(8, cores) if cuda else 0),
        watch=watch,
        advance=advance,
    )


def _bars() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True))


def _say(arguments: argparse.Namespace, trained: Any) -> None:
    for why in trained.left_out:
        print(f"left out: {why}", file=sys.stderr)
    outcome = {
        "bundle": str(trained.bundle.directory),
        "model": trained.bundle.short_digest,
        "better_than_generic": trained.better,
        "share_of_trained_weights": trained.share,
        "held_out": trained.held_out,
    }
    if arguments.json:
        print(json.dumps(outcome))
        return
    verdict = "better" if trained.better else "NOT better"
    print(f"{trained.bundle.directory}: {trained.bundle.short_digest}")
    print(f"On sources that it had not seen it is {verdict} than the pretrained network; see its datasheet.md.")
