"""One check of everything: read, evaluate, latch. Called by the controller at each tick, inside its transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from sqlalchemy.orm import Session

from core.config import Config
from rollout.base.metrics import readable
from rollout.breakers.breaker_spec import BreakerSpec, Then
from rollout.breakers.collect import CollectContext, collect, since_first_asked
from rollout.breakers.conditions import Clause, Condition, Finding, evaluate
from rollout.breakers.detector_state import DetectorStates
from rollout.breakers.input_metrics import DAY_S
from rollout.breakers.samples import History, Inputs, Stale
from rollout.breakers.sequential import run
from rollout.breakers.telemetry_snapshot import TelemetrySnapshot
from rollout.breakers.trip_scope import EVERYTHING, Places, Scope, Unit
from rollout.breakers.trips import ACTION_OF, Action, Trip, Tripping, last_resets, latch
from rollout.evidence.comparison import EvidenceRule


def check(
    session: Session,
    specs: Mapping[str, BreakerSpec],
    config: Config,
    snapshot: TelemetrySnapshot,
    now: float,
    *,
    lease_until: float | None = None,
    history: History | None = None,
    rule: EvidenceRule = EvidenceRule(),
) -> list[Trip]:
    """Check every breaker; returns the trips that are new, already written and latched.

    1. Gather what the conditions name. ``lease_until`` is when the authority that should hold now ends, None when
       none should; ``history`` is the caller's memory of recent values, for the plots; ``rule`` is the plan's.
    2. Evaluate the conditions for each unit, take the detectors' steps, and look for inputs that nobody updates.
    3. Write what trips and is not open already. Memories change in the same transaction.
    """
    places = Places.of(config)
    context = CollectContext(
        session, config, specs, places, snapshot, last_resets(session, now - 2 * DAY_S), lease_until, now, rule
    )
    detector_states = DetectorStates(session, now)
    inputs = _since_start(collect(context, input_metrics_of(specs)), detector_states)
    kept = history if history is not None else History()
    kept.note(inputs)
    found: list[Tripping] = []
    for name, spec in specs.items():
        if spec.condition is None:
            found += run(name, spec, context, detector_states)
        elif spec.condition.stale_intervals is not None:
            found += _stale(name, spec, spec.condition.stale_intervals, inputs, places, detector_states)
        else:
            found += _conditions(name, spec, inputs, places, detector_states, kept)
    detector_states.touch("no_data", EVERYTHING)
    session.flush()
    return latch(session, found, now)


def _since_start(inputs: Inputs, detector_states: DetectorStates) -> Inputs:
    before = detector_states.of("camera_loss", EVERYTHING).get("nothing_since", {})
    known, since = since_first_asked(inputs, before)
    detector_states.keep("camera_loss", EVERYTHING, {"nothing_since": since} if since else {}, float(len(since)))
    return known


def input_metrics_of(specs: Mapping[str, BreakerSpec]) -> set[str]:
    """Every quantity that the breakers' conditions name."""
    conditions = [c for spec in specs.values() for c in (spec.condition, spec.site_condition) if c]
    return {name for condition in conditions for clause in condition.clauses for name in clause.names}


def _conditions(
    name: str, spec: BreakerSpec, inputs: Inputs, places: Places, detector_states: DetectorStates, history: History
) -> Iterator[Tripping]:
    """Ask the condition of each unit. What it says of a camera may trip the breaker of its whole region.

    With ``site_if``, what it says of a camera also trips the breaker of its campsite if that is true of the campsite.
    """
    condition = spec.condition
    for unit in places.units(condition.scope) if condition else []:
        trippings = list(_unit(name, spec, unit, inputs, places, detector_states, history))
        yield from trippings
        if trippings and spec.site_condition:
            yield from _site(name, spec, spec.site_condition, places.widen(unit, Scope.SITE), inputs, history)


