"""Bring the database to the current schema, the places of the configuration into it, and make the first account."""

from __future__ import annotations

import argparse
import sys

from bearwatch.local_site import prepare_database
from bearwatch.processes import begin
from bearwatch.site_options import add_site_options
from review_ui.auth.accounts import WeakPassword


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which site; the environment says everything else."""
    add_site_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Migrate and say so."""
    process = begin("migrate", arguments)
    try:
        account = prepare_database(process.settings, process.config)
    except WeakPassword as error:
        print(f"BEARWATCH_ADMIN_PASSWORD: {error}", file=sys.stderr)
        return 1
    print("The database has the current schema.")
    if account:
        once = "shown this once; they choose their own with it"
        print(f"First account: {account.name!r} with the password {account.password} ({once})")
    return 0
