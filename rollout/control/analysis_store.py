"""Analysis runs in the database: stored, found again, and each gate's course from run to run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from db.models import AnalysisReason, AnalysisRunRow, GateResultRow
from rollout.base.metrics import Measured
from rollout.control.analysis import AnalysisRun, brought_up_to_date, run_analysis, since_of, stage_of
from rollout.stages.gates import assess_gates
from rollout.stages.plan import RolloutPlan
from rollout.stages.state import State

KEPT_WHOLE_S: Final = 60 * 86400.0
"""Runs older than this are thinned to one a day."""
MOST_POINTS: Final = 60
"""Of a course: the last run of each of so many equal stretches of time."""


@dataclass(frozen=True, slots=True)
class Point:
    """What one run found of a gate; ``compared`` is the bound, or the estimate again."""

    at: float
    outcome: str
    value: float | None
    compared: float | None


def store(session: Session, plan: RolloutPlan, found: AnalysisRun, reason: AnalysisReason) -> None:
    """Store a run, in the caller's writing transaction. Only the newest keeps all of its metrics."""
    session.execute(update(AnalysisRunRow).where(AnalysisRunRow.measured.is_not(None)).values(measured=None))
    row = AnalysisRunRow(
        at=found.at, reason=reason, stage=found.stage.name, run=found.run, since=found.since, model=found.model,
        plan_digest=plan.digest, measured=_as_text(found.measured),
    )  # fmt: skip
    session.add(row)
    session.flush()
    rows = [
        {
            "run_id": row.id, "number": number, "gate": each.gate, "metric": each.metric,
            "outcome": each.outcome.value, "value": each.value, "compared": each.compared, "limit": each.limit,
            "n": each.n, "least_n": each.least_n, "unit": each.unit, "why": each.why,
        }
        for number, each in enumerate(found.gates)
    ]  # fmt: skip
    if rows:
        session.execute(insert(GateResultRow), rows)


def last_analysis(session: Session, plan: RolloutPlan, state: State, now: float) -> AnalysisRun | None:
    """The newest analysis, if it was of these gates, this evidence and this model; as it was found then."""
    row = session.scalars(select(AnalysisRunRow).order_by(AnalysisRunRow.id.desc()).limit(1)).first()
    stage, since = stage_of(plan, state), since_of(state, now)
    if row is None or row.measured is None:
        return None
    if (row.stage, row.since, row.model, row.plan_digest) != (stage.name, since, state.model, plan.digest):
        return None
    measured = _from_text(row.measured)
    gates = assess_gates(stage.gates, measured, plan.analysed_repeatedly(stage))
    return AnalysisRun(row.at, stage, row.run, row.since, row.model, measured, gates)


def current_analysis(session: Session, plan: RolloutPlan, state: State, now: float) -> AnalysisRun:
    """The last analysis, with what the rollout knows of itself as it is now; a fresh one where there is none yet."""
    earlier = last_analysis(session, plan, state, now)
    if earlier is None:
        return run_analysis(session, plan, state, now)
    return brought_up_to_date(session, plan, state, earlier, now)


def courses(session: Session, at: AnalysisRun, most: int = MOST_POINTS) -> Mapping[str, tuple[Point, ...]]:
    """By gate: what the analyses of this stage found so far, with the evidence that still counts; oldest first."""
    moments = session.execute(
        select(AnalysisRunRow.id, AnalysisRunRow.at)
        .where(
            AnalysisRunRow.stage == at.stage.name,
            AnalysisRunRow.since == at.since,
            AnalysisRunRow.model.is_not_distinct_from(at.model),
        )
        .order_by(AnalysisRunRow.at, AnalysisRunRow.id)
    ).all()
    chosen = _spread([(key, moment) for key, moment in moments], most)
    rows = session.execute(
        select(
            AnalysisRunRow.at, GateResultRow.gate, GateResultRow.outcome, GateResultRow.value, GateResultRow.compared
        )
        .join(GateResultRow, GateResultRow.run_id == AnalysisRunRow.id)
        .where(AnalysisRunRow.id.in_(chosen))
        .order_by(AnalysisRunRow.at, AnalysisRunRow.id)
    )
    found: dict[str, list[Point]] = {}
    for moment, gate, outcome, value, compared in rows:
        found.setdefault(gate, []).append(Point(moment, outcome, value, compared))
    return {gate: tuple(points) for gate, points in found.items()}


def thin(session: Session, now: float) -> int:
    """Of runs older than 60 days, keep the last of each day (UTC) and those of steps; returns how many went."""
    rows = session.execute(
        select(AnalysisRunRow.id, AnalysisRunRow.at, AnalysisRunRow.stage, AnalysisRunRow.since, AnalysisRunRow.reason)
        .where(AnalysisRunRow.at < now - KEPT_WHOLE_S)
        .order_by(AnalysisRunRow.at, AnalysisRunRow.id)
    ).all()
    newest = {(stage, since, at // 86400): key for key, at, stage, since, _reason in rows}
    kept = set(newest.values())
    gone = [key for key, _at, _stage, _since, reason in rows if key not in kept and reason != AnalysisReason.STEP]
    for begin in range(0, len(gone), 500):
        part = gone[begin : begin + 500]
        session.execute(delete(GateResultRow).where(GateResultRow.run_id.in_(part)))
        session.execute(delete(AnalysisRunRow).where(AnalysisRunRow.id.in_(part)))
    return len(gone)


def _spread(moments: Sequence[tuple[int, float]], most: int) -> list[int]:
    """The first, and the last of each of so many equal stretches of time."""
    if len(moments) <= most:
        return [key for key, _at in moments]
    begin, end = moments[0][1], moments[-1][1]
    stretch = (end - begin) / (most - 1) or 1.0
    chosen = {min(int((at - begin) / stretch), most - 2): key for key, at in moments}
    return [moments[0][0], *chosen.values()]


def _as_text(measured: Mapping[str, Mapping[str, Measured]]) -> str:
    tree = {window: {name: _plain(each) for name, each in found.items()} for window, found in measured.items()}
    return json.dumps(tree, default=str)


def _from_text(text: str) -> dict[str, dict[str, Measured]]:
    tree: dict[str, dict[str, dict[str, Any]]] = json.loads(text)
    return {window: {name: _measured(each) for name, each in found.items()} for window, found in tree.items()}


def _plain(each: Measured) -> dict[str, Any]:
    """A metric under the keys that are stored."""
    return {
        "metric": each.metric, "value": each.value, "bounds": dict(each.bounds), "n": each.n, "unit": each.unit,
        "why": each.why, "detail": dict(each.detail),
    }  # fmt: skip


def _measured(stored: Mapping[str, Any]) -> Measured:
    return Measured(
        metric=stored["metric"], value=stored["value"], bounds=stored["bounds"], n=stored["n"], unit=stored["unit"],
        why=stored["why"], detail=stored["detail"],
    )  # fmt: skip
