"""Write down once a minute how machines and queues are, from what processes say about themselves in Redis.

A machine that has not reported within the last minute gets no row, and neither does a minute in which Redis was
unreachable: a gap stays a gap.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from core.clock import hour_start
from core.config import Config
from core.machine.host import PREFIX, number_of
from db.models import CameraCount, GpuSample, MachineSample, QueueSample
from rollout.breakers.telemetry_snapshot import TelemetrySnapshot

FRESH_S: Final = 60.0
_COUNTER: Final = re.compile(r'bearwatch_frames_(sent|dropped|scored)_total\{.*\bcamera_name="([^"]+)"')


def write_minute(
    session: Session, config: Config, snapshot: TelemetrySnapshot, counters: Mapping[str, int], now: float
) -> bool:
    """Write the rows of the minute that holds ``now``; returns whether they were written by this call.

    Another process may have written them already: the first one counts. ``counters`` as
    :meth:`core.telemetry.Telemetry.counters` gives them.
    """
    minute = int(now // 60)
    known = select(QueueSample.shard).where(QueueSample.minute == minute).limit(1)
    if not snapshot.answers or session.scalar(known) is not None:
        return False
    queues = [
        {"minute": minute, "shard": shard, "entries": each.entries, "oldest_s": each.oldest_s, "jobs": snapshot.jobs}
        for shard, each in snapshot.waiting.items()
    ]
    if queues:
        session.execute(insert(QueueSample), queues)
    for name, facts in snapshot.heartbeats.items():
        if name.startswith(PREFIX) and now - (number_of(facts.get("at")) or 0.0) <= FRESH_S:
            session.add_all(_machine(minute, name.removeprefix(PREFIX)[:80], facts))
    _count_frames(session, config, counters, float(hour_start(now)))
    return True


def _machine(minute: int, name: str, facts: Mapping[str, Any]) -> list[MachineSample | GpuSample]:
    gpus = facts.get("each_gpu")
    told = [each for each in gpus if isinstance(each, dict)] if isinstance(gpus, list) else []
    throttled = facts.get("throttled")
    machine = MachineSample(
        minute=minute,
        machine=name,
        load=number_of(facts.get("load")),
        cpu_c=number_of(facts.get("cpu_c")),
        memory_used=number_of(facts.get("memory_used")),
        disk_free=number_of(facts.get("disk_free")),
        gpus=_whole(facts.get("gpus")),
        gpus_expected=_whole(facts.get("gpus_expected")),
        throttled=throttled if isinstance(throttled, bool) else None,
    )
    return [machine, *filter(None, (_gpu(minute, name, number, each) for number, each in enumerate(told)))]


def _gpu(minute: int, name: str, number: int, facts: Mapping[str, Any]) -> GpuSample | None:
    celsius = number_of(facts.get("celsius"))
    if celsius is None:
        return None
    return GpuSample(
        minute=minute,
        machine=name,
        gpu=number,
        celsius=celsius,
        busy=number_of(facts.get("busy")),
        memory=number_of(facts.get("memory")),
    )


def _count_frames(session: Session, config: Config, counters: Mapping[str, int], hour_at: float) -> None:
    """The first minute of an hour that is written keeps the counters of each camera."""
    if session.scalar(select(CameraCount.camera_id).where(CameraCount.hour_at == hour_at).limit(1)) is not None:
        return
    totals: dict[str, dict[str, int]] = defaultdict(lambda: {"sent": 0, "dropped": 0, "scored": 0})
    for name, value in counters.items():
        found = _COUNTER.match(name)
        if found is not None and found.group(2) in config.cameras:
            totals[found.group(2)][found.group(1)] += value
    if totals:
        rows = [{"hour_at": hour_at, "camera_id": camera, **counts} for camera, counts in sorted(totals.items())]
        session.execute(insert(CameraCount), rows)


def _whole(value: Any) -> int | None:
    found = number_of(value)
    return None if found is None else int(found)
