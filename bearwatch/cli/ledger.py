"""Verify the ledger: that no entry was changed, removed or put in between since it was written."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from bearwatch.site_options import add_site_options, site_settings
from core.errors import OperatorError
from db.existing import open_existing
from db.ledger import verify
from db.ledger_anchors import AnchorCheck, UnreadableAnchors, check_anchors, read_anchors


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There is one thing to do, and a site to do it with."""
    parser.add_argument("action", choices=("verify",))
    add_site_options(parser)
    parser.add_argument(
        "--anchors",
        type=Path,
        default=None,
        help="compare with the anchors in this file, too: it finds a tail that was cut off and a chain computed anew",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when the chain holds and its anchors do, 1 when not, 2 when there are no anchors to read."""
    try:
        anchors = read_anchors(arguments.anchors) if arguments.anchors else None
    except (OSError, UnreadableAnchors) as error:
        raise OperatorError(f"the anchors cannot be read: {error}") from error
    database = open_existing(site_settings(arguments).database)
    with database.read() as session:
        result = verify(session)
        anchored = None if anchors is None else check_anchors(session, anchors)
    database.close()
    holds = result.broken_at is None and (anchored is None or anchored.why is None)
    if arguments.json:
        found = asdict(result) | ({} if anchored is None else {"anchored": asdict(anchored)})
        print(json.dumps(found))
        return 0 if holds else 1
    if result.broken_at is None:
        print(f"{result.entries} entries, unbroken. Head {result.head}")
    else:
        print(f"BROKEN at entry {result.broken_at}: {result.why}")
    if anchored is not None:
        print(f"NOT AS IT WAS: {anchored.why}" if anchored.why else _anchored(anchored))
    return 0 if holds else 1


def _anchored(found: AnchorCheck) -> str:
    return f"{found.anchors} anchors fit, up to entry {found.up_to}: what came after them is not witnessed yet"
