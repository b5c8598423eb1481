"""What a bundle's evaluation says, brought into one form: slices with everybody's figures, confusion, curves.

Two programs write evaluations: training, on sources that the judging network had not seen (``held_out``), and
``bearwatch evaluate``, on one set of pictures (``slices``). Files come from elsewhere: what cannot be read is left out
and said, and never breaks the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.charts.line import Line
from core.charts.rows import IntervalRow, Row

RATES: Final = ("0.01", "0.02", "0.05")
CHART_RATE: Final = "0.02"
GENERIC: Final = "generic"
MODEL: Final = "model"


@dataclass(frozen=True, slots=True)
class RecallFigure:
    """Share of the bears found at one false-positive rate, with its exact 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class SliceFigures:
    """One network on one slice."""

    who: str
    is_model: bool
    bears: int
    pictures: int
    auc: float | None
    recalls: tuple[RecallFigure | None, ...]
    """At :data:`RATES`."""
    calibration: float | None


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice of the pictures with everybody's figures, the model's first."""

    name: str
    figures: tuple[SliceFigures, ...]


@dataclass(frozen=True, slots=True)
class Confusion:
    """What was called what: ``rows`` are (true label, counts by ``said``)."""

    said: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a page shows. ``unread`` names the parts that could not be read."""

    what: str
    slices: tuple[Slice, ...]
    confusion: Confusion | None
    precision: tuple[Line, ...]
    calibration: tuple[Line, ...]
    worst: tuple[tuple[str, str, float], ...]
    notes: tuple[str, ...]
    unread: tuple[str, ...]


def evaluation(found: Mapping[str, Any]) -> Evaluation:
    """An evaluation file as a page shows it."""
    unread: list[str] = []

    def part(name: str, read: Any, empty: Any) -> Any:
        try:
            return read()
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            unread.append(name)
            return empty

    held_out = "held_out" in found
    curves = found.get("curves") or {}
    return Evaluation(
        what=str(found.get("what") or _what(found)),
        slices=part("slices", lambda: tuple(_held_out(found) if held_out else _slices(found)), ()),
        confusion=part("confusion", lambda: _confusion(found), None),
        precision=part("curves", lambda: tuple(_curves(curves)), ()),
        calibration=part("calibration", lambda: tuple(_reliability(curves)), ()),
        worst=part("worst", lambda: tuple(_worst(found)), ()),
        notes=tuple(str(note) for note in found.get("notes") or ()),
        unread=tuple(unread),
    )


def recall_rows(slices: Sequence[Slice]) -> list[Row]:
    """Recall at :data:`CHART_RATE`, slice by slice, the model's beside everybody else's."""
    place = RATES.index(CHART_RATE)
    rows = []
    for each in slices:
        drawn = [
            IntervalRow(recall.value, recall.low, recall.high, figures.who, f"series-{min(number, 3)}")
            for number, figures in enumerate(each.figures)
            if (recall := figures.recalls[place]) is not None
        ]
        if drawn:
            rows.append(Row(each.name, drawn))
    return rows


def _what(found: Mapping[str, Any]) -> str:
    pictures, bears = found.get("pictures"), found.get("bears")
    return f"{pictures} pictures, {bears} of them bears" if pictures is not None else "an evaluation"


def _held_out(found: Mapping[str, Any]) -> Iterator[Slice]:
    """Shares of trained weights become networks by name; the share that the bundle has is the model."""
    share = f"{float(found['share_of_trained_weights']):g}" if "share_of_trained_weights" in found else ""
    for name, networks in found["held_out"].items():
        figures = [_figures(_network(who), who == share, each) for who, each in networks.items()]
        yield Slice(str(name), tuple(sorted(figures, key=lambda each: not each.is_model)))


def _network(who: str) -> str:
    return "pretrained network" if who == GENERIC else f"{float(who):.0%} trained"


def _slices(found: Mapping[str, Any]) -> Iterator[Slice]:
    for name, networks in (found.get("slices") or {}).items():
        figures = [_figures(str(who), who == MODEL, each) for who, each in networks.items()]
        yield Slice(str(name), tuple(sorted(figures, key=lambda each: not each.is_model)))


def _figures(who: str, is_model: bool, found: Mapping[str, Any]) -> SliceFigures:
    return SliceFigures(
        who=f"{who} (this model)" if is_model and who != MODEL else who,
        is_model=is_model,
        bears=int(found["bears"]),
        pictures=int(found["pictures"]),
        auc=_number(found.get("auc")),
        recalls=tuple(_recall(found["recalls"].get(rate)) for rate in RATES),
        calibration=_number(found.get("calibration")),
    )


def _recall(found: Mapping[str, Any] | None) -> RecallFigure | None:
    if found is None or found["recall"] is None:
        return None
    return RecallFigure(float(found["recall"]), float(found["low"]), float(found["high"]))


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _confusion(found: Mapping[str, Any]) -> Confusion | None:
    rows: Mapping[str, Mapping[str, int]] | None = found.get("confusion")
    if not rows:
        return None
    said = tuple(sorted({label for row in rows.values() for label in row}))
    return Confusion(said, tuple((true, tuple(int(row.get(label, 0)) for label in said)) for true, row in rows.items()))


def _curves(curves: Mapping[str, Any]) -> Iterator[Line]:
    drawn = sorted((who for who in curves if who != "never bear"), key=lambda who: who != MODEL)
    for number, who in enumerate(drawn[:4]):
        points = [(float(recall), float(precision)) for recall, precision in curves[who]["precision_recall"]]
        yield Line(points, str(who), f"plot-line series-{number}")


def _reliability(curves: Mapping[str, Any]) -> Iterator[Line]:
    if MODEL in curves:
        yield Line([(0.0, 0.0), (1.0, 1.0)], "as it should be", "plot-ideal")
        points = [(float(x), float(y)) for x, y, *_ in curves[MODEL]["reliability"]]
        yield Line(points, MODEL, "plot-line series-0", dots=True)


def _worst(found: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    for each in (found.get("worst") or ())[:24]:
        yield str(each["file"]), str(each["label"]), float(each["bear"])
