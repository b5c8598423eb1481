"""Serve the ranger's page. Any number of these may run."""

from __future__ import annotations

import argparse

from bearwatch.processes import begin
from core.redis_client import connect
from db.migrate import upgrade
from db.places import sync_places
from db.session import Database
from review_ui.app import create_app
from review_ui.server import Server


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The environment says everything."""


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM."""
    process = begin("ui")
    database = Database(process.settings.database)
    upgrade(database)
    with database.write() as session:
        sync_places(session, process.config)
    app = create_app(process.settings, process.config, database, connect(process.settings.redis))
    Server(app, process.settings.bearwatch_ui_host, process.settings.bearwatch_ui_port).run()
    database.close()
    return 0
