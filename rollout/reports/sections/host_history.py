"""How each machine was in a period, from what was written down each minute."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from sqlalchemy import Integer, Row, case, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.models import GpuSample, MachineSample, QueueSample
from rollout.reports.sections.disk_forecast import WINDOW_S, Forecast, forecast
from rollout.reports.sections.host_status import LIMITS, Limit

Points = tuple[tuple[float, float], ...]

MOST_POINTS: Final = 240
"""Of one line: minutes are put together until there are no more than these, the worst of them counts."""
MINUTES_A_DAY: Final = 1440
_LOW: Final = frozenset(limit.key for limit in LIMITS if limit.low)
_FACTS: Final[Mapping[str, InstrumentedAttribute[Any]]] = {
    "load": MachineSample.load,
    "cpu_c": MachineSample.cpu_c,
    "memory_used": MachineSample.memory_used,
    "disk_free": MachineSample.disk_free,
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact over the period: its worst value, when, and for how many minutes it was beyond both limits."""

    worst: float | None
    worst_at: float | None = None
    warn: int = 0
    act: int = 0


@dataclass(frozen=True, slots=True)
class PastMachine:
    """One machine over the period.

    ``heard`` minutes it reported in, ``silent`` minutes it did not although others were written down; ``back`` says
    that it reported at the end. ``throttled`` minutes are None where it never told. Lines by fact, and by GPU.
    """

    name: str
    heard: int
    silent: int
    back: bool
    last_at: float | None
    facts: Mapping[str, Fact]
    lines: Mapping[str, Points]
    gpus: Mapping[int, Mapping[str, Points]]
    throttled: int | None
    fewest_gpus: int | None
    expected_gpus: int | None
    disk: Forecast | None


@dataclass(frozen=True, slots=True)
class HostHistory:
    """What was written down of a period. ``step`` minutes are one point of a line."""

    machines: tuple[PastMachine, ...]
    step: int

    @property
    def gap_s(self) -> float:
        """From how far apart two points have a gap between them."""
        return max(180.0, 2.5 * 60 * self.step)


