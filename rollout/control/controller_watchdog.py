"""Notice, from another process, that the controller is dead or cut off.

Authority dies by itself then; what must not happen is that nobody knows. The watchdog records it, hands the watch
over, pages, and goes on escalating as long as nobody answers.
"""

from __future__ import annotations

from collections.abc import Mapping

from db.session import Database
from rollout.authority.leases import died_at, expiries
from rollout.control.service import CommandOutcome, perform
from rollout.stages import commands as c
from rollout.stages.event_store import load
from rollout.stages.plan import RolloutPlan
from rollout.stages.state import State


def due_command(state: State, expires: Mapping[str, float], now: float, seen_by: str) -> c.Command | None:
    """What a watchdog has to do now; None when all is well. Pure.

    1. The running stage's time is over and the controller has not ended it: time has passed.
    2. A lease that the state still grants has died: it is lost.
    3. A handover is open: time has passed, so that escalation goes on without the controller.
    """
    if state.live and state.deadline_at is not None and now >= state.deadline_at:
        return c.Tick()
    dead = died_at(state, expires, now)
    if dead is not None:
        return c.LeaseLost(seen_by=seen_by, expired_at=dead)
    return c.Tick() if any(now >= each.next_at for each in state.handovers) else None


def watch(database: Database, plan: RolloutPlan, now: float, seen_by: str = "watchdog") -> CommandOutcome | None:
    """Check once, and do what has to be done. Safe beside a controller that lives after all."""
    with database.read() as session:
        state = load(session)
        command = due_command(state, expiries(session), now, seen_by)
    return None if command is None else perform(database, plan, command, now)
