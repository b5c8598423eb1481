"""The label set as it stands: what follows from decisions, sightings and audits, and the applied changes on top.

A label's ``probability`` is that with which its picture came to be labelled *given its source*: 1 for alerts, all of
which are reviewed, and for what a ranger saw on watch; the drawing probability for audits. Alerts are pictures that the
model chose, which no probability makes good: that is why the source stands beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import AuditAnswer, AuditSheet, BearSeen, ChangeStatus, EditAction, LabelChange, LabelEdit, SheetKind
from db.retention import middle_of
from rollout.evidence.labels.imported import ITEM, of_imports
from rollout.evidence.labels.label_scope import LabelScope
from rollout.evidence.labels.labelled import Labelled
from rollout.evidence.labels.visit_labels import of_visits, visits_of
from rollout.evidence.labels.vocabulary import Label, Source, read_vocabulary


def collection(session: Session, scope: LabelScope, until: float) -> list[Labelled]:
    """All labels that this viewer may see, as they stood at ``until``, removed ones included, worst losses first."""
    edited, bears = applied_edits(session, until), read_vocabulary(session).bears
    found = [
        *of_visits(session, scope, until),
        *_of_audits(session, scope.hidden, until),
        *of_imports(session, scope.hidden, until, bears),
    ]
    return sorted((edit_of(each, edited, bears) for each in found), key=lambda each: (-each.loss, each.item))


def find(session: Session, items: Collection[str], scope: LabelScope, until: float) -> dict[str, Labelled]:
    """Some of them, by item."""
    found = of_visits(session, scope, until, visits_of(session, items))
    if any(item.startswith("sheet:") for item in items):
        found += _of_audits(session, scope.hidden, until)
    edited, bears = applied_edits(session, until), read_vocabulary(session).bears
    imports = [int(item.removeprefix(ITEM)) for item in items if item.startswith(ITEM)]
    if imports:
        found += of_imports(session, scope.hidden, until, bears, imports)
    return {each.item: edit_of(each, edited, bears) for each in found if each.item in items}


def visit(session: Session, item: str, scope: LabelScope, until: float) -> list[Labelled]:
    """A label and the others of its visit, itself first; empty when there is none such."""
    if numbers := visits_of(session, {item}):
        edited, bears = applied_edits(session, until), read_vocabulary(session).bears
        named = {each.item: edit_of(each, edited, bears) for each in of_visits(session, scope, until, numbers)}
    else:
        named = find(session, {item}, scope, until)
    return [named.pop(item), *named.values()] if item in named else []


@dataclass(frozen=True, slots=True)
class Applied:
    """The last applied edit of an item."""

    change_id: int
    action: EditAction
    after: str
    authors: tuple[int, ...] = ()
    """Who made the edit, and who applied it."""


def applied_edits(session: Session, until: float = inf) -> dict[str, Applied]:
    """The edit that holds for each item at ``until``: that of the change applied last."""
    query = (
        select(LabelEdit.item, LabelEdit.action, LabelEdit.after, LabelEdit.change_id, LabelChange.author_id,
               LabelChange.ended_by_id)
        .join(LabelChange, LabelChange.id == LabelEdit.change_id)
        .where(LabelChange.status == ChangeStatus.APPLIED)
        .order_by(LabelChange.ended_at, LabelChange.id)
    )  # fmt: skip
    if until < inf:
        query = query.where(LabelChange.ended_at <= until)
    return {
        row.item: Applied(row.change_id, EditAction(row.action), row.after, (row.author_id, row.ended_by_id))
        for row in session.execute(query)
    }


def edit_of(
    labelled: Labelled, edits: Mapping[str, Applied], bears: Collection[str] = frozenset({Label.BEAR.value})
) -> Labelled:
    """A label with the edit that holds for it, if there is one. ``bears``: the words that say bear. Pure."""
    edit = edits.get(labelled.item)
    if edit is None:
        return labelled
    if edit.action is EditAction.REMOVE:
        return replace(labelled, removed=True, changed_by=edit.change_id)
    return replace(labelled, label=edit.after, is_bear=edit.after in bears, kept=True, changed_by=edit.change_id)


def _of_audits(session: Session, hidden: Collection[str], until: float) -> Iterable[Labelled]:
    """The thumbnails that an auditor marked, and those of sheets on which they found no bear.

    1. Of a sheet without a bear only the middle thumbnail becomes a label: sixty pictures of one empty hour are one
       picture sixty times.
    2. Only once the day's audits are due: sooner, a sheet that is missing here would be known as a planted one.
    """
    query = (
        select(AuditSheet, AuditAnswer)
        .join(AuditAnswer, AuditAnswer.sheet_id == AuditSheet.id)
        .where(AuditSheet.kind == SheetKind.RANDOM, AuditSheet.due_at <= until, AuditSheet.campsite_id.not_in(hidden))
        .where(AuditAnswer.answered_at <= until)
        .order_by(AuditAnswer.id)
    )
    newest = {sheet.id: (sheet, answer) for sheet, answer in session.execute(query)}
    for sheet, answer in newest.values():
        places = answer.marked if answer.bear == BearSeen.YES else [middle_of(sheet.thumbnails)]
        label = {BearSeen.YES: Label.BEAR, BearSeen.NO: Label.NOT_BEAR}.get(BearSeen(answer.bear))
        for place in places:
            if label is not None and place < len(sheet.thumbnails):
                yield _of_sheet(sheet, place, label, answer.id)


def _of_sheet(sheet: AuditSheet, place: int, label: Label, answer_id: int) -> Labelled:
    minute = sheet.minutes[place] if place < len(sheet.minutes) else 0
    return Labelled(
        item=f"sheet:{sheet.id}:{place}",
        media=sheet.thumbnails[place],
        box=None,
        camera_id=sheet.camera_id,
        campsite_id=sheet.campsite_id,
        captured_at=sheet.hour_at + 60.0 * minute,
        label=label,
        is_bear=label == Label.BEAR,
        source=Source.AUDIT,
        probability=sheet.probability or 1.0,
        score=None,
        model="",
        answer_id=answer_id,
    )
