"""A label on its way out or in: what all formats carry, and the small things that several of them need."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from core.clock import civil
from core.messages import Box
from rollout.evidence.labels.training_label import TrainingLabel
from rollout.evidence.labels.vocabulary import Vocabulary

PICTURES: Final = "pictures"
"""The folder of the pictures in an export."""
LARGEST_FILE_BYTES: Final = 1 << 30
"""A metadata file above this is not read into memory."""


class UnreadableLabels(ValueError):
    """The file is not what the format says, as a whole; the message says why."""


@dataclass(frozen=True, slots=True)
class ExportedItem:
    """One label with its picture as it lies in the export."""

    label: TrainingLabel
    file: str
    """Relative to the export's folder."""
    width: int
    height: int

    @property
    def relative_box(self) -> Box | None:
        """The box in 0-1 coordinates."""
        if self.label.box is None:
            return None
        left, top, right, bottom = self.label.box
        return left / self.width, top / self.height, right / self.width, bottom / self.height


@dataclass(frozen=True, slots=True)
class ExportNotes:
    """What is said of an export as a whole."""

    vocabulary: Vocabulary
    timezones: Mapping[str, str]
    """By campsite."""
    digest: str
    """Of the label snapshot that it was made from."""
    at: float
    version: str
    """Of the program."""

    def local(self, label: TrainingLabel) -> datetime:
        """When the picture was taken, by the clock of its campsite."""
        return civil(label.captured_at, self.timezones.get(label.campsite, "UTC"))


@dataclass(frozen=True, slots=True)
class ForeignLabel:
    """One label as another tool wrote it."""

    where: str
    """Where it stands, for messages: ``line 7``, ``annotation 12``."""
    file: str
    said: str
    """What the label is called there."""
    box: Box | None = None
    in_pixels: bool = False
    """Whether the box is in pixels of the picture rather than in 0-1 coordinates."""
    moment: datetime | None = None
    """When the picture was taken; without an offset if the file has none."""
    places: tuple[str, ...] = ()
    """What the camera or its place is called there, the best name first."""
    campsite: str = ""
    labeller: str = ""
    machine: bool = False
    """Whether a model had said so, and no person."""
    confidence: float | None = None
    """A model's."""
    infrared: bool | None = None


@dataclass(slots=True)
class ForeignFile:
    """What a file holds: labels, what was passed over and why, and what is wrong with it."""

    labels: list[ForeignLabel] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LabelFormat:
    """How a format is written and read. ``file`` is what it is called in an export."""

    file: str
    write: Callable[[Path, Sequence[ExportedItem], ExportNotes], None]
    read: Callable[[Path], ForeignFile]


def read_json(path: Path) -> Any:
    """The document in a file. Raises :class:`UnreadableLabels`."""
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise UnreadableLabels(f"{path} is larger than {LARGEST_FILE_BYTES >> 20} MiB; split it")
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UnreadableLabels(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableLabels(f"{path} is no JSON: {error}") from error


def read_rows(path: Path, required: Collection[str], known: Collection[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV with their lines.

    Raises :class:`UnreadableLabels` for a file that cannot be read, lacks a column, or has one that is not known: what
    it says would be lost without a word.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or ())
            _check_columns(path, columns, required, known)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableLabels(f"{path} cannot be read: {error}") from error
    ragged = [line for line, row in rows if None in row or None in row.values()]
    if ragged:
        raise UnreadableLabels(f"{path}, line {ragged[0]}: not as many values as the header has columns")
    return [(line, {name: value.strip() for name, value in row.items()}) for line, row in rows]


def _check_columns(path: Path, columns: Sequence[str], required: Collection[str], known: Collection[str]) -> None:
    lacking = sorted(set(required) - set(columns))
    unknown = sorted(set(columns) - set(known))
    twice = sorted(name for name, count in Counter(columns).items() if count > 1)
    wrong = [
        f"{what} {', '.join(map(repr, names))}"
        for what, names in (("it lacks", lacking), ("it has unknown columns:", unknown), ("it has twice", twice))
        if names
    ]
    if wrong:
        raise UnreadableLabels(f"{path}: {'; '.join(wrong)}. Known columns: {', '.join(sorted(known))}")


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """A CSV with these columns; what a row does not say is empty."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_json(path: Path, document: Any) -> None:
    """A document, indented so that people can read it."""
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def parse_moment(text: str) -> datetime | None:
    """ISO 8601, or as cameras write it (``2027:01:15 02:30:00``); None for anything else."""
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        pass
    try:
        return datetime.strptime(text.strip(), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None


def numbers(value: Any, count: int) -> tuple[float, ...] | None:
    """``count`` finite numbers; None for anything else."""
    if not isinstance(value, list | tuple) or len(value) != count:
        return None
    if any(isinstance(each, bool) or not isinstance(each, int | float) or not math.isfinite(each) for each in value):
        return None
    return tuple(float(each) for each in value)
