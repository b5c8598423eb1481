"""Small work on pictures, several at a time. OpenCV lets other threads run while it decodes, scales and cuts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(work: Callable[[T], R], items: Iterable[T], threads: int | None = None) -> list[R]:
    """``work`` of each item, in order, on up to ``threads`` cores (None: all that this process has).

    The first error that ``work`` raises is raised here.
    """
    known = list(items)
    count = min(threads or len(os.sched_getaffinity(0)), len(known))
    return list(_pool(count).map(work, known)) if count > 1 else [work(item) for item in known]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "side-by-side")
