"""FairWriteLock at SQLite's one writer, for all threads and processes that write the same file.

SQLite's own waiting is unfair: whoever waits looks again after pauses that grow to a tenth of a second, and whoever
writes without a break takes the lock again in between. A ranger's decision stood for seconds behind a burst of alerts.
Here one waiter alone is at the front of the queue, polling every millisecond, and holds a lock on a file beside the
database meanwhile; whoever has just written must get that lock first, so that nobody writes twice while somebody waits.
"""

from __future__ import annotations

import fcntl
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

FRONT_POLL_S: Final = 0.001
QUEUE_POLL_S: Final = 0.002
"""How often those poll who are further back in the queue. All the same, so that none is favoured."""
FRONT_PATIENCE_SHARE: Final = 0.25
"""Share of the patience after which the next one polls beside whoever is at the front: they may be stopped."""


class FairWriteLock:
    """The queue of one database file. Without a file, or where it cannot be written, nobody queues."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def wait_for(self, enter: Callable[[], bool], within_s: float) -> bool:
        """Call ``enter`` until it succeeds, when it is this caller's turn; False when that took too long."""
        now = time.monotonic()
        deadline = now + within_s
        with self._at_the_front(now + FRONT_PATIENCE_SHARE * within_s):
            while not enter():
                if time.monotonic() >= deadline:
                    return False
                time.sleep(FRONT_POLL_S)
            return True

    @contextmanager
    def _at_the_front(self, alone_until: float) -> Iterator[None]:
        """Be at the front, alone; after that moment also beside somebody else."""
        line = self._open()
        if line is None:
            yield
            return
        try:
            while not _locked(line) and time.monotonic() < alone_until:
                time.sleep(QUEUE_POLL_S * random.uniform(0.8, 1.2))
            yield
        finally:
            # Said aloud: a process that was forked meanwhile has the file open, too.
            fcntl.flock(line, fcntl.LOCK_UN)
            os.close(line)

    def _open(self) -> int | None:
        if self.path is None:
            return None
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            return None


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
