"""What waited, over the days of a report and now; and what became of each camera's frames."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from math import ceil
from typing import Final

from sqlalchemy import func, select

from db.models import CameraCount, QueueSample
from rollout.reports.context import ReportContext
from rollout.reports.document import Cell, Column, Figure, Form, Panels, ReportPanel, Section, Table, table
from rollout.reports.sections.host_history import HostHistory, Points

MOST_PLOTS: Final = 6
"""Shards with a plot of their own."""


def queues_section(asked: ReportContext, past: HostHistory) -> Section:
    """Queues over the period, as they are now, and frames by camera."""
    snapshot = asked.snapshot
    words, figures, tables = [], [], [_past_table(asked)]
    if snapshot is None or not snapshot.answers:
        words.append("Redis was not heard: nobody knows what waits now.")
    else:
        rows = [(f"shard {shard}", each.entries, each.oldest_s) for shard, each in sorted(snapshot.waiting.items())]
        columns = (Column("shard", "Queue"), Column("entries", "Waiting", Form.NUMBER),
                   Column("oldest_s", "Oldest", Form.SECONDS))  # fmt: skip
        figures.append(Figure("jobs_waiting", "Jobs waiting now", snapshot.jobs))
        tables.append(table("queues", "Frames and scores when this report was made", columns, rows,
                            "No shard has reported."))  # fmt: skip
    counted = _frames(asked)
    sent, dropped = (sum(each[place] for each in counted.values()) for place in (0, 1))
    figures.append(
        Figure("frames_dropped", "Frames dropped", dropped if counted else None, n=sent + dropped, of="frames",
               why="" if counted else "nobody has written down what became of the frames",
               note="the newest frames go first; what is dropped is counted, never queued silently")
    )  # fmt: skip
    tables.append(_frames_table(asked, counted))
    plots = tuple(_plot(asked, past, shard, lines) for shard, lines in list(_lines(asked, past).items())[:MOST_PLOTS])
    return Section("queue", "Queues", tuple(words), tuple(figures), plots, tuple(tables))


def _within(asked: ReportContext) -> tuple[int, int]:
    return int(asked.period.start // 60), ceil(asked.period.end / 60)


def _past_table(asked: ReportContext) -> Table:
    first, last = _within(asked)
    rows = asked.session.execute(
        select(
            QueueSample.shard,
            func.max(QueueSample.oldest_s),
            func.max(QueueSample.entries),
            func.max(QueueSample.jobs),
            func.sum(QueueSample.span),
        )
        .where(QueueSample.minute >= first, QueueSample.minute < last)
        .group_by(QueueSample.shard)
        .order_by(QueueSample.shard)
    ).all()
    columns = (Column("shard", "Queue"), Column("oldest_s", "Oldest, at worst", Form.SECONDS),
               Column("entries", "Waiting, at most", Form.NUMBER), Column("jobs", "Jobs waiting, at most", Form.NUMBER),
               Column("minutes", "Minutes written down", Form.NUMBER))  # fmt: skip
    found: list[tuple[Cell, ...]] = [(f"shard {shard}", *rest) for shard, *rest in rows]
    return table("queues_past", "Queues over these days", columns, found, "Nothing was written down of these days.")


def _lines(asked: ReportContext, past: HostHistory) -> dict[int, tuple[Points, Points]]:
    """Age of the oldest and how many waited, by shard."""
    first, last = _within(asked)
    bucket = (QueueSample.minute // past.step).label("bucket")
    rows = asked.session.execute(
        select(QueueSample.shard, bucket, func.max(QueueSample.oldest_s), func.max(QueueSample.entries))
        .where(QueueSample.minute >= first, QueueSample.minute < last)
        .group_by(QueueSample.shard, bucket)
        .order_by(QueueSample.shard, bucket)
    )
    found: dict[int, tuple[list[tuple[float, float]], list[tuple[float, float]]]] = defaultdict(lambda: ([], []))
    for shard, number, oldest_s, entries in rows:
        at = number * past.step * 60.0
        found[shard][0].append((at, float(oldest_s)))
        found[shard][1].append((at, float(entries)))
    return {shard: (tuple(ages), tuple(counts)) for shard, (ages, counts) in found.items()}


def _plot(asked: ReportContext, past: HostHistory, shard: int, lines: tuple[Points, Points]) -> Panels:
    condition = asked.plan.breakers.queue_depth.condition
    limits = {clause.name: clause.limit for clause in condition.clauses} if condition else {}

    def drawn(quantity: str) -> tuple[tuple[str, float], ...]:
        return ((f"limit {limits[quantity]:g}", limits[quantity]),) if quantity in limits else ()

    ages, counts = lines
    return Panels(
        f"queue_{shard}",
        f"Queue of shard {shard}",
        asked.period.start,
        asked.period.end,
        asked.period.timezone,
        past.gap_s,
        (
            ReportPanel("oldest_s", "Oldest, seconds", (("", ages),), Form.NUMBER, drawn("redis_lag_s")),
            ReportPanel("entries", "Frames and scores waiting", (("", counts),), Form.NUMBER, drawn("redis_len")),
        ),
    )


def _frames(asked: ReportContext) -> dict[str, tuple[int, int, int]]:
    """Frames sent, dropped and scored by camera, from the counters of full hours; a counter that begins anew counts."""
    cameras = asked.cameras()
    rows = asked.session.execute(
        select(CameraCount.camera_id, CameraCount.sent, CameraCount.dropped, CameraCount.scored)
        .where(
            CameraCount.camera_id.in_(cameras),
            CameraCount.hour_at >= asked.period.start,
            CameraCount.hour_at <= asked.period.end,
        )
        .order_by(CameraCount.camera_id, CameraCount.hour_at)
    ).all()
    by_camera: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for camera, *counts in rows:
        by_camera[camera].append((counts[0], counts[1], counts[2]))
    found = {}
    for camera, stood in by_camera.items():
        if len(stood) > 1:
            steps = [tuple(_grown(old, new) for old, new in zip(*pair, strict=True)) for pair in pairwise(stood)]
            found[camera] = (sum(s[0] for s in steps), sum(s[1] for s in steps), sum(s[2] for s in steps))
    return found


def _grown(before: int, after: int) -> int:
    return after - before if after >= before else after


def _frames_table(asked: ReportContext, counted: dict[str, tuple[int, int, int]]) -> Table:
    columns = (Column("camera", "Camera"), Column("sent", "Sent", Form.NUMBER),
               Column("dropped", "Dropped", Form.NUMBER), Column("scored", "Analysed", Form.NUMBER))  # fmt: skip
    worst = sorted(counted.items(), key=lambda each: (-each[1][1], each[0]))
    rows: list[tuple[Cell, ...]] = [(asked.camera(camera), *counts) for camera, counts in worst]
    note = "From one full hour to the next. Crops of frames that were overtaken by newer ones are not analysed."
    return table("frames", "Frames by camera", columns, rows, "It takes two full hours to say.", note)
