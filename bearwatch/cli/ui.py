"""Serve the ranger's page. Any number of these may run."""

from __future__ import annotations

import argparse

import uvicorn

from bearwatch.processes import begin
from core.redis_client import connect
from db.migrate import upgrade
from db.places import sync_places
from db.session import Database


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The environment says everything."""


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM."""
    from review_ui.app import create_app

    process = begin("ui")
    database = Database(process.settings.database)
    upgrade(database)
    with database.write() as session:
        sync_places(session, process.config)
    app = create_app(process.settings, process.config, database, connect(process.settings.redis))
    uvicorn.run(
        app,
        host=process.settings.bearwatch_ui_host,
        port=process.settings.bearwatch_ui_port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
        server_header=False,
    )
    database.close()
    return 0
