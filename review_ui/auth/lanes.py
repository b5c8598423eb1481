"""Blocking work with places of its own: a flood of one kind of request makes no other kind wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread

Places = TypeVar("Places")
Result = TypeVar("Result")


class PerLoop(Generic[Places]):
    """One of its kind for each event loop: limiters and semaphores wake nobody in another one."""

    def __init__(self, make: Callable[[], Places]) -> None:
        self._make = make
        self._of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Places] = WeakKeyDictionary()

    def get(self) -> Places:
        """That of the running loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._of_loop:
            self._of_loop[loop] = self._make()
        return self._of_loop[loop]


class LaneFull(Exception):
    """Everybody before is still waiting."""


class Lane:
    """Blocking work of one kind: ``at_once`` threads of its own, and at most ``most_waiting`` who wait for one."""

    def __init__(self, at_once: int, most_waiting: int) -> None:
        self._threads = PerLoop(lambda: anyio.CapacityLimiter(at_once))
        self._room = at_once + most_waiting
        self.inside = 0

    async def run(self, work: Callable[[], Result], slowed_s: float = 0.0) -> Result:
        """Do it, ``slowed_s`` seconds later. Raises :class:`LaneFull` at once when there is no room."""
        if self.inside >= self._room:
            raise LaneFull
        self.inside += 1
        try:
            await anyio.sleep(slowed_s)
            return await anyio.to_thread.run_sync(work, limiter=self._threads.get())
        finally:
            self.inside -= 1
