"""Going on: what is in the way, who agrees, and the run of the next stage. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from db.models import Mode
from rollout.base.durations import tzdata_version
from rollout.stages import commands as c
from rollout.stages import events as e
from rollout.stages.approvals import agreed, authors, counting, slots, still_needed
from rollout.stages.commands import Refused, Step
from rollout.stages.gates import Outcome
from rollout.stages.plan import Road
from rollout.stages.state import Phase, State


@dataclass(frozen=True, slots=True)
class Hurdle:
    """Something that keeps the road from going on. ``kind`` is for programs, ``text`` for people."""

    kind: str
    text: str


def next_stage(road: Road, state: State, again: bool = False) -> int:
    """The stage that follows; the last one follows itself."""
    if again and state.live:
        return state.stage
    return min(state.stage + 1, len(road.stages) - 1)


def analysis_opens_at(road: Road, state: State) -> float:
    """From when on the current stage's gates may be analysed."""
    if state.live and state.analysis_opens_at is not None:
        return state.analysis_opens_at
    start = state.evidence_since or state.at
    stage = road.stages[0]
    return road.analysis_opens_at(stage, start, road.deadline(stage, start))


def hurdles(road: Road, state: State, command: c.Widen, now: float) -> list[Hurdle]:
    """All that keeps the road from going on now."""
    found = []
    if state.handovers:
        found.append(Hurdle("handover", "nobody has taken over the watch yet"))
    if not state.road:
        found.append(Hurdle("road", "no controller has read the road yet; does one run?"))
    elif road.digest != state.road:
        found.append(Hurdle("road", "the configuration has changed and the controller has not read it yet"))
    found += [Hurdle("breaker", f"breaker {latch.id} is open: {latch.reason}") for latch in state.latches]
    if len(road.stages) < 2:
        found.append(Hurdle("road", "the road has no stage beyond shadow"))
    early = analysis_opens_at(road, state)
    if now < early:
        found.append(
            Hurdle("early", f"evidence is not analysed before {early:.0f}: analysing early promotes weak models")
        )
    else:
        found += _gate_hurdles(road, state, command)
    if not road.roster:
        found.append(Hurdle("roster", "nobody is named who takes over the watch; write the roster"))
    elif not set(command.able) & {keeper.user for keeper in road.roster}:
        names = ", ".join(keeper.user for keeper in road.roster)
        found.append(Hurdle("roster", f"nobody of the roster has an account that is switched on: {names}"))
    if road.pinned is not None and not _same_model(road.pinned, state.model):
        found.append(Hurdle("model", f"{state.model or 'no model'} runs, and the road is made for {road.pinned}"))
    if state.model is None:
        found.append(Hurdle("model", "no model has been seen running yet"))
    lack = still_needed(road, state, Step.WIDEN, road.approvals.widen, now)
    if lack:
        found.append(Hurdle("approvals", lack))
    return found


def _gate_hurdles(road: Road, state: State, command: c.Widen) -> list[Hurdle]:
    gates = road.stages[state.stage].gates
    results = {result.gate: result for result in command.gates}
    found = []
    for gate in gates:
        result = results.get(str(gate))
        if result is None:
            found.append(Hurdle("gate_missing", f"{gate}: nobody has analysed it"))
        elif result.outcome is Outcome.INCONCLUSIVE:
            found.append(Hurdle("gate_missing", f"{gate}: {result.why}"))
        elif result.outcome is not Outcome.PASSED:
            found.append(Hurdle("gate_failed", f"{gate}: {result.why}"))
    return found


def _same_model(pinned: str, running: str | None) -> bool:
    """Whether the running model is the pinned one; detectors may report a shortened digest of 12 letters or more."""
    short, long = sorted((pinned.removeprefix("sha256:"), (running or "").removeprefix("sha256:")), key=len)
    return short == long or (len(short) >= 12 and long.startswith(short))


def widen(road: Road, state: State, command: c.Widen, now: float) -> list[e.Event]:
    """1. Anything in the way: held. 2. A gate that nobody can decide: approvals are cleared too. 3. A new run."""
    target = next_stage(road, state, command.again)
    stage = road.stages[target]
    found = hurdles(road, state, command, now)
    if found:
        missing = any(hurdle.kind == "gate_missing" for hurdle in found)
        held = e.WidenHeld(at=now, by=command.by.name, to=stage.name, why=tuple(h.text for h in found), missing=missing)
        return [held, *cleared(state, now, "a gate was inconclusive")] if missing else [held]
    approved = agreed(
        counting(road, state, Step.WIDEN, road.approvals.widen, now),
        road.approvals.widen.roles,
        road.approvals.widen.need,
    )
    return [start(road, state, target, now, command.by.name, approved or ())]


