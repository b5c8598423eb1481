"""Standard output as a command uses it: tables for people, and readers that leave early, as ``| head`` does."""

from __future__ import annotations

import os
import select
import sys

CLOSED_EARLY = 128 + 13
"""Exit status of a command whose reader has left: what shells say of one that SIGPIPE ended."""


def reader_has_left() -> bool:
    """Whether nobody reads standard output or standard error any more; if so, what is still written there is lost.

    Call it when a BrokenPipeError arrives: it may also come from a connection, which is another matter.
    """
    left = [stream.fileno() for stream in (sys.stdout, sys.stderr) if _nobody_reads(stream.fileno())]
    if left:
        empty_plan = os.open(os.devnull, os.O_WRONLY)
        for number in left:
            os.dup2(empty_plan, number)  # else Python complains when it empties its buffers at the end
        os.close(empty_plan)
    return bool(left)


def _nobody_reads(number: int) -> bool:
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    return any(event & select.POLLERR for _, event in poll.poll(0))
