"""Corrections of labels: gathered in a draft, looked over as one change, applied as a whole or not at all.

A draft is its author's: it can be altered until it is applied or withdrawn. An applied change never alters again; to
take it back is another change. Applying one's own change needs a reason, somebody else's does not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload, selectinload

from db.ledger import record
from db.models import ChangeStatus, EditAction, LabelChange, LabelEdit
from review_ui.auth.access_scope import AccessScope
from rollout.evidence.labels.collection import applied_edits, find, visit
from rollout.evidence.labels.labelled import Labelled
from rollout.evidence.labels.vocabulary import Label

MOST_EDITS: Final = 500
"""In one change: more than that nobody looks over."""


class CannotChange(ValueError):
    """What was asked for cannot be done; the message says why and what to do."""


class UnknownWord(CannotChange):
    """The vocabulary has no such word."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What somebody wants to do with one label. ``seen`` is what it said on their page."""

    item: str
    action: EditAction
    seen: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a change. ``now`` is the label as it stands; None when it is hidden from the viewer or gone."""

    edit: LabelEdit
    now: Labelled | None
    stale: bool
    """The label has changed since the edit was made."""


def draft_of(session: Session, user_id: int) -> LabelChange | None:
    """A person's open draft."""
    query = select(LabelChange).where(LabelChange.author_id == user_id, LabelChange.status == ChangeStatus.DRAFT)
    return session.scalar(query.options(selectinload(LabelChange.edits)).order_by(LabelChange.id).limit(1))


def add_edit(session: Session, user_id: int, edit: Edit, scope: AccessScope, now: float) -> LabelChange:
    """Put an edit into one's draft, in place of an earlier one about the same label.

    Raises :class:`CannotChange` when there is no such label, it has changed, or the edit says nothing.
    """
    standing = find(session, {edit.item}, scope, now).get(edit.item)
    if standing is None or standing.removed:
        raise CannotChange("There is no such label any more. Reload the page.")
    if standing.label != edit.seen:
        raise CannotChange("The label has changed since you opened the page. Look at it again.")
    after = _after(edit)
    draft = draft_of(session, user_id) or _new_draft(session, user_id, now)
    known = next((each for each in draft.edits if each.item == edit.item), None)
    if known is None and len(draft.edits) >= MOST_EDITS:
        raise CannotChange(f"A change holds at most {MOST_EDITS} edits. Apply this one first.")
    if known is None:
        known = LabelEdit(item=edit.item, action=edit.action, before=edit.seen, after=after, at=now)
        draft.edits.append(known)
    known.action, known.before, known.after, known.at = edit.action, edit.seen, after, now
    session.flush()
    return draft


def add_edits(session: Session, user_id: int, edit: Edit, scope: AccessScope, now: float) -> LabelChange:
    """The same edit for a picture and for the others of its visit that say the same. Raises :class:`CannotChange`."""
    draft = add_edit(session, user_id, edit, scope, now)
    for other in visit(session, edit.item, scope, now)[1:]:
        if other.label == edit.seen and not other.removed:
            draft = add_edit(session, user_id, replace(edit, item=other.item), scope, now)
    return draft


def drop_edit(session: Session, user_id: int, item: str) -> bool:
    """Take an edit out of one's draft; False when it is not there."""
    draft = draft_of(session, user_id)
    known = next((each for each in draft.edits if each.item == item), None) if draft else None
    if draft is None or known is None:
        return False
    draft.edits.remove(known)
    session.flush()
    return True


def get_change(session: Session, change_id: int) -> LabelChange | None:
    """A change with its edits."""
    if not 0 < change_id < 2**31:
        return None
    query = select(LabelChange).where(LabelChange.id == change_id)
    together = (selectinload(LabelChange.edits), joinedload(LabelChange.author), joinedload(LabelChange.ended_by))
    return session.scalar(query.options(*together))


def changes(session: Session, limit: int = 50, before: int | None = None) -> Sequence[LabelChange]:
    """Open drafts that hold something, and what was applied or withdrawn, older than ``before``; newest first."""
    together = (selectinload(LabelChange.edits), joinedload(LabelChange.author), joinedload(LabelChange.ended_by))
    query = select(LabelChange).where(LabelChange.edits.any()).order_by(LabelChange.id.desc()).limit(limit)
    if before is not None:
        query = query.where(LabelChange.id < before)
    return session.scalars(query.options(*together)).all()


def diff(session: Session, change: LabelChange, scope: AccessScope, now: float) -> list[DiffLine]:
    """What a change does, line by line."""
    standing = find(session, {edit.item for edit in change.edits}, scope, now)
    return [_line(edit, standing.get(edit.item), change.status) for edit in change.edits]


