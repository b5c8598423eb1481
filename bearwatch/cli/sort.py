"""Sort a folder of photographs from trail cameras: what each shows, bursts as one event.

Every file of the folder is accounted for. A run that was stopped goes on where it was. Each folder inside FOLDER is
taken for one camera."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from bearwatch.output import Output
from core.settings import settings

_MOST_ROWS = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder, the model, and in which form to say it."""
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document: photographs, events, unreadable, skipped")
    form.add_argument("--csv", action="store_true", help="one line a photograph")
    form.add_argument("--md-json", action="store_true", help="MegaDetector's JSON, which Timelapse and others open")
    parser.add_argument("--out", type=Path, default=None, help="write the document there (standard output)")
    parser.add_argument("--gap", type=float, default=None, metavar="SECONDS", help="longest pause inside a burst (60)")
    parser.add_argument("--bundle", default=None, help="a model bundle's folder (the built-in model)")
    parser.add_argument("--data", type=Path, default=None, help="folder that remembers what was judged (var)")
    parser.add_argument("--again", action="store_true", help="judge everything anew")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when every photograph was judged, 1 when some could not be read, 2 when nothing could be done."""
    from bearwatch.photo_folder.bursts import GAP_S, bursts
    from detector.engines.choose import EngineError
    from detector.models.backbones import BackboneError
    from detector.models.bundle import BUILT_IN_NAME, BundleError, ModelBundle
    from detector.predictor import Predictor

    if not arguments.folder.is_dir():
        print(f"bearwatch sort: {arguments.folder} is not a folder", file=sys.stderr)
        return 2
    try:
        bundle = ModelBundle.open(arguments.bundle or BUILT_IN_NAME)
        found = _sorted(arguments, Predictor(bundle))
    except (BundleError, BackboneError, EngineError, OSError) as error:
        print(f"bearwatch sort: {error}", file=sys.stderr)
        return 2
    events = bursts(found.photos, GAP_S if arguments.gap is None else arguments.gap)
    _say(arguments, found, events, bundle)
    for each in found.unreadable:
        print(f"unreadable: {each.file}: {each.why}", file=sys.stderr)
    if not found.photos and not found.unreadable:
        print(f"{arguments.folder} holds no photographs ({len(found.skipped)} other files)", file=sys.stderr)
        return 2
    return 1 if found.unreadable else 0


def _sorted(arguments: argparse.Namespace, predictor: Any) -> Any:
    from bearwatch.photo_folder.journal import Journal, journal_path
    from bearwatch.photo_folder.sorting import judged_by, sort_folder

    path = journal_path(arguments.data or settings().bearwatch_data, arguments.folder)
    if arguments.again:
        path.unlink(missing_ok=True)
    journal = Journal(path, arguments.folder, judged_by(predictor))
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    try:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(str(arguments.folder), total=None)

            def advance(more: int, total: int) -> None:
                progress.update(task, advance=more, total=total)

            return sort_folder(arguments.folder, predictor, journal, advance)
    finally:
        journal.close()


def _say(arguments: argparse.Namespace, found: Any, events: Sequence[Any], bundle: Any) -> None:
    from bearwatch.photo_folder.documents import csv_document, megadetector_document, own_document

    if arguments.csv:
        text = csv_document(found, events)
    elif arguments.md_json:
        text = json.dumps(megadetector_document(found, bundle), indent=1) + "\n"
    elif arguments.json or arguments.out is not None:
        text = json.dumps(own_document(found, events, bundle)) + "\n"
    else:
        _print_table(found, events)
        return
    if arguments.out is None:
        sys.stdout.write(text)
    else:
        arguments.out.write_text(text, encoding="utf-8")
        print(f"written: {arguments.out}", file=sys.stderr)


def _print_table(found: Any, events: Sequence[Any]) -> None:
    counted = Counter(event.verdict for event in events)
    summary = Table("verdict", "events", "photographs")
    for verdict, number in counted.most_common():
        summary.add_row(verdict, str(number), str(sum(len(e.photos) for e in events if e.verdict == verdict)))
    console = Output()
    console.print(summary)
    bears = [event for event in events if event.best.is_bear]
    table = Table("bears: camera", "when", "photographs", Column("best", overflow="fold"), "score", "asked for")
    for event in bears[:_MOST_ROWS]:
        best, when = event.best, event.photos[0].captured_at
        table.add_row(
            best.camera, str(when or "unknown"), str(len(event.photos)), best.file, f"{best.bear:.2f}",
            f"{best.threshold:.2f}",
        )  # fmt: skip
    if bears:
        console.print(table)
    else:
        console.print("No bear was found. That is what the model says; it does not prove that there was no bear.")
    if len(bears) > _MOST_ROWS:
        console.print(f"… and {len(bears) - _MOST_ROWS} more events with bears: see --csv or --json")
    console.print(f"{len(found.photos)} photographs, {len(found.unreadable)} unreadable, {len(found.skipped)} skipped")
