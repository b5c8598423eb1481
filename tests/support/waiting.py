"""Waiting for something to come true, instead of sleeping for as long as it might take."""

from __future__ import annotations

import time
from collections.abc import Callable

WITHIN_S = 60.0
"""Long enough for whatever comes on a machine that has much else to do; a test that passes never waits for so long."""


def wait_for(condition: Callable[[], object], seconds: float = WITHIN_S) -> None:
    """Return as soon as ``condition`` is true; fail when it is not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come true within {seconds:g} s"
        time.sleep(0.02)
