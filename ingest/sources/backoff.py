"""How long to wait before the next attempt: hardly at all after the first failure, up to half a minute for ever."""

from __future__ import annotations

import random

FIRST_S = 0.25
SECOND_S = 1.0
LONGEST_S = 30.0


class Backoff:
    """Waits that double, with jitter so that cameras behind one switch do not come back all at once."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()
        self._failures = 0

    def next_s(self) -> float:
        """Seconds to wait after one more failure."""
        self._failures += 1
        if self._failures == 1:
            return FIRST_S
        longest = min(LONGEST_S, SECOND_S * 2.0 ** min(self._failures - 2, 10))
        return longest * self._rng.uniform(0.6, 1.0)

    def reset(self) -> None:
        """The connection has proved itself."""
        self._failures = 0
