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

from rollout.base.scopes import within
from rollout.stages import commands as c
from rollout.stages import events as e
from rollout.stages.commands import Refused
from rollout.stages.plan import RolloutPlan
from rollout.stages.promotion import approve, cleared, extend, promote, start
from rollout.stages.rollback import (
    breaker_tripped,
    close_breaker,
    demote,
    emergency_stop,
    hand_over,
    latched,
    watch_ack,
)
from rollout.stages.state import State

CONTROLLER: Final = "controller"
EFFECTIVE_MODE: Final = "effective-mode"


def decide(plan: RolloutPlan, state: State, command: c.Command, now: float) -> list[e.Event]:
    """The events that follow from a command.

    1. The same key in the same approval epoch again: no events, it was obeyed already.
    2. A step that was asked for with an older epoch before the eyes: refused, the rollout has moved on.
    3. Otherwise as the command's own function says; the first event carries the key.
    """
    if isinstance(command, c.ByPerson):
        epoch = state.epoch if command.epoch is None else command.epoch
        if command.key is not None and (epoch, command.key) in state.keys:
            return []
        if epoch != state.epoch and isinstance(command, (c.Promote, c.Approve, c.Extend, c.BreakerReset)):
            raise Refused("the rollout has moved on since you looked; look again, then decide")
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


def _model_changed(plan: RolloutPlan, state: State, command: c.ModelChanged, now: float) -> list[e.Event]:
    if command.digest == state.model:
        return []
    replaced = e.ModelReplaced(at=now, by="controller", digest=command.digest, before=state.model)
    return [replaced, *hand_over(plan, state, now, "controller", "another model runs")]


def _plan_changed(plan: RolloutPlan, state: State, _command: c.PlanChanged, now: float) -> list[e.Event]:
    """The running stage goes on only if the new plan still has it, and only where it still reaches."""
    if plan.digest == state.plan_digest:
        return []
    index = plan.named(state.stage_name) if state.live else 0
    same = index is not None and (not state.live or plan.stages[index].mode is state.mode)
    read = e.PlanRead(
        at=now,
        by="controller",
        digest=plan.digest,
        name=plan.name,
        author=plan.author,
        stage=index if same and index else 0,
    )
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
    c.WatchAck: watch_ack,
    c.BreakerReset: close_breaker,
    c.Tick: _tick,
    c.BreakerTripped: breaker_tripped,
    c.ModelChanged: _model_changed,
    c.PlanChanged: _plan_changed,
    c.LeaseLost: _lease_lost,
    c.ModeRead: _mode_read,
}
