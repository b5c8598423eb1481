"""The key with which this site seals secrets in its database: second factors, addresses of messages, the key of push
messages.

`rotate` takes a fresh key and seals everything anew; the page and the jobs go on meanwhile. Where the environment gives
the key, give the new one as BEARWATCH_SECRET_KEY and the one until now as BEARWATCH_SECRET_KEY_BEFORE to every process
first.
"""

from __future__ import annotations

import argparse
import json
import sys

from bearwatch.keys.resealing import reseal
from bearwatch.site_options import add_site_options, site_settings
from core.clock import now_s
from core.secret_box import LostKey, SecretBox
from db.existing import open_existing
from db.ledger import record
from db.migrate import upgrade


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and at which site."""
    parser.add_argument("action", choices=("rotate",))
    add_site_options(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when everything is sealed with the key of now, 1 when some of it cannot be opened."""
    current = site_settings(arguments)
    box = SecretBox.of(current)
    database = open_existing(current.database)
    try:
        upgrade(database)
        try:
            box.change_key()
        except LostKey as unfinished:
            print(f"{unfinished}; it goes on now, with the key that was taken then.", file=sys.stderr)
        found = reseal(database, box)
        if not found.lost:
            box.forget_key_before()
        with database.write() as session:
            record(session, at=now_s(), kind="secrets.rotated", subject="secrets", actor="command line",
                   body={"sealed_anew": found.done, "lost": found.lost})  # fmt: skip
    finally:
        database.close()
    if arguments.json:
        print(json.dumps({"sealed_anew": found.done, "lost": found.lost}))
    else:
        print(f"{found.done} secrets were sealed anew.")
        if found.lost:
            print(f"{found.lost} are sealed with a key that this site does not have; they stay as they are.")
    return 1 if found.lost else 0
