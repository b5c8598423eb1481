"""Watch over the rollout from shadow to everywhere: breakers, deadlines, and the authority that is granted. One works,
others stand by."""

from __future__ import annotations

import argparse
import threading

from bearwatch.config_following import begin_again_when, but_the_plan
from bearwatch.processes import begin
from bearwatch.site_options import add_site_options
from core.boxes.box_keeper import BoxKeeper
from core.redis_client import connect
from db.existing import open_existing
from db.migrate import upgrade
from db.places import sync_places
from rollout.alerting.pager import keep_paging
from rollout.control.controller import Controller
from rollout.stages.plan_watcher import PlanWatcher


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which site; the environment says everything else."""
    add_site_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM."""
    process = begin("controller", arguments)
    process.follower.start(process.stop, begin_again_when(but_the_plan))
    plan = PlanWatcher.load(process.settings.bearwatch_config)
    database = open_existing(process.settings.database)
    upgrade(database)
    with database.write() as session:
        sync_places(session, process.config)
    pager = threading.Thread(target=keep_paging, args=(database, process.stop), daemon=True)
    pager.start()
    own = process.settings
    boxes = BoxKeeper(connect(own.redis), own.bearwatch_data, lambda: process.config).start(process.stop)
    Controller(plan, database, connect(process.settings.redis)).run(process.stop)
    pager.join(timeout=2)
    boxes.join(timeout=2)
    database.close()
    return 0
