"""Measure a model: on labelled pictures, or on whole visits in footage whose truth is known.

With --manifest: a score for each picture, figures for each slice beside the baselines, a report for people.
With --staged or --events: the live system's gate, network and tracker on footage; visits found and missed, time to the
alarm, false alarms per camera-day, beside an alert for every motion and the pretrained network."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bearwatch.output import Output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which pictures or footage, which model, and what to write."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--manifest", type=Path, help="CSV with the columns file and label, and any to slice by")
    what.add_argument("--staged", action="store_true", help="staged cameras, drawn here (takes minutes)")
    what.add_argument(
        "--events", type=Path, metavar="FOOTAGE", help="a recording, or a folder of them, with NAME.truth.json beside"
    )
    parser.add_argument("--root", type=Path, default=None, help="folder of the pictures (the manifest's own)")
    parser.add_argument(
        "--bundle",
        default=None,
        help="a model bundle's folder, `built-in`, or a pretrained network such as lite2@224 (the built-in model)",
    )
    parser.add_argument("--scores", type=Path, help="CSV to write for --manifest: file,score")
    parser.add_argument("--report", type=Path, default=None, help="folder for the HTML report and its numbers as JSON")
    parser.add_argument(
        "--view",
        default=None,
        help="how pictures are scored: whole, flip, best or blend, with @SIZE or @SIZE+SIZE, such as flip@224 "
        "(as the bundle says)",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=None, help="CPU cores to use (all)")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when something could be scored, 2 when pictures, footage or model cannot be used."""
    from bearwatch.staged_evaluation import FootageError
    from detector.engines.choose import EngineError
    from detector.evaluate.manifest import ManifestError
    from detector.models.backbones import BackboneError
    from detector.models.bundle import BundleError, ModelBundle
    from ingest.sources.stream import StreamFailure

    try:
        bundle = ModelBundle.open(arguments.bundle or _default_model())
        return _pictures(arguments, bundle) if arguments.manifest else _events(arguments, bundle)
    except (ManifestError, BundleError, BackboneError, EngineError, FootageError, StreamFailure, ValueError) as error:
        print(f"bearwatch evaluate: {error}", file=sys.stderr)
        return 2


def _default_model() -> str:
    from detector.models.bundle import BUILT_IN_NAME

    return BUILT_IN_NAME


def _pictures(arguments: argparse.Namespace, bundle: Any) -> int:
    from detector.evaluate.evaluation import evaluate, write_scores
    from detector.evaluate.evaluation_page import write_report
    from detector.evaluate.manifest import read_manifest
    from detector.evaluate.scoring import score_pictures
    from detector.models.view import View

    if arguments.scores is None:
        raise ValueError("--manifest needs --scores, the file for the scores")
    pictures = read_manifest(arguments.manifest, arguments.root)
    view = View.parse(arguments.view) if arguments.view else None
    device, threads = arguments.device, arguments.threads
    found = None
    with _bars() as progress:
        task = progress.add_task(f"scoring with {bundle.label}", total=len(pictures))
        scored = score_pictures(bundle, pictures, view, device, threads, lambda n: progress.advance(task, n))
        write_scores(arguments.scores, pictures, scored)
        if scored.pictures and (arguments.report is not None or arguments.json):
            task = progress.add_task("baselines", total=len(scored.pictures))
            found = evaluate(bundle, scored, view, device, threads, lambda n: progress.advance(task, n))
    for _, why in scored.undecodable:
        print(f"not scored: {why}", file=sys.stderr)
    if not scored.pictures:
        print(f"bearwatch evaluate: none of the {len(pictures)} pictures can be decoded", file=sys.stderr)
        return 2
    if found is not None and arguments.report is not None:
        print(f"report: {write_report(arguments.report, found, scored)}", file=sys.stderr)
    _say_pictures(arguments, scored, found)
    return 0


def _say_pictures(arguments: argparse.Namespace, scored: Any, found: Mapping[str, Any] | None) -> None:
    if arguments.json:
        print(json.dumps(found))
        return
    print(
        f"{len(scored.pictures)} pictures scored in {arguments.scores}; {len(scored.undecodable)} could not be decoded "
        "and have an empty score there"
    )
    if found is None:
        return
    table = Table("slice", "who", "bears / all", "AUC", "recall at 2% FP", "at 5% FP")
    for name, who_figures in found["slices"].items():
        for who, each in who_figures.items():
            if each["auc"] is not None and who != "never bear":
                at = [f"{each['recalls'][rate]['recall']:.2f}" for rate in ("0.02", "0.05")]
                table.add_row(name, who, f"{each['bears']} / {each['pictures']}", f"{each['auc']:.3f}", *at)
    Output().print(table)


def _events(arguments: argparse.Namespace, bundle: Any) -> int:
    from bearwatch.events_report import write_events_report
    from bearwatch.staged_evaluation import MODEL, evaluate_events, evaluate_staged, read_footage
    from core.config import Camera, Detector
    from detector.engines.choose import DEFAULT_BACKBONE, engine_for
    from detector.models.bundle import ModelBundle

    fps = Camera(campsite="evaluation", url="file").fps
    footage, unreadable = (None, []) if arguments.staged else read_footage(arguments.events, fps)
    for why in unreadable:
        print(f"left out: {why}", file=sys.stderr)
    generic = ModelBundle.generic(DEFAULT_BACKBONE)
    engines = {MODEL: engine_for(bundle, arguments.device, arguments.threads)}
    if bundle.digest != generic.digest:
        engines[f"generic network ({DEFAULT_BACKBONE})"] = engine_for(generic, arguments.device, arguments.threads)
    with _bars() as progress:
        tasks: dict[str, Any] = {}

        def watch(system: str, recording: str) -> Any:
            task = progress.add_task(f"{recording}: {system}", total=None)
            return lambda reached_s: progress.update(task, completed=reached_s)

        def draw(name: str, share: float) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(f"drawing {name}", total=1.0)
            progress.update(tasks[name], completed=share)

        if footage is None:
            found = evaluate_staged(engines, Detector(), draw, watch)
        else:
            found = evaluate_events(footage, engines, Detector(), watch)
    if arguments.report is not None:
        print(f"report: {write_events_report(arguments.report, found)}", file=sys.stderr)
    _say_events(arguments, found)
    return 0


def _say_events(arguments: argparse.Namespace, found: Mapping[str, Any]) -> None:
    if arguments.json:
        print(json.dumps(found))
        return
    from bearwatch.events_report import COLUMNS, cells

    table = Table("", *COLUMNS)
    for name, figures in found["systems"].items():
        table.add_row(name, *cells(figures))
    Output().print(table)


def _bars() -> Progress:
    return Progress(console=Console(stderr=True), transient=True)
