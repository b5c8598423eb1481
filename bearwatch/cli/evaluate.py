"""Measure a model on labelled pictures: a score for each picture, figures for each slice, a report for people."""

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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which pictures, which model, and what to write."""
    parser.add_argument(
        "--manifest", type=Path, required=True, help="CSV with the columns file and label, and any to slice by"
    )
    parser.add_argument("--root", type=Path, default=None, help="folder of the files (the manifest's own)")
    parser.add_argument("--bundle", default=None, help="a model bundle, or a pretrained network such as lite2@224")
    parser.add_argument("--scores", type=Path, required=True, help="CSV to write: file,score")
    parser.add_argument("--report", type=Path, default=None, help="folder for report.html and evaluation.json")
    parser.add_argument(
        "--view", default=None, help="whole, flip, best or blend, with @SIZE or @SIZE+SIZE, such as flip@224 (blend)"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=None, help="CPU cores to use (all)")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when pictures could be scored, 2 when the manifest or the model cannot be used."""
    from detector.backbones import BackboneError
    from detector.bundle import BundleError, ModelBundle
    from detector.engine import DEFAULT_BACKBONE
    from detector.evaluate.scoring import View
    from detector.manifest import ManifestError, read_manifest

    try:
        pictures = read_manifest(arguments.manifest, arguments.root)
        bundle = ModelBundle.open(arguments.bundle or DEFAULT_BACKBONE)
        view = View.parse(arguments.view) if arguments.view else View()
        return _evaluate(arguments, bundle, pictures, view)
    except (ManifestError, BundleError, BackboneError, ValueError) as error:
        print(f"bearwatch evaluate: {error}", file=sys.stderr)
        return 2


def _evaluate(arguments: argparse.Namespace, bundle: Any, pictures: list[Any], view: Any) -> int:
    from detector.evaluate.evaluation import evaluate, write_scores
    from detector.evaluate.report import write_report
    from detector.evaluate.scoring import score_pictures

    device, threads = arguments.device, arguments.threads
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"scoring with {bundle.label}", total=len(pictures))
        scored = score_pictures(bundle, pictures, view, device, threads, lambda n: progress.advance(task, n))
        write_scores(arguments.scores, scored)
        if not scored.pictures:
            print(f"bearwatch evaluate: none of the {len(pictures)} pictures can be decoded", file=sys.stderr)
            return 2
        if arguments.report is None and not arguments.json:
            found = None
        else:
            task = progress.add_task("baselines", total=len(scored.pictures))
            found = evaluate(bundle, scored, view, device, threads, lambda n: progress.advance(task, n))
    if found is not None and arguments.report is not None:
        print(f"report: {write_report(arguments.report, found, scored)}", file=sys.stderr)
    _say(arguments, scored, found)
    return 0


def _say(arguments: argparse.Namespace, scored: Any, found: Mapping[str, Any] | None) -> None:
    for _, why in scored.undecodable:
        print(f"left out: {why}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"{len(scored.pictures)} pictures scored in {arguments.scores}; {len(scored.undecodable)} left out")
    if found is None:
        return
    table = Table("slice", "who", "bears / all", "AUC", "recall at 2% FP", "at 5% FP")
    for name, who_figures in found["slices"].items():
        for who, each in who_figures.items():
            if each["auc"] is not None and who != "never bear":
                at = [f"{each['recalls'][rate]['recall']:.2f}" for rate in ("0.02", "0.05")]
                table.add_row(name, who, f"{each['bears']} / {each['pictures']}", f"{each['auc']:.3f}", *at)
    Console().print(table)
