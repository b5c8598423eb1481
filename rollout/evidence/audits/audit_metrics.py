"""What the audits came to: how many are done, how well the auditors see, and the labels with their probabilities."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session, aliased

from db.models import AuditAnswer, AuditSheet, BearSeen, SheetKind
from rollout.evidence.stats.proportions import clopper_pearson_lower

SOURCE: Final = "audit"
HEAVIEST: Final = 20.0
"""Weights of labels for learning stop here, so that one picture does not steer a whole batch."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A sheet with the answer that counts; ``None`` while nobody has answered."""

    sheet_id: int
    kind: SheetKind
    campsite: str
    camera: str
    hour_at: float
    stratum: str
    probability: float | None
    drawn_at: float
    due_at: float
    planted_index: int | None
    thumbnails: tuple[str, ...]
    minutes: tuple[int, ...]
    bear: BearSeen | None
    marked: tuple[int, ...]
    answered_at: float | None
    user_id: int | None

    @property
    def found(self) -> bool:
        """Whether the auditor saw a bear; on a planted sheet, the planted one."""
        if self.bear is not BearSeen.YES:
            return False
        return self.planted_index is None or self.planted_index in self.marked


@dataclass(frozen=True, slots=True)
class AuditProgress:
    """Audits that fell due in a period, and how many of them were done."""

    due: int
    done: int
    open: int
    """Not answered yet, due or not."""

    @property
    def share(self) -> float | None:
        """Done over due; None when nothing was due."""
        return self.done / self.due if self.due else None


@dataclass(frozen=True, slots=True)
class AuditLabel:
    """A label for learning, with its source and the probability with which it came to be labelled."""

    media: str
    is_bear: bool
    campsite: str
    camera: str
    hour_at: float
    source: str
    probability: float

    @property
    def weight(self) -> float:
        """``1 / probability``, but not more than :data:`HEAVIEST`."""
        return min(1.0 / self.probability, HEAVIEST)


def answered(session: Session, campsites: Collection[str] | None, hours_since: float, now: float) -> list[Answered]:
    """Sheets of camera-hours since then, drawn until now, each with its newest answer. None: of all campsites."""
    where = [AuditSheet.hour_at >= hours_since, AuditSheet.drawn_at <= now]
    return _sheets(session, campsites, *where)


def answered_between(session: Session, after: float, until: float) -> list[Answered]:
    """Sheets of all campsites with an answer after the one moment and not after the other, each with its newest."""
    between = (AuditAnswer.answered_at > after, AuditAnswer.answered_at <= until)
    ids = session.scalars(select(AuditAnswer.sheet_id).where(*between).distinct()).all()
    return _sheets(session, None, AuditSheet.id.in_(ids)) if ids else []


def _sheets(session: Session, campsites: Collection[str] | None, *where: ColumnElement[bool]) -> list[Answered]:
    later = aliased(AuditAnswer)
    newest = select(func.max(later.id)).where(later.sheet_id == AuditSheet.id).correlate(AuditSheet).scalar_subquery()
    query = (
        select(
            AuditSheet.id,
            AuditSheet.kind,
            AuditSheet.campsite_id,
            AuditSheet.camera_id,
            AuditSheet.hour_at,
            AuditSheet.stratum,
            AuditSheet.probability,
            AuditSheet.drawn_at,
            AuditSheet.due_at,
            AuditSheet.planted_index,
            AuditSheet.thumbnails,
            AuditSheet.minutes,
            AuditAnswer.bear,
            AuditAnswer.marked,
            AuditAnswer.answered_at,
            AuditAnswer.user_id,
        )
        .outerjoin(AuditAnswer, and_(AuditAnswer.sheet_id == AuditSheet.id, AuditAnswer.id == newest))
        .where(*where)
        .order_by(AuditSheet.id)
    )
    if campsites is not None:
        query = query.where(AuditSheet.campsite_id.in_(campsites))
    return [
        Answered(
            sheet_id,
            SheetKind(kind),
            campsite,
            camera,
            hour_at,
            stratum,
            probability,
            drawn_at,
            due_at,
            planted_index,
            tuple(thumbnails),
            tuple(minutes),
            BearSeen(bear) if bear else None,
            tuple(marked or ()),
            answered_at,
            user_id,
        )
        for (
            sheet_id, kind, campsite, camera, hour_at, stratum, probability, drawn_at, due_at, planted_index,
            thumbnails, minutes, bear, marked, answered_at, user_id,
        ) in session.execute(query)
    ]  # fmt: skip


def progress(session: Session, campsites: Collection[str], since: float, now: float) -> AuditProgress:
    """Audits that fell due between ``since`` and ``now``, and those of them that were done by now."""
    first_answer = (
        select(func.min(AuditAnswer.answered_at)).where(AuditAnswer.sheet_id == AuditSheet.id).scalar_subquery()
    )
    rows = session.execute(
        select(AuditSheet.due_at, first_answer).where(
            AuditSheet.campsite_id.in_(campsites), AuditSheet.due_at > since, AuditSheet.drawn_at <= now
        )
    ).all()
    done = [due_at for due_at, at in rows if at is not None and at <= now]
    due = [due_at for due_at, _ in rows if due_at <= now]
    return AuditProgress(len(due), sum(due_at <= now for due_at in done), len(rows) - len(done))


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How many of the planted bears the auditors found."""

    found: int
    planted: int
    lower: float

    @property
    def share(self) -> float | None:
        """Found over planted; None when none has been answered."""
        return self.found / self.planted if self.planted else None


def sensitivity(sheets: Collection[Answered]) -> Sensitivity:
    """The auditors' own recall, from the planted sheets they have answered; "unsure" is not found."""
    planted = [sheet for sheet in sheets if sheet.kind is SheetKind.PLANTED and sheet.bear is not None]
    found = sum(sheet.found for sheet in planted)
    return Sensitivity(found, len(planted), clopper_pearson_lower(found, len(planted)))


def labels(sheets: Collection[Answered]) -> list[AuditLabel]:
    """Labels from drawn sheets: marked thumbnails show a bear, and all of a sheet without any show none.

    What is not marked on a sheet with a bear gives no label: auditors need not mark every one. Nor do planted sheets: a
    planted bear is a label already, and says nothing about its hour.
    """
    return [
        AuditLabel(media, index in sheet.marked, sheet.campsite, sheet.camera, sheet.hour_at, SOURCE, sheet.probability)
        for sheet in sheets
        if sheet.probability is not None
        for index, media in enumerate(sheet.thumbnails)
        if sheet.bear is BearSeen.NO or index in sheet.marked
    ]
