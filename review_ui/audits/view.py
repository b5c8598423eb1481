"""Contact sheets as an auditor sees them: where, when, sixty pictures, and nothing else.

A planted sheet must look like any other. Its planted picture has another day in its media key, so that pictures are
served by their place on the sheet, and never by their key.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, joinedload

from core.media import MediaStore
from db.models import AuditAnswer, AuditSheet
from review_ui.auth.access_scope import campsites_in_scope
from review_ui.auth.accounts import Account
from review_ui.rendering.pictures import picture
from rollout.evidence.audits import AuditProgress, OpenSheet, open_sheets, progress
from rollout.evidence.audits.contact_sheets import open_sheet
from rollout.evidence.matching import MatchRule

WEEK_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """One picture of a sheet; sizes in pixels, None when it is no longer kept."""

    index: int
    url: str
    minute: int
    size: tuple[int, int] | None
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Before:
    """What this person has answered about a sheet."""

    bear: str
    marked: frozenset[int]


@dataclass(frozen=True, slots=True)
class SheetView:
    """A sheet with its pictures."""

    sheet: OpenSheet
    thumbnails: tuple[Thumbnail, ...]
    before: Before | None


@dataclass(frozen=True, slots=True)
class Desk:
    """What lies before an auditor: sheets that wait, and how far everybody has come in the last week."""

    waiting: tuple[OpenSheet, ...]
    progress: AuditProgress
    mine_today: int


def desk(session: Session, account: Account, now: float, rule: MatchRule) -> Desk:
    """The sheets of the campsites that this person may see now. Those where they watch blind wait until they do not."""
    campsites = campsites_in_scope(session, account, now, rule)
    mine = select(AuditAnswer.id).where(AuditAnswer.user_id == account.id, AuditAnswer.answered_at > now - 86400.0)
    return Desk(
        tuple(open_sheets(session, account.id, campsites)),
        progress(session, campsites, now - WEEK_S, now),
        len(session.scalars(mine).all()),
    )


def find_sheet(session: Session, account: Account, sheet_id: int, now: float, rule: MatchRule) -> AuditSheet | None:
    """A sheet that this person may look at now: one that waits, or one that they have answered themselves."""
    sheet = session.scalar(select(AuditSheet).where(AuditSheet.id == sheet_id).options(joinedload(AuditSheet.camera)))
    if sheet is None or sheet.campsite_id not in campsites_in_scope(session, account, now, rule):
        return None
    answered = select(exists().where(AuditAnswer.sheet_id == sheet.id))
    if not session.scalar(answered) or my_answer(session, account, sheet.id) is not None:
        return sheet
    return None


def my_answer(session: Session, account: Account, sheet_id: int) -> Before | None:
    """This person's newest answer about a sheet."""
    row = session.scalar(
        select(AuditAnswer)
        .where(AuditAnswer.sheet_id == sheet_id, AuditAnswer.user_id == account.id)
        .order_by(AuditAnswer.id.desc())
        .limit(1)
    )
    return None if row is None else Before(row.bear, frozenset(row.marked))


def picture_url(sheet_id: int, index: int) -> str:
    """Where the browser finds one picture of a sheet."""
    return f"/audit/sheets/{sheet_id}/{index}.jpg"


def sheet_view(session: Session, media: MediaStore, account: Account, sheet: AuditSheet, marked: frozenset[int] | None
               ) -> SheetView:  # fmt: skip
    """A sheet to be looked at; ``marked`` are marks that were just made and are to be shown again."""
    before = my_answer(session, account, sheet.id)
    marks = marked if marked is not None else (before.marked if before else frozenset())
    opened = open_sheet(sheet)
    thumbnails = []
    for index, (key, minute) in enumerate(zip(opened.thumbnails, opened.minutes, strict=True)):
        kept = picture(media, key)
        size = (kept.width, kept.height) if kept else None
        thumbnails.append(Thumbnail(index, picture_url(sheet.id, index), minute, size, index in marks))
    return SheetView(opened, tuple(thumbnails), before)
