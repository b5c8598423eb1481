"""The watchdog's thread inside the jobs process: is the controller alive? It needs no Redis for that."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from core.clock import now_s
from core.config_file import ConfigError
from db.session import Database
from rollout.control.controller_watchdog import watch
from rollout.stages.plan_watcher import PlanWatcher

log = logging.getLogger(__name__)

POLL_EVERY_S: Final = 5.0


def keep_watch(path: Path, address: str, stop: threading.Event) -> None:
    """Check until ``stop`` is set; record a dead controller and hand the watch over."""
    try:
        plan = PlanWatcher.load(path)
    except ConfigError as error:
        log.error("no watchdog: the rollout plan cannot be used:\n%s", error)
        return
    database = Database(address)
    while not stop.wait(POLL_EVERY_S):
        try:
            outcome = watch(database, plan.current(), now_s())
            if outcome is not None:
                log.error("watchdog: %s", "; ".join(map(str, outcome.events)))
        except SQLAlchemyError as error:
            log.error("the watchdog cannot check: the database does not answer: %s", error)
    database.close()
