"""The nights of learning as ``/models`` shows them: what came of each, a curve over nights, and who labelled what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.charts.axes import Axis, percent
from core.charts.line import Line, Panel, line_chart
from core.charts.scale import Scale
from core.charts.svg import Svg
from core.clock import civil
from db.models import LearningRun, LearningStatus, User

SHOWN: Final = 14
"""Nights in words, the newest."""
DRAWN: Final = 90
"""Nights in the curve, the newest that came to a verdict."""
NETWORKS: Final = ("challenger", "champion", "anchor")
STATUS_WORDS: Final = {
    LearningStatus.RUNNING: "running",
    LearningStatus.SKIPPED: "nothing done",
    LearningStatus.FAILED: "something was wrong",
    LearningStatus.REJECTED: "not accepted",
    LearningStatus.PASSED: "accepted",
}


@dataclass(frozen=True, slots=True)
class NightView:
    """One run. ``stage`` says what it is doing while it runs; ``new`` is how many new labels it had, None before it
    read them; ``labels`` and ``people`` tell of what and by whom, the most first."""

    number: int
    at: float
    status: str
    bad: bool
    said: str
    stage: str
    challenger: str | None
    new: int | None
    labels: tuple[tuple[str, int], ...]
    people: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class NightFigures:
    """A night that came to a verdict: of ``bears`` and ``others`` events, each network's (found, false alarms)."""

    at: float
    bears: int
    others: int
    networks: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class LearningNights:
    """What the page shows; ``curve`` is None before two nights came to a verdict."""

    nights: tuple[NightView, ...]
    curve: Svg | None
    golden_bears: int


def learning_nights(session: Session, zone: str) -> LearningNights:
    """The newest nights, by the clock of ``zone``."""
    rows = session.scalars(select(LearningRun).order_by(LearningRun.id.desc()).limit(SHOWN)).all()
    judged = select(LearningRun).where(LearningRun.golden.is_not(None)).order_by(LearningRun.id.desc()).limit(DRAWN)
    figures = [each for row in reversed(session.scalars(judged).all()) if (each := figures_of(row)) is not None]
    names = {str(number): name for number, name in session.execute(select(User.id, User.name))}
    return LearningNights(
        nights=tuple(_night(row, names) for row in rows),
        curve=learning_curve(figures, zone) if len(figures) > 1 else None,
        golden_bears=figures[-1].bears if figures else 0,
    )


def figures_of(row: LearningRun) -> NightFigures | None:
    """What its golden events said; None where there was no bear, or no network, among them."""
    golden = row.golden or {}
    networks = {
        who: (int(each["found"]), int(each["false_alarms"]))
        for who, each in (golden.get("who") or {}).items()
        if who in NETWORKS
    }
    if not golden.get("bears") or not networks:
        return None
    return NightFigures(row.started_at, int(golden["bears"]), int(golden.get("others") or 0), networks)


def learning_curve(nights: Sequence[NightFigures], zone: str) -> Svg:
    """Share of golden bears found above, false alarms among the others below, night by night."""
    ends = [(nights[place].at, f"{civil(nights[place].at, zone):%d %b}") for place in (0, -1)]
    found = [
        Line([(n.at, n.networks[who][0] / n.bears) for n in nights if who in n.networks], who, kind, dots=dots)
        for who, kind, dots in _drawn()
    ]
    false = [
        Line([(n.at, n.networks[who][1] / n.others) for n in nights if who in n.networks and n.others], who, kind,
             dots=dots)
        for who, kind, dots in _drawn()
    ]  # fmt: skip
    panels = [_shares(found, "bears found"), _shares(false, "false alarms, of events without a bear")]
    return line_chart("Golden events, night by night", Axis(Scale(ends[0][0], ends[1][0]), chosen=ends), panels)


def _drawn() -> list[tuple[str, str, bool]]:
    """Network, how its line looks, and whether each night is marked."""
    return [(who, f"plot-line series-{number}", number == 0) for number, who in enumerate(NETWORKS)]


def _shares(lines: Sequence[Line], label: str) -> Panel:
    values = [value for line in lines for _, value in line.points]
    return Panel(Axis(Scale.of(values or [0.0, 1.0]), percent), [line for line in lines if line.points], label)


def _night(row: LearningRun, names: Mapping[str, str]) -> NightView:
    labels = row.labels or {}
    running = row.status == LearningStatus.RUNNING
    return NightView(
        number=row.id,
        at=row.started_at,
        status=STATUS_WORDS[LearningStatus(row.status)],
        bad=row.status == LearningStatus.FAILED,
        said=row.said,
        stage=(f"{row.stage}, {row.done} of {row.total}" if row.total else row.stage) if running else "",
        challenger=row.challenger if row.status == LearningStatus.PASSED else None,
        new=labels.get("new"),
        labels=_most(labels.get("new_by_label")),
        people=tuple((names.get(who, f"user {who}"), n) for who, n in _most(labels.get("new_by_labeller"))),
    )


def _most(counts: Mapping[str, Any] | None) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(((str(key), int(n)) for key, n in (counts or {}).items()), key=lambda each: -each[1]))
