"""Serve the ranger's page. Any number of these may run."""

from __future__ import annotations

import argparse

from bearwatch.config_following import begin_again_when, but_the_plan
from bearwatch.processes import begin
from bearwatch.site_options import add_site_options
from core.config import Config
from core.redis_client import connect
from db.existing import open_existing
from db.migrate import upgrade
from db.places import sync_places
from review_ui.app import create_app
from review_ui.server import Server


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which site; the environment says everything else."""
    add_site_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM."""
    process = begin("ui", arguments)
    database = open_existing(process.settings.database)
    upgrade(database)
    with database.write() as session:
        sync_places(session, process.config)
    app = create_app(process.settings, process.config, database, connect(process.settings.redis))
    server = Server(app, process.settings.bearwatch_ui_host, process.settings.bearwatch_ui_port)
    begin_again = begin_again_when(but_the_plan)

    def take(before: Config, after: Config) -> None:
        if but_the_plan(before, after):
            server.should_exit = True  # while it starts it does not listen to signals yet
        begin_again(before, after)

    process.follower.start(process.stop, take)
    server.run()
    database.close()
    return 0
