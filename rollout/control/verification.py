"""Prove the rollout: its events are complete, the ledger says the same, and what holds is what was granted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.ledger import verify
from db.models import LedgerEntry, RolloutEvent
from rollout.authority.leases import died_at, effective, expiries, granted_modes
from rollout.stages.event_store import load
from rollout.stages.events import KINDS, from_json
from rollout.stages.evolve import evolve
from rollout.stages.state import State

NEWEST: Final = 25
"""So many events are held against the ledger at each renewal: far more than happen between two."""


@dataclass(frozen=True, slots=True)
class RolloutVerification:
    """What a walk over the whole rollout found; without problems it is proved."""

    events: int
    head: str
    phase: str
    problems: tuple[str, ...]


def verify_rollout(session: Session, now: float) -> RolloutVerification:
    """Check all of it.

    1. The ledger's chain is unbroken.
    2. The events are numbered without a gap, and each stands in the ledger with the same words.
    3. Replayed from the beginning they lead to the state that this process works with.
    4. What holds at each campsite is what the state grants, unless a lease has just died.
    """
    problems: list[str] = []
    chain = verify(session)
    if chain.broken_at is not None:
        problems.append(f"the ledger is broken at entry {chain.broken_at}: {chain.why}")
    recorded = _recorded(session)
    state, count = State(), 0
    for row in session.scalars(select(RolloutEvent).order_by(RolloutEvent.seq)):
        count += 1
        problems += _event(row, count, recorded)
        if row.kind not in KINDS:
            problems.append(f"event {row.seq} is of a kind that this version does not know: {row.kind}")
            break
        state = evolve(state, from_json(row.kind, row.body))
    for seq in sorted(set(recorded) - set(range(1, count + 1))):
        problems.append(f"the ledger knows event {seq}, which is missing")
    if not problems and state != load(session):
        problems.append("replayed from the beginning the rollout stands elsewhere than this process believes")
    if not problems and died_at(state, expiries(session), now) is None:
        found, granted = effective(session, state, now), granted_modes(state)
        if found != granted:
            problems.append(f"what holds is {dict(found) or 'nothing'}, granted is {dict(granted) or 'nothing'}")
    return RolloutVerification(count, chain.head, state.phase.value, tuple(problems))


def unrecorded(session: Session, newest: int = NEWEST) -> str | None:
    """What is wrong with the newest events: one stands in the ledger with other words, or not at all. None: nothing.

    The controller asks at each renewal, so that power which somebody wrote into the database by hand ends with it.
    """
    rows = session.scalars(select(RolloutEvent).order_by(RolloutEvent.seq.desc()).limit(newest)).all()
    subjects = [f"rollout:{row.seq}" for row in rows]
    entries = session.execute(
        select(LedgerEntry.subject, LedgerEntry.kind, LedgerEntry.body).where(LedgerEntry.subject.in_(subjects))
    )
    recorded = {
        int(subject.partition(":")[2]): (kind, body) for subject, kind, body in entries if kind.startswith("rollout.")
    }
    problems = [problem for row in rows for problem in _event(row, row.seq, recorded)]
    return problems[-1] if problems else None


def _recorded(session: Session) -> dict[int, tuple[str, str]]:
    rows = session.execute(
        select(LedgerEntry.subject, LedgerEntry.kind, LedgerEntry.body).where(LedgerEntry.subject.like("rollout:%"))
    )
    return {int(subject.partition(":")[2]): (kind, body) for subject, kind, body in rows if kind.startswith("rollout.")}


def _event(row: RolloutEvent, expected: int, recorded: dict[int, tuple[str, str]]) -> list[str]:
    if row.seq != expected:
        return [f"event {expected} is missing"]
    if row.seq not in recorded:
        return [f"event {row.seq} does not stand in the ledger"]
    kind, body = recorded[row.seq]
    if kind != f"rollout.{row.kind}"[:40] or json.loads(body) != json.loads(row.body):
        return [f"event {row.seq} says something else than the ledger"]
    return []
