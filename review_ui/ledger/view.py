"""The ledger as one person may read it: their campsites, nothing that the model says while they are blind to it.

Whoever watches blind reads the ledger only up to the moment at which they went blind: even the gaps between the
numbers of later entries would tell that something has happened.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from db.models import Alert, AlertStatus, EncounterFrame, LedgerEntry, User
from review_ui.auth.access_scope import access_scope, current_blindings
from review_ui.auth.accounts import Account
from review_ui.auth.rights import Right, may
from rollout.alerting.appeals import secret_since
from rollout.evidence.matching import MatchRule

MODEL_KEYS: Final = frozenset({"score", "unknown_score", "label"})
"""What an entry about an alert says of the model's opinion: hidden until somebody has answered."""


APPEAL_KINDS: Final = ("camper.appeal", "appeal.opened")
RAISED_KINDS: Final = ("alert.raised", "alert.recognised")
"""What may be read of an alert at which the reader may look a second time: not what was decided, nor what followed."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What to look for. Empty: everything. ``subject`` may be a beginning, as ``alert:``."""

    kind: str = ""
    subject: str = ""
    campsite: str = ""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One entry as shown. ``masked`` names what was left out of its body."""

    seq: int
    at: float
    kind: str
    subject: str
    actor: str
    who: str
    campsite: str | None
    body: dict[str, Any]
    masked: tuple[str, ...]
    previous: str
    hash: str

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "seq": self.seq,
            "at": self.at,
            "kind": self.kind,
            "subject": self.subject,
            "actor": self.actor,
            "campsite": self.campsite,
            "body": self.body,
            "masked": list(self.masked),
            "previous": self.previous,
            "hash": self.hash,
        }


@dataclass(frozen=True, slots=True)
class LedgerScope:
    """What one person may read of the ledger. ``until`` is when they went blind, None for whoever is not."""

    hidden: frozenset[str]
    all_campsites: bool
    until: float | None
    secret_since: float | None = None
    """From then on entries about appeals are left out: the reader may be the one who takes the second review."""
    second_reviews: tuple[int, ...] = ()
    """Alerts of which the reader may take a second review, and must not read what was decided first."""
    unlabelled: frozenset[str] = frozenset()
    """Their pictures, as changes of labels name them."""

    @classmethod
    def of(cls, session: Session, account: Account, now: float, rule: MatchRule) -> LedgerScope:
        """The reader that a person is now."""
        blindings = current_blindings(session, now, rule, account.id)
        mine = [blinding.since for (user, _), blinding in blindings.items() if user == account.id]
        scope = access_scope(session, account, now, rule)
        secret = secret_since(session) if may(account.role, Right.REVIEW) else None
        second_reviews = tuple(sorted(scope.second_reviews))
        return cls(
            hidden=scope.hidden,
            all_campsites=account.campsites is None,
            until=min(mine, default=None),
            secret_since=secret,
            second_reviews=second_reviews,
            unlabelled=_pictures(session, second_reviews) if second_reviews else frozenset(),
        )

    def query(self, filters: Filters) -> Select[LedgerEntry]:
        """The entries that this person may read and wants to."""
        found = select(LedgerEntry)
        theirs = LedgerEntry.campsite.not_in(self.hidden)
        found = found.where(or_(LedgerEntry.campsite.is_(None), theirs) if self.all_campsites else theirs)
        if self.until is not None:
            found = found.where(LedgerEntry.at <= self.until)
        if self.secret_since is not None:
            found = found.where(~(LedgerEntry.kind.in_(APPEAL_KINDS) & (LedgerEntry.at >= self.secret_since)))
        if self.second_reviews:
            theirs = LedgerEntry.subject.in_([f"alert:{number}" for number in self.second_reviews])
            found = found.where(~(theirs & LedgerEntry.kind.not_in(RAISED_KINDS)))
        if filters.kind:
            found = found.where(LedgerEntry.kind == filters.kind)
        if filters.subject:
            found = found.where(LedgerEntry.subject.startswith(filters.subject, autoescape=True))
        if filters.campsite:
            found = found.where(LedgerEntry.campsite == filters.campsite)
        return found


def _pictures(session: Session, alerts: Sequence[int]) -> frozenset[str]:
    """What changes of labels call the pictures of these alerts."""
    visits = session.scalars(select(Alert.encounter_id).where(Alert.id.in_(alerts))).all()
    frames = session.scalars(select(EncounterFrame.id).where(EncounterFrame.encounter_id.in_(visits)))
    return frozenset([*(f"encounter:{each}" for each in visits), *(f"frame:{each}" for each in frames)])


def page(session: Session, reader: LedgerScope, filters: Filters, before: int | None, limit: int) -> list[LedgerRow]:
    """Entries, newest first, older than ``before``."""
    query = reader.query(filters).order_by(LedgerEntry.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(LedgerEntry.seq < before)
    return _entries(session, reader, session.scalars(query).all())


def export(session: Session, reader: LedgerScope, filters: Filters) -> Iterator[str]:
    """All entries as JSON lines, oldest first."""
    rows = session.scalars(reader.query(filters).order_by(LedgerEntry.seq).execution_options(yield_per=500))
    for part in rows.partitions():
        for entry in _entries(session, reader, part):
            yield json.dumps(entry.plain(), ensure_ascii=False) + "\n"


def kinds(session: Session) -> list[str]:
    """The kinds of entries that there are."""
    return list(session.scalars(select(LedgerEntry.kind).distinct().order_by(LedgerEntry.kind)))


def _entries(session: Session, reader: LedgerScope, rows: Sequence[LedgerEntry]) -> list[LedgerRow]:
    names = _names(session, {row.actor for row in rows})
    unanswered = _unanswered(session, {row.subject for row in rows})
    unanswered |= {f"alert:{number}" for number in reader.second_reviews}
    return [_entry(row, names, unanswered, reader) for row in rows]


def _entry(row: LedgerEntry, names: dict[str, str], unanswered: set[str], reader: LedgerScope) -> LedgerRow:
    body: dict[str, Any] = json.loads(row.body)
    masked = tuple(sorted(MODEL_KEYS & body.keys())) if row.subject in unanswered else ()
    if row.kind == "labels.changed" and any(edit[0] in reader.unlabelled for edit in body.get("edits", ())):
        masked = (*masked, "edits")
    return LedgerRow(
        seq=row.seq,
        at=row.at,
        kind=row.kind,
        subject=row.subject,
        actor=row.actor,
        who=names.get(row.actor, row.actor),
        campsite=row.campsite,
        body={key: value for key, value in body.items() if key not in masked},
        masked=masked,
        previous=row.previous,
        hash=row.hash,
    )


def _names(session: Session, actors: set[str]) -> dict[str, str]:
    numbers = {number for actor in actors if (number := _number(actor, "user")) is not None}
    found = session.execute(select(User.id, User.name).where(User.id.in_(numbers)))
    return {f"user:{number}": name for number, name in found}


def _unanswered(session: Session, subjects: set[str]) -> set[str]:
    numbers = {number for subject in subjects if (number := _number(subject, "alert")) is not None}
    query = select(Alert.id).where(Alert.id.in_(numbers), Alert.status == AlertStatus.OPEN)
    return {f"alert:{number}" for number in session.scalars(query)}


def _number(text: str, kind: str) -> int | None:
    name, _, number = text.partition(":")
    return int(number) if name == kind and number.isascii() and number.isdigit() and len(number) < 10 else None
