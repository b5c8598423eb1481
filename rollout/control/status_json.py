"""The road's overview as plain JSON values, the same for the API and the command line."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rollout.control.forecast import StagePlan
from rollout.control.status import GateView, RoadView, StageView
from rollout.stages.event_store import Entry
from rollout.stages.events import to_body
from rollout.stages.plan import place_lines


def as_json(view: RoadView) -> dict[str, Any]:
    """Everything of the overview. Times are UTC seconds."""
    return {
        "name": view.road.name,
        "digest": view.road.digest,
        "shipped": view.road.shipped,
        "at": view.at,
        "phase": view.phase.value,
        "epoch": view.epoch,
        "here": view.road.stages[view.here].name,
        "next": None if view.next is None else view.road.stages[view.next].name,
        "run": view.state.run,
        "model": view.state.model,
        "granted": place_lines(view.state.granted),
        "withdrawn_cameras": list(view.state.withdrawn),
        "stages": [stage_json(stage) for stage in view.stages],
        "clock": asdict(view.clock),
        "looked": asdict(view.looked),
        "gates": [gate_json(gate) for gate in view.gates],
        "missing": [{"kind": hurdle.kind, "text": hurdle.text} for hurdle in view.hurdles],
        "approvals": [{**asdict(each), "step": each.step.value} for each in view.approvals],
        "may_not_approve": list(view.authors),
        "breakers": [{**asdict(each), "effect": each.effect.value} for each in view.breakers],
        "handovers": [{**asdict(each), "places": place_lines(each.places)} for each in view.handovers],
        "roster": [asdict(each) for each in view.roster],
        "campsites": [{**asdict(each), "mode": each.mode.value} for each in view.sites],
        "resting": [asdict(each) for each in view.resting],
        "history": [entry_json(entry) for entry in view.history],
    }


def stage_json(stage: StageView) -> dict[str, Any]:
    """A stage of the road."""
    return {
        "name": stage.name,
        "mode": stage.mode.value,
        "places": list(stage.places),
        "duration": stage.duration,
        "progress": stage.progress.value,
        "shortest_days": stage.plan.shortest_days,
        "days": stage.plan.days,
    }


def plan_json(plan: StagePlan) -> dict[str, Any]:
    """What it takes to leave a stage."""
    return asdict(plan)


def gate_json(gate: GateView) -> dict[str, Any]:
    """A gate with its evidence."""
    measured = gate.measured
    return {
        "gate": gate.result.gate,
        "metric": gate.result.metric,
        "summary": gate.summary,
        "outcome": gate.result.outcome.value,
        "value": gate.result.value,
        "compared": gate.result.compared,
        "limit": gate.result.limit,
        "bounds": dict(measured.bounds) if measured else {},
        "n": gate.result.n,
        "unit": gate.result.unit,
        "need": gate.demand.need,
        "have": gate.demand.have,
        "per_day": gate.demand.per_day,
        "days": gate.demand.days,
        "missing": gate.demand.missing,
        "detail": dict(measured.detail) if measured else {},
        "course": [asdict(point) for point in gate.course],
    }


def entry_json(entry: Entry) -> dict[str, Any]:
    """A stored event."""
    return {"seq": entry.seq, "kind": entry.kind, "actor": entry.actor, "epoch": entry.epoch, **to_body(entry.event)}
