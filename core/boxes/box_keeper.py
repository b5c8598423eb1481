"""Keeps what Redis grants boxes as the list has it, on a thread: Redis forgets its users when it begins again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import redis

from core.boxes.box_list import BadBoxList, BoxList
from core.boxes.redis_access import keep_access
from core.clock import now_s
from core.config import Config
from core.telemetry import Telemetry

log = logging.getLogger(__name__)

EVERY_S: Final = 2.0


class BoxKeeper:
    """``config`` gives the configuration that holds now."""

    def __init__(self, client: redis.Redis, data: Path, config: Callable[[], Config]) -> None:
        self._client = client
        self._list = BoxList(data)
        self._config = config
        self._shards: dict[str, int] | None = None
        self._problem = ""

    def start(self, stop: threading.Event) -> threading.Thread:
        """Keep them until ``stop`` is set."""
        thread = threading.Thread(target=self._run, args=(stop,), name="boxes", daemon=True)
        thread.start()
        return thread

    def keep(self) -> None:
        """Once. Raises redis-py's errors and :class:`BadBoxList`."""
        config = self._config()
        shards = {name: config.shard_of(name) for name in config.cameras}
        changed = self._list.refresh()
        anew, self._shards = changed or shards != self._shards, shards
        try:
            emptied = keep_access(self._client, self._list.boxes, shards.get, anew)
        except redis.RedisError:
            self._shards = None  # what was not granted now is granted next time
            raise
        for name in emptied:
            Telemetry(self._client).refuse(name, now_s(), "words about itself beyond all bounds")

    def _run(self, stop: threading.Event) -> None:
        while True:
            try:
                self.keep()
                self._problem = ""
            except (redis.RedisError, BadBoxList) as error:
                self.tell(error)
            if stop.wait(EVERY_S):
                return

    def tell(self, error: Exception) -> None:
        """Write into the log what is wrong, once."""
        if str(error) == self._problem:
            return
        self._problem = str(error)
        if isinstance(error, redis.exceptions.NoPermissionError):
            log.error(
                "Redis does not let this site keep users for its boxes: give its own user the commands of ACL (%s)",
                error,
            )
        else:
            log.warning("what boxes may do in Redis cannot be kept up now: %s", error)
