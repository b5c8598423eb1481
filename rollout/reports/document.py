"""What a report is made of: plain values that know neither database nor page. Pure.

A number never stands alone: a :class:`Figure` carries its interval and how much data it rests on, and without enough
of it says "not enough data" and what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rollout.reports.period import Period

NOT_ENOUGH: Final = "not enough data"

Cell = str | float | int | None
"""Of a table: text, a number, a moment (UTC seconds), or nothing."""


class Kind(StrEnum):
    """The four reports."""

    SHADOW = "shadow"
    DAILY = "daily"
    LOOP = "loop"
    ROLLOUT = "rollout"


class Status(StrEnum):
    """How urgent an answer is. The word is always shown; the colour only repeats it."""

    GREEN = "fine"
    AMBER = "look"
    RED = "act"
    GREY = "not known"


WORST_FIRST: Final = (Status.RED, Status.AMBER, Status.GREY, Status.GREEN)


@dataclass(frozen=True, slots=True)
class Answer:
    """A question that somebody opens the report with, answered in a sentence."""

    key: str
    question: str
    light: Status
    words: str


class Form(StrEnum):
    """How a number is to be read."""

    NUMBER = "number"
    SHARE = "share"
    SECONDS = "seconds"
    DAYS = "days"
    TIME = "time"
    """A moment, in UTC seconds; shown on the campsite's clock."""
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. ``low`` and ``high`` are its bounds, None for a side that has none.

    ``sure`` says what the bounds are ("one-sided 95%"), or that there are none because it was counted, not estimated.
    """

    key: str
    label: str
    value: float | None
    form: Form = Form.NUMBER
    unit: str = ""
    low: float | None = None
    high: float | None = None
    sure: str = "counted"
    n: float | None = None
    of: str = ""
    """What ``n`` counts."""
    why: str = ""
    """Why there is no value."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    key: str
    label: str
    form: Form = Form.TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one kind. ``left_out`` says how many more there are than are listed."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str
    """What it means that there are no rows."""
    note: str = ""
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Spot:
    """A value on a plot with its interval; ``value`` is None where there is not enough data."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    kind: str = "model"
    """Whose it is: ``model``, ``baseline``, ``people``, ``other``."""


@dataclass(frozen=True, slots=True)
class Spots:
    """Values side by side on one scale that begins at 0; ``most`` is its end, None: as far as the values reach."""

    key: str
    title: str
    spots: tuple[Spot, ...]
    form: Form = Form.SHARE
    most: float | None = 1.0


@dataclass(frozen=True, slots=True)
class Steps:
    """Something over a number line, in steps that hold until the next point."""

    key: str
    title: str
    across: str
    up: str
    points: tuple[tuple[float, float], ...]
    x_form: Form = Form.SECONDS
    y_form: Form = Form.SHARE
    limits: tuple[tuple[str, float], ...] = ()
    """Lines to compare with: name and height."""
    log: bool = False


@dataclass(frozen=True, slots=True)
class ReportPanel:
    """One quantity over time: a line each for several of a kind, as the GPUs of a machine.

    ``limits`` are heights to compare with. A series is a name and its points: a moment (UTC seconds) and a value.
    """

    key: str
    label: str
    series: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]
    form: Form = Form.NUMBER
    limits: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Panels:
    """Quantities under one another over the same time, on the clock of ``timezone``.

    Points further apart than ``gap_s`` have a gap between them, and are not joined.
    """

    key: str
    title: str
    start: float
    end: float
    timezone: str
    gap_s: float
    panels: tuple[ReportPanel, ...]


@dataclass(frozen=True, slots=True)
class AnalysisPoint:
    """What an analysis found of a gate: the estimate, the bound compared, if another, and whether it passed."""

    at: float
    value: float | None
    compared: float | None
    passed: bool


@dataclass(frozen=True, slots=True)
class Course:
    """A gate from analysis to analysis, small. ``of`` says what the values are: the estimate, an e-value."""

    key: str
    title: str
    points: tuple[AnalysisPoint, ...]
    limit: float | None
    timezone: str
    form: Form = Form.NUMBER
    of: str = "estimate"
    log: bool = False


Plot = Spots | Steps | Panels | Course


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report, in the order: words, figures, plots, tables."""

    key: str
    title: str
    words: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    plots: tuple[Plot, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportPlace:
    """A campsite of the report."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Report:
    """One report, ready to be written down."""

    kind: Kind
    title: str
    period: Period
    places: tuple[ReportPlace, ...]
    made_at: float
    answers: tuple[Answer, ...]
    sections: tuple[Section, ...]
    model: str | None = None
    limits: tuple[str, ...] = ()
    """What the report does not know, or leaves out."""

    def figures(self) -> Iterator[tuple[Section, Figure]]:
        """All figures, each with its section."""
        for section in self.sections:
            for figure in section.figures:
                yield section, figure

    def figure(self, key: str) -> Figure:
        """The figure of this name. Raises KeyError."""
        found = next((figure for _, figure in self.figures() if figure.key == key), None)
        if found is None:
            raise KeyError(key)
        return found

    def table(self, key: str) -> Table:
        """The table of this name. Raises KeyError."""
        found = next((t for section in self.sections for t in section.tables if t.key == key), None)
        if found is None:
            raise KeyError(key)
        return found

    @property
    def worst(self) -> Status:
        """The most urgent of its lights."""
        return min((answer.light for answer in self.answers), key=WORST_FIRST.index, default=Status.GREY)

    @property
    def worst_first(self) -> list[Answer]:
        """The answers as people read them: the most urgent first, those of one light in the report's own order."""
        return sorted(self.answers, key=lambda answer: WORST_FIRST.index(answer.light))


LONGEST_TABLE: Final = 200


def table(
    key: str, title: str, columns: tuple[Column, ...], rows: Sequence[tuple[Cell, ...]], empty: str, note: str = ""
) -> Table:
    """A table of at most :data:`LONGEST_TABLE` rows that says how many it leaves out."""
    return Table(key, title, columns, tuple(rows[:LONGEST_TABLE]), empty, note, max(0, len(rows) - LONGEST_TABLE))
