"""Watch over the road from shadow to everywhere: breakers, deadlines, and the authority that is granted. One works,
others stand by."""

from __future__ import annotations

import argparse
import threading

from bearwatch.processes import begin
from core.redis_client import connect
from db.migrate import upgrade
from db.places import sync_places
from db.session import Database
from rollout.alerting.pager import keep_paging
from rollout.control.controller import Controller
from rollout.stages.plan_watcher import PlanWatcher


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The environment says everything."""


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM."""
    process = begin("controller")
    plan = PlanWatcher.load(process.settings.bearwatch_config)
    database = Database(process.settings.database)
    upgrade(database)
    with database.write() as session:
        sync_places(session, process.config)
    pager = threading.Thread(target=keep_paging, args=(database, process.stop), daemon=True)
    pager.start()
    Controller(plan, database, connect(process.settings.redis)).run(process.stop)
    pager.join(timeout=2)
    database.close()
    return 0
