"""What the rollout still demands: for each gate how much evidence, how much there is, and how many days that takes at
the rates seen so far. Pure; nothing is promised, and where nothing was seen yet it says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

from rollout.base.metrics import METRICS, Measured, with_unit
from rollout.base.scopes import campsites_of
from rollout.control.analysis import STAGE, AnalysisRun
from rollout.evidence.stats.proportions import needed_for_evalue, needed_n
from rollout.evidence.stats.rates import anytime_upper, poisson_upper
from rollout.stages.gates import GateOutcome, GateResult, answers, compared_bound
from rollout.stages.plan import RolloutPlan, Stage, place_lines, shown
from rollout.stages.spec import Gate
from rollout.stages.state import State

_CUMULATIVE: Final = {
    "encounters_blind_cumulative": "encounters_blind",
    "recall_blind_cumulative": "recall_blind",
    "recall_audit_cumulative": "recall_audit",
}
_UPPER: Final = ("poisson_upper", "quasipoisson_upper", "anytime_upper")


@dataclass(frozen=True, slots=True)
class Demand:
    """A gate with what it takes. ``need`` and ``have`` count ``unit``; ``days`` is None when nobody can say."""

    gate: str
    metric: str
    summary: str
    outcome: GateOutcome | None
    """None for a stage that is not reached yet."""
    need: float | None
    have: float | None
    """None while it is hidden from whoever reads it."""
    unit: str
    per_day: float | None
    days: float | None
    missing: str


@dataclass(frozen=True, slots=True)
class StageForecast:
    """A stage with what it takes to leave it."""

    index: int
    name: str
    mode: str
    places: tuple[str, ...]
    duration: str
    shortest_days: float
    demands: tuple[Demand, ...]
    days: float | None
    """At least so long, at the rates seen so far; None when a demand's days are unknown."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What was seen so far, for looking ahead: the current stage's metrics, and over how many days and campsites."""

    measured: Mapping[str, Measured]
    days: float
    campsites: int


def forecast(
    plan: RolloutPlan, state: State, analysis: AnalysisRun, now: float, cameras: Mapping[str, int]
) -> tuple[StageForecast, ...]:
    """The whole rollout from here. ``cameras`` is how many cameras each campsite has."""
    here = min(state.stage, len(plan.stages) - 1)
    rates = Rates(analysis.measured[STAGE], (now - analysis.since) / 86400, len(analysis.stage.places))
    return tuple(
        _stage(stage, index, analysis.gates if index == here else None, rates, cameras, plan.analysed_repeatedly(stage))
        for index, stage in enumerate(plan.stages)
    )


def _stage(
    stage: Stage,
    index: int,
    found: tuple[GateResult, ...] | None,
    rates: Rates,
    cameras: Mapping[str, int],
    often: bool,
) -> StageForecast:
    here = sum(cameras.get(site, 0) for site in campsites_of(stage.places))
    demands = tuple(
        demand(gate, result, rates, stage, here, often)
        for gate, result in zip(stage.gates, answers(stage.gates, found or ()), strict=True)
    )
    chosen = stage.duration.min or stage.duration.longest
    shortest = chosen.nominal_s / 86400
    known = [each.days for each, gate in zip(demands, stage.gates, strict=True) if not gate.dry_run]
    return StageForecast(
        index=index,
        name=stage.name,
        mode=stage.mode.value,
        places=tuple(place_lines(stage.places)),
        duration=shown(stage.duration),
        shortest_days=shortest,
        demands=demands,
        days=None if None in known else max([shortest, *(days for days in known if days is not None)]),
    )


def demand(
    gate: Gate, result: GateResult | None, rates: Rates, stage: Stage, cameras: int, often: bool = False
) -> Demand:
    """What one gate takes at one stage.

    1. How many units it needs, given the misses so far, if everything from now on goes well.
    2. How many there are: of the current stage, or for a cumulative metric of all before it.
    3. How many come a day: as many for each campsite as so far; for camera-days as many as there are cameras.
    """
    seen = rates.measured.get(gate.metric) or rates.measured.get(_CUMULATIVE.get(gate.metric, ""))
    need = needed(gate, seen, often)
    carried = result is not None or gate.metric in _CUMULATIVE
    have = _have(gate, seen) if carried else 0.0
    per_day = _per_day(gate, seen, rates, stage, cameras)
    short = 0.0 if need is None else max(0.0, need - have)
    days = 0.0 if not short else (short / per_day if per_day else None)
    if result is not None and result.outcome is GateOutcome.PASSED:
        short, days = 0.0, 0.0
    unit = seen.unit if seen and seen.unit else _unit(gate)
    return Demand(
        gate=str(gate),
        metric=gate.metric,
        summary=METRICS[gate.metric].summary,
        outcome=result.outcome if result else None,
        need=need,
        have=have,
        unit=unit,
        per_day=per_day,
        days=days,
        missing=_missing(result, short, unit),
    )


def needed(gate: Gate, seen: Measured | None, often: bool = False) -> float | None:
    """Units at which the gate can pass if no further miss or alarm comes; None where it is not about an amount.

    ``often``: at a stage whose gates may be analysed again and again.
    """
    least = gate.least_n or None
    misses = 0
    if seen is not None and seen.value is not None and 0 <= seen.value <= 1:
        misses = round(seen.n * (1 - seen.value))
    if gate.metric.startswith("encounters") and gate.value is not None:
        return gate.value
    bound = compared_bound(gate, often)
    of_hits = gate.bound in ("cp_lower", "anytime_lower") and "cp_lower" in METRICS[gate.metric].bounds
    if of_hits and gate.value is not None and 0 < gate.value < 1:
        units = needed_n(gate.value, misses) if bound == "cp_lower" else needed_for_evalue(gate.value, misses)
        return max(float(units), least or 0)
    if gate.bound == "eprocess" and gate.e_min is not None:
        return float(needed_for_evalue(gate.r0 or 0.9, misses, gate.e_min))
    if gate.bound in _UPPER and gate.value:
        upper = anytime_upper if bound == "anytime_upper" else poisson_upper
        return max(upper(0, 1.0) / gate.value, least or 0)
    return least


def _unit(gate: Gate) -> str:
    """What the amount of data behind a metric is usually counted in."""
    if gate.min_camera_days is not None or gate.bound in _UPPER:
        return "camera-days"
    if gate.min_samples is not None:
        return "samples"
    return "warnings" if gate.metric == "camper_warning_precision" else "bear-nights"


def _have(gate: Gate, seen: Measured | None) -> float:
    if seen is None:
        return 0.0
    return (seen.value or 0.0) if gate.metric.startswith("encounters") else seen.n


def _per_day(gate: Gate, seen: Measured | None, rates: Rates, stage: Stage, cameras: int) -> float | None:
    if gate.bound in _UPPER or gate.min_camera_days is not None:
        return float(cameras) or None
    amount = _have(gate, seen)
    if not amount or rates.days <= 0 or not rates.campsites:
        return None
    return amount / rates.days / rates.campsites * len(stage.places)


def _missing(result: GateResult | None, short: float, unit: str) -> str:
    if result is None:
        return ""
    if result.outcome is GateOutcome.PASSED:
        return "nothing"
    more = f"; {with_unit(f'{ceil(short):,}', f'more {unit}')}" if short else ""
    return f"{result.why}{more}"
