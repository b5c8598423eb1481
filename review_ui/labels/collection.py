"""The label set as it stands: what follows from decisions, sightings and audits, and the applied changes on top.

A label's ``probability`` is that with which its picture came to be labelled *given its source*: 1 for alerts, all of
which are reviewed, and for what a ranger saw on watch; the drawing probability for audits. Alerts are pictures that the
model chose, which no probability makes good: that is why the source stands beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.messages import Box
from db.models import (
    Alert,
    AlertStatus,
    AuditAnswer,
    AuditSheet,
    BearSeen,
    ChangeStatus,
    EditAction,
    Encounter,
    LabelChange,
    LabelEdit,
    SheetKind,
    Sighting,
)
from review_ui.labels.vocabulary import OF_ANIMAL, Label, Source
from review_ui.visibility import MATCH_AFTER_S, MATCH_BEFORE_S

SMALLEST_SHARE: Final = 1e-3
"""Scores this close to 0 or 1 count as this, so that a loss stays a number that can be compared."""
NO_SCORE: Final = 0.5
"""Thumbnails of audits carry no score: they are neither surprising nor not."""

_OF_ENCOUNTER: Final = (
    Encounter.id, Encounter.camera_id, Encounter.first_at, Encounter.last_at, Encounter.decided_at,
    Encounter.peak_score, Encounter.peak_box, Encounter.cover, Encounter.model, Encounter.infrared,
)  # fmt: skip
"""Columns rather than rows of the ORM: there are thousands of labels on every page."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One labelled picture. ``item`` names it for good; ``score`` is the model's for a bear, None if it gave none."""

    item: str
    media: str | None
    box: Box | None
    camera_id: str
    campsite_id: str
    captured_at: float
    label: Label
    source: Source
    probability: float
    score: float | None
    model: str
    infrared: bool | None = None
    alert_id: int | None = None
    doubted: bool = False
    """A sighting says another animal than the decision."""
    kept: bool = False
    """Somebody has looked at it again and kept it."""
    removed: bool = False
    changed_by: int | None = None
    """The applied change that last touched it."""

    @property
    def loss(self) -> float:
        """How much the label surprises the model: minus the logarithm of what it gave to bear, or to no bear."""
        score = NO_SCORE if self.score is None else self.score
        share = score if self.label is Label.BEAR else 1.0 - score
        return -log(max(SMALLEST_SHARE, share))


def collection(session: Session, hidden: Collection[str], now: float) -> list[Labelled]:
    """All labels that this viewer may see now, removed ones included, worst losses first."""
    found = [*_of_alerts(session, hidden), *_of_audits(session, hidden, now)]
    edited = applied_edits(session)
    return sorted((edit_of(each, edited) for each in found), key=lambda each: (-each.loss, each.item))


def find(session: Session, items: Collection[str], hidden: Collection[str], now: float) -> dict[str, Labelled]:
    """Some of them, by item."""
    return {each.item: each for each in collection(session, hidden, now) if each.item in items}


@dataclass(frozen=True, slots=True)
class Applied:
    """The last applied edit of an item."""

    change_id: int
    action: EditAction
    after: str


def applied_edits(session: Session) -> dict[str, Applied]:
    """The edit that holds for each item: that of the change applied last."""
    query = (
        select(LabelEdit.item, LabelEdit.action, LabelEdit.after, LabelEdit.change_id)
        .join(LabelChange, LabelChange.id == LabelEdit.change_id)
        .where(LabelChange.status == ChangeStatus.APPLIED)
        .order_by(LabelChange.ended_at, LabelChange.id)
    )
    return {row.item: Applied(row.change_id, EditAction(row.action), row.after) for row in session.execute(query)}


def edit_of(labelled: Labelled, edits: Mapping[str, Applied]) -> Labelled:
    """A label with the edit that holds for it, if there is one. Pure."""
    edit = edits.get(labelled.item)
    if edit is None:
        return labelled
    if edit.action is EditAction.REMOVE:
        return replace(labelled, removed=True, changed_by=edit.change_id)
    return replace(labelled, label=Label(edit.after), kept=True, changed_by=edit.change_id)


@dataclass(frozen=True, slots=True)
class Seen:
    """A sighting as far as labels need it."""

    at: float
    label: Label
    blind: bool


