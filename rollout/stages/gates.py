"""Gates: is what must be true to go on true, false, or not known? Pure."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from rollout.base.metrics import METRICS, Measured, readable, with_unit
from rollout.stages.spec import USUAL_R0, Gate

_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
}  # fmt: skip


class GateOutcome(StrEnum):
    """What an analysis says of a gate."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    """Not enough data, or nobody measured it. Never a pass."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """A gate and what an analysis of it found. ``why`` says what is missing or what is against it."""

    gate: str
    metric: str
    outcome: GateOutcome
    value: float | None = None
    """The point estimate."""
    compared: float | None = None
    """What is compared: the bound, or the point estimate. Also told while there is too little data to decide."""
    limit: float | None = None
    n: float = 0.0
    least_n: float = 0.0
    unit: str = ""
    why: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    """Everything that the gate says; empty where somebody made the result by hand."""


def answers(gates: Sequence[Gate], results: Iterable[GateResult]) -> list[GateResult | None]:
    """The result of each gate, None where there is none.

    By all that the gate says; results without that are taken by their text, in order, each for one gate only. One
    result never answers for two gates.
    """
    left = list(results)
    found: list[GateResult | None] = []
    for gate in gates:
        fits = [r for r in left if (r.key == gate.key if r.key else r.gate == str(gate))]
        found.append(fits[0] if fits else None)
        if fits:
            left.remove(fits[0])
    return found


ANYTIME: Final[dict[str, str]] = {
    "cp_lower": "anytime_lower",
    "paired_lower": "anytime_lower",
    "poisson_upper": "anytime_upper",
    "quasipoisson_upper": "anytime_upper",
}
"""Which bound takes another's place where one may analyse as often as one likes. ``gamma_lower`` is left
as it is, for what the other one costs (docs/evidence.md); a gate may name that one instead."""


def compared_bound(gate: Gate, often: bool) -> str | None:
    """The bound that a gate compares.

    A bound that holds with 95 % at one analysis is wrong far more often at the best of a hundred: a stage that is
    open for weeks compares the one that holds at all analyses together, where the metric has it.
    """
    if gate.bound == "eprocess":
        return gate.e_bound
    stronger = ANYTIME.get(gate.bound or "") if often else None
    return stronger if stronger in METRICS[gate.metric].bounds else gate.bound


def assess_gate(gate: Gate, measured: Measured | None, often: bool = False) -> GateResult:
    """Assess one gate. ``often``: it may be analysed again and again (see :func:`compared_bound`).

    1. Nobody measured the metric, or it has no value: inconclusive.
    2. It rests on fewer independent units than the gate demands: inconclusive.
    3. The bound that the gate names is missing or not a number: inconclusive.
    4. What is compared satisfies the gate: passed.
    5. Only the bound does not, the estimate itself does: inconclusive, more data may decide it. An e-value below its
       limit is such a case until it falls below the limit's inverse.
    6. Otherwise: failed.
    """
    limit = gate.e_min if gate.bound == "eprocess" else gate.value
    assert limit is not None  # the configuration was checked
    if measured is None:
        return _result(gate, None, GateOutcome.INCONCLUSIVE, limit, "nobody has measured it")
    if measured.value is None or math.isnan(measured.value):
        return _result(gate, measured, GateOutcome.INCONCLUSIVE, limit, measured.why or "not enough data")
    bound = compared_bound(gate, often)
    compared = measured.bounds.get(bound) if bound else measured.value
    if measured.n < gate.least_n:
        needed = with_unit(f"{gate.least_n:g}", measured.unit or "samples")
        why = f"rests on {measured.n:g} of the {needed} that it needs"
        return _result(gate, measured, GateOutcome.INCONCLUSIVE, limit, why, compared)
    if compared is None or math.isnan(compared):
        return _result(gate, measured, GateOutcome.INCONCLUSIVE, limit, f"has no bound {bound} yet")
    against = _part_against(gate, measured)
    if against:
        return _result(gate, measured, GateOutcome.FAILED, limit, against, compared)
    if gate.bound == "eprocess":
        return _e_value(gate, measured, compared, limit)
    compare = _COMPARE[gate.op or ""]
    if compare(compared, limit):
        return _result(gate, measured, GateOutcome.PASSED, limit, "", compared)
    if gate.bound and compare(measured.value, limit):
        which = "its bound" if bound == gate.bound else "its bound for any number of analyses"
        why = f"{readable(measured.value)} would do, but {which} is only {readable(compared)}: more data may decide it"
        return _result(gate, measured, GateOutcome.INCONCLUSIVE, limit, why, compared)
    return _result(gate, measured, GateOutcome.FAILED, limit, f"is {readable(compared)}", compared)


def assess_gates(
    gates: Iterable[Gate], measured: Mapping[str, Mapping[str, Measured]], often: bool = False
) -> tuple[GateResult, ...]:
    """Assess all gates. ``measured`` holds the metrics of each window that a gate names, ``stage`` among them."""
    return tuple(assess_gate(gate, measured.get(gate.window, {}).get(gate.metric), often) for gate in gates)


def _part_against(gate: Gate, measured: Measured) -> str:
    """The campsite, or the part of the day, where recall is surely below what the gate demands of all together."""
    level = gate.r0 or USUAL_R0 if gate.bound == "eprocess" else gate.value
    if not gate.metric.startswith("recall_blind") or gate.bound is None or level is None:
        return ""
    worst = measured.detail.get("worst_campsite") or {}
    if worst.get("upper", 1.0) < level:
        return f"at {worst['campsite']} it is surely below {readable(worst['upper'])}"
    for name, part in (measured.detail.get("slices") or {}).items():
        if part.get("upper", 1.0) < level:
            return f"in the {name} it is surely below {readable(part['upper'])}"
    return ""


def _e_value(gate: Gate, measured: Measured, e_value: float, limit: float) -> GateResult:
    if e_value >= limit:
        return _result(gate, measured, GateOutcome.PASSED, limit, "", e_value)
    if e_value <= 1 / limit:
        return _result(
            gate,
            measured,
            GateOutcome.FAILED,
            limit,
            f"e-value {readable(e_value)}: the evidence is against it",
            e_value,
        )
    return _result(
        gate, measured, GateOutcome.INCONCLUSIVE, limit, f"e-value {readable(e_value)} of {limit:g}", e_value
    )


def _result(
    gate: Gate, measured: Measured | None, outcome: GateOutcome, limit: float, why: str, compared: float | None = None
) -> GateResult:
    known = measured or Measured(gate.metric, None)
    return GateResult(
        gate=str(gate),
        metric=gate.metric,
        outcome=outcome,
        value=known.value,
        compared=compared,
        limit=limit,
        n=known.n,
        least_n=gate.least_n,
        unit=known.unit or METRICS[gate.metric].unit,
        why=why,
        detail=known.detail,
        key=gate.key,
    )
