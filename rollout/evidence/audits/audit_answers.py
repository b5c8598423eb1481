"""Take what an auditor found on a sheet: append-only, once per idempotency key."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.ledger import record
from db.models import AuditAnswer, AuditSheet, BearSeen


class AnswerRefused(ValueError):
    """The answer does not fit its sheet; the message says why."""


def answer(
    session: Session, sheet_id: int, user_id: int, bear: BearSeen, marked: Sequence[int], key: str, now: float
) -> AuditAnswer:
    """Write an answer down.

    1. The same idempotency key again returns the answer already written: a doubled click is one answer.
    2. "Yes" marks at least one thumbnail, "no" marks none; every mark names a thumbnail of the sheet. Otherwise
       :class:`AnswerRefused`.
    3. A second answer to a sheet is a new row; the newest counts.

    Nothing is revealed: neither whether the sheet was planted nor what the model had said.
    """
    known = session.scalar(select(AuditAnswer).where(AuditAnswer.idempotency_key == key))
    if known is not None:
        return known
    sheet = session.get(AuditSheet, sheet_id)
    if sheet is None:
        raise AnswerRefused(f"there is no contact sheet {sheet_id}")
    marks = sorted(set(marked))
    _check(sheet, bear, marks)
    row = AuditAnswer(sheet_id=sheet.id, user_id=user_id, bear=bear, marked=marks, answered_at=now, idempotency_key=key)
    session.add(row)
    session.flush()
    record(
        session,
        at=now,
        kind="audit.answered",
        subject=f"sheet:{sheet.id}",
        actor=f"user:{user_id}",
        campsite=sheet.campsite_id,
        body={"answer": row.id, "bear": bear, "marked": marks},
    )
    return row


def _check(sheet: AuditSheet, bear: BearSeen, marks: Sequence[int]) -> None:
    if any(not 0 <= mark < len(sheet.thumbnails) for mark in marks):
        raise AnswerRefused(
            f"the sheet has {len(sheet.thumbnails)} thumbnails; {list(marks)} names one that it has not"
        )
    if bear is BearSeen.YES and not marks:
        raise AnswerRefused("mark at least one thumbnail that shows the bear")
    if bear is BearSeen.NO and marks:
        raise AnswerRefused("thumbnails are marked although there is no bear; take the marks back or answer yes")
