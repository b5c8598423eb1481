"""Going on: what is in the way, who agrees, and the run of the next stage. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.clock import civil
from db.models import Mode
from rollout.base.durations import tzdata_version
from rollout.stages import commands as c
from rollout.stages import events as e
from rollout.stages.approvals import agreed, authors, counting, slots, still_needed
from rollout.stages.commands import Refused, Step
from rollout.stages.gates import GateOutcome, answers
from rollout.stages.plan import RolloutPlan
from rollout.stages.state import Phase, State


@dataclass(frozen=True, slots=True)
class Blocker:
    """Something that keeps the rollout from going on. ``kind`` is for programs, ``text`` for people."""

    kind: str
    text: str


def next_stage(plan: RolloutPlan, state: State, rerun_stage: bool = False) -> int:
    """The stage that follows; the last one follows itself."""
    if rerun_stage and state.live:
        return state.stage
    return min(state.stage + 1, len(plan.stages) - 1)


def analysis_opens_at(plan: RolloutPlan, state: State) -> float:
    """From when on the current stage's gates may be analysed."""
    if state.live and state.analysis_opens_at is not None:
        return state.analysis_opens_at
    start = state.evidence_since or state.at
    stage = plan.stages[0]
    return plan.analysis_opens_at(stage, start, plan.deadline(stage, start))


def blockers(plan: RolloutPlan, state: State, command: c.Promote, now: float) -> list[Blocker]:
    """All that keeps the rollout from going on now."""
    found = []
    if state.handovers:
        found.append(Blocker("handover", "nobody has taken over the watch yet"))
    if not state.plan_digest:
        found.append(Blocker("plan", "no controller has read the rollout plan yet; does one run?"))
    elif plan.digest != state.plan_digest:
        found.append(Blocker("plan", "the configuration has changed and the controller has not read it yet"))
    found += [Blocker("breaker", f"breaker {latch.id} is open: {latch.reason}") for latch in state.latches]
    if next_stage(plan, state, command.rerun_stage) > state.stage:
        found += _freezes(plan, now)
    if len(plan.stages) < 2:
        found.append(Blocker("plan", "the rollout plan has no stage beyond shadow"))
    early = analysis_opens_at(plan, state)
    if now < early:
        found.append(
            Blocker("early", f"evidence is not analysed before {early:.0f}: analysing early promotes weak models")
        )
    else:
        found += _gate_blockers(plan, state, command)
    if not plan.on_call:
        found.append(Blocker("on_call", "nobody is named who takes over the watch; write `on_call`"))
    elif not set(command.able) & {person.user for person in plan.on_call}:
        names = ", ".join(person.user for person in plan.on_call)
        found.append(Blocker("on_call", f"nobody on call has an account that is switched on: {names}"))
    if plan.pinned is not None and not _same_model(plan.pinned, state.model):
        found.append(
            Blocker("model", f"{state.model or 'no model'} runs, and the rollout plan is made for {plan.pinned}")
        )
    if state.model is None:
        found.append(Blocker("model", "no model has been seen running yet"))
    found += [Blocker("breaker", f"breaker {trip} has tripped") for trip in command.open_trips if not state.latch(trip)]
    lack = still_needed(plan, _asked_by(state, command), Step.PROMOTE, plan.approvals.promote, now)
    if lack:
        found.append(Blocker("approvals", lack))
    return found


def _freezes(plan: RolloutPlan, now: float) -> list[Blocker]:
    """To begin the last stage anew is no step further: a freeze leaves that alone."""
    return [
        Blocker("freeze", f"promotions are frozen until {civil(ends, plan.timezone):%a %-d %b, %H:%M}: {why}")
        for begins, ends, why in plan.freezes
        if begins <= now < ends
    ]


def _asked_by(state: State, command: c.Promote) -> State:
    """The same, without the approval of whoever asks for the step: neither of the two may have asked for it."""
    return replace(state, approvals=tuple(a for a in state.approvals if a.by != command.by.name))


def _gate_blockers(plan: RolloutPlan, state: State, command: c.Promote) -> list[Blocker]:
    gates = plan.stages[state.stage].gates
    found = []
    for gate, result in zip(gates, answers(gates, command.gates), strict=True):
        if gate.dry_run:
            continue
        if result is None:
            found.append(Blocker("gate_missing", f"{gate}: nobody has analysed it"))
        elif result.outcome is GateOutcome.INCONCLUSIVE:
            found.append(Blocker("gate_missing", f"{gate}: {result.why}"))
        elif result.outcome is not GateOutcome.PASSED:
            found.append(Blocker("gate_failed", f"{gate}: {result.why}"))
    return found


def _same_model(pinned: str, running: str | None) -> bool:
    """Whether the running model is the pinned one; detectors may report a shortened digest of 12 letters or more."""
    short, long = sorted((pinned.removeprefix("sha256:"), (running or "").removeprefix("sha256:")), key=len)
    return short == long or (len(short) >= 12 and long.startswith(short))


