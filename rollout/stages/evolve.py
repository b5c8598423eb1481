"""What one more event makes of the state. Replaying all of them gives the state that was there live. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from db.models import Mode
from rollout.base.scopes import Places, campsites_of, common, without
from rollout.stages import events as e
from rollout.stages.commands import Effect, Step
from rollout.stages.state import Approval, Handover, Latch, State

if TYPE_CHECKING:
    from dataclasses import replace as changed
else:

    def changed(state: State, **values: Any) -> State:
        """A copy with other values, as ``dataclasses.replace`` makes it: but that goes through the constructor, and
        replaying a year makes forty thousand copies of thirty values."""
        copy = object.__new__(State)
        copy.__dict__.update(state.__dict__, **values)
        return copy


def evolve(state: State, event: e.Event) -> State:
    """The state after one more event."""
    if event.key is not None:
        state = changed(state, keys=state.keys | {(state.epoch, event.key)})
    after = _EVOLVE[type(event)](state, event)
    return changed(after, seq=state.seq + 1, at=event.at)


def replay(events: Iterable[e.Event], state: State | None = None) -> State:
    """The state after all of them."""
    return reduce(evolve, events, state or State())


def _plan_read(state: State, event: e.PlanRead) -> State:
    return changed(
        state,
        plan_digest=event.digest,
        author=event.author,
        stage=event.stage,
        terms=event.terms,
        rules=event.rules,
    )


def _stage_started(state: State, event: e.StageStarted) -> State:
    live = event.mode is not Mode.SHADOW
    began = _new_epoch(state, state.epoch + 1) if live else state
    return changed(
        began,
        run=event.run,
        stage=event.stage,
        stage_name=event.name,
        mode=event.mode,
        started_at=event.at,
        deadline_at=event.deadline_at,
        analysis_opens_at=event.analysis_opens_at,
        timezone=event.timezone,
        tzdata=event.tzdata,
        granted=event.places if live else (),
        cameras_at_start=event.cameras_at_start if live else (),
        withdrawn=(),
        veto_s=event.veto_s,
        ranger_ack_s=event.ranger_ack_s,
        warned=(),
        overdue=False,
        extensions=0,
        evidence_since=event.at if state.evidence_since is None else state.evidence_since,
        unconfirmed=live,
    )


def _promotion_held(state: State, event: e.PromotionHeld) -> State:
    """Who asks first is the author of the step; who has agreed already only asks what came of it."""
    known = state.proposer is not None or any(a.by == event.by for a in state.approvals)
    return state if known else changed(state, proposer=event.by)


def _approvals_cleared(state: State, event: e.ApprovalsCleared) -> State:
    return _new_epoch(state, event.epoch)


def _approved(state: State, event: e.Approved) -> State:
    fresh = Approval(event.by, event.roles, event.step, event.at, event.latch, event.note)
    others = [a for a in state.approvals if (a.by, a.step, a.latch) != (fresh.by, fresh.step, fresh.latch)]
    return changed(state, approvals=(*others, fresh))


def _deadline_near(state: State, event: e.DeadlineNear) -> State:
    return changed(state, warned=(*state.warned, *event.before_s))


def _overdue(state: State, _event: e.Overdue) -> State:
    return changed(state, overdue=True)


def _breaker_opened(state: State, event: e.BreakerOpened) -> State:
    latch = Latch(
        event.latch, event.breaker, event.unit, event.reason, event.effect, event.at, event.campsites, event.cameras
    )
    others = tuple(each for each in state.latches if each.id != event.latch)
    return changed(state, latches=(*others, latch), unconfirmed=True)


def _breaker_closed(state: State, event: e.BreakerClosed) -> State:
    closed = next((latch for latch in state.latches if latch.id == event.latch), None)
    left = tuple(latch for latch in state.latches if latch.id != event.latch)
    still = {camera for latch in left for camera in latch.cameras if latch.effect is Effect.HANDOVER}
    back = set(closed.cameras if closed else ()) - still
    return changed(
        state,
        latches=left,
        approvals=tuple(a for a in state.approvals if a.latch != event.latch),
        # A camera comes back with the breaker that took it; what was handed over as a whole waits for a new run.
        withdrawn=tuple(camera for camera in state.withdrawn if camera not in back),
        unconfirmed=True,
    )


def _model_replaced(state: State, event: e.ModelReplaced) -> State:
    return changed(_new_epoch(state, state.epoch + 1), model=event.digest, evidence_since=event.at, overdue=False)


def _demoted(state: State, event: e.Demoted) -> State:
    left = without(state.granted, event.campsites)
    if event.stage is None:
        return _less(state, left)
    went_back = changed(
        state,
        run=event.run or state.run,
        stage=event.stage,
        stage_name=event.name or state.stage_name,
        mode=event.mode or state.mode,
        started_at=event.at,
        deadline_at=event.deadline_at,
        analysis_opens_at=event.analysis_opens_at,
        warned=(),
        extensions=0,
        veto_s=None if event.mode is Mode.ASSISTED else state.veto_s,
    )
    return _less(went_back, common(left, event.places))


def _handover_began(state: State, event: e.HandoverBegan) -> State:
    fresh = Handover(
        event.handover,
        event.cause,
        event.places,
        event.cameras,
        event.from_stage,
        event.at,
        0,
        event.to,
        event.next_at,
    )
    opened = changed(state, handovers=(*state.handovers, fresh), handovers_made=event.handover)
    if event.cameras:
        withdrawn = tuple(sorted({*state.withdrawn, *event.cameras}))
        return changed(_new_epoch(opened, state.epoch + 1), withdrawn=withdrawn, unconfirmed=True)
    return _less(opened, without(state.granted, campsites_of(event.places)))


def _escalated(state: State, event: e.Escalated) -> State:
    return changed(
        state,
        handovers=tuple(
            replace(each, level=event.level, to=event.to, next_at=event.next_at) if each.id == event.handover else each
            for each in state.handovers
        ),
    )


def _watch_taken(state: State, event: e.WatchTaken) -> State:
    left = tuple(each for each in state.handovers if each.id != event.handover)
    return changed(state, handovers=left, watched_at=event.at, unconfirmed=True)


def _extended(state: State, event: e.StageExtended) -> State:
    return changed(
        _new_epoch(state, state.epoch + 1),
        deadline_at=event.deadline_at,
        analysis_opens_at=event.analysis_opens_at,
        extensions=state.extensions + 1,
        warned=(),
    )


def _mode_confirmed(state: State, _event: e.ModeConfirmed) -> State:
    return changed(state, unconfirmed=False)


def _unchanged(state: State, _event: e.Event) -> State:
    return state


def _new_epoch(state: State, epoch: int) -> State:
    keys = frozenset(pair for pair in state.keys if pair[0] >= epoch - 1)
    return changed(state, epoch=epoch, approvals=_resets(state.approvals), proposer=None, keys=keys)


def _resets(approvals: tuple[Approval, ...]) -> tuple[Approval, ...]:
    """What was said about a breaker stays said: clearing is about going on."""
    return tuple(a for a in approvals if a.step is Step.RESET)


def _less(state: State, left: Places) -> State:
    """Authority only in what is left; without anything left the stage is over."""
    fewer = changed(_new_epoch(state, state.epoch + 1), granted=left, unconfirmed=True)
    if left:
        return fewer
    return changed(
        fewer,
        stage=0,
        stage_name="",
        mode=Mode.SHADOW,
        started_at=None,
        deadline_at=None,
        analysis_opens_at=None,
        cameras_at_start=(),
        withdrawn=(),
        warned=(),
        extensions=0,
        veto_s=None,
        ranger_ack_s=None,
    )


_EVOLVE: Final[dict[type[e.Event], Callable[[State, Any], State]]] = {
    e.PlanRead: _plan_read,
    e.StageStarted: _stage_started,
    e.PromotionHeld: _promotion_held,
    e.ApprovalsCleared: _approvals_cleared,
    e.Approved: _approved,
    e.DeadlineNear: _deadline_near,
    e.Expired: _unchanged,
    e.Overdue: _overdue,
    e.BreakerOpened: _breaker_opened,
    e.BreakerClosed: _breaker_closed,
    e.ModelReplaced: _model_replaced,
    e.EmergencyStopped: _unchanged,
    e.Demoted: _demoted,
    e.HandoverBegan: _handover_began,
    e.Escalated: _escalated,
    e.WatchTaken: _watch_taken,
    e.StageExtended: _extended,
    e.LeaseMissed: _unchanged,
    e.ModeConfirmed: _mode_confirmed,
    e.ModeDiffers: _unchanged,
}