def start(road: Road, state: State, index: int, now: float, by: str, approved: tuple[str, ...] = ()) -> e.StageStarted:
    stage = road.stages[index]
    deadline = road.deadline(stage, now)
    live = stage.mode is not Mode.SHADOW
    return e.StageStarted(
        at=now,
        by=by,
        run=state.run + 1,
        stage=index,
        name=stage.name,
        mode=stage.mode,
        places=stage.places,
        deadline_at=deadline if live else None,
        analysis_opens_at=road.analysis_opens_at(stage, now, deadline),
        timezone=road.timezone,
        tzdata=tzdata_version(),
        model=state.model,
        approved_by=approved,
        veto_s=stage.oversight.veto_window.nominal_s if stage.oversight else None,
        ranger_ack_s=stage.oversight.ranger_ack_within.nominal_s if stage.oversight else None,
    )


def cleared(state: State, now: float, why: str) -> list[e.Event]:
    return [e.ApprovalsCleared(at=now, by="rollout", epoch=state.epoch + 1, why=why)]


def approve(road: Road, state: State, command: c.Approve, now: float) -> list[e.Event]:
    rule = road.approvals.resume if command.step is Step.RESET else road.approvals.widen
    if command.step is Step.RESET and (command.latch is None or state.latch(command.latch) is None):
        raise Refused(f"there is no open breaker {command.latch!r}")
    if command.step is not Step.RESET and state.phase is Phase.HANDOVER:
        raise Refused("there is nothing to approve while nobody has taken over the watch")
    if command.step is Step.EXTEND and not state.live:
        raise Refused("there is no live stage that could be extended")
    standing = slots(command.by.roles, rule.roles)
    if not standing:
        raise Refused(f"{command.by.name} has none of the roles that count here: {', '.join(rule.roles)}")
    if command.by.name in authors(road, state, command.step):
        raise Refused(f"{command.by.name} wrote this road or asked for this step; two others must approve it")
    return [
        e.Approved(
            at=now,
            by=command.by.name,
            step=command.step,
            roles=standing,
            latch=command.latch if command.step is Step.RESET else None,
            note=command.note,
        )
    ]


def extend(road: Road, state: State, command: c.Extend, now: float) -> list[e.Event]:
    """Two people, once, not too long, and only what the configuration asks for."""
    rule = road.extension
    if not state.live or state.deadline_at is None or state.started_at is None:
        raise Refused("there is no live stage that could be extended")
    if now >= state.deadline_at:
        raise Refused("the stage has ended already")
    if state.extensions >= rule.times:
        raise Refused(f"a stage may be extended {rule.times} time(s), and was")
    if not 0 < command.longer.nominal_s <= rule.max.nominal_s:
        raise Refused(f"an extension lasts {rule.max} at most, not {command.longer}")
    if "no_open_breaker" in rule.requires and state.latches:
        raise Refused(f"breaker {state.latches[0].id} is open")
    _refuse_by_gates(road, state, command)
    given = counting(road, state, Step.EXTEND, road.approvals.widen, now)
    approved = agreed(given, road.approvals.widen.roles, rule.approvals)
    if approved is None:
        lack = still_needed(road, state, Step.EXTEND, road.approvals.widen, now, need=rule.approvals)
        raise Refused(lack or "")
    deadline = command.longer.after(state.deadline_at, state.timezone)
    opens = road.analysis_opens_at(road.stages[state.stage], state.started_at, deadline)
    return [
        e.Extended(
            at=now,
            by=command.by.name,
            run=state.run,
            deadline_at=deadline,
            analysis_opens_at=opens,
            approved_by=approved,
        )
    ]


def _refuse_by_gates(road: Road, state: State, command: c.Extend) -> None:
    results = {result.gate: result for result in command.gates}
    for gate in road.stages[state.stage].gates:
        result = results.get(str(gate))
        outcome = result.outcome if result else Outcome.INCONCLUSIVE
        if outcome is Outcome.FAILED and {"gates_green", "gates_not_red"} & set(road.extension.requires):
            raise Refused(f"gate {gate} fails")
        if outcome is Outcome.INCONCLUSIVE and "gates_green" in road.extension.requires:
            raise Refused(f"gate {gate} is inconclusive: {result.why if result else 'nobody has results at it'}")
