"""Going back: stops, trips, and what hands the watch over; and how people close a breaker afterwards. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from db.models import Mode
from rollout.base.scopes import Places, campsites_of, within
from rollout.stages import commands as c
from rollout.stages import events as e
from rollout.stages.approvals import agreed, counting, may_act
from rollout.stages.commands import Effect, Refused, Step
from rollout.stages.plan import STRENGTH, RolloutPlan
from rollout.stages.promotion import approve
from rollout.stages.state import Approval, State

EMERGENCY_STOP: Final = "kill"
HOLD: Final = "hold"
SHORTEST_CAUSE: Final = 10
"""Letters of a written cause: enough that it says something."""


def latch_id(breaker: str, unit: str) -> str:
    """The name under which a breaker is open for one unit; of everything, the breaker's own."""
    return breaker if unit in ("", "rollout:rollout") else f"{breaker}@{unit}"


def latched(state: State, now: float, by: str, trip: c.BreakerTripped) -> list[e.Event]:
    """The breaker opens, unless it is open already with at least this effect."""
    name = latch_id(trip.breaker, trip.unit)
    known = state.latch(name)
    if known is not None and known.effect.strength >= trip.effect.strength:
        return []
    return [
        e.BreakerOpened(
            at=now,
            by=by,
            latch=name,
            breaker=trip.breaker,
            unit=trip.unit,
            reason=trip.reason,
            effect=trip.effect,
            campsites=trip.campsites,
            cameras=trip.cameras,
        )
    ]


def hand_over(
    plan: RolloutPlan,
    state: State,
    now: float,
    by: str,
    cause: str,
    campsites: tuple[str, ...] | None = None,
    cameras: tuple[str, ...] = (),
) -> list[e.Event]:
    """Authority ends where it holds among ``campsites`` (None: everywhere); nothing follows where none holds."""
    affected: Places = tuple(p for p in state.granted if campsites is None or p.campsite in campsites)
    lost = tuple(camera for camera in cameras if camera not in state.withdrawn)
    if not affected or (cameras and not lost):
        return []
    return [
        e.HandoverBegan(
            at=now,
            by=by,
            handover=state.handovers_made + 1,
            cause=cause,
            places=affected,
            from_stage=state.stage_name,
            to=plan.on_call[0].user if plan.on_call else "",
            next_at=now + plan.ack_within_s,
            cameras=lost,
        )
    ]


def _cause(what: str, reason: str) -> str:
    return f"{what}: {reason}" if reason else what


def emergency_stop(plan: RolloutPlan, state: State, command: c.EmergencyStop, now: float) -> list[e.Event]:
    """Anybody, from every state, without a question. It is latched, and whoever watches next is paged."""
    chosen = None if command.campsites is None else tuple(sorted(set(command.campsites)))
    events: list[e.Event] = [e.EmergencyStopped(at=now, by=command.by.name, campsites=chosen, reason=command.reason)]
    cause = _cause(f"stopped by {command.by.name}", command.reason)
    for unit in ("",) if chosen is None else (f"site:{name}" for name in chosen):
        sites = None if chosen is None else (unit.removeprefix("site:"),)
        trip = c.BreakerTripped(breaker=EMERGENCY_STOP, unit=unit, reason=cause, campsites=sites)
        events += latched(state, now, command.by.name, trip)
    return [*events, *hand_over(plan, state, now, command.by.name, cause, chosen)]


def hold(_plan: RolloutPlan, state: State, command: c.Hold, now: float) -> list[e.Event]:
    """Anybody, from every state: the rollout goes no further, and nobody loses a warning by it."""
    cause = _cause(f"held by {command.by.name}", command.reason)
    trip = c.BreakerTripped(breaker=HOLD, unit="", reason=cause, effect=Effect.HOLD)
    return latched(state, now, command.by.name, trip)


def demote(plan: RolloutPlan, state: State, command: c.Demote, now: float) -> list[e.Event]:
    if not may_act(command.by, plan.approvals.demote.roles):
        raise Refused(
            f"{command.by.name} has none of the roles {', '.join(plan.approvals.demote.roles)}; anybody may stop"
        )
    if not state.live:
        raise Refused("nothing is live, there is nothing to take back")
    if command.to is not None:
        return _back_to(plan, state, command, command.to, now)
    chosen = command.campsites or campsites_of(state.granted)
    strangers = sorted(set(chosen) - set(campsites_of(state.granted)))
    if strangers:
        raise Refused(f"{strangers[0]} has no authority that could be taken back")
    event = e.Demoted(at=now, by=command.by.name, campsites=tuple(sorted(chosen)), reason=command.reason)
    return [event, *hand_over(plan, state, now, command.by.name, _cause("demoted", command.reason), chosen)]


