"""The watchdog's thread inside the jobs process: is the controller alive? It needs no Redis for that."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from core.clock import now_s
from core.config import Config
from core.config_file import ConfigError
from db.session import Database
from rollout.control.controller import Plan
from rollout.control.controller_watchdog import watch

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 5.0


def keep_watch(path: Path, config: Config, address: str, stop: threading.Event) -> None:
    """Look until ``stop`` is set; record a dead controller and hand the watch over."""
    try:
        plan = Plan(path, config)
    except ConfigError as error:
        log.error("no watchdog: the road cannot be used:\n%s", error)
        return
    database = Database(address)
    while not stop.wait(LOOK_EVERY_S):
        try:
            plan.refresh()
            outcome = watch(database, plan.road, now_s())
            if outcome is not None:
                log.error("watchdog: %s", "; ".join(map(str, outcome.events)))
        except SQLAlchemyError as error:
            log.error("the watchdog cannot look: the database does not answer: %s", error)
    database.close()