def promote(plan: RolloutPlan, state: State, command: c.Promote, now: float) -> list[e.Event]:
    """1. Anything in the way: held. 2. A gate that nobody can decide: approvals are cleared too. 3. A new run."""
    target = next_stage(plan, state, command.rerun_stage)
    stage = plan.stages[target]
    found = blockers(plan, state, command, now)
    if found:
        missing = any(blocker.kind == "gate_missing" for blocker in found)
        failed = any(blocker.kind == "gate_failed" for blocker in found)
        held = e.PromotionHeld(
            at=now, by=command.by.name, to=stage.name, why=tuple(h.text for h in found), missing=missing
        )
        if missing or failed:
            return [held, *cleared(state, now, "a gate was inconclusive" if missing else "a gate failed")]
        return [held]
    approved = agreed(
        counting(plan, _asked_by(state, command), Step.PROMOTE, plan.approvals.promote, now),
        plan.approvals.promote.roles,
        plan.approvals.promote.need,
    )
    return [start(plan, state, target, now, command.by.name, approved or ())]


def start(
    plan: RolloutPlan, state: State, index: int, now: float, by: str, approved: tuple[str, ...] = ()
) -> e.StageStarted:
    stage = plan.stages[index]
    deadline = plan.deadline(stage, now)
    live = stage.mode is not Mode.SHADOW
    return e.StageStarted(
        at=now,
        by=by,
        run=state.run + 1,
        stage=index,
        name=stage.name,
        mode=stage.mode,
        places=stage.places,
        cameras_at_start=plan.cameras if live else (),
        deadline_at=deadline if live else None,
        analysis_opens_at=plan.analysis_opens_at(stage, now, deadline),
        timezone=plan.timezone,
        tzdata=tzdata_version(),
        model=state.model,
        approved_by=approved,
        veto_s=stage.oversight.veto_window.nominal_s if stage.oversight else None,
        ranger_ack_s=stage.oversight.ranger_ack_within.nominal_s if stage.oversight else None,
    )


def cleared(state: State, now: float, why: str) -> list[e.Event]:
    return [e.ApprovalsCleared(at=now, by="rollout", epoch=state.epoch + 1, why=why)]


def approve(plan: RolloutPlan, state: State, command: c.Approve, now: float) -> list[e.Event]:
    rule = plan.approvals.resume if command.step is Step.RESET else plan.approvals.promote
    if command.step is Step.RESET and (command.latch is None or state.latch(command.latch) is None):
        raise Refused(f"there is no open breaker {command.latch!r}")
    if command.step is Step.MODEL and not command.latch:
        raise Refused("say which model you approve, by its digest; the page Models does")
    if command.step is not Step.RESET and state.phase is Phase.HANDOVER:
        raise Refused("there is nothing to approve while nobody has taken over the watch")
    if command.step is Step.EXTEND and not state.live:
        raise Refused("there is no live stage that could be extended")
    standing = slots(command.by.roles, rule.roles)
    if not standing:
        raise Refused(f"{command.by.name} has none of the roles that count here: {', '.join(rule.roles)}")
    if command.by.name in authors(plan, state, command.step):
        raise Refused(f"{command.by.name} wrote this rollout plan or asked for this step; two others must approve it")
    return [
        e.Approved(
            at=now,
            by=command.by.name,
            step=command.step,
            roles=standing,
            latch=command.latch if command.step in (Step.RESET, Step.MODEL) else None,
            note=command.note,
        )
    ]


def extend(plan: RolloutPlan, state: State, command: c.Extend, now: float) -> list[e.Event]:
    """Two people, once, not too long, and only what the configuration asks for."""
    rule = plan.extension
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
    _refuse_by_gates(plan, state, command)
    given = counting(plan, state, Step.EXTEND, plan.approvals.promote, now)
    approved = agreed(given, plan.approvals.promote.roles, rule.approvals)
    if approved is None:
        lack = still_needed(plan, state, Step.EXTEND, plan.approvals.promote, now, need=rule.approvals)
        raise Refused(lack or "")
    deadline = command.longer.after(state.deadline_at, state.timezone)
    opens = plan.analysis_opens_at(plan.stages[state.stage], state.started_at, deadline)
    return [
        e.StageExtended(
            at=now,
            by=command.by.name,
            run=state.run,
            deadline_at=deadline,
            analysis_opens_at=opens,
            approved_by=approved,
        )
    ]


def _refuse_by_gates(plan: RolloutPlan, state: State, command: c.Extend) -> None:
    gates = plan.stages[state.stage].gates
    for gate, result in zip(gates, answers(gates, command.gates), strict=True):
        outcome = result.outcome if result else GateOutcome.INCONCLUSIVE
        if gate.dry_run:
            continue
        if outcome is GateOutcome.FAILED and {"gates_green", "gates_not_red"} & set(plan.extension.requires):
            raise Refused(f"gate {gate} fails")
        if outcome is GateOutcome.INCONCLUSIVE and "gates_green" in plan.extension.requires:
            raise Refused(f"gate {gate} is inconclusive: {result.why if result else 'nobody has results at it'}")
