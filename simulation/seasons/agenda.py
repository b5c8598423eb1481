"""What happens when, in a season."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class Agenda:
    """Actions in order of their time (UTC seconds); of two at the same moment the one planned first comes first."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = count()

    def schedule(self, at: float, action: Callable[[float], None]) -> None:
        """Something will happen: ``action`` is called with its moment."""
        heapq.heappush(self._entries, (at, next(self._number), action))

    def run(self, until: float) -> None:
        """Let everything happen that is planned until then, and what is planned by what happens."""
        while self._entries and self._entries[0][0] <= until:
            at, _number, action = heapq.heappop(self._entries)
            action(at)
