"""Old minutes of machines and queues become hours that hold the worst of them; very old ones go."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Boolean, Integer, cast, delete, func, insert, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.models import CameraCount, GpuSample, MachineSample, QueueSample

HOUR: Final = 60
AT_ONCE: Final = 24 * HOUR
"""Minutes of history that one call goes through at most: a day."""

Samples = type[MachineSample] | type[GpuSample] | type[QueueSample]

_WORST: Final[tuple[tuple[Samples, tuple[InstrumentedAttribute[Any], ...], dict[str, Any]], ...]] = (
    (
        MachineSample,
        (MachineSample.machine,),
        {
            "load": func.max(MachineSample.load),
            "cpu_c": func.max(MachineSample.cpu_c),
            "memory_used": func.max(MachineSample.memory_used),
            "disk_free": func.min(MachineSample.disk_free),
            "gpus": func.min(MachineSample.gpus),
            "gpus_expected": func.max(MachineSample.gpus_expected),
            # PostgreSQL has no largest truth value.
            "throttled": cast(func.max(cast(MachineSample.throttled, Integer)), Boolean),
        },
    ),
    (
        GpuSample,
        (GpuSample.machine, GpuSample.gpu),
        {
            "celsius": func.max(GpuSample.celsius),
            "busy": func.max(GpuSample.busy),
            "memory": func.max(GpuSample.memory),
        },
    ),
    (
        QueueSample,
        (QueueSample.shard,),
        {
            "entries": func.max(QueueSample.entries),
            "oldest_s": func.max(QueueSample.oldest_s),
            "jobs": func.max(QueueSample.jobs),
        },
    ),
)


def thin_samples(session: Session, before: float) -> int:
    """Make hours of the minutes before ``before`` (UTC seconds), at most a day of them; returns how many.

    Call it until it returns 0. A row's ``span`` says how many minutes it stands for; an hour in which some were
    missing stands for those that there were.
    """
    end = int(before // 3600) * HOUR
    return sum(_thin(session, kind, keys, worst, end) for kind, keys, worst in _WORST)


def _thin(
    session: Session, kind: Samples, keys: tuple[InstrumentedAttribute[Any], ...], worst: dict[str, Any], end: int
) -> int:
    # An hour's row stands at its beginning: what stands elsewhere has not been thinned.
    oldest = session.scalar(select(func.min(kind.minute)).where(kind.minute < end, kind.minute % HOUR != 0))
    if oldest is None:
        return 0
    first = oldest // HOUR * HOUR
    last = min(end, first + AT_ONCE)
    here = (kind.minute >= first, kind.minute < last)
    hour = (kind.minute // HOUR).label("hour")
    columns = [func.sum(kind.span).label("span"), *(value.label(name) for name, value in worst.items())]
    rows = session.execute(select(hour, *keys, *columns).where(*here).group_by(hour, *keys)).mappings().all()
    count = session.scalar(select(func.count()).select_from(kind).where(*here)) or 0
    session.execute(delete(kind).where(*here))
    session.execute(insert(kind), [{**_without_hour(row), "minute": row["hour"] * HOUR} for row in rows])
    return count


def _without_hour(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "hour"}


def forget_samples(session: Session, before: float) -> None:
    """Remove what is older than ``before`` (UTC seconds)."""
    for kind in (MachineSample, GpuSample, QueueSample):
        session.execute(delete(kind).where(kind.minute < int(before // 60)))
    session.execute(delete(CameraCount).where(CameraCount.hour_at < before))
