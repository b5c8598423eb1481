"""How often somebody may do something: moving windows that all processes share, counted by the library `limits`.

The counts lie in Redis, where one script checks and counts in the same step: two processes never let one too many
through. While Redis does not answer, each process counts for itself, from nothing. Asking takes a moment, or as long as
a reply may take when Redis hangs: never ask inside a transaction. Whom a count belongs to stands there as a digest:
people type passwords where their name should go.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import redis
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from core.clock import now_s

log = logging.getLogger(__name__)

KEY_PREFIX: Final = "rate"
ASK_AGAIN_S: Final = 5.0
"""So long a Redis that did not answer is not asked again: nobody else waits for it meanwhile."""


class RateExceeded(Exception):
    """A window is full; it has room again after ``wait_s`` seconds."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too often; try again in {wait_s:.0f} s")
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most ``amount`` within any ``window_s`` seconds, counted apart for each ``whose``: what is limited, for whom.

    ``window_s`` is counted in whole seconds.
    """

    amount: int
    window_s: float
    whose: tuple[str, ...]

    @property
    def item(self) -> RateLimitItem:
        """The limit as the library knows it."""
        return RateLimitItemPerSecond(self.amount, int(self.window_s), KEY_PREFIX)

    @property
    def key(self) -> str:
        """Whose count it is, unreadable."""
        return hashlib.blake2b("\0".join(self.whose).encode(), digest_size=16).hexdigest()


class RateLimiter:
    """Counts for all processes that ask the same Redis. ``clock`` says when something happens, in Unix seconds."""

    def __init__(self, client: redis.Redis, clock: Callable[[], float] = now_s) -> None:
        shared = _OnOurClock(client, clock)
        self._shared = _Windows(
            MovingWindowRateLimiter(shared), clock, lambda key: client.lpop(shared.prefixed_key(key))
        )
        self._ask_again_at = float("-inf")

    @cached_property
    def _own(self) -> _Windows:
        """What counts while Redis is unreachable. Made when it is first needed: it has a thread of its own."""
        storage = MemoryStorage()

        def take_newest(key: str) -> None:
            if storage.events.get(key):
                storage.events[key].pop(0)

        return _Windows(MovingWindowRateLimiter(storage), time.time, take_newest)

    def check(self, *rates: RateLimit) -> None:
        """Raise :class:`RateExceeded` when one of the windows is full; counts nothing."""
        self._ask(lambda windows: windows.check(rates))

    def hit(self, *rates: RateLimit) -> None:
        """Count one in each window, or raise :class:`RateExceeded` when one of them is full.

        No window ever holds more than its amount. A refusal counts nothing, unless another process filled a window at
        the very moment between the check and the count: then the windows named before it hold one more.
        """
        self._ask(lambda windows: windows.hit(rates))

    def count(self, *rates: RateLimit) -> None:
        """Count one in each window that has room."""
        self._ask(lambda windows: windows.count(rates))

    def take_back(self, *rates: RateLimit) -> None:
        """Take the newest one out of each window: what :meth:`hit` counted beforehand was none, as it turned out."""
        self._ask(lambda windows: windows.take_back(rates))

    def is_full(self, rate: RateLimit) -> bool:
        """Whether a window has no room; counts nothing."""
        try:
            self.check(rate)
        except RateExceeded:
            return True
        return False

    def clear(self, *rates: RateLimit) -> None:
        """Empty these windows."""
        self._ask(lambda windows: windows.clear(rates))

    def _ask(self, what: Callable[[_Windows], None]) -> None:
        if time.monotonic() >= self._ask_again_at:
            try:
                return what(self._shared)
            except redis.RedisError as error:
                log.warning("Redis cannot count requests (%s): rate limits hold for this process alone", error)
                self._ask_again_at = time.monotonic() + ASK_AGAIN_S
        what(self._own)


@dataclass(frozen=True, slots=True)
class _Windows:
    """The windows in one place, and the clock that they go by."""

    limiter: MovingWindowRateLimiter
    clock: Callable[[], float]
    take_newest: Callable[[str], object]
    """Takes the newest entry out of the window under a key."""

    def check(self, rates: tuple[RateLimit, ...]) -> None:
        for rate in rates:
            if not self.limiter.test(rate.item, rate.key):
                raise RateExceeded(self._wait_s(rate))

    def hit(self, rates: tuple[RateLimit, ...]) -> None:
        self.check(rates)
        for rate in rates:
            if not self.limiter.hit(rate.item, rate.key):
                raise RateExceeded(self._wait_s(rate))

    def count(self, rates: tuple[RateLimit, ...]) -> None:
        for rate in rates:
            self.limiter.hit(rate.item, rate.key)

    def take_back(self, rates: tuple[RateLimit, ...]) -> None:
        for rate in rates:
            self.take_newest(rate.item.key_for(rate.key))

    def clear(self, rates: tuple[RateLimit, ...]) -> None:
        for rate in rates:
            self.limiter.clear(rate.item, rate.key)

    def _wait_s(self, rate: RateLimit) -> float:
        return max(0.0, self.limiter.get_window_stats(rate.item, rate.key).reset_time - self.clock())


class _OnOurClock(RedisStorage):
    """The library's storage with its scripts, at the times of the site's clock instead of the machine's."""

    def __init__(self, client: redis.Redis, clock: Callable[[], float]) -> None:
        # The address only names the kind of server: the pool holds the connections.
        super().__init__("redis://", connection_pool=client.connection_pool, key_prefix=KEY_PREFIX)
        self._clock = clock

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        return bool(self.lua_acquire_moving_window([self.prefixed_key(key)], [self._clock(), limit, expiry, amount]))

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        now = self._clock()
        found = self.lua_moving_window([self.prefixed_key(key)], [now - expiry, limit])
        return (float(found[0]), int(found[1])) if found else (now, 0)
