"""Minutes of machines and queues as they are written down, for a day of the season of
:mod:`tests.support.rollout.report_season`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import insert

from db.session import Database
from rollout.reports.period import midnight, parse_day

DAY = "2027-02-02"
START = midnight(parse_day(DAY), "America/Los_Angeles")
MINUTE = int(START // 60)
DAY_S = 86400.0


def machine_rows(first: int, minutes: Iterable[int], name: str = "ridge", **facts: Any) -> list[dict[str, Any]]:
    """A machine's minutes; a fact may be a function of the minute."""
    usual: dict[str, Any] = {"load": 0.4, "cpu_c": 55.0, "memory_used": 0.5, "disk_free": 0.6, "gpus": 0,
                             "gpus_expected": 0, "throttled": None, **facts}  # fmt: skip
    return [
        {"minute": first + n, "machine": name, "span": 1,
         **{key: value(n) if callable(value) else value for key, value in usual.items()}}
        for n in minutes
    ]  # fmt: skip


def queue_rows(first: int, minutes: Iterable[int]) -> list[dict[str, Any]]:
    """A shard's minutes; at minute 700 the oldest has waited for 90 s."""
    return [
        {"minute": first + n, "shard": 0, "span": 1, "entries": n % 7, "oldest_s": 90.0 if n == 700 else 0.4, "jobs": 1}
        for n in minutes
    ]


def write(database: Database, kind: Any, rows: list[dict[str, Any]]) -> None:
    """Many rows at once."""
    with database.write() as session:
        session.execute(insert(kind), rows)
