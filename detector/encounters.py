"""Write what the tracker decided: encounters with their pictures, their alerts, and the camera-hours.

Everything here runs inside one transaction of the caller, so that an encounter, its alert and its ledger entry
exist together or not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import now_s
from core.config import Config
from core.media import MediaFull, MediaStore
from core.messages import WHOLE_FRAME, FrameScores
from db.ledger import record
from db.models import Encounter, EncounterFrame
from detector.tracker import AlertRule, Change, Closed, EncounterDraft, Extended, Opened, Visit, subject_box, zones_of
from rollout.alerts import raise_alert

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scribe:
    """Knows where to write and by which rule things were decided."""

    config: Config
    media: MediaStore
    rule: AlertRule
    clock: Callable[[], float] = now_s

    def write(self, session: Session, camera: str, late: bool, changes: list[Change]) -> list[Encounter]:
        """Write one camera's changes; returns the encounters that have begun."""
        begun = []
        for change in changes:
            if isinstance(change, Opened):
                encounter = self._open(session, camera, late, change.draft)
                if encounter is not None:
                    begun.append(encounter)
            elif isinstance(change, Extended):
                self._extend(session, camera, change)
            else:
                self._close(session, camera, change)
        return begun

    def open_visits(self, session: Session) -> dict[str, Visit]:
        """The encounters that were open when the last tracker stopped, by camera."""
        rows = session.scalars(select(Encounter).where(Encounter.closed_at.is_(None)))
        return {row.camera_id: Visit(row.last_at, row.peak_score, len(row.frames), row.last_at) for row in rows}

    def _open(self, session: Session, camera: str, late: bool, draft: EncounterDraft) -> Encounter | None:
        """Begin an encounter, unless the same visit is already known.

        Frames may be delivered twice, and by a tracker that remembers nothing of the first time. So agreeing frames
        within the quiet gap of a known encounter of the camera belong to it: one visit, one encounter, one alert.
        """
        first, last = draft.hits[0].frame.captured_at, draft.hits[-1].frame.captured_at
        known = self._known(session, camera, first, last)
        if known is not None:
            for hit in draft.hits:
                self._add_hit(session, known, hit, keep=True)
            return None
        cover = draft.cover
        box = subject_box(cover)
        encounter = Encounter(
            camera_id=camera,
            first_at=first,
            last_at=last,
            decided_at=last,
            closed_at=None,
            hits=len(draft.hits),
            peak_score=cover.bear,
            peak_box=box,
            cover=self._keep(cover),
            label=cover.best.label if cover.best else "bear",
            zones=zones_of(box, self.config.cameras[camera].zones) if camera in self.config.cameras else [],
            model=cover.model,
            late=late,
        )
        session.add(encounter)
        session.flush()
        for scores in draft.context:
            session.add(self._frame(encounter, scores, agrees=False))
        for scores in draft.hits:
            session.add(self._frame(encounter, scores, agrees=True))
        raise_alert(session, encounter, self.clock())
        return encounter

    def _extend(self, session: Session, camera: str, change: Extended) -> None:
        at = change.hit.frame.captured_at
        known = self._known(session, camera, at, at)
        if known is not None:
            self._add_hit(session, known, change.hit, keep=change.keep)

    def _close(self, session: Session, camera: str, change: Closed) -> None:
        known = self._known(session, camera, change.last_at, change.last_at)
        if known is None or known.closed_at is not None:
            return
        known.closed_at = change.closed_at
        record(
            session,
            at=self.clock(),
            kind="encounter.closed",
            subject=f"encounter:{known.id}",
            actor="tracker",
            campsite=known.camera.campsite_id,
            body={"hits": known.hits, "seconds": round(known.last_at - known.first_at, 3)},
        )

    def _known(self, session: Session, camera: str, first: float, last: float) -> Encounter | None:
        gap = self.rule.quiet_gap_s
        return session.scalar(
            select(Encounter)
            .where(Encounter.camera_id == camera, Encounter.first_at - gap <= last, Encounter.last_at + gap >= first)
            .order_by(Encounter.last_at.desc())
            .limit(1)
        )

    def _add_hit(self, session: Session, encounter: Encounter, hit: FrameScores, keep: bool) -> None:
        same = (EncounterFrame.captured_at == hit.frame.captured_at) & (EncounterFrame.sequence == hit.frame.sequence)
        if session.scalar(select(EncounterFrame.id).where(EncounterFrame.encounter_id == encounter.id, same)):
            return
        encounter.hits += 1
        encounter.first_at = min(encounter.first_at, hit.frame.captured_at)
        encounter.last_at = max(encounter.last_at, hit.frame.captured_at)
        encounter.closed_at = None  # it goes on after all; the track that saw this frame will close it
        if hit.bear > encounter.peak_score:
            encounter.peak_score = hit.bear
            encounter.peak_box = subject_box(hit)
            encounter.cover = self._keep(hit) or encounter.cover
        if keep:
            session.add(self._frame(encounter, hit, agrees=True))

    def _frame(self, encounter: Encounter, scores: FrameScores, *, agrees: bool) -> EncounterFrame:
        return EncounterFrame(
            encounter_id=encounter.id,
            captured_at=scores.frame.captured_at,
            sequence=scores.frame.sequence,
            media=self._keep(scores),
            score=scores.bear,
            box=subject_box(scores) if scores.crops else WHOLE_FRAME,
            agrees=agrees,
        )

    def _keep(self, scores: FrameScores) -> str | None:
        try:
            return self.media.put(scores.frame.camera, scores.frame.captured_at, scores.frame.jpeg)
        except MediaFull as error:
            log.error("camera %s: a picture was not kept: %s", scores.frame.camera, error)
            return None
