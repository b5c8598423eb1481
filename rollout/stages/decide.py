"""What may happen in the rollout: ``decide(plan, state, command, now)`` answers a command with events. Pure.

A command that may not be obeyed raises :class:`rollout.stages.commands.Refused`, and nothing is written. A wish to go
on is always answered with an event: also being held is a fact. A command given twice is answered with no events. Going
on is in :mod:`rollout.stages.promotion`, going back in :mod:`rollout.stages.rollback`; what time and the surroundings
do is here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from rollout.base.scopes import campsites_of, within
from rollout.stages import commands as c
from rollout.stages import events as e
from rollout.stages.commands import Refused
from rollout.stages.plan import RolloutPlan
from rollout.stages.plan_terms import changed_rules, merged_rules
from rollout.stages.promotion import approve, cleared, extend, promote, start
from rollout.stages.rollback import (
    breaker_tripped,
    close_breaker,
    demote,
    emergency_stop,
    hand_over,
    hold,
    latched,
    watch_ack,
)
from rollout.stages.state import State

CONTROLLER: Final = "controller"
EFFECTIVE_MODE: Final = "effective-mode"
CLOCK: Final = "clock"
RECORD: Final = "record"
CLOCK_STEP_S: Final = 60.0
"""Clocks of two machines may differ by so much; more is a clock that was set."""


def decide(plan: RolloutPlan, state: State, command: c.Command, now: float) -> list[e.Event]:
    """The events that follow from a command.

    1. The same key in the same approval epoch again: no events, it was obeyed already.
    2. A step that was asked for with an older epoch before the eyes: refused, the rollout has moved on.
    3. By a clock that stands before what has happened already: nothing that gives power; time passing is a clock that
       was set back, which ends authority. Whatever takes power away is obeyed all the same.
    4. Otherwise as the command's own function says; the first event carries the key.
    """
    if isinstance(command, c.ByPerson):
        epoch = state.epoch if command.epoch is None else command.epoch
        if command.key is not None and (epoch, command.key) in state.keys:
            return []
        if epoch != state.epoch and isinstance(command, (c.Promote, c.Approve, c.Extend, c.BreakerReset)):
            raise Refused("the rollout has moved on since you looked; look again, then decide")
    if now < state.at - CLOCK_STEP_S:
        if isinstance(command, (c.Promote, c.Approve, c.Extend, c.BreakerReset)):
            raise Refused(
                f"this machine's clock stands {state.at - now:.0f} s before the last thing that happened in the "
                "rollout; set it right, then decide"
            )
        if isinstance(command, c.Tick):
            return _clock_stepped(plan, state, c.ClockStepped(by_s=now - state.at, seen_by=CONTROLLER), now)
    events: list[e.Event] = _DECIDE[type(command)](plan, state, command, now)
    if events and isinstance(command, c.ByPerson):
        events[0] = replace(events[0], key=command.key)
    return events


def _tick(plan: RolloutPlan, state: State, _command: c.Tick, now: float) -> list[e.Event]:
    """Escalate what nobody has answered; warn before the end; end what is over."""
    events = _escalations(plan, state, now)
    if not state.live:
        return [*events, *_overdue(plan, state, now)]
    if state.deadline_at is None:
        return events
    left = state.deadline_at - now
    if left <= 0:
        expired = e.Expired(at=now, by="controller", run=state.run, late_s=max(0.0, -left))
        return [*events, expired, *hand_over(plan, state, now, "controller", "its time is over and nobody promoted it")]
    return [*events, *_warnings(plan, state, left, now)]


def _escalations(plan: RolloutPlan, state: State, now: float) -> list[e.Event]:
    events: list[e.Event] = []
    for each in state.handovers:
        if now < each.next_at:
            continue
        level = each.level + 1
        to = plan.on_call[level % len(plan.on_call)].user if plan.on_call else ""
        events.append(
            e.Escalated(at=now, by="controller", handover=each.id, level=level, to=to, next_at=now + plan.ack_within_s)
        )
    return events


def _overdue(plan: RolloutPlan, state: State, now: float) -> list[e.Event]:
    if state.overdue or state.evidence_since is None or state.handovers:
        return []
    end = plan.stages[0].duration.longest.after(state.evidence_since, plan.timezone)
    return [e.Overdue(at=now, by="controller", run=state.run)] if now >= end else []


def _warnings(plan: RolloutPlan, state: State, left: float, now: float) -> list[e.Event]:
    whole = (state.deadline_at or now) - (state.started_at or now)
    due = [
        w.nominal_s
        for w in plan.defaults.warn_before
        if left <= w.nominal_s < whole and w.nominal_s not in state.warned
    ]
    if not due:
        return []
    return [e.DeadlineNear(at=now, by="controller", run=state.run, before_s=tuple(sorted(due)), left_s=left)]


def _clock_stepped(plan: RolloutPlan, state: State, command: c.ClockStepped, now: float) -> list[e.Event]:
    """Deadlines, leases and evidence are measured by the clock: when it is set, nobody knows what they are worth."""
    direction = "back" if command.by_s < 0 else "forward"
    cause = f"the clock seen by {command.seen_by} was set {direction} by {abs(command.by_s):.0f} s"
    trip = c.BreakerTripped(breaker=CLOCK, unit="", reason=cause)
    return [*latched(state, now, command.seen_by, trip), *hand_over(plan, state, now, command.seen_by, cause)]


def _untrusted(plan: RolloutPlan, state: State, command: c.Untrusted, now: float) -> list[e.Event]:
    trip = c.BreakerTripped(breaker=RECORD, unit="", reason=command.why)
    return [*latched(state, now, CONTROLLER, trip), *hand_over(plan, state, now, CONTROLLER, command.why)]


def _model_changed(plan: RolloutPlan, state: State, command: c.ModelChanged, now: float) -> list[e.Event]:
    if command.digest == state.model:
        return []
    replaced = e.ModelReplaced(at=now, by="controller", digest=command.digest, before=state.model)
    return [replaced, *hand_over(plan, state, now, "controller", "another model runs")]


def _plan_changed(plan: RolloutPlan, state: State, _command: c.PlanChanged, now: float) -> list[e.Event]:
    """1. The same plan: only its cameras may be others, or what is under evidence beside the model.
    2. What turns pictures into alerts has changed: authority ends, and evidence starts anew.
    3. Another plan that may loosen something: authority ends. It takes two people, as every step, to begin on it.
    4. Otherwise the running stage goes on if the new plan still has it, and where it still reaches.
    """
    rules = changed_rules(state.rules, plan.rules)
    same = plan.digest == state.plan_digest and state.terms in ("", plan.terms)
    if same and not rules:
        return [*_noted(plan, state, now), *_new_cameras(plan, state, now)]
    if rules:
        return _rules_changed(plan, state, rules, now)
    events = _another_plan(plan, state, now)
    over = any(isinstance(event, e.HandoverBegan) for event in events)
    return events if over else [*events, *_new_cameras(plan, state, now)]


def _noted(plan: RolloutPlan, state: State, now: float) -> list[e.Event]:
    """What is under evidence is written down where it was not yet: nothing has changed by that."""
    merged = merged_rules(state.rules, plan.rules)
    if merged == state.rules and plan.terms == state.terms:
        return []
    return [_read(plan, state, now, state.stage)]


def _read(plan: RolloutPlan, state: State, now: float, stage: int = 0) -> e.PlanRead:
    return e.PlanRead(
        at=now,
        by="controller",
        digest=plan.digest,
        name=plan.name,
        author=plan.author,
        stage=stage,
        terms=plan.terms,
        rules=merged_rules(state.rules, plan.rules),
    )


def _rules_changed(plan: RolloutPlan, state: State, rules: tuple[str, ...], now: float) -> list[e.Event]:
    """The model is another one in all but its name: it is replaced by itself."""
    cause = f"what turns pictures into alerts was changed ({', '.join(rules)})"
    events: list[e.Event] = [_read(plan, state, now)]
    if state.model is not None:
        events.append(e.ModelReplaced(at=now, by="controller", digest=state.model, before=state.model))
    else:
        events += cleared(state, now, cause)
    return [*events, *hand_over(plan, state, now, "controller", cause)]


def _new_cameras(plan: RolloutPlan, state: State, now: float) -> list[e.Event]:
    """A camera that was added, or moved here, since the stage began is in shadow until the next one."""
    if not state.live or not state.cameras_at_start:
        return []
    live = campsites_of(state.granted)
    new = tuple(
        camera
        for campsite, camera in plan.cameras
        if campsite in live and (campsite, camera) not in state.cameras_at_start and camera not in state.withdrawn
    )
    if not new:
        return []
    sites = tuple(sorted({campsite for campsite, camera in plan.cameras if camera in new}))
    cause = f"{', '.join(new)} came after the stage had begun: in shadow until the next one"
    return hand_over(plan, state, now, "controller", cause, sites, new)


def _another_plan(plan: RolloutPlan, state: State, now: float) -> list[e.Event]:
    index = plan.named(state.stage_name) if state.live else 0
    same = index is not None and (not state.live or plan.stages[index].mode is state.mode)
    read = _read(plan, state, now, index if same and index else 0)
    if not state.plan_digest and not state.live:
        return [read, start(plan, state, 0, now, "controller")]
    anew = cleared(state, now, "the rollout plan was changed")
    if not state.live:
        return [read, *anew]
    if not same or index is None:
        return [
            read,
            *anew,
            *hand_over(plan, state, now, "controller", f"the rollout plan no longer has {state.stage_name}"),
        ]
    if plan.terms != state.terms:
        cause = "the rollout plan was changed, and nobody has approved what it asks for now"
        return [read, *anew, *hand_over(plan, state, now, "controller", cause)]
    lost = tuple(p.campsite for p in state.granted if not within((p,), plan.stages[index].places))
    if not lost:
        return [read, *anew]
    return [read, *anew, *hand_over(plan, state, now, "controller", "the rollout plan no longer reaches there", lost)]


def _lease_lost(plan: RolloutPlan, state: State, command: c.LeaseLost, now: float) -> list[e.Event]:
    if not state.live:
        return []
    cause = "authority was not renewed: the controller is dead or cut off"
    return [
        e.LeaseMissed(at=now, by=command.seen_by, expired_at=command.expired_at),
        *latched(state, now, command.seen_by, c.BreakerTripped(breaker=CONTROLLER, unit="", reason=cause)),
        *hand_over(plan, state, now, command.seen_by, cause),
    ]


def _mode_read(plan: RolloutPlan, state: State, command: c.ModeRead, now: float) -> list[e.Event]:
    if command.found == command.expected:
        return [e.ModeConfirmed(at=now, by="controller", found=command.found)] if state.unconfirmed else []
    if not state.live and state.latch(EFFECTIVE_MODE):
        return []
    wrong = next(
        (
            f"{site}: {found}, not {want}"
            for (site, found), (_s, want) in zip(command.found, command.expected, strict=False)
            if found != want
        ),
        "other campsites than granted",
    )
    cause = f"what holds is not what was granted ({wrong})"
    return [
        e.ModeDiffers(at=now, by="controller", expected=command.expected, found=command.found),
        *latched(state, now, "controller", c.BreakerTripped(breaker=EFFECTIVE_MODE, unit="", reason=cause)),
        *hand_over(plan, state, now, "controller", cause),
    ]


_DECIDE: Final[dict[type[Any], Callable[[RolloutPlan, State, Any, float], list[e.Event]]]] = {
    c.Promote: promote,
    c.Approve: approve,
    c.Extend: extend,
    c.Demote: demote,
    c.EmergencyStop: emergency_stop,
    c.Hold: hold,
    c.WatchAck: watch_ack,
    c.BreakerReset: close_breaker,
    c.Tick: _tick,
    c.BreakerTripped: breaker_tripped,
    c.ModelChanged: _model_changed,
    c.PlanChanged: _plan_changed,
    c.ClockStepped: _clock_stepped,
    c.Untrusted: _untrusted,
    c.LeaseLost: _lease_lost,
    c.ModeRead: _mode_read,
}
