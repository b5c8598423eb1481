"""Commands to the rollout: decided, stored, granted, paged and recorded in one transaction.

The page, the API, the command line and the controller all come through :func:`execute` (inside their transaction) or
:func:`perform` (which also reads back what then holds, where everybody reads it).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.ledger import lock, record
from db.models import AnalysisReason, BreakerTrip, Mode, User
from db.session import Database
from rollout.alerting.alerts import page
from rollout.authority.leases import altered, died_at, effective, expiries, granted_modes, write_leases
from rollout.base.durations import Duration
from rollout.breakers import open_trips, reset
from rollout.control.analysis import AnalysisRun, Measure, run_analysis
from rollout.control.analysis_store import store
from rollout.control.page_rules import pages
from rollout.control.verification import unrecorded
from rollout.stages import commands as c
from rollout.stages import events as e
from rollout.stages.account_checks import as_accounts_stand
from rollout.stages.commands import Command, Person
from rollout.stages.decide import RECORD, decide
from rollout.stages.event_store import append, load
from rollout.stages.events import Event, kind_of, to_body
from rollout.stages.plan import RolloutPlan
from rollout.stages.rollback import latch_id
from rollout.stages.state import State

log = logging.getLogger(__name__)

Modes = tuple[tuple[str, str], ...]
"""Campsite and mode, in order of the campsites."""
TRIES: Final = 5
"""So often a transaction is repeated when somebody else was first."""
_CHANGES_AUTHORITY: Final = (
    e.StageStarted,
    e.Demoted,
    e.HandoverBegan,
    e.WatchTaken,
    e.StageExtended,
    e.BreakerOpened,
    e.BreakerClosed,
    e.ModeDiffers,
)


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """What a command led to: the events, and the state after them. No events: it had been obeyed before."""

    state: State
    events: tuple[Event, ...]

    @property
    def held(self) -> e.PromotionHeld | None:
        """Why a wish to go on was held, if it was."""
        return next((event for event in self.events if isinstance(event, e.PromotionHeld)), None)

    @property
    def started(self) -> e.StageStarted | None:
        """The run that began, if one did."""
        return next((event for event in self.events if isinstance(event, e.StageStarted)), None)


def execute(
    session: Session, plan: RolloutPlan, command: Command, now: float, actor: str | None = None
) -> CommandOutcome:
    """Obey a command inside the caller's writing transaction.

    1. Be the only writer, and read the state; approvals count as their people's accounts stand now.
    2. Decide. :class:`rollout.stages.commands.Refused` leaves no trace.
    3. Store the events, write the leases, page whom they page, close what the breakers keep, record all of it.

    ``actor`` is how the ledger names who did it, as ``user:3``; unset, the event's own ``by``. Authority changes with
    the caller's commit, everywhere at once, since it is read at each act.
    """
    lock(session)
    state = load(session)
    if isinstance(command, c.Promote):
        command = replace(command, open_trips=tuple(latch_id(t.breaker, str(t.unit)) for t in open_trips(session)))
    events = decide(plan, as_accounts_stand(session, state), command, now)
    if not events:
        return CommandOutcome(state, ())
    return _write(session, plan, state, events, now, actor)


def perform(
    database: Database,
    plan: RolloutPlan,
    command: Command,
    now: float,
    actor: str | None = None,
    analysis: AnalysisRun | None = None,
) -> CommandOutcome:
    """As :func:`execute`, in transactions of its own: obey, then read back what holds, and record what was read.

    ``analysis`` is what the command rests on; it is stored in the transaction that obeys. A writer who was
    overtaken by another begins anew.
    """
    for left in reversed(range(TRIES)):
        try:
            with database.write() as session:
                outcome = execute(session, plan, command, now, actor)
                if analysis is not None:
                    store(session, plan, analysis, AnalysisReason.STEP)
            break
        except IntegrityError:
            if not left:
                raise
            log.warning("somebody else wrote to the rollout first; deciding again")
    return CommandOutcome(confirm(database, plan, now) or outcome.state, outcome.events) if outcome.events else outcome


def confirm(database: Database, plan: RolloutPlan, now: float) -> State | None:
    """Read back what holds at each campsite; record it after a change, and trip where it is not what was granted.

    Returns the state after that, None when there was nothing to record. A lease that has died is not a difference but
    a lost lease: the controller and the watchdog look for those.
    """
    with database.read() as session:
        state = load(session)
        as_written = effective(session, state, now) == granted_modes(state) and not altered(session, state, now)
        if not state.unconfirmed and as_written:
            return None
    with database.write() as session:
        lock(session)
        state = load(session)
        if died_at(state, expiries(session), now) is not None:
            return None
        changed = altered(session, state, now)
        found = _as_found(effective(session, state, now), granted_modes(state), changed)
        after = execute(session, plan, c.ModeRead(expected=granted_modes(state), found=found), now).state
        if changed:
            # Whatever was decided about it: no row stays that the rollout has not written.
            write_leases(session, after, now, None, plan.defaults.freshness)
        return after


def _as_found(effective_modes: Modes, granted: Modes, changed: Collection[str]) -> Modes:
    """What was read back; a lease that was not written like that is a difference also where the same mode holds."""
    modes = dict(effective_modes)
    expected = dict(granted)
    for campsite in changed:
        mode = modes.get(campsite, Mode.SHADOW.value)
        if mode == expected.get(campsite, Mode.SHADOW.value):
            modes[campsite] = f"{mode}, but not as it was written"
    return tuple(sorted(modes.items()))


def promote(
    database: Database,
    plan: RolloutPlan,
    by: Person,
    now: float,
    *,
    key: str | None = None,
    epoch: int | None = None,
    rerun_stage: bool = False,
    actor: str | None = None,
    measures: Sequence[Measure] | None = None,
) -> CommandOutcome:
    """Analyse the gates, then ask to go on, in transactions of its own; what the analysis found is stored.

    The analysis keeps no writer waiting. What changes between the two makes the wish refused: it names the approval
    epoch in which the analysis ran.
    """
    with database.read() as session:
        state = load(session)
        found = run_analysis(session, plan, state, now, measures)
        command = c.Promote(
            by=by,
            key=key,
            epoch=epoch or state.epoch,
            gates=found.gates,
            able=able(session, plan),
            rerun_stage=rerun_stage,
        )
    return perform(database, plan, command, now, actor, found)


def more_time(
    database: Database,
    plan: RolloutPlan,
    by: Person,
    longer: Duration,
    now: float,
    *,
    key: str | None = None,
    epoch: int | None = None,
    actor: str | None = None,
) -> CommandOutcome:
    """Analyse the gates, then ask for more time for the running stage, as :func:`go_on` does."""
    with database.read() as session:
        state = load(session)
        found = run_analysis(session, plan, state, now)
    command = c.Extend(by=by, longer=longer, gates=found.gates, key=key, epoch=epoch or state.epoch)
    return perform(database, plan, command, now, actor, found)


def able(session: Session, plan: RolloutPlan) -> tuple[str, ...]:
    """Those on call whose accounts exist and are switched on."""
    names = [person.user for person in plan.on_call]
    return tuple(
        session.scalars(select(User.name).where(User.name.in_(names), User.active.is_(True)).order_by(User.id))
    )


def person(user: User) -> Person:
    """An account as the rollout sees it."""
    return Person(user.name, (user.role,))


def renew(session: Session, plan: RolloutPlan, now: float, seen_by: str) -> CommandOutcome:
    """Renew what is granted; if it has died meanwhile, it is not revived but handed over.

    Call it in a writing transaction, every few seconds at most; only the controller does.
    """
    lock(session)
    state = load(session)
    forged = unrecorded(session)
    if forged is not None and state.latch(RECORD) is None:
        return execute(session, plan, c.Untrusted(forged), now)
    dead = died_at(state, expiries(session), now)
    if dead is not None:
        return execute(session, plan, c.LeaseLost(seen_by=seen_by, expired_at=dead), now)
    if state.live:
        write_leases(session, state, now, plan.lease_ttl_s, plan.defaults.freshness)
    return CommandOutcome(state, ())


def _write(
    session: Session, plan: RolloutPlan, before: State, events: list[Event], now: float, actor: str | None
) -> CommandOutcome:
    actors = [actor or event.by for event in events]
    state = append(session, before, events, actors)
    if any(isinstance(event, _CHANGES_AUTHORITY) for event in events):
        fresh = any(isinstance(event, e.StageStarted) for event in events)
        write_leases(session, state, now, plan.lease_ttl_s if fresh else None, plan.defaults.freshness)
    _close_trips(session, events, now)
    for index, wanted in pages(plan, events):
        page(
            session,
            key=f"rollout:{before.seq + 1 + index}",
            title=wanted.title,
            body=wanted.body,
            targets=wanted.targets,
            now=now,
            campsite=wanted.campsite,
        )
    for index, (event, who) in enumerate(zip(events, actors, strict=True)):
        record(
            session,
            at=now,
            kind=f"rollout.{kind_of(event)}"[:40],
            subject=f"rollout:{before.seq + 1 + index}",
            actor=who,
            body=to_body(event),
        )
    return CommandOutcome(state, tuple(events))


def _close_trips(session: Session, events: list[Event], now: float) -> None:
    """A breaker that people have closed begins anew where it is watched."""
    closed = {event.latch: event for event in events if isinstance(event, e.BreakerClosed)}
    if not closed:
        return
    for trip in session.scalars(select(BreakerTrip).where(BreakerTrip.reset_at.is_(None))):
        event = closed.get(latch_id(trip.breaker, f"{trip.scope}:{trip.scope_id}"))
        if event is not None:
            reset(session, trip.id, event.closed_by, event.cause, now)
