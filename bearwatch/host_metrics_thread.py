"""The thread inside the jobs process that writes down once a minute how machines and queues are."""

from __future__ import annotations

import logging
import threading
from typing import Final

import redis
from sqlalchemy.exc import SQLAlchemyError

from core.clock import now_s
from core.config import Config
from core.lease import Lease
from core.redis_client import RedisDown, connect
from core.telemetry import Telemetry
from db.session import Database
from rollout.breakers.telemetry_snapshot import collect_telemetry
from rollout.control.host_metrics import write_minute

log = logging.getLogger(__name__)

POLL_EVERY_S: Final = 5.0
HELD_S: Final = 150.0
"""Another process takes over this long after the one that wrote fell silent."""


def keep_history(config: Config, redis_address: str, database_address: str, stop: threading.Event) -> None:
    """Write each minute once until ``stop`` is set; a minute in which a server is away is left out."""
    client, database = connect(redis_address), Database(database_address)
    leadership, written = Lease(client, "history", HELD_S), -1
    while not stop.wait(POLL_EVERY_S):
        now = now_s()
        if int(now // 60) == written:
            continue
        try:
            if not leadership.hold():
                continue
            snapshot, counters = collect_telemetry(client, config, now), Telemetry(client).counters()
            with database.write() as session:
                write_minute(session, config, snapshot, counters, now)
            written = int(now // 60)
        except (*RedisDown, redis.RedisError, SQLAlchemyError) as error:
            log.warning("the host metrics of this minute were not stored: %s", error)
    client.close()
    database.close()
