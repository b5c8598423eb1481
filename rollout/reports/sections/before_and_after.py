"""Before and after every promotion and model change: a section of the feedback-loop report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from db.models import RolloutEvent
from rollout.evidence.before_after import LEAST_DAYS, BeforeAfter, before_after
from rollout.evidence.calibration import Calibration
from rollout.evidence.stats.drift import Shift
from rollout.reports.context import ReportContext
from rollout.reports.document import Answer, Cell, Column, Form, Section, Status, table
from rollout.reports.render.number_format import number
from rollout.stages.events import Demoted, ModelReplaced, StageStarted, from_json, kind_of

_KINDS: Final = (StageStarted, ModelReplaced, Demoted)
_MOST_MOMENTS: Final = 40


@dataclass(frozen=True, slots=True)
class ReportedModelChange:
    """A promotion, a demotion or another model, and what differs around it; None where there is too little."""

    what: str
    at: float
    found: BeforeAfter | None


def changes_of(asked: ReportContext) -> list[ReportedModelChange]:
    """All of the period, each compared over up to four weeks on both sides."""
    return [
        ReportedModelChange(what, at, before_after(asked.session, asked.campsites, at, asked.now))
        for what, at in _moments(asked)
    ]


def changed(changes: Sequence[ReportedModelChange]) -> Answer:
    """Whether scores look different after any of them."""
    question = "Did a promotion or a new model change what people see?"
    known = [(each.what, each.found) for each in changes if each.found is not None]
    if not changes:
        return Answer("changes", question, Status.GREEN, "Nothing was promoted and no model was changed in this time.")
    if not known:
        words = f"Not enough data: {LEAST_DAYS} camera-days are needed on each side of a change."
        return Answer("changes", question, Status.GREY, words)
    drifted = [what for what, found in known if found.drifted]
    if drifted:
        return Answer("changes", question, Status.AMBER, f"Scores look different, beyond chance, after: "
                      f"{'; '.join(drifted)}.")  # fmt: skip
    words = f"{len(known)} of {len(changes)} changes could be judged; after none do scores differ beyond chance."
    return Answer("changes", question, Status.GREEN, words)


def _moments(asked: ReportContext) -> list[tuple[str, float]]:
    """When a stage was promoted or demoted, and when the model was changed, within the period."""
    rows = asked.session.execute(
        select(RolloutEvent.kind, RolloutEvent.body)
        .where(
            RolloutEvent.kind.in_([kind_of(each) for each in _KINDS]),
            RolloutEvent.at >= asked.period.start,
            RolloutEvent.at < asked.period.end,
        )
        .order_by(RolloutEvent.seq)
        .limit(_MOST_MOMENTS)
    )
    found = []
    for kind, body in rows:
        event = from_json(kind, body)
        if isinstance(event, ModelReplaced) and event.before is None:
            continue  # the first model changes nothing
        words = {StageStarted: "stage started", ModelReplaced: "model changed", Demoted: "demoted"}[type(event)]
        name = getattr(event, "name", None) or getattr(event, "digest", None)
        found.append((f"{words}: {name}" if name else words, event.at))
    return found


def changes_section(changes: Sequence[ReportedModelChange]) -> Section:
    """What differs around each of them."""
    rows: list[tuple[Cell, ...]] = []
    meaning: list[tuple[Cell, ...]] = []
    for each in changes:
        what, at, found = each.what, each.at, each.found
        if found is None:
            rows.append((what, at, "not enough data", *[None] * 9))
            continue
        before, after = (in_words(side) for side in found.calibration)
        meaning.append((what, at, before, after, *_pair(found.unknown)))
        said = "scores differ" if found.drifted else "nothing beyond chance"
        shifts = [value for shift in (found.alerts, found.false_alarms, found.reviews) for value in _pair(shift)]
        rows.append((what, at, said, *shifts, found.score_psi, found.score_psi_limit, found.scores.p_value))
    columns = (
        Column("what", "Change"), Column("at", "When", Form.TIME), Column("said", "Finding"),
        Column("alerts", "Alerts a camera-day", Form.NUMBER), Column("alerts_p", "p", Form.NUMBER),
        Column("false", "False alarms", Form.NUMBER), Column("false_p", "p", Form.NUMBER),
        Column("reviews", "Reviews", Form.NUMBER), Column("reviews_p", "p", Form.NUMBER),
        Column("psi", "Score PSI", Form.NUMBER), Column("psi_limit", "Chance alone", Form.NUMBER),
        Column("scores_p", "p", Form.NUMBER),
    )  # fmt: skip
    meant = (
        Column("what", "Change"), Column("at", "When", Form.TIME), Column("before", "Calibration error before"),
        Column("after", "After"), Column("unknown", "Frames with an unknown animal", Form.SHARE),
        Column("unknown_p", "p", Form.NUMBER),
    )  # fmt: skip
    return Section(
        "changes",
        "Before and after",
        ("Differences after minus before, for each camera-day; p is the share of random exchanges of whole camera-days "
         "that differ as much.",),
        tables=(table("changes", "Every promotion and model change", columns, rows,
                      "Nothing was promoted and no model was changed in this time."),
                table("meaning", "What scores mean, and animals that the model does not know", meant, meaning,
                      "No change could be judged.")),
    )  # fmt: skip


def in_words(found: Calibration | None) -> str:
    """A calibration error with its interval."""
    if found is None:
        return "not enough data"
    low, high = number(found.lower, Form.NUMBER), number(found.upper, Form.NUMBER)
    return f"{number(found.error, Form.NUMBER)} ({low} to {high})"


def _pair(shift: Shift) -> tuple[float, float]:
    return shift.size, shift.p_value