def digest(edits: Sequence[LabelEdit]) -> str:
    """SHA-256 over the edits, in any order: names exactly what somebody has looked over."""
    lines = sorted([edit.item, edit.action, edit.before, edit.after] for edit in edits)
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def apply(
    session: Session, change: LabelChange, user_id: int, reason: str, seen: str, scope: AccessScope, now: float
) -> None:
    """Make a change true. Raises :class:`CannotChange`; then nothing has changed.

    1. Only a draft can be applied, and only exactly what was looked over (``seen`` is its digest).
    2. One's own change needs a reason.
    3. A label that is hidden from whoever applies it, or has changed meanwhile, stops the whole change.
    """
    if change.status != ChangeStatus.DRAFT or not change.edits:
        raise CannotChange("This change is not open any more.")
    if digest(change.edits) != seen:
        raise CannotChange("The change was altered while you looked at it. Look it over again.")
    if change.author_id == user_id and not reason:
        raise CannotChange("You apply your own change: write why nobody else needs to look at it.")
    lines = diff(session, change, scope, now)
    if any(line.now is None for line in lines):
        raise CannotChange("Some of its labels are hidden from you now, or are gone. Somebody else can apply it.")
    if any(line.stale for line in lines):
        raise CannotChange("Some labels have changed since. Take those edits out of the change and look again.")
    _end(session, change, ChangeStatus.APPLIED, user_id, reason, now)
    body = {
        "change": change.id,
        "author": change.author_id,
        "digest": seen,
        "reason": reason,
        "reverts": change.reverts_id,
        "edits": [[edit.item, edit.action, edit.before, edit.after] for edit in change.edits],
    }
    _record(session, change, "labels.changed", user_id, body, now)


def withdraw(session: Session, change: LabelChange, user_id: int, now: float) -> None:
    """Give a draft up. Only its author may. Raises :class:`CannotChange`."""
    if change.author_id != user_id or change.status != ChangeStatus.DRAFT:
        raise CannotChange("Only an open change of your own can be withdrawn.")
    _end(session, change, ChangeStatus.WITHDRAWN, user_id, "", now)


def revert(session: Session, change: LabelChange, user_id: int, now: float) -> LabelChange:
    """A draft that takes an applied change back, as far as no later change has touched its labels.

    Raises :class:`CannotChange` when nothing of it stands, or one's draft holds something else.
    """
    if change.status != ChangeStatus.APPLIED:
        raise CannotChange("Only an applied change can be taken back.")
    standing = applied_edits(session)
    edits = [edit for edit in change.edits if standing[edit.item].change_id == change.id]
    if not edits:
        raise CannotChange("Later changes stand in place of all of it: there is nothing to take back.")
    draft = draft_of(session, user_id)
    if draft is not None and draft.edits:
        raise CannotChange("Apply or withdraw your open change first.")
    draft = draft or _new_draft(session, user_id, now)
    draft.reverts_id = change.id
    for edit in edits:
        before = REMOVED if edit.action == EditAction.REMOVE else edit.after
        draft.edits.append(
            LabelEdit(item=edit.item, action=EditAction.RELABEL, before=before, after=edit.before, at=now)
        )
    session.flush()
    return draft


REMOVED: Final = "removed"
"""What the ``before`` of an edit says that brings a removed label back."""


def _after(edit: Edit) -> str:
    if edit.action is EditAction.REMOVE:
        return ""
    if edit.action is EditAction.KEEP and edit.seen != Label.UNNAMED:
        return edit.seen
    if edit.label is None or edit.label in (edit.seen, Label.UNNAMED):
        raise CannotChange("Choose what the picture shows.")
    return edit.label


def _line(edit: LabelEdit, now: Labelled | None, status: str) -> DiffLine:
    said = None if now is None else REMOVED if now.removed else now.label
    return DiffLine(edit, now, stale=status == ChangeStatus.DRAFT and said is not None and said != edit.before)


def _new_draft(session: Session, user_id: int, now: float) -> LabelChange:
    draft = LabelChange(author_id=user_id, status=ChangeStatus.DRAFT, created_at=now, edits=[])
    session.add(draft)
    session.flush()
    return draft


def _end(session: Session, change: LabelChange, status: ChangeStatus, user_id: int, reason: str, now: float) -> None:
    values: Mapping[str, object] = {
        "status": status,
        "ended_at": now,
        "ended_by_id": user_id,
        "reason": reason,
        "digest": digest(change.edits),
    }
    ended = session.execute(
        update(LabelChange)
        .where(LabelChange.id == change.id, LabelChange.status == ChangeStatus.DRAFT)
        .values(**values)
    )
    if ended.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE's result counts rows
        raise CannotChange("Somebody else was faster: this change is not open any more.")
    session.refresh(change, ["status", "ended_at", "ended_by_id", "reason", "digest"])


def _record(
    session: Session, change: LabelChange, kind: str, user_id: int, body: Mapping[str, object], now: float
) -> None:
    record(session, at=now, kind=kind, subject=f"labels:{change.id}", actor=f"user:{user_id}", body=body)
