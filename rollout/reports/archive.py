"""Daily reports that were written when their day was over, as it looked then: one file for each campsite and day.

They lie beside the pictures, in ``reports/`` of the data directory, as the JSON of
:mod:`rollout.reports.render.machine_readable` and as the HTML of :mod:`rollout.reports.render.html_report`. A report
for each campsite, so that nobody reads of another.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from rollout.reports.document import Report, Status
from rollout.reports.render.html_report import as_html
from rollout.reports.render.machine_readable import as_json

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A stored report: of which day and campsite, when it was made, and its most urgent light with its words."""

    day: str
    campsite: str
    made_at: float
    light: Status
    words: str


class Archive:
    """Reads and writes stored reports. ``directory`` need not exist."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def has(self, day: date, campsite: str) -> bool:
        """Whether a report is there, whole."""
        return self._file(day.isoformat(), campsite, "json").exists()

    def write(self, report: Report) -> None:
        """Store a report about one campsite and one day; one that is there is replaced. Raises OSError."""
        (place,) = report.places
        day = report.period.first.isoformat()
        self._put(self._file(day, place.id, "html"), as_html(report))
        self._put(self._file(day, place.id, "json"), json.dumps(as_json(report), ensure_ascii=False, indent=1))

    def listed(
        self, campsites: Collection[str], limit: int = 60, after: tuple[str, str] | None = None
    ) -> list[StoredReport]:
        """The newest stored reports of these campsites; those that follow the day and campsite in ``after``."""
        found: list[StoredReport] = []
        for folder in sorted(self._days(), reverse=True):
            if after is not None and folder > after[0]:
                continue
            for campsite in sorted(campsites):
                if after is not None and folder == after[0] and campsite <= after[1]:
                    continue
                stored = self._read(folder, campsite)
                if stored is not None:
                    found.append(stored)
            if len(found) >= limit:
                break
        return found[:limit]

    def text(self, day: date, campsite: str, suffix: str) -> str | None:
        """A stored report as it was written; None when there is none."""
        try:
            return self._file(day.isoformat(), campsite, suffix).read_text()
        except OSError:
            return None

    def forget(self, before: date) -> int:
        """Remove the reports of days before ``before``; returns of how many days. Raises OSError."""
        old = [day for day in self._days() if day < before.isoformat()]
        for day in old:
            shutil.rmtree(self.directory / day)
        return len(old)

    def _days(self) -> list[str]:
        if not self.directory.is_dir():
            return []
        return [each.name for each in self.directory.iterdir() if _DAY.fullmatch(each.name)]

    def _read(self, day: str, campsite: str) -> StoredReport | None:
        try:
            found = json.loads(self._file(day, campsite, "json").read_text())
            urgent = next(each for each in found["answers"] if each["light"] == found["light"])
            return StoredReport(day, campsite, float(found["made_at"]), Status(found["light"]), str(urgent["words"]))
        except (OSError, ValueError, KeyError, TypeError, StopIteration):
            return None  # not there, or half of it: as good as none

    def _file(self, day: str, campsite: str, suffix: str) -> Path:
        return self.directory / day / f"{campsite}.{suffix}"

    def _put(self, file: Path, text: str) -> None:
        """Write whole or not at all: a reader never sees half a report."""
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(f"{file.suffix}.part")
        with beside.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(file)
