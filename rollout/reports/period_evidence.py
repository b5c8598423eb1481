"""The evidence of a report's period, as gates would count it."""

from __future__ import annotations

from rollout.control.handover_spans import handovers
from rollout.control.model_spans import model_spans
from rollout.evidence.assessment import AssessmentScope, Case
from rollout.evidence.loader import observe
from rollout.reports.context import ReportContext


def case_of(asked: ReportContext, model: str) -> Case:
    """Everything that people and ``model`` have seen, until the period's end, with the question's scope."""
    session, period = asked.session, asked.period
    observed = observe(session, model, period.end)
    spans = model_spans(session, model, observed.timezones, period.end)
    scope = AssessmentScope(
        campsites=asked.campsites,
        since=period.start,
        until=period.end,
        model=model,
        rule=asked.rule(),
        model_spans=spans,
        handovers=handovers(session, period.end),
    )
    return Case.of(session, observed, scope)
