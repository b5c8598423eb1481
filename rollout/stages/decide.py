"""What may happen on the road: ``decide(road, state, command, now)`` answers a command with events. Pure.

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
from rollout.stages.plan import Road
from rollout.stages.promotion import approve, cleared, extend, start, widen
from rollout.stages.rollback import breaker_tripped, close_breaker, hand_over, kill, latched, narrow, watch_ack
from rollout.stages.state import State

CONTROLLER: Final = "controller"
EFFECTIVE_MODE: Final = "effective-mode"


def decide(road: Road, state: State, command: c.Command, now: float) -> list[e.Event]:
    """The events that follow from a command.

    1. The same key in the same approval epoch again: no events, it was obeyed already.
    2. A step that was asked for with an older epoch before the eyes: refused, the road has moved on.
    3. Otherwise as the command's own function says; the first event carries the key.
    """
    if isinstance(command, c.ByPerson):
        epoch = state.epoch if command.epoch is None else command.epoch
        if command.key is not None and (epoch, command.key) in state.keys:
            return []
        if epoch != state.epoch and isinstance(command, (c.Widen, c.Approve, c.Extend, c.BreakerReset)):
            raise Refused("the road has moved on since you looked; look again, then decide")
    events: list[e.Event] = _DECIDE[type(command)](road, state, command, now)
    if events and isinstance(command, c.ByPerson):
        events[0] = replace(events[0], key=command.key)
    return events


def _tick(road: Road, state: State, _command: c.Tick, now: float) -> list[e.Event]:
    """Escalate what nobody has answered; warn before the end; end what is over."""
    events = _escalations(road, state, now)
    if not state.live:
        return [*events, *_overdue(road, state, now)]
    if state.deadline_at is None:
        return events
    left = state.deadline_at - now
    if left <= 0:
        expired = e.Expired(at=now, by="controller", run=state.run, late_s=max(0.0, -left))
        return [*events, expired, *hand_over(road, state, now, "controller", "its time is over and nobody widened")]
    return [*events, *_warnings(road, state, left, now)]


def _escalations(road: Road, state: State, now: float) -> list[e.Event]:
    events: list[e.Event] = []
    for each in state.handovers:
        if now < each.next_at:
            continue
        level = each.level + 1
        to = road.roster[level % len(road.roster)].user if road.roster else ""
        events.append(
            e.Escalated(at=now, by="controller", handover=each.id, level=level, to=to, next_at=now + road.ack_within_s)
        )
    return events


def _overdue(road: Road, state: State, now: float) -> list[e.Event]:
    if state.overdue or state.evidence_since is None or state.handovers:
        return []
    end = road.stages[0].duration.longest.after(state.evidence_since, road.timezone)
    return [e.Overdue(at=now, by="controller", run=state.run)] if now >= end else []


def _warnings(road: Road, state: State, left: float, now: float) -> list[e.Event]:
    whole = (state.deadline_at or now) - (state.started_at or now)
    due = [
        w.nominal_s
        for w in road.defaults.warn_before
        if left <= w.nominal_s < whole and w.nominal_s not in state.warned
    ]
    if not due:
        return []
    return [e.DeadlineNear(at=now, by="controller", run=state.run, before_s=tuple(sorted(due)), left_s=left)]


def _model_changed(road: Road, state: State, command: c.ModelChanged, now: float) -> list[e.Event]:
    if command.digest == state.model:
        return []
    replaced = e.ModelReplaced(at=now, by="controller", digest=command.digest, before=state.model)
    return [replaced, *hand_over(road, state, now, "controller", "another model runs")]


def _road_changed(road: Road, state: State, _command: c.RoadChanged, now: float) -> list[e.Event]:
    """The running stage goes on only if the new road still has it, and only where it still reaches."""
    if road.digest == state.road:
        return []
    index = road.named(state.stage_name) if state.live else 0
    same = index is not None and (not state.live or road.stages[index].mode is state.mode)
    read = e.RoadRead(
        at=now,
        by="controller",
        digest=road.digest,
        name=road.name,
        author=road.author,
        stage=index if same and index else 0,
    )
    if not state.road and not state.live:
        return [read, start(road, state, 0, now, "controller")]
    anew = cleared(state, now, "the road was changed")
    if not state.live:
        return [read, *anew]
    if not same or index is None:
        return [
            read,
            *anew,
            *hand_over(road, state, now, "controller", f"the road no longer has {state.stage_name}"),
        ]
    lost = tuple(p.campsite for p in state.granted if not within((p,), road.stages[index].places))
    if not lost:
        return [read, *anew]
    return [read, *anew, *hand_over(road, state, now, "controller", "the road no longer reaches there", lost)]


def _lease_lost(road: Road, state: State, command: c.LeaseLost, now: float) -> list[e.Event]:
    if not state.live:
        return []
    cause = "authority was not renewed: the controller is dead or cut off"
    return [
        e.LeaseMissed(at=now, by=command.seen_by, expired_at=command.expired_at),
        *latched(state, now, command.seen_by, c.BreakerTripped(breaker=CONTROLLER, unit="", reason=cause)),
        *hand_over(road, state, now, command.seen_by, cause),
    ]


def _mode_read(road: Road, state: State, command: c.ModeRead, now: float) -> list[e.Event]:
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
        *hand_over(road, state, now, "controller", cause),
    ]


_DECIDE: Final[dict[type[Any], Callable[[Road, State, Any, float], list[e.Event]]]] = {
    c.Widen: widen,
    c.Approve: approve,
    c.Extend: extend,
    c.Narrow: narrow,
    c.Kill: kill,
    c.WatchAck: watch_ack,
    c.BreakerReset: close_breaker,
    c.Tick: _tick,
    c.BreakerTripped: breaker_tripped,
    c.ModelChanged: _model_changed,
    c.RoadChanged: _road_changed,
    c.LeaseLost: _lease_lost,
    c.ModeRead: _mode_read,
}
