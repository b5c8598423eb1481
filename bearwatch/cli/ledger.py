"""Verify the ledger: that no entry was changed, removed or put in between since it was written."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from bearwatch.site_options import add_site_options, site_settings
from db.existing import open_existing
from db.ledger import verify


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There is one thing to do, and a site to do it with."""
    parser.add_argument("action", choices=("verify",))
    add_site_options(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when the chain holds, 1 when it is broken."""
    database = open_existing(site_settings(arguments).database)
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
