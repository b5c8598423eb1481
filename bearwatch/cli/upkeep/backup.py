"""A site as one archive, while it runs: database, pictures, models, reports, keys and configuration, each file with its
digest. It holds the key of sealed secrets: keep it as you keep that, or leave the keys out. `bearwatch restore` brings
it back.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from bearwatch.backups.archive_writer import CannotBackUp, Written, write_archive
from bearwatch.backups.step_bars import StepBars
from bearwatch.processes import keep_private
from bearwatch.site_options import add_site_options, site_settings
from core.clock import now_s
from core.settings import Settings

_OURS = re.compile(r"bearwatch-\d{8}T\d{6}Z\.tar")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to, and what to leave out."""
    parser.add_argument(
        "target",
        type=Path,
        metavar="DIR|FILE",
        help="a folder, for bearwatch-TIME.tar in it; a file; or -",
    )
    add_site_options(parser)
    parser.add_argument("--without-keys", action="store_true", help="leave out secret.key and boxes.json")
    parser.add_argument("--keep", type=int, metavar="N", help="of this command's archives in DIR keep the newest N")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0: the archive holds all; 1: something is not in it, or its ledger is broken; 2: there is none."""
    if arguments.keep is not None and (arguments.keep < 1 or not arguments.target.is_dir()):
        print("--keep goes with a folder, and keeps at least 1.", file=sys.stderr)
        return 2
    chosen, now = site_settings(arguments), now_s()
    keep_private(chosen)
    try:
        if str(arguments.target) == "-":
            written = _write_to_stdout(chosen, now, arguments)
            print(_said("standard output", written), file=sys.stderr)
            return _status(written)
        file = _file_for(arguments.target, now)
        written = _write_file(file, chosen, now, arguments)
    except OSError as error:
        raise CannotBackUp(f"The archive cannot be written: {error}") from error
    removed = (
        _forget_older(arguments.target, arguments.keep) if arguments.keep and not written.manifest.ledger_broken else []
    )
    if arguments.json:
        print(json.dumps({"file": str(file), "bytes": written.bytes, "sha256": written.sha256,
                          "removed": removed, **written.manifest.model_dump()}))  # fmt: skip
    else:
        print(_said(str(file), written))
        for name in removed:
            print(f"{name} was removed.")
    return _status(written)


def _file_for(target: Path, now: float) -> Path:
    if target.is_dir():
        target /= f"bearwatch-{datetime.fromtimestamp(now, UTC).strftime('%Y%m%dT%H%M%SZ')}.tar"
    if target.exists():
        raise CannotBackUp(f"{target} is there already; name another file, or a folder.")
    if not target.parent.is_dir():
        raise CannotBackUp(f"There is no folder {target.parent}; make it first.")
    return target


def _write_file(file: Path, chosen: Settings, now: float, arguments: argparse.Namespace) -> Written:
    """Under another name until it is whole and on the disk."""
    half = file.with_name(f".{file.name}.half")
    try:
        with half.open("wb") as out, StepBars() as bars:
            written = write_archive(
                chosen, out, file.parent, now, with_keys=not arguments.without_keys, progress=bars.begin
            )
            out.flush()
            os.fsync(out.fileno())
        half.replace(file)
    finally:
        half.unlink(missing_ok=True)
    return written


def _write_to_stdout(chosen: Settings, now: float, arguments: argparse.Namespace) -> Written:
    if arguments.json or sys.stdout.isatty():
        raise CannotBackUp("On standard output the archive itself is written: send it to a file, without --json.")
    with StepBars() as bars:
        return write_archive(
            chosen, sys.stdout.buffer, chosen.bearwatch_data, now, with_keys=not arguments.without_keys,
            progress=bars.begin,
        )  # fmt: skip


def _forget_older(folder: Path, keep: int) -> list[str]:
    """Archives that this command made in a folder, but for the newest."""
    ours = sorted(path for path in folder.iterdir() if _OURS.fullmatch(path.name))
    for path in ours[:-keep]:
        path.unlink()
    return [path.name for path in ours[:-keep]]


def _said(where: str, written: Written) -> str:
    manifest = written.manifest
    rows = sum(manifest.rows.values())
    lines = [
        f"{where}: {written.bytes / 1e6:.1f} MB, {len(manifest.files)} files, {rows} rows, "
        f"ledger of {manifest.ledger_entries} entries. SHA-256 {written.sha256}"
    ]
    if manifest.ledger_broken:
        lines.append(f"THE LEDGER IS BROKEN: {manifest.ledger_broken}. No older archive is removed.")
    lines += [f"Not in it: {name}, which {why}." for name, why in manifest.left_out]
    if manifest.key_in_environment:
        lines.append("The key of sealed secrets comes from the environment (BEARWATCH_SECRET_KEY): keep that, too.")
    return "\n".join(lines)


def _status(written: Written) -> int:
    unasked = [name for name, why in written.manifest.left_out if not why.startswith("without keys")]
    return 1 if unasked or written.manifest.ledger_broken else 0
