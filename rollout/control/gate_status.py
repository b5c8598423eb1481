"""A gate of the present stage: what is demanded, what was measured, and how much is still missing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, isfinite
from typing import Any, Final, Self

from pydantic import Field

from rollout.base.metrics import METRICS, Measured, with_unit
from rollout.control.analysis_store import Point
from rollout.control.forecast import Demand
from rollout.control.reader import Values
from rollout.control.status_words import OPEN_METRICS
from rollout.stages.gates import GateOutcome, GateResult
from rollout.stages.spec import Gate

HIDDEN: Final = "hidden"
_OPERATORS: Final = {">=": "at least", "<=": "at most", "==": "exactly", ">": "more than", "<": "less than"}


class GateView(Values):
    """A gate of the present stage. While its reader is blind to a campsite of the stage, without numbers."""

    gate: str = Field(description="as the configuration writes it")
    metric: str
    title: str = Field(description="the metric in words")
    wants: str = Field(description="what is demanded, in words")
    dry_run: bool = Field(description="whether it holds nothing, whatever it says")
    outcome: str = Field(description="passed, failed, inconclusive; hidden while you watch blind")
    value: float | None = Field(description="the point estimate")
    compared: float | None = Field(description="what was compared with the limit: the bound, or the estimate")
    limit: float | None
    operator: str
    bound: str | None
    bounds: dict[str, float | None] = Field(description="every bound that was computed, by name")
    share: bool = Field(description="whether value and limit are shares from 0 to 1")
    value_unit: str
    n: float | None = Field(description="independent units that it rests on")
    unit: str = Field(description="what those are")
    need: float | None = Field(description="units at which it can pass if nothing more goes wrong")
    have: float | None
    per_day: float | None = Field(description="units a day at the present rate")
    days: float | None = Field(description="that takes so many more days at the present rate; null: nobody can say")
    missing: str = Field(description="what is missing, in words; empty when it passes")
    detail: dict[str, Any] = Field(description="the counts behind it")
    course: tuple[Point, ...] = Field(description="the analyses so far, at most 60 of them, oldest first")

    @classmethod
    def of(
        cls, gate: Gate, result: GateResult, demand: Demand, measured: Measured | None, course: tuple[Point, ...]
    ) -> Self:
        """From an analysis of it and from what it takes."""
        kind = METRICS[gate.metric]
        eprocess = gate.bound == "eprocess"
        return cls(
            gate=result.gate,
            metric=gate.metric,
            title=kind.summary[:1].upper() + kind.summary[1:],
            wants=_said(gate, wants(gate)),
            dry_run=gate.dry_run,
            outcome=result.outcome.value,
            value=result.value,
            compared=result.compared,
            limit=result.limit,
            operator=">=" if eprocess else (gate.op or ">="),
            bound=gate.bound,
            bounds=_plain(measured.bounds) if measured else {},
            share=kind.unit == "share" and not eprocess,
            value_unit="" if kind.unit == "share" else kind.unit,
            n=result.n,
            unit=demand.unit,
            need=demand.need,
            have=demand.have,
            per_day=demand.per_day,
            days=demand.days,
            missing=missing(result, demand, gate),
            detail=_plain(measured.detail) if measured else {},
            course=course,
        )

    def hidden(self) -> Self:
        """For whoever must not learn what the model has seen. Gates that say nothing of that stay as they are."""
        if self.metric in OPEN_METRICS:
            return self
        numbers = ("value", "compared", "n", "need", "have", "per_day", "days")
        return self.model_copy(
            update={
                **dict.fromkeys(numbers),
                "outcome": HIDDEN, "missing": "", "bounds": {}, "detail": {}, "course": (),
            }
        )  # fmt: skip

    @property
    def gathers(self) -> bool:
        """Whether it only counts evidence: too little of it is no failure, it is too early."""
        return self.metric.startswith("encounters")

    @property
    def shown(self) -> str:
        """The outcome as people see it."""
        return "inconclusive" if self.outcome == "failed" and self.gathers else self.outcome


def wants(gate: Gate) -> str:
    """What a gate demands, in words."""
    kind = METRICS[gate.metric]
    if gate.bound == "eprocess":
        return f"an e-value of at least {gate.e_min:g} against {100 * (gate.r0 or 0.9):g} % or less"
    assert gate.value is not None
    assert gate.op is not None
    value = f"{100 * gate.value:g} %" if kind.unit == "share" else with_unit(f"{gate.value:g}", kind.unit)
    text = f"{_OPERATORS[gate.op]} {value}"
    if gate.bound:
        text += ", even at the 95 % bound"
    return text if gate.window == "stage" else f"{text}, in the last {gate.window}"


def _said(gate: Gate, text: str) -> str:
    """With what becomes of it, where that is not the usual."""
    if gate.dry_run:
        return f"{text} (a dry run: it holds nothing)"
    return f"{text} (where it fails for an hour, a live stage ends)" if gate.on_fail == "handover" else text


def missing(result: GateResult, demand: Demand, gate: Gate) -> str:
    """What is missing for a gate to pass."""
    if result.outcome is GateOutcome.PASSED:
        return ""
    if result.outcome is GateOutcome.FAILED and not gate.metric.startswith("encounters"):
        return f"It must be {wants(gate)}."
    short = 0 if demand.need is None else max(0, ceil(demand.need - (demand.have or 0.0)))
    if not short:
        return f"{result.why[:1].upper()}{result.why[1:]}."
    return f"{with_unit(f'{short:,}', f'more {demand.unit}')}{_when(demand)}."


def _when(demand: Demand) -> str:
    if demand.days is None:
        return "; nobody can say how long that takes, none was seen yet"
    days = ceil(demand.days)
    return f": about {with_unit(f'{days:g}', 'days')} at the present rate" if days else ""


def _plain(found: Any) -> Any:
    """As JSON can say it: what is no number is null."""
    if isinstance(found, Mapping):
        return {key: _plain(value) for key, value in found.items()}
    if isinstance(found, (list, tuple)):
        return [_plain(value) for value in found]
    return None if isinstance(found, float) and not isfinite(found) else found
