"""What an analysis found otherwise than the one before: people are told, and a gate may end a live stage by failing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import AnalysisRunRow, GateResultRow
from rollout.alerting.alerts import page
from rollout.control.analysis import AnalysisRun
from rollout.control.service import execute
from rollout.control.status_words import OPEN_METRICS
from rollout.stages import commands as c
from rollout.stages.event_store import load
from rollout.stages.gates import GateOutcome, answers
from rollout.stages.plan import RolloutPlan
from rollout.stages.spec import Gate

log = logging.getLogger(__name__)

GATE: Final = "gate"
"""The breaker of a gate that fails in a stage which it may end."""
FOR_S: Final = 3000.0
"""So long it must have failed at every analysis: one of them may fall into a bad quarter of an hour. They come hourly,
and whenever somebody asks for one."""
MOST_RUNS: Final = 200
WORDS: Final = {
    GateOutcome.PASSED: "passes now",
    GateOutcome.FAILED: "fails now",
    GateOutcome.INCONCLUSIVE: "cannot be decided any more",
}


def act_on(session: Session, plan: RolloutPlan, before: AnalysisRun | None, found: AnalysisRun, now: float) -> None:
    """In the caller's writing transaction: tell staff which gates have turned; end what a gate may end."""
    if before is None:
        return
    turns = turned(before, found)
    if turns and plan.staff:
        title, body = message(found, turns)
        page(session, key=f"gates:{found.run}:{found.at:.0f}", title=title, body=body, targets=plan.staff, now=now)
    state = load(session)
    if not state.live or state.run != found.run:
        return
    for gate in found.stage.gates:
        since = failing_since(session, found, gate) if gate.on_fail == "handover" else None
        if since is None or found.at - since < FOR_S:
            continue
        why = f"{gate} has failed for {(found.at - since) / 60:.0f} minutes on end"
        log.warning("%s: the stage ends", why)
        execute(session, plan, c.BreakerTripped(breaker=GATE, unit="", reason=why), now)


def turned(before: AnalysisRun, found: AnalysisRun) -> list[tuple[Gate, GateOutcome]]:
    """Gates with another outcome than before, and what it is. What could not be decided before and fails by too little
    of something that is only counted has not turned.
    """
    gates = found.stage.gates
    pairs = zip(gates, answers(gates, before.gates), answers(gates, found.gates), strict=True)
    turns = [(gate, is_.outcome) for gate, was, is_ in pairs if was and is_ and was.outcome is not is_.outcome]
    return [(gate, outcome) for gate, outcome in turns if outcome is GateOutcome.PASSED or not _only_counts(gate)]


def failing_since(session: Session, found: AnalysisRun, gate: Gate) -> float | None:
    """Since which stored analysis of this run of the stage a gate has failed without a break; None if it does not."""
    if _only_counts(gate):
        return None
    rows = session.execute(
        select(AnalysisRunRow.at, GateResultRow.outcome)
        .join(GateResultRow, GateResultRow.run_id == AnalysisRunRow.id)
        .where(AnalysisRunRow.stage == found.stage.name, AnalysisRunRow.run == found.run)
        .where(AnalysisRunRow.since == found.since, GateResultRow.gate == str(gate), AnalysisRunRow.at <= found.at)
        .order_by(AnalysisRunRow.at.desc(), AnalysisRunRow.id.desc())
        .limit(MOST_RUNS)
    ).all()
    failed = [at for at, _outcome in takewhile(lambda row: row[1] == GateOutcome.FAILED, rows)]
    return min(failed, default=None)


def message(found: AnalysisRun, turns: Sequence[tuple[Gate, GateOutcome]]) -> tuple[str, str]:
    """Title and body. What a gate says of the model's eye is not told: whoever reads it may be on watch, blind."""
    open_ones = [f"{gate} {WORDS[outcome]}" for gate, outcome in turns if gate.metric in OPEN_METRICS]
    hidden = len(turns) - len(open_ones)
    lines = [*open_ones, *([f"{hidden} about what the model has seen"] if hidden else [])]
    title = "A gate has turned" if len(turns) == 1 else f"{len(turns)} gates have turned"
    return title, f"Of the stage {found.stage.name}: {'; '.join(lines)}. The page Rollout has each with its evidence."


def _only_counts(gate: Gate) -> bool:
    """Too few of something that grows by itself is no failure; it is too early."""
    return gate.metric.startswith("encounters")