def named(decided_bear: bool, seen: Seen | None) -> tuple[Label, Source, bool]:
    """The label of a decided alert, its source, and whether the sighting beside it casts doubt. Pure.

    1. A bear that a blind observer saw too is a blind sighting's label.
    2. No bear, and an observer says which animal: that animal.
    3. Decision and observer disagree about the bear: the decision stands, and is doubted.
    """
    if decided_bear:
        agrees = seen is not None and seen.label is Label.BEAR
        source = Source.BLIND_SIGHTING if seen is not None and agrees and seen.blind else Source.CONFIRMED_ALERT
        return Label.BEAR, source, seen is not None and not agrees
    if seen is None or seen.label is Label.BEAR:
        return Label.NOT_BEAR, Source.REJECTED_ALERT, seen is not None
    return seen.label, Source.BLIND_SIGHTING if seen.blind else Source.REJECTED_ALERT, False


def _of_alerts(session: Session, hidden: Collection[str]) -> Iterable[Labelled]:
    query = (
        select(Alert.id, Alert.status, Alert.campsite_id, *_OF_ENCOUNTER)
        .join(Encounter, Encounter.id == Alert.encounter_id)
        .where(
            Alert.status.in_((AlertStatus.CONFIRMED, AlertStatus.REJECTED)),
            Alert.campsite_id.not_in(hidden),
        )
    )
    sightings = _sightings(session, hidden)
    for (
        alert_id,
        status,
        campsite,
        number,
        camera,
        first,
        last,
        decided,
        score,
        box,
        cover,
        model,
        infrared,
    ) in session.execute(query):
        seen = _nearest(sightings.get(campsite, ()), first, last)
        label, source, doubted = named(status == AlertStatus.CONFIRMED, seen)
        x0, y0, x1, y1 = box
        yield Labelled(
            item=f"encounter:{number}",
            media=cover,
            box=(x0, y0, x1, y1),
            camera_id=camera,
            campsite_id=campsite,
            captured_at=decided,
            label=label,
            source=source,
            probability=1.0,
            score=score,
            model=model,
            infrared=infrared,
            alert_id=alert_id,
            doubted=doubted,
        )


def _sightings(session: Session, hidden: Collection[str]) -> dict[str, list[Seen]]:
    found: dict[str, list[Seen]] = {}
    query = select(Sighting.campsite_id, Sighting.seen_at, Sighting.animal, Sighting.blind)
    for campsite, at, animal, blind in session.execute(query.where(Sighting.campsite_id.not_in(hidden))):
        label = OF_ANIMAL.get(animal)
        if label is not None:
            found.setdefault(campsite, []).append(Seen(at, label, blind))
    return found


def _nearest(sightings: Sequence[Seen], first_at: float, last_at: float) -> Seen | None:
    near = [each for each in sightings if first_at <= each.at + MATCH_AFTER_S and last_at >= each.at - MATCH_BEFORE_S]
    return min(near, key=lambda each: abs(each.at - first_at), default=None)


def _of_audits(session: Session, hidden: Collection[str], now: float) -> Iterable[Labelled]:
    """The thumbnails that an auditor marked, and those of sheets on which they found no bear.

    1. Of a sheet without a bear only the middle thumbnail becomes a label: sixty pictures of one empty hour are one
       picture sixty times.
    2. Only once the day's audits are due: sooner, a sheet that is missing here would be known as a planted one.
    """
    query = (
        select(AuditSheet, AuditAnswer)
        .join(AuditAnswer, AuditAnswer.sheet_id == AuditSheet.id)
        .where(AuditSheet.kind == SheetKind.RANDOM, AuditSheet.due_at <= now, AuditSheet.campsite_id.not_in(hidden))
        .order_by(AuditAnswer.id)
    )
    newest = {sheet.id: (sheet, answer) for sheet, answer in session.execute(query)}
    for sheet, answer in newest.values():
        places = answer.marked if answer.bear == BearSeen.YES else [len(sheet.thumbnails) // 2]
        label = {BearSeen.YES: Label.BEAR, BearSeen.NO: Label.NOT_BEAR}.get(BearSeen(answer.bear))
        for place in places:
            if label is not None and place < len(sheet.thumbnails):
                yield _of_sheet(sheet, place, label)


def _of_sheet(sheet: AuditSheet, place: int, label: Label) -> Labelled:
    minute = sheet.minutes[place] if place < len(sheet.minutes) else 0
    return Labelled(
        item=f"sheet:{sheet.id}:{place}",
        media=sheet.thumbnails[place],
        box=None,
        camera_id=sheet.camera_id,
        campsite_id=sheet.campsite_id,
        captured_at=sheet.hour_at + 60.0 * minute,
        label=label,
        source=Source.AUDIT,
        probability=sheet.probability or 1.0,
        score=None,
        model="",
    )
