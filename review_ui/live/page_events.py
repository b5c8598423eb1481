"""Ledger entries as open pages may hear of them: what changed, never what the model thinks."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from fastapi.sse import format_sse_event
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from db.models import Alert, Encounter, LedgerEntry
from review_ui.auth.access_scope import AccessScope
from review_ui.auth.accounts import Account

CAMPER_KINDS: Final = ("camper.report", "camper.complaint", "camper.handled")
"""What people wrote or did: it reaches those who are blind to the campsite too. Appeals are not announced."""
KINDS: Final = ("alert.", "review.", "sighting.", "watch.", *CAMPER_KINDS)
OWN_KINDS: Final = ("sighting.", "watch.")
"""A person's own acts: these reach their other pages even while the campsite is hidden."""


@dataclass(frozen=True)
class Happening:
    """One ledger entry, as far as a page may know it."""

    seq: int
    kind: str
    subject: str
    campsite: str | None
    actor: str
    span: tuple[float, float] | None = None
    """For an alert: the first and last moment of what the model saw."""
    camera: str | None = None
    """For an alert: the camera that saw it."""

    @cached_property
    def wire(self) -> bytes:
        """As it goes to every page that may know of it."""
        data = {"kind": self.kind, "subject": self.subject, "campsite": self.campsite}
        return on_the_wire("ledger", data, id=self.seq)

    def may_reach(self, account: Account, scope: AccessScope) -> bool:
        """Whether this person may hear of it now."""
        if scope.shows(self.campsite, self.span, self.camera):
            return True
        if self.kind in CAMPER_KINDS:
            return self.campsite is None or account.covers(self.campsite)
        return self.kind.startswith(OWN_KINDS) and self.actor == f"user:{account.id}"


def on_the_wire(name: str, data: Any, *, id: int | None = None, retry: int | None = None) -> bytes:
    """A server-sent event as its bytes; ``retry`` in milliseconds."""
    said = json.dumps(data, separators=(",", ":"))
    return format_sse_event(data_str=said, event=name, id=None if id is None else str(id), retry=retry)


def entries() -> Select[int, str, str, str | None, str]:
    """A query for ledger entries in their order, without their bodies: pages are not told what those say."""
    columns = (LedgerEntry.seq, LedgerEntry.kind, LedgerEntry.subject, LedgerEntry.campsite, LedgerEntry.actor)
    return select(*columns).order_by(LedgerEntry.seq)


def happenings(session: Session, rows: Collection[Any]) -> list[Happening]:
    """Those of the rows of :func:`entries` that pages hear of at all."""
    wanted = [row for row in rows if row.kind.startswith(KINDS)]
    seen = _seen(session, {number for row in wanted if (number := _alert_number(row.subject)) is not None})
    return [
        Happening(row.seq, row.kind, row.subject, row.campsite, row.actor, *seen.get(_alert_number(row.subject), ()))
        for row in wanted
    ]


def _seen(session: Session, alerts: Collection[int]) -> dict[int | None, tuple[tuple[float, float], str]]:
    """From when to when what each alert is about was seen, and by which camera."""
    if not alerts:
        return {}
    rows = session.execute(
        select(Alert.id, Alert.camera_id, Encounter.first_at, Encounter.last_at)
        .join(Encounter, Encounter.id == Alert.encounter_id)
        .where(Alert.id.in_(alerts))
    )
    return {row.id: ((row.first_at, row.last_at), row.camera_id) for row in rows}


def _alert_number(subject: str) -> int | None:
    kind, _, number = subject.partition(":")
    return int(number) if kind == "alert" and number.isascii() and number.isdigit() else None
