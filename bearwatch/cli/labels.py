"""Take labels out, or bring them in: COCO Camera Traps, folders, Camtrap DP 1.0, MegaDetector's JSON, or CSV.

An export is a folder with every label that may be learnt from, its picture and its origin. An import stores all of a
file or nothing; what it stores are new rows, which `undo` takes back as a whole.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final
from zoneinfo import available_timezones

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bearwatch.photo_folder.capture_time import captured_at
from bearwatch.site_options import add_site_options, site_settings
from core.clock import civil, now_s
from core.config import Config
from core.errors import OperatorError
from core.media import MediaStore
from core.night_span import night, parse_date
from core.version import VERSION
from db.existing import open_existing
from db.migrate import upgrade
from db.models import ImportedLabel, LabelImport, User
from db.places import sync_places
from db.session import Database
from rollout.evidence.labels import LabelSnapshot, Split, label_snapshot
from rollout.evidence.labels.exporting import CannotExport, ExportChoice, chosen, export_labels
from rollout.evidence.labels.formats import FORMATS, ExportNotes, LabelFormat, UnreadableLabels
from rollout.evidence.labels.import_store import ImportGone, ImportOrigin, PictureChanged, store_import, undo_import
from rollout.evidence.labels.importing import ImportOptions, ImportPlan, check_import
from rollout.evidence.labels.left_out import REASONS, LeftOut
from rollout.evidence.labels.snapshot import night_clocks
from rollout.evidence.labels.vocabulary import read_vocabulary
from rollout.stages.plan import RolloutPlan
from rollout.stages.spec_file import load_configured

MOST_WRONG: Final = 20
"""Problems that are told one by one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and with which labels."""
    parser.add_argument(
        "action", choices=("export", "import", "undo"),
        help="export: write labels and pictures into a new folder; import: store what was labelled elsewhere; undo: "
        "take an import back",
    )  # fmt: skip
    parser.add_argument(
        "target", metavar="OUT | FILE | NUMBER",
        help="export: a folder that there is not yet; import: the file (of folders the folder); undo: which import",
    )  # fmt: skip
    parser.add_argument("--format", choices=FORMATS, help="of the labels, for export and import")
    parser.add_argument(
        "--campsite", action="append", metavar="KEY",
        help="export: only there, may be repeated; import: where cameras stood that this site does not have",
    )  # fmt: skip
    parser.add_argument("--from", dest="first", metavar="DATE", help="export: the first night, by its evening")
    parser.add_argument("--to", dest="last", metavar="DATE", help="export: the last night, by its evening")
    parser.add_argument("--split", choices=[each.value for each in Split], help="export: only nights of this split")
    parser.add_argument("--root", type=Path, help="import: the folder of the pictures (that of the file)")
    parser.add_argument(
        "--timezone", metavar="ZONE", help="import: the clock of times without an offset (that of the campsite)"
    )
    parser.add_argument(
        "--map", action="append", default=[], metavar="THERE=HERE",
        help="import: what a word of the file is called here; nothing after the = passes its labels over; may be "
        "repeated",
    )  # fmt: skip
    parser.add_argument("--machine", action="store_true", help="import: take labels that a model had made, too")
    parser.add_argument("--as", dest="user", metavar="USER", help="import, undo: whose deed it is, in the record")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    add_site_options(parser)


@dataclass(frozen=True, slots=True)
class LabelsCall:
    """What every action needs."""

    arguments: argparse.Namespace
    database: Database
    config: Config
    plan: RolloutPlan
    media: MediaStore
    now: float


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when it was done, 1 when something is wrong with the labels and so nothing was changed."""
    own = site_settings(arguments)
    actions = {"export": _export, "import": _import, "undo": _undo}
    with closing(open_existing(own.database)) as database:
        config, plan = load_configured(arguments.config)
        upgrade(database)
        with database.write() as session:
            sync_places(session, config)
        call = LabelsCall(arguments, database, config, plan, MediaStore(own.media_dir), now_s())
        try:
            return actions[arguments.action](call)
        except (CannotExport, UnreadableLabels, PictureChanged, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            return _refuse(call, [str(error)])


def _export(call: LabelsCall) -> int:
    form, out, choice = _format(call), Path(call.arguments.target), _choice(call)
    with call.database.read() as session:
        snapshot = label_snapshot(session, call.config, call.media, call.now, call.plan.evidence_rule().match)
        vocabulary, clocks = read_vocabulary(session), night_clocks(session, call.config)
    labels = chosen(snapshot, choice)
    about = ExportNotes(vocabulary, clocks, snapshot.digest, call.now, VERSION)
    with _bar("exporting", len(labels)) as advance:
        export_labels(out, form, labels, call.media, about, advance)
    written = out / form.file
    _tell(
        call,
        {"written": str(written), "labels": len(labels), "pictures": len({each.picture for each in labels}),
         "digest": snapshot.digest, "left_out": dict(snapshot.left_out)},
        [f"{len(labels)} labels written: {written}", *_left_out(snapshot)],
    )  # fmt: skip
    return 0


def _choice(call: LabelsCall) -> ExportChoice:
    arguments = call.arguments
    chosen_places = _campsites(call)
    places = chosen_places or list(call.config.campsites)
    zone = call.config.regions[call.config.campsites[places[0]].region].timezone if places else "UTC"
    first, last = (None if text is None else _day(text) for text in (arguments.first, arguments.last))
    return ExportChoice(
        campsites=chosen_places,
        start=None if first is None else night(first, zone).start,
        end=None if last is None else night(last, zone).end,
        split=None if arguments.split is None else Split(arguments.split),
    )


def _format(call: LabelsCall) -> LabelFormat:
    if call.arguments.format is None:
        raise OperatorError(f"name the format with --format: {', '.join(FORMATS)}")
    return FORMATS[call.arguments.format]


def _campsites(call: LabelsCall) -> list[str] | None:
    chosen_places: list[str] | None = call.arguments.campsite
    unknown = sorted(set(chosen_places or ()) - set(call.config.campsites))
    if unknown:
        raise OperatorError(f"no campsite {', '.join(unknown)}; there are {', '.join(call.config.campsites)}")
    return chosen_places


def _day(text: str) -> date:
    day = parse_date(text)
    if day is None:
        raise OperatorError(f"a day is written as 2027-01-15, not {text!r}")
    return day


def _import(call: LabelsCall) -> int:
    arguments = call.arguments
    form, file = _format(call), Path(arguments.target)
    options = _options(call, file)
    found = form.read(file)
    with call.database.read() as session:
        vocabulary, user = read_vocabulary(session), _user(session, arguments.user)
    with _bar("checking", len(found.labels)) as advance:
        plan = check_import(found, call.config, vocabulary, options, call.now, advance)
    if plan.problems or not plan.labels:
        return _refuse(call, plan.problems or [_nothing(plan)])
    origin = ImportOrigin(
        arguments.format, file.name, _digest(file), options.timezone or "UTC", options.machine, user
    )  # fmt: skip
    with _bar("storing", len(plan.labels)) as advance:
        stored = store_import(call.database, call.media, plan.labels, origin, call.now, advance)
    words = [
        f"{stored.stored} labels stored; `bearwatch labels undo {stored.number}` takes them back."
        if stored.number is not None
        else "Nothing new: every label of it is here already."
    ]
    if stored.already_here and stored.number is not None:
        words.append(f"{stored.already_here} were here already.")
    words += [f"{count} passed over: {why}." for why, count in plan.skipped.items()]
    result = {"import": stored.number, "stored": stored.stored, "already_here": stored.already_here}
    _tell(call, result | {"skipped": dict(plan.skipped)}, words)
    return 0


def _options(call: LabelsCall, file: Path) -> ImportOptions:
    arguments = call.arguments
    if arguments.timezone is not None and arguments.timezone not in available_timezones():
        raise OperatorError(f"unknown time zone {arguments.timezone!r}; write a name such as America/Los_Angeles")
    places = _campsites(call)
    if places is not None and len(places) > 1:
        raise OperatorError("name one --campsite: where the cameras stood that this site does not have")
    words: dict[str, str] = {}
    for each in arguments.map:
        there, separator, here = each.partition("=")
        if not separator or not there:
            raise OperatorError(f"--map is written as THERE=HERE, as in --map 'black bear=bear', not {each!r}")
        words[there] = here
    return ImportOptions(
        root=arguments.root or (file if file.is_dir() else file.parent),
        timezone=arguments.timezone,
        campsite=None if places is None else places[0],
        words=words,
        machine=arguments.machine,
        taken_at=captured_at,
    )


def _nothing(plan: ImportPlan) -> str:
    over = "; ".join(f"{count} {why}" for why, count in plan.skipped.items())
    return "there is no label in it" + (f" that can be taken ({over})" if over else "")


def _undo(call: LabelsCall) -> int:
    number = int(call.arguments.target) if re.fullmatch(r"[0-9]{1,9}", call.arguments.target) else 0
    with call.database.write() as session:
        user = _user(session, call.arguments.user)
        try:
            count = undo_import(session, number, user, call.now)
        except ImportGone as gone:
            return _refuse(call, [f"{gone}. {'; '.join(_standing(session)) or 'Nothing was brought in.'}"])
    document = {"undone": number, "labels": count}
    _tell(call, document, [f"Import {number} is undone; its {count} labels count no more."])
    return 0


def _standing(session: Session) -> Iterator[str]:
    """The imports that can be undone."""
    counted = func.count(ImportedLabel.id)
    query = (
        select(LabelImport, counted)
        .outerjoin(ImportedLabel, ImportedLabel.import_id == LabelImport.id)
        .where(LabelImport.undone_at.is_(None))
        .group_by(LabelImport.id)
        .order_by(LabelImport.id)
    )
    for row, count in session.execute(query):
        at = f"{civil(row.at, 'UTC'):%Y-%m-%d %H:%M} UTC"
        yield f"import {row.id}: {count} labels from {row.file} ({row.format}), {at}"


def _user(session: Session, name: str | None) -> int | None:
    if not name:
        return None
    user = session.scalar(select(User.id).where(User.name == name, User.active.is_(True)))
    if user is None:
        raise OperatorError(f"there is no account {name!r} that is switched on; `bearwatch user list` shows all")
    return user


def _left_out(snapshot: LabelSnapshot) -> Iterator[str]:
    for reason, count in snapshot.left_out.items():
        yield f"{count} left out: {REASONS[LeftOut(reason)]}."


def _digest(file: Path) -> str:
    """SHA-256 of a file; of a folder, over the names in it."""
    if file.is_dir():
        names = sorted(str(each.relative_to(file)) for each in file.rglob("*") if each.is_file())
        return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _refuse(call: LabelsCall, problems: Sequence[str]) -> int:
    """Say what is wrong, and that nothing was changed."""
    said = [f"bearwatch labels {call.arguments.action}: {each}" for each in problems[:MOST_WRONG]]
    if len(problems) > MOST_WRONG:
        said.append(f"… and {len(problems) - MOST_WRONG} more")
    print("\n".join([*said, "Nothing was changed."]), file=sys.stderr)
    if call.arguments.json:
        print(json.dumps({"problems": list(problems)}, ensure_ascii=False))
    return 1


def _tell(call: LabelsCall, document: Mapping[str, Any], words: Sequence[str]) -> None:
    print(json.dumps(document, ensure_ascii=False) if call.arguments.json else "\n".join(words))


@contextmanager
def _bar(doing: str, total: int) -> Iterator[Callable[[], None]]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(doing, total=total)
        yield lambda: progress.advance(task)
