"""Tell a service elsewhere that this site lives: the loop of the process `bearwatch outside`."""

from __future__ import annotations

import logging
import threading
from typing import Final

import redis

from core.clock import now_s
from core.machine.life_sign import give_life_sign
from core.redis_client import RedisDown
from core.site_config import Outside
from core.telemetry import Telemetry, counter
from db.session import Database
from rollout.control.heartbeat import NotHeard, SiteHealth, call, health, host

log = logging.getLogger(__name__)

BEAT_EVERY_S: Final = 10.0


class Caller:
    """Calls every so often; says once in the log what has changed, and counts the rest. Without an address it only
    reports itself."""

    def __init__(self, asked: Outside, database: Database, client: redis.Redis) -> None:
        self._asked = asked
        self._database = database
        self._client = client
        self._wrong: tuple[str, ...] = ()
        self._unheard = False

    def run(self, stop: threading.Event) -> None:
        """Call until ``stop`` is set. What goes wrong in one round is told in the next."""
        called_at = float("-inf")
        while not stop.is_set():
            give_life_sign()
            now = now_s()
            if self._asked.ping_url is not None and not 0 <= now - called_at < self._asked.every_s:
                self.step(now)
                called_at = now
            self._beat(now)
            stop.wait(min(BEAT_EVERY_S, self._asked.every_s))

    def _beat(self, now: float) -> None:
        try:
            Telemetry(self._client).beat("outside", now, {"unheard": self._unheard})
        except (*RedisDown, redis.RedisError):
            return  # it is away: that was said

    def step(self, now: float) -> SiteHealth:
        """Check, and call the address for what was found."""
        found = health(self._database, self._client, now)
        if found.wrong != self._wrong:
            log.warning("all is well again") if found.well else log.error("not well: %s", "; ".join(found.wrong))
        self._wrong = found.wrong
        address = self._asked.ping_url if found.well else self._asked.failing
        if address is not None:
            self._call(address, found)
        return found

    def _call(self, address: str, found: SiteHealth) -> None:
        result = "heard"
        try:
            call(address, found.facts())
            if self._unheard:
                log.warning("%s can be reached again", host(address))
            self._unheard = False
        except NotHeard as error:
            result = "unheard"
            if not self._unheard:
                log.error("%s; it will think that this site is down", error)
            self._unheard = True
        said = "well" if found.well else "fail"
        try:
            Telemetry(self._client).count({counter("bearwatch_outside_pings_total", said=said, result=result): 1})
        except (*RedisDown, redis.RedisError):
            return  # it is away: that was said