def _unit(
    name: str,
    spec: BreakerSpec,
    unit: Unit,
    inputs: Inputs,
    places: Places,
    detector_states: DetectorStates,
    history: History,
) -> Iterator[Tripping]:
    memory = detector_states.of(name, unit)
    since = dict(memory.get("since", {}))
    for clause in spec.condition.clauses if spec.condition else ():
        finding = evaluate(clause, inputs.at_unit(unit))
        if _held(clause, finding, since, inputs.at):
            place, series, why = (
                places.widen(unit, spec.scope),
                history.of(clause.name, unit),
                _why(clause, finding, unit),
            )
            for action in _actions(spec, clause, finding, inputs, unit):
                yield Tripping(name, place, action, finding.value, finding.limit, why, series)
    kept = {**memory, "since": since} if since else {k: v for k, v in memory.items() if k != "since"}
    detector_states.keep(name, unit, kept, 0.0)


def _site(
    name: str, spec: BreakerSpec, condition: Condition, site: Unit, inputs: Inputs, history: History
) -> Iterator[Tripping]:
    for clause in condition.clauses:
        finding = evaluate(clause, inputs.at_unit(site))
        if finding.met:
            why, series = _why(clause, finding, site), history.of(clause.name, site)
            yield Tripping(name, site, ACTION_OF[spec.then], finding.value, finding.limit, why, series)


def _held(clause: Clause, finding: Finding, since: dict[str, float], now: float) -> bool:
    """Whether the clause has been true for as long as it asks; takes note of since when. Unknown changes nothing."""
    if finding.met is None:
        return False
    if not finding.met:
        since.pop(clause.text, None)
        return False
    if clause.hold_s == 0:
        return True
    return now - since.setdefault(clause.text, now) >= clause.hold_s


def _actions(spec: BreakerSpec, clause: Clause, finding: Finding, inputs: Inputs, unit: Unit) -> Iterator[Action]:
    yield ACTION_OF[spec.then]
    if spec.then is Then.PAGE_ONLY_BELOW_2X and clause.times and finding.value is not None:
        budget = inputs.value(clause.times, unit)
        if budget is not None and finding.value >= 2 * budget:
            yield Action.HANDOVER


def _why(clause: Clause, finding: Finding, unit: Unit) -> str:
    value = "nothing" if finding.value is None else readable(finding.value, 4)
    return f"{clause.text}: {value} at {unit}"


def _stale(
    name: str, spec: BreakerSpec, intervals: float, inputs: Inputs, places: Places, detector_states: DetectorStates
) -> Iterator[Tripping]:
    """Inputs that nobody has updated, together for each place that they concern."""
    before = detector_states.of(name, EVERYTHING).get("missed_since", {})
    missed_since = {label: before.get(label, inputs.at) for label in inputs.missing()}
    detector_states.keep(
        name, EVERYTHING, {"missed_since": missed_since} if missed_since else {}, float(len(missed_since))
    )
    found = [
        (places.widen(stale.unit, spec.scope) if stale.unit.scope.width <= spec.scope.width else stale.unit, stale)
        for stale in inputs.stale(intervals, missed_since)
    ]
    for unit, group in groupby(sorted(found, key=lambda pair: (pair[0], pair[1].name)), key=lambda pair: pair[0]):
        stale = [each for _unit, each in group]
        oldest = max(stale, key=lambda each: each.age_s / each.limit_s)
        yield Tripping(name, unit, ACTION_OF[spec.then], oldest.age_s, oldest.limit_s, _silence(stale))


def _silence(stale: Sequence[Stale]) -> str:
    """Which inputs are missing: one quantity after the other, however many cameras that is."""
    parts = []
    for quantity, group in groupby(stale, key=lambda each: each.name):
        listed = list(group)
        where = str(listed[0].unit) if len(listed) == 1 else f"{len(listed)} {listed[0].unit.scope}s"
        parts.append(f"{quantity} of {where} ({max(each.age_s for each in listed):.0f} s old)")
    return f"nobody updates {', '.join(parts)}"
