"""Verify the ledger: that no entry was changed, removed or put in between since it was written."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from core.settings import settings
from db.ledger import verify
from db.session import Database


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There is one thing to do."""
    parser.add_argument("action", choices=("verify",))
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when the chain holds, 1 when it is broken."""
    database = Database(settings().database)
    with database.read() as session:
        result = verify(session)
    database.close()
    if arguments.json:
        print(json.dumps(asdict(result)))
    elif result.broken_at is None:
        print(f"{result.entries} entries, unbroken. Head {result.head}")
    else:
        print(f"BROKEN at entry {result.broken_at}: {result.why}")
    return 0 if result.broken_at is None else 1
