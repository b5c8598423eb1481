"""The least that a stage must ask for before the rollout goes on. Pure.

No stage, the first included, is left without a bound on recall, one on false alarms, and data of its own. A plan that
asks for less is refused, unless the stage says why under ``overridden``: then every page says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from db.models import Mode
from rollout.stages.spec import Gate, StageSpec

LEAST_RECALL: Final = 0.8
MOST_FALSE_ALARMS: Final = 2.0
"""A camera-day."""
LEAST_NIGHTS: Final = 14.0
SHORTEST_SHADOW_S: Final = 86400.0
LONGEST_AUTOMATIC_S: Final = 92 * 86400.0
SHORTEST_VETO_S: Final = 10.0
LONGEST_ANSWER_S: Final = 900.0


def below_floors(stage: StageSpec) -> list[str]:
    """What a stage lacks, each with what to write; empty when it asks for enough."""
    stage = stage.model_copy(update={"gates": [gate for gate in stage.gates if not gate.dry_run]})
    found = [*_toothless(stage), *(_shadow(stage) if stage.mode is Mode.SHADOW else _live(stage))]
    if stage.mode is Mode.AUTOMATIC:
        found += _automatic(stage)
    return found


def _shadow(stage: StageSpec) -> Iterator[str]:
    if not any(_bounds_recall(gate) for gate in stage.gates):
        yield (
            "no gate bounds recall; write {metric: recall_blind, bound: cp_lower, op: '>=', value: "
            f"{LEAST_RECALL:g}}} or more"
        )
    if not any(_bounds_false_alarms(gate) and gate.bound for gate in stage.gates):
        yield (
            "no gate bounds false alarms; write {metric: false_alarms_per_camera_day, bound: quasipoisson_upper, "
            f"op: '<=', value: {MOST_FALSE_ALARMS:g}}} or less"
        )
    if not any(_asks_for_data(gate) for gate in stage.gates):
        yield f"no gate asks for data of its own; write {{metric: encounters_blind, op: '>=', value: {LEAST_NIGHTS:g}}}"
    least = stage.duration.min or stage.duration.longest
    if least.nominal_s < SHORTEST_SHADOW_S:
        yield "it may be over in less than a day; write duration: {min: 1d, …} or longer"


def _live(stage: StageSpec) -> Iterator[str]:
    """In a live stage the breakers watch recall and false alarms, so that none of them open is such a bound."""
    breakers = any(_no_open_breaker(gate) for gate in stage.gates)
    missed = any(gate.metric == "missed_sightings" and _at_most(gate, 0.0) for gate in stage.gates)
    if not breakers and not missed and not any(_bounds_recall(gate) for gate in stage.gates):
        yield "no gate bounds recall; write {metric: open_breakers, op: '==', value: 0}, or one on recall"
    warned = any(gate.metric == "camper_warning_precision" and gate.bound for gate in stage.gates)
    if not breakers and not warned and not any(_bounds_false_alarms(gate) for gate in stage.gates):
        yield "no gate bounds false alarms; write {metric: open_breakers, op: '==', value: 0}, or one on false alarms"


def _automatic(stage: StageSpec) -> Iterator[str]:
    if stage.duration.longest.nominal_s > LONGEST_AUTOMATIC_S:
        yield "automatic for longer than 92 days; write a shorter duration"
    if stage.oversight is None:
        return
    if stage.oversight.veto_window.nominal_s < SHORTEST_VETO_S:
        yield f"nobody can say no within {stage.oversight.veto_window}; write veto_window: {SHORTEST_VETO_S:g}s or more"
    if stage.oversight.ranger_ack_within.nominal_s > LONGEST_ANSWER_S:
        yield "a ranger may take longer than 15 minutes; write ranger_ack_within: 15m or less"


def _toothless(stage: StageSpec) -> Iterator[str]:
    for gate in stage.gates:
        recall = gate.metric.startswith("recall") and gate.metric != "recall_minus_baseline"
        if recall and gate.value is not None and (gate.op not in (">=", ">") or gate.value <= 0.0):
            yield f"{gate} cannot fail; demand at least a share above 0"
        if gate.metric == "open_breakers" and not _no_open_breaker(gate):
            yield f"{gate} cannot fail; write open_breakers == 0"


def _bounds_recall(gate: Gate) -> bool:
    """Whether a gate holds recall above the floor by more than its point estimate."""
    if not gate.metric.startswith(("recall_blind", "recall_audit")) or gate.metric.endswith("worst_campsite"):
        return False
    if gate.bound == "eprocess":
        return (gate.r0 or 0.9) >= LEAST_RECALL
    return gate.bound is not None and gate.op in (">=", ">") and (gate.value or 0.0) >= LEAST_RECALL


def _bounds_false_alarms(gate: Gate) -> bool:
    return gate.metric == "false_alarms_per_camera_day" and _at_most(gate, MOST_FALSE_ALARMS)


def _asks_for_data(gate: Gate) -> bool:
    """A bound on blind recall above the floor cannot be met without bear-nights; a number of them says so outright."""
    if gate.metric in ("encounters_blind", "encounters_blind_cumulative"):
        return gate.op in (">=", ">", "==") and (gate.value or 0.0) >= LEAST_NIGHTS
    return gate.metric.startswith("recall_blind") and _bounds_recall(gate)


def _no_open_breaker(gate: Gate) -> bool:
    return gate.metric == "open_breakers" and ((gate.op == "==" and gate.value == 0) or _at_most(gate, 0.0))


def _at_most(gate: Gate, most: float) -> bool:
    return gate.value is not None and gate.op in ("<=", "<", "==") and gate.value <= most