def past_of(session: Session, start: float, end: float, limits: Sequence[Limit]) -> HostHistory:
    """The machines that were heard in the period, or on the day before it."""
    first, last = int(start // 60), ceil(end / 60)
    step = _step(session, first, last)
    recorded = _recorded(session, first, last, step)
    known = _known(session, first - MINUTES_A_DAY, last)
    rows, gpus = _machine_rows(session, first, last, step, limits), _gpu_rows(session, first, last, step, limits)
    disks = _disks(session, end)
    found = [
        _machine(name, rows.get(name, []), gpus.get(name, []), recorded, step, began < first, disks.get(name))
        for name, began in known
    ]
    return HostHistory(tuple(found), step)


def _known(session: Session, first: int, last: int) -> list[tuple[str, int]]:
    """Each machine that reported, by name, with the first minute in which it did."""
    query = (
        select(MachineSample.machine, func.min(MachineSample.minute))
        .where(MachineSample.minute >= first, MachineSample.minute < last)
        .group_by(MachineSample.machine)
    )
    return sorted((name, minute) for name, minute in session.execute(query))


def _step(session: Session, first: int, last: int) -> int:
    """Minutes to a point; an hour at least where minutes have been made hours already."""
    widest = session.scalar(
        select(func.max(QueueSample.span)).where(QueueSample.minute >= first, QueueSample.minute < last)
    )
    step = max(1, ceil((last - first) / MOST_POINTS))
    return max(60, ceil(step / 60) * 60) if (widest or 1) > 1 else step


def _recorded(session: Session, first: int, last: int, step: int) -> dict[int, int]:
    """How many minutes of each bucket were written down."""
    bucket = (QueueSample.minute // step).label("bucket")
    rows = session.execute(
        select(bucket, func.sum(QueueSample.span))
        .where(QueueSample.minute >= first, QueueSample.minute < last)
        .group_by(bucket, QueueSample.shard)
    )
    found: dict[int, int] = {}
    for number, minutes in rows:
        found[number] = max(found.get(number, 0), int(minutes))
    return found


def _minutes(column: InstrumentedAttribute[Any], span: InstrumentedAttribute[int], height: float, *, low: bool) -> Any:
    beyond = column <= height if low else column >= height
    return func.sum(case((beyond, span), else_=0))


def _machine_rows(
    session: Session, first: int, last: int, step: int, limits: Sequence[Limit]
) -> dict[str, list[Row[Any]]]:
    s, bucket = MachineSample, (MachineSample.minute // step).label("bucket")
    columns: list[Any] = [
        func.sum(s.span).label("span"),
        func.min(s.gpus).label("gpus"),
        func.max(s.gpus_expected).label("gpus_expected"),
        func.max(s.minute).label("newest"),
        func.sum(cast(s.throttled, Integer) * s.span).label("throttled"),
    ]
    for key, column in _FACTS.items():
        columns.append((func.min(column) if key in _LOW else func.max(column)).label(key))
    for limit in limits:
        if limit.key in _FACTS:
            at = _FACTS[limit.key]
            columns.append(_minutes(at, s.span, limit.warn, low=limit.low).label(f"{limit.key}_warn"))
            columns.append(_minutes(at, s.span, limit.act, low=limit.low).label(f"{limit.key}_act"))
    query = select(s.machine, bucket, *columns).where(s.minute >= first, s.minute < last)
    return _by_machine(session.execute(query.group_by(s.machine, bucket).order_by(bucket)).all())


def _gpu_rows(session: Session, first: int, last: int, step: int, limits: Sequence[Limit]) -> dict[str, list[Row[Any]]]:
    s, bucket = GpuSample, (GpuSample.minute // step).label("bucket")
    heat = next(limit for limit in limits if limit.key == "gpu_c")
    query = select(
        s.machine,
        s.gpu,
        bucket,
        func.max(s.celsius).label("celsius"),
        func.max(s.busy).label("busy"),
        func.max(s.memory).label("memory"),
        _minutes(s.celsius, s.span, heat.warn, low=False).label("warn"),
        _minutes(s.celsius, s.span, heat.act, low=False).label("act"),
    ).where(s.minute >= first, s.minute < last)
    return _by_machine(session.execute(query.group_by(s.machine, s.gpu, bucket).order_by(bucket)).all())


def _by_machine(rows: Sequence[Row[Any]]) -> dict[str, list[Row[Any]]]:
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        found[row.machine].append(row)
    return found


def _machine(
    name: str,
    rows: Sequence[Row[Any]],
    gpus: Sequence[Row[Any]],
    recorded: Mapping[int, int],
    step: int,
    known_before: bool,
    disk: Forecast | None,
) -> PastMachine:
    heard = {row.bucket: int(row.span) for row in rows}
    began = min(recorded, default=0) if known_before else min(heard, default=0)
    silent = sum(max(0, minutes - heard.get(bucket, 0)) for bucket, minutes in recorded.items() if bucket >= began)
    newest = max((row.newest for row in rows), default=None)
    told = [int(row.throttled) for row in rows if row.throttled is not None]
    lines = {key: _line(rows, key, step) for key in _FACTS}
    facts = {key: _fact(rows, key, lines[key]) for key in _FACTS}
    by_gpu: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in gpus:
        by_gpu[row.gpu].append(row)
    return PastMachine(
        name=name,
        heard=sum(heard.values()),
        silent=silent,
        back=bool(heard) and max(heard) >= max(recorded, default=0) - max(1, 5 // step),
        last_at=None if newest is None else newest * 60.0,
        facts={**facts, "gpu_c": _heat(by_gpu, step)},
        lines=lines,
        gpus={
            number: {key: _line(own, key, step) for key in ("celsius", "busy", "memory")}
            for number, own in sorted(by_gpu.items())
        },
        throttled=sum(told) if told else None,
        fewest_gpus=min((row.gpus for row in rows if row.gpus is not None), default=None),
        expected_gpus=max((row.gpus_expected for row in rows if row.gpus_expected is not None), default=None),
        disk=disk,
    )


def _line(rows: Sequence[Row[Any]], key: str, step: int) -> Points:
    told = ((row.bucket * step * 60.0, getattr(row, key)) for row in rows)
    return tuple((at, float(value)) for at, value in told if value is not None)


def _fact(rows: Sequence[Row[Any]], key: str, line: Points) -> Fact:
    if not line:
        return Fact(None)
    at, worst = (min if key in _LOW else max)(line, key=lambda point: point[1])
    warn, act = (sum(int(getattr(row, f"{key}_{level}")) for row in rows) for level in ("warn", "act"))
    return Fact(worst, at, warn, act)


def _heat(by_gpu: Mapping[int, Sequence[Row[Any]]], step: int) -> Fact:
    """Of the hottest GPU; the minutes are those of the GPU that was hot the longest."""
    points = [point for own in by_gpu.values() for point in _line(own, "celsius", step)]
    if not points:
        return Fact(None)
    at, worst = max(points, key=lambda point: point[1])
    warn, act = (
        max(sum(int(getattr(row, level)) for row in own) for own in by_gpu.values()) for level in ("warn", "act")
    )
    return Fact(worst, at, warn, act)


def _disks(session: Session, end: float) -> dict[str, Forecast | None]:
    """Of each machine, from the hours of the last week before the end."""
    s, hour = MachineSample, (MachineSample.minute // 60).label("hour")
    rows = session.execute(
        select(s.machine, hour, func.min(s.disk_free))
        .where(s.minute >= int((end - WINDOW_S) // 60), s.minute < ceil(end / 60), s.disk_free.is_not(None))
        .group_by(s.machine, hour)
        .order_by(hour)
    )
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for name, number, free in rows:
        points[name].append((number * 3600.0, float(free or 0.0)))
    return {name: forecast(each) for name, each in points.items()}
