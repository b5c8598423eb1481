"""Blocking work with places of its own: a flood of one kind of request makes no other kind wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

Result = TypeVar("Result")


class LaneFull(Exception):
    """Everybody before is still waiting."""


class Lane:
    """Blocking work of one kind: ``at_once`` threads of its own, and at most ``most_waiting`` who wait for one."""

    def __init__(self, at_once: int, most_waiting: int) -> None:
        self._threads = anyio.CapacityLimiter(at_once)
        self._room = at_once + most_waiting
        self.inside = 0

    async def run(self, work: Callable[[], Result], slowed_s: float = 0.0) -> Result:
        """Do it, ``slowed_s`` seconds later. Raises :class:`LaneFull` at once when there is no room."""
        if self.inside >= self._room:
            raise LaneFull
        self.inside += 1
        try:
            await anyio.sleep(slowed_s)
            return await anyio.to_thread.run_sync(work, limiter=self._threads)
        finally:
            self.inside -= 1
