"""What the analyses so far found of a gate, as a course that can be drawn. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from rollout.base.metrics import METRICS
from rollout.control.analysis_store import Point
from rollout.reports.document import AnalysisPoint, Course, Form
from rollout.stages.gates import GateOutcome
from rollout.stages.spec import Gate


def course_of(gate: Gate, points: Iterable[Point], timezone: str) -> Course:
    """A gate's course. Of an e-process it is the e-value that is shown, on a scale of powers of ten."""
    kind, eprocess = METRICS[gate.metric], gate.bound == "eprocess"
    return Course(
        key=str(gate),
        title=f"{kind.summary[:1].upper()}{kind.summary[1:]}",
        points=tuple(
            AnalysisPoint(
                at=each.at,
                value=each.compared if eprocess else each.value,
                compared=None if eprocess or gate.bound is None else each.compared,
                passed=each.outcome == GateOutcome.PASSED.value,
            )
            for each in points
        ),
        limit=gate.e_min if eprocess else gate.value,
        timezone=timezone,
        form=Form.SHARE if kind.unit == "share" and not eprocess else Form.NUMBER,
        of="e-value" if eprocess else "estimate",
        log=eprocess,
    )
