"""The events of the rollout in the database: read, replayed, and appended.

Replay needs no snapshots: a process remembers the state up to the newest event that it has seen and reads only what
came after. Two writers at once are safe: an event's number is one more than that of the event before it, and the
second writer of the same number fails and looks again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import Pool, insert, select
from sqlalchemy.orm import Session

from db.models import RolloutEvent
from rollout.stages.events import Event, from_json, kind_of, to_json
from rollout.stages.evolve import evolve
from rollout.stages.state import State

_COLUMNS: Final = (RolloutEvent.seq, RolloutEvent.at, RolloutEvent.kind, RolloutEvent.body)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A stored event with its number."""

    seq: int
    kind: str
    actor: str
    epoch: int
    event: Event


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A state, and the stored text of the event that led to it: if that row has changed, it is another history."""

    state: State
    body: str


_memory: WeakKeyDictionary[Pool, _Remembered] = WeakKeyDictionary()
"""By the pool of connections: a database's reading and writing sessions share it."""
_guard = Lock()


def load(session: Session) -> State:
    """The state that follows from all events."""
    pool = session.get_bind().engine.pool
    with _guard:
        known = _memory.get(pool)
    state, body = (known.state, known.body) if known else (State(), "")
    rows = session.execute(select(*_COLUMNS).where(RolloutEvent.seq >= state.seq).order_by(RolloutEvent.seq)).all()
    if known and (not rows or rows[0].seq != state.seq or rows[0].body != body):
        return _replayed(session, pool)
    return _remember(pool, state, body, rows[1:] if known else rows)


def _replayed(session: Session, pool: Pool) -> State:
    rows = session.execute(select(*_COLUMNS).order_by(RolloutEvent.seq)).all()
    return _remember(pool, State(), "", rows)


def _remember(pool: Pool, state: State, body: str, rows: Sequence[object]) -> State:
    for row in rows:
        body = row.body  # type: ignore[attr-defined]  # a row of the four columns
        state = evolve(state, from_json(row.kind, body))  # type: ignore[attr-defined]
    if rows:
        with _guard:
            _memory[pool] = _Remembered(state, body)
    return state


def append(session: Session, state: State, events: Sequence[Event], actors: Sequence[str]) -> State:
    """Store events that follow ``state``; returns the state after them.

    Raises ``sqlalchemy.exc.IntegrityError`` when somebody else was first: the whole transaction is to be repeated.
    """
    rows = []
    for event, actor in zip(events, actors, strict=True):
        rows.append(
            {
                "seq": state.seq + 1,
                "at": event.at,
                "kind": kind_of(event),
                "actor": actor,
                "epoch": state.epoch,
                "key": event.key,
                "body": to_json(event),
            }
        )
        state = evolve(state, event)
    if rows:
        session.execute(insert(RolloutEvent), rows)
    return state


def history(session: Session, limit: int = 100, before: int | None = None) -> list[StoredEvent]:
    """The newest events first, or those before an event's number."""
    query = select(RolloutEvent).order_by(RolloutEvent.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(RolloutEvent.seq < before)
    return [_entry(row) for row in session.scalars(query)]


def everything(session: Session) -> Iterator[StoredEvent]:
    """All events in order."""
    rows = session.scalars(select(RolloutEvent).order_by(RolloutEvent.seq).execution_options(yield_per=1000))
    return map(_entry, rows)


def _entry(row: RolloutEvent) -> StoredEvent:
    return StoredEvent(row.seq, row.kind, row.actor, row.epoch, from_json(row.kind, row.body))
