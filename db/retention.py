"""Which pictures and rows may go. Pure questions to the database; the files themselves are somebody else's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from db.models import (
    AuditAnswer,
    AuditSheet,
    BearSeen,
    CameraLightDay,
    CanaryRun,
    ChallengerCount,
    Encounter,
    EncounterFrame,
    FreshnessGap,
    ImportedLabel,
    LoginSession,
    OperatingPointChange,
    Recording,
    VisitScore,
    Weather,
)


def evidence_keys(session: Session, day: str) -> set[str]:
    """Media keys of one day (``YYYY-MM-DD``) that encounters, audits and imported labels refer to."""
    prefix = f"{day}/%"
    frames = session.scalars(select(EncounterFrame.media).where(EncounterFrame.media.like(prefix)))
    covers = session.scalars(select(Encounter.cover).where(Encounter.cover.like(prefix)))
    imported = session.scalars(select(ImportedLabel.media).where(ImportedLabel.media.like(prefix)))
    stills = session.scalars(select(Recording.still).where(Recording.still.like(prefix)))
    clips = session.scalars(select(Recording.clip).where(Recording.clip.like(prefix)))
    return {key for key in (*frames, *covers, *imported, *stills, *clips) if key} | _audit_keys(session, day)


def _audit_keys(session: Session, day: str) -> set[str]:
    """All pictures of a contact sheet while nobody has answered it, then those that labels are made of: what an auditor
    says shows a bear, and the middle one of a sheet without any."""
    sheets = session.execute(
        select(AuditSheet.thumbnails, AuditAnswer.bear, AuditAnswer.marked)
        .outerjoin(AuditAnswer, AuditAnswer.sheet_id == AuditSheet.id)
        .where(AuditSheet.day == day)
    )
    kept: set[str] = set()
    for thumbnails, bear, marked in sheets:
        if bear is None:
            kept.update(thumbnails)
        elif bear == BearSeen.YES:
            kept.update(thumbnails[index] for index in marked)
        elif bear == BearSeen.NO and thumbnails:
            kept.add(thumbnails[middle_of(thumbnails)])
    return kept


def middle_of(thumbnails: Sequence[str]) -> int:
    """The thumbnail that stands for an hour in which nobody found a bear: sixty pictures of it are one sixty times."""
    return len(thumbnails) // 2


def forget_pictures(session: Session, keys: Iterable[str]) -> None:
    """Note that these pictures are gone. The encounters, their scores and the decisions stay."""
    for key in keys:
        session.execute(update(EncounterFrame).where(EncounterFrame.media == key).values(media=None))
        session.execute(update(Encounter).where(Encounter.cover == key).values(cover=None))
        session.execute(update(Recording).where(Recording.still == key).values(still=None))
        session.execute(update(Recording).where(Recording.clip == key).values(clip=None))
        session.execute(update(ImportedLabel).where(ImportedLabel.media == key).values(media=None))


def forget_logins(session: Session, before: float) -> None:
    """Remove sessions that ended."""
    for row in session.scalars(select(LoginSession).where(LoginSession.expires_at < before)):
        session.delete(row)


def forget_clips(session: Session, before: float) -> None:
    """Remove test clips older than ``before``: what they found out is in the reports and breakers of their time."""
    session.execute(delete(CanaryRun).where(CanaryRun.planted_at < before))


def forget_gaps(session: Session, before: float) -> None:
    """Remove freshness gaps that were over ``before``: the ledger keeps that they were."""
    session.execute(delete(FreshnessGap).where(FreshnessGap.over_at < before))


def forget_challenger_counts(session: Session, before: float) -> None:
    """Remove what challengers said in hours before ``before``."""
    session.execute(delete(ChallengerCount).where(ChallengerCount.hour_at < before))


def forget_visit_scores(session: Session, before: float) -> None:
    """Remove visits that were over ``before``, and the days of cameras then: no threshold follows from them now."""
    session.execute(delete(VisitScore).where(VisitScore.last_at < before))
    session.execute(delete(CameraLightDay).where(CameraLightDay.day_at < before))


def forget_operating_points(session: Session, before: float) -> None:
    """Remove old decisions about thresholds; the newest of each camera stays, and the ledger keeps the moves."""
    newest = select(func.max(OperatingPointChange.id)).group_by(
        OperatingPointChange.camera_id, OperatingPointChange.infrared
    )
    session.execute(
        delete(OperatingPointChange).where(OperatingPointChange.at < before, OperatingPointChange.id.not_in(newest))
    )


def forget_weather(session: Session, before: float) -> None:
    """Remove observations of before ``before``; what was told later is kept as long after it was told."""
    session.execute(delete(Weather).where(Weather.at < before, Weather.entered_at < before))
