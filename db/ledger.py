"""The ledger: append-only, hash-chained, written in the transaction whose event it records.

The pages follow it too: an entry's ``seq`` is the id of a live event, so that a browser that was away asks for
everything after the last one it saw.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from db.models import LedgerEntry

GENESIS = "0" * 64
ASK_EVERY = 500
"""Entries that are verified before anybody is asked whether that is enough."""
_POSTGRES_LOCK = 0x6265_6172
"""Advisory lock that lets one transaction at a time extend the chain; SQLite has only one writer anyway."""
_IN_ORDER = select(LedgerEntry).order_by(LedgerEntry.seq).execution_options(yield_per=1000)


def record(
    session: Session,
    *,
    at: float,
    kind: str,
    subject: str,
    actor: str,
    campsite: str | None = None,
    body: Mapping[str, Any] | None = None,
) -> LedgerEntry:
    """Append an entry. Call it last in a transaction: on PostgreSQL it waits for other writers until they commit."""
    lock(session)
    last = session.execute(select(LedgerEntry.seq, LedgerEntry.hash).order_by(LedgerEntry.seq.desc()).limit(1)).first()
    seq, previous = (last.seq + 1, last.hash) if last else (1, GENESIS)
    entry = LedgerEntry(
        seq=seq,
        at=at,
        kind=kind,
        subject=subject,
        actor=actor,
        campsite=campsite,
        body=json.dumps(body or {}, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
        previous=previous,
        hash="",
    )
    entry.hash = digest(entry)
    session.add(entry)
    session.flush()
    return entry


def lock(session: Session) -> None:
    """Be the only transaction that writes the ledger until this one ends.

    Call it first where a decision depends on what others may be writing at this moment.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})


def digest(entry: LedgerEntry) -> str:
    """SHA-256 over the entry's fields and the hash before it."""
    fields = [
        entry.seq,
        repr(entry.at),
        entry.kind,
        entry.subject,
        entry.actor,
        entry.campsite,
        entry.body,
        entry.previous,
    ]
    return hashlib.sha256(json.dumps(fields, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Verification:
    """What a walk over the whole chain found."""

    entries: int
    head: str
    broken_at: int | None
    why: str | None
    complete: bool = True
    """False when the walk was broken off: what comes after ``head`` was not looked at."""


def verify(session: Session, enough: Callable[[], bool] | None = None) -> Verification:
    """Walk the chain from its beginning; stop at the first entry that does not fit.

    ``enough`` is asked now and then, and breaks the walk off when it says so.
    """
    count, previous = 0, GENESIS
    with closing(session.scalars(_IN_ORDER)) as entries:
        for entry in entries:
            count += 1
            why = _misfit(entry, count, previous)
            if why:
                return Verification(count, previous, entry.seq, why)
            previous = entry.hash
            if enough is not None and count % ASK_EVERY == 0 and enough():
                return Verification(count, previous, None, None, complete=False)
    return Verification(count, previous, None, None)


def head_seq(session: Session) -> int:
    """The newest entry's number, 0 for an empty ledger."""
    return session.scalar(select(func.max(LedgerEntry.seq))) or 0


def _misfit(entry: LedgerEntry, expected_seq: int, previous: str) -> str | None:
    if entry.seq != expected_seq:
        return f"entry {expected_seq} is missing"
    if entry.previous != previous:
        return f"entry {entry.seq} does not continue the entry before it"
    if entry.hash != digest(entry):
        return f"entry {entry.seq} was changed after it was written"
    return None
