"""How benchmarks print: one table for people, one JSON document for machines."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

Row = Mapping[str, Any]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def show(title: str, rows: Sequence[Row], as_json: bool) -> None:
    """Print one benchmark's rows."""
    if as_json:
        print(json.dumps({"benchmark": title, "machine": machine(), "rows": [dict(row) for row in rows]}))
        return
    table = Table(title=title, title_justify="left")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    for row in rows:
        table.add_row(*(_text(row.get(column, "")) for column in columns))
    Console(width=120).print(table)


def machine() -> dict[str, Any]:
    """What was measured on."""
    return {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
