"""A site from an archive of `bearwatch backup`, into an empty place. Every digest is compared before anything is put
there; afterwards the ledger is verified.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from bearwatch.backups.archive_reader import BadArchive, unpack
from bearwatch.backups.manifest import Manifest
from bearwatch.backups.restoring import CannotRestore, Restored, restore
from bearwatch.backups.step_bars import StepBars
from bearwatch.processes import keep_private
from bearwatch.site_options import add_site_options, site_settings
from core.clock import now_s


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """From where, and what may be moved aside for it."""
    parser.add_argument("archive", type=Path, metavar="FILE", help="what `bearwatch backup` wrote; or -")
    add_site_options(parser)
    parser.add_argument("--check", action="store_true", help="compare the archive with its digests only")
    parser.add_argument("--replace", action="store_true", help="move what is there into a folder, instead of refusing")
    parser.add_argument("--keep-config", action="store_true", help="leave the configuration that is there as it is")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when all stands there as it was, 1 when something is not as it was, 2 when nothing was changed."""
    if arguments.check:
        with _opened(arguments.archive) as stream, StepBars() as bars:
            manifest = unpack(stream, None, bars.begin("files"))
        if arguments.json:
            print(json.dumps({"sound": True, **manifest.model_dump()}))
        else:
            print(f"Sound. {_what(manifest)}")
        return 0
    chosen = site_settings(arguments)
    keep_private(chosen)
    try:
        with _opened(arguments.archive) as stream, StepBars() as bars:
            done = restore(
                stream,
                chosen,
                now_s(),
                replace=arguments.replace,
                keep_config=arguments.keep_config,
                progress=bars.begin,
            )
    except OSError as error:
        raise CannotRestore(f"The archive cannot be brought to {chosen.bearwatch_data}: {error}") from error
    if arguments.json:
        print(json.dumps({"data": str(chosen.bearwatch_data), "problems": done.problems, "lost_secrets": done.lost,
                          "set_aside": None if done.set_aside is None else str(done.set_aside),
                          **done.manifest.model_dump()}))  # fmt: skip
    else:
        _say(done, chosen.bearwatch_data)
    return 1 if done.problems or done.lost else 0


@contextmanager
def _opened(archive: Path) -> Iterator[IO[bytes]]:
    if str(archive) == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = archive.open("rb")
    except OSError as error:
        raise BadArchive(f"The archive cannot be read: {error}") from error
    with stream:
        yield stream


def _what(manifest: Manifest) -> str:
    when = datetime.fromtimestamp(manifest.made_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return (
        f"Made {when} by version {manifest.version}, schema {manifest.revision}: {len(manifest.files)} files, "
        f"{sum(manifest.rows.values())} rows, ledger of {manifest.ledger_entries} entries."
    )


def _say(done: Restored, data: Path) -> None:
    print(f"{data} is the site of then. {_what(done.manifest)}")
    if done.set_aside is not None:
        print(f"What was there lies in {done.set_aside}.")
    for name, why in done.manifest.left_out:
        print(f"Was not in the archive: {name}, which {why}.")
    for problem in done.problems:
        print(f"NOT AS IT WAS: {problem}", file=sys.stderr)
    if done.lost:
        print(
            f"{done.lost} secrets were sealed with a key that is not here: bring secret.key or BEARWATCH_SECRET_KEY "
            "back, or second factors and messages' addresses stay closed.",
            file=sys.stderr,
        )
    print("Next: bearwatch migrate, bearwatch doctor, then start it. A person confirms the handover.")