def _back_to(plan: RolloutPlan, state: State, command: c.Demote, name: str, now: float) -> list[e.Event]:
    """Down to an earlier stage: its places and its mode, and never more time than is left."""
    index = plan.named(name)
    if index is None or index >= state.stage:
        earlier = ", ".join(stage.name for stage in plan.stages[: state.stage])
        raise Refused(f"{name!r} is no earlier stage; write one of: {earlier}")
    stage = plan.stages[index]
    # A campsite that would keep only some of its cameras goes as a whole: its watch is handed over as a whole.
    kept = tuple(place for place in state.granted if within((place,), stage.places))
    if stage.mode is Mode.SHADOW or not kept:
        return demote(plan, state, replace(command, to=None, campsites=()), now)
    if STRENGTH[stage.mode] > STRENGTH[state.mode]:
        raise Refused(f"{name!r} is {stage.mode}, which is more than holds now")
    gone = tuple(name for name in campsites_of(state.granted) if name not in campsites_of(kept))
    deadline = min(plan.deadline(stage, now), state.deadline_at or now)
    event = e.Demoted(
        at=now,
        by=command.by.name,
        campsites=gone,
        reason=command.reason,
        run=state.run + 1,
        stage=index,
        name=stage.name,
        mode=stage.mode,
        places=kept,
        deadline_at=deadline,
        analysis_opens_at=plan.analysis_opens_at(stage, now, deadline),
    )
    if not gone:
        return [event]
    return [event, *hand_over(plan, state, now, command.by.name, _cause("demoted", command.reason), gone)]


def breaker_tripped(plan: RolloutPlan, state: State, command: c.BreakerTripped, now: float) -> list[e.Event]:
    opened = latched(state, now, "breakers", command)
    if not opened or command.effect is not Effect.HANDOVER:
        return opened
    cause = f"breaker {command.breaker}: {command.reason}"
    return [*opened, *hand_over(plan, state, now, "breakers", cause, command.campsites, command.cameras)]


def watch_ack(plan: RolloutPlan, state: State, command: c.WatchAck, now: float) -> list[e.Event]:
    if command.by.name not in {person.user for person in plan.on_call}:
        names = ", ".join(person.user for person in plan.on_call) or "nobody"
        raise Refused(f"only somebody on call can take over the watch: {names}")
    wanted = command.handovers
    chosen = [each for each in state.handovers if wanted is None or each.id in wanted]
    if not chosen:
        raise Refused("there is no watch to take over")
    return [
        e.WatchTaken(at=now, by=command.by.name, handover=each.id, waited_s=max(0.0, now - each.since))
        for each in chosen
    ]


def close_breaker(plan: RolloutPlan, state: State, command: c.BreakerReset, now: float) -> list[e.Event]:
    """Each person's reset counts as their agreement; with the last one that is needed, the breaker closes."""
    latch = state.latch(command.latch)
    if latch is None:
        known = ", ".join(each.id for each in state.latches) or "none is open"
        raise Refused(f"there is no open breaker {command.latch!r}; open: {known}")
    if state.handovers:
        raise Refused("somebody on call must take over the watch first")
    cause = command.cause.strip()
    if len(cause) < SHORTEST_CAUSE:
        raise Refused("write what the cause was, in a sentence")
    words = approve(plan, state, c.Approve(by=command.by, step=Step.RESET, latch=latch.id, note=cause), now)
    said = words[0]
    assert isinstance(said, e.Approved)
    before = [a for a in counting(plan, state, Step.RESET, plan.approvals.resume, now, latch.id) if a.by != said.by]
    now_given = [*before, _as_approval(said)]
    closed_by = agreed(now_given, plan.approvals.resume.roles, plan.approvals.resume.need)
    if closed_by is None:
        return words
    causes = "; ".join(dict.fromkeys(a.note for a in now_given))
    closed = e.BreakerClosed(at=now, by=command.by.name, latch=latch.id, closed_by=closed_by, cause=causes)
    return [*words, closed]


def _as_approval(event: e.Approved) -> Approval:
    return Approval(event.by, event.roles, event.step, event.at, event.latch, event.note)
