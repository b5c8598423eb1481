"""Bring the database to the current schema and the places of the configuration into it."""

from __future__ import annotations

import argparse

from bearwatch.processes import begin
from db.migrate import upgrade
from db.places import sync_places
from db.session import Database


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The environment says everything."""


def run(arguments: argparse.Namespace) -> int:
    """Migrate and say so."""
    process = begin("migrate")
    database = Database(process.settings.database)
    upgrade(database)
    with database.write() as session:
        sync_places(session, process.config)
    database.close()
    print("The database has the current schema.")
    return 0
