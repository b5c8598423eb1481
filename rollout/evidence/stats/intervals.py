"""Stretches of time: half-open, in seconds. Who watched when, and when nothing counts. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """From ``start`` up to, but without, ``end``."""

    start: float
    end: float

    @property
    def length(self) -> float:
        """In seconds."""
        return self.end - self.start


ALWAYS = (Interval(-inf, inf),)


def union(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The time covered by any of them: in order, apart from one another, without empty ones."""
    merged: list[Interval] = []
    for each in sorted(i for i in intervals if i.end > i.start):
        if merged and each.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, each.end))
        else:
            merged.append(each)
    return tuple(merged)


def intersection(first: Iterable[Interval], second: Iterable[Interval]) -> tuple[Interval, ...]:
    """The time covered by both."""
    a, b = union(first), union(second)
    i = j = 0
    both = []
    while i < len(a) and j < len(b):
        start, end = max(a[i].start, b[j].start), min(a[i].end, b[j].end)
        if start < end:
            both.append(Interval(start, end))
        i, j = (i + 1, j) if a[i].end < b[j].end else (i, j + 1)
    return tuple(both)


def difference(first: Iterable[Interval], second: Iterable[Interval]) -> tuple[Interval, ...]:
    """The time covered by the first and not by the second."""
    gaps, start = [], -inf
    for each in union(second):
        gaps.append(Interval(start, each.start))
        start = each.end
    return intersection(first, [*gaps, Interval(start, inf)])


def total(intervals: Iterable[Interval]) -> float:
    """How long they are together, in seconds; time covered twice counts once."""
    return sum(each.length for each in union(intervals))


def holds(ordered: Sequence[Interval], at: float) -> bool:
    """Whether a moment lies in one of the intervals, which are as :func:`union` gives them."""
    index = bisect_right(ordered, at, key=lambda each: each.start) - 1
    return index >= 0 and at < ordered[index].end


def touches(ordered: Sequence[Interval], start: float, end: float) -> bool:
    """Whether any moment from ``start`` to ``end``, both included, lies in one of the intervals of a :func:`union`."""
    index = bisect_right(ordered, end, key=lambda each: each.start) - 1
    return index >= 0 and start < ordered[index].end
