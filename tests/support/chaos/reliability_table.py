"""The tables of docs/reliability.md, each written by the run that measured it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "reliability.md"


@dataclass(frozen=True)
class Measured:
    """A fault: how often it came, and how long from it until every bear of that moment had its alert."""

    fault: str
    times: int
    median_s: float
    longest_s: float


def write_table(redis: str, rows: Sequence[Measured], visits: int) -> None:
    """Replace the table of one way to run Redis."""
    text = PAGE.read_text()
    begin, end = f"<!-- {redis}: written by make chaos -->", f"<!-- {redis}: until here -->"
    head = (
        f"{visits} visits, {visits} alerts.\n\n| fault | times | alerts after, median | longest |\n|---|---|---|---|\n"
    )
    lines = "".join(f"| {row.fault} | {row.times} | {row.median_s:.1f} s | {row.longest_s:.1f} s |\n" for row in rows)
    before, _, rest = text.partition(begin)
    PAGE.write_text(f"{before}{begin}\n{head}{lines}{end}{rest.partition(end)[2]}")
