"""Write what the tracker decided: encounters with their pictures, their alerts, and the camera-hours.

Everything here runs inside one transaction of the caller, so that an encounter, its alert and its ledger entry
exist together or not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Case, case, select
from sqlalchemy.orm import Session

from core.clock import now_s
from core.config import Config
from core.media import MediaFull, MediaStore
from core.messages import WHOLE_FRAME, EncounterKind, FrameScores
from db.ledger import record
from db.models import Alert, AlertStatus, Encounter, EncounterFrame
from detector.tracking.camera_hours import count_unknown
from detector.tracking.place_memory import keep_crops, put_back, put_below
from detector.tracking.tracker import (
    AlertRule,
    Change,
    Closed,
    EncounterDraft,
    Extended,
    Opened,
    TrackedVisit,
    Upgraded,
    strength,
    subject_box,
    zones_of,
)
from rollout.alerting.alerts import raise_alert, upgrade_to_bear
from rollout.alerting.recipients import Recipients

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EncounterWriter:
    """Knows where to write and by which rule things were decided."""

    config: Config
    media: MediaStore
    rule: AlertRule
    clock: Callable[[], float] = now_s

    def write(self, session: Session, camera: str, late: bool, changes: list[Change]) -> list[Encounter]:
        """Write one camera's changes; returns the encounters that have begun or have turned out to be a bear's."""
        news = []
        for change in changes:
            if isinstance(change, Opened | Upgraded):
                encounter = self._open(session, camera, late, change.draft)
                if encounter is not None:
                    news.append(encounter)
            elif isinstance(change, Extended):
                self._extend(session, camera, change)
            else:
                self._close(session, camera, change)
        return news

    def open_visits(self, session: Session) -> dict[str, TrackedVisit]:
        """The encounters that were open when the last tracker stopped, by camera; a bear's before any other."""
        rows = session.scalars(
            select(Encounter).where(Encounter.closed_at.is_(None)).order_by(_first(EncounterKind.UNKNOWN_ANIMAL))
        )
        return {row.camera_id: _visit(row) for row in rows}

    def _open(self, session: Session, camera: str, late: bool, draft: EncounterDraft) -> Encounter | None:
        """Begin an encounter, unless the same visit is already known; None when nothing is new.

        Frames may be delivered twice, and by a tracker that remembers nothing of the first time. So agreeing frames
        within the quiet gap of a known encounter of the camera belong to it: one visit, one encounter, one alert.

        1. Nothing known: a new encounter.
        2. A bear after an unknown animal: the encounter becomes the bear's (:meth:`_recognise`).
        3. An unknown animal beside a bear: the ranger knows of the bear; nothing.
        4. The same again: its frames are added.
        """
        first, last = draft.hits[0].frame.captured_at, draft.hits[-1].frame.captured_at
        known = self._known(session, camera, first, last)
        if known is None:
            return self._begin(session, camera, late, draft)
        if known.kind != draft.kind:
            return self._recognise(session, known, late, draft) if draft.kind is EncounterKind.BEAR else None
        for hit in draft.hits:
            self._add_hit(session, known, hit, keep=True)
        return None

    def _begin(self, session: Session, camera: str, late: bool, draft: EncounterDraft) -> Encounter:
        cover, last = draft.cover, draft.hits[-1].frame.captured_at
        box = subject_box(cover)
        encounter = Encounter(
            camera_id=camera,
            kind=draft.kind,
            first_at=draft.hits[0].frame.captured_at,
            last_at=last,
            decided_at=last,
            closed_at=None,
            recognised_at=None,
            hits=len(draft.hits),
            peak_score=max(hit.bear for hit in draft.hits),
            unknown_score=cover.unknown_score if draft.kind is EncounterKind.UNKNOWN_ANIMAL else None,
            peak_box=box,
            cover=self._keep(cover),
            label=cover.best.label if cover.best else EncounterKind.BEAR,
            zones=self._zones(camera, cover),
            model=cover.model,
            threshold=cover.threshold,
            infrared=cover.infrared,
            late=late,
            held=False,
        )
        session.add(encounter)
        session.flush()
        for scores in draft.context:
            session.add(self._frame(encounter, scores, agrees=False))
        for scores in draft.hits:
            session.add(self._frame(encounter, scores, agrees=True))
        self._announce(session, encounter)
        keep_crops(session, encounter, draft.hits)
        alert = session.scalar(select(Alert).where(Alert.encounter_id == encounter.id))
        if alert is not None:
            put_below(session, alert, draft.hits, self.clock())
        return encounter

    def _announce(self, session: Session, encounter: Encounter) -> None:
        """Raise the alert. An unknown animal so soon after another on the same camera is held back, and counted."""
        if encounter.kind == EncounterKind.BEAR:
            raise_alert(session, encounter, self.clock(), Recipients.of(self.config))
            return
        before = self._raised_lately(session, encounter)
        encounter.held = before is not None
        count_unknown(session, encounter.camera_id, encounter.decided_at, held=encounter.held)
        if before is None:
            raise_alert(session, encounter, self.clock(), Recipients.of(self.config))
            return
        record(
            session,
            at=self.clock(),
            kind="encounter.held",
            subject=f"encounter:{encounter.id}",
            actor="tracker",
            campsite=before.campsite_id,
            body={"kind": encounter.kind, "alert": before.id},
        )

    def _raised_lately(self, session: Session, encounter: Encounter) -> Alert | None:
        around, cooldown_s = encounter.decided_at, self.config.detector.unknown_cooldown_s
        return session.scalar(
            select(Alert)
            .where(
                Alert.camera_id == encounter.camera_id,
                Alert.kind == EncounterKind.UNKNOWN_ANIMAL,
                Alert.captured_at > around - cooldown_s,
                Alert.captured_at < around + cooldown_s,
            )
            .order_by(Alert.captured_at.desc())
            .limit(1)
        )

    def _recognise(self, session: Session, known: Encounter, late: bool, draft: EncounterDraft) -> Encounter:
        """An unknown animal's encounter turns out to be a bear's. However it stands, a ranger hears of the bear.

        1. A ranger has looked and said that it is none, or was unsure: the bear is a new encounter with a new alert;
           what they decided stays about what they saw.
        2. Otherwise the encounter becomes the bear's, and so does its alert; one that was held back gets its alert now.
        """
        alert = session.scalar(select(Alert).where(Alert.encounter_id == known.id))
        if alert is not None and alert.status in (AlertStatus.REJECTED, AlertStatus.UNSURE):
            self._end(session, known, draft.hits[0].frame.captured_at)
            return self._begin(session, known.camera_id, late, draft)
        self._rewrite(session, known, draft)
        keep_crops(session, known, draft.hits)
        put_back(session, known, draft.hits, self.clock())
        if alert is None:
            raise_alert(session, known, self.clock(), Recipients.of(self.config))
        else:
            upgrade_to_bear(session, alert, known, self.clock(), Recipients.of(self.config))
        return known

    def _rewrite(self, session: Session, encounter: Encounter, draft: EncounterDraft) -> None:
        """Make an unknown animal's encounter a bear's: only frames that show a bear agree now, and it begins with them.

        What was an unknown animal until then becomes context: the model saw no bear before it saw one.
        """
        cover, hits = draft.cover, {(hit.frame.captured_at, hit.frame.sequence): hit for hit in draft.hits}
        encounter.kind = EncounterKind.BEAR
        encounter.first_at = draft.hits[0].frame.captured_at
        encounter.recognised_at = encounter.decided_at = draft.hits[-1].frame.captured_at
        encounter.last_at = max(encounter.last_at, encounter.decided_at)
        encounter.closed_at = None
        encounter.hits = len(hits)
        encounter.peak_score = max(encounter.peak_score, cover.bear)
        encounter.peak_box = subject_box(cover)
        encounter.cover = self._keep(cover) or encounter.cover
        encounter.label = cover.best.label if cover.best else EncounterKind.BEAR
        encounter.zones = self._zones(encounter.camera_id, cover)
        encounter.model, encounter.threshold, encounter.infrared = cover.model, cover.threshold, cover.infrared
        encounter.held = False
        for row in encounter.frames:
            row.agrees = hits.pop((row.captured_at, row.sequence), None) is not None
        for hit in hits.values():
            session.add(self._frame(encounter, hit, agrees=True))
        session.flush()

    def _extend(self, session: Session, camera: str, change: Extended) -> None:
        at = change.hit.frame.captured_at
        known = self._known(session, camera, at, at)
        if known is not None and (known.kind == change.kind or change.hit.shows(EncounterKind(known.kind))):
            self._add_hit(session, known, change.hit, keep=change.keep)

    def _close(self, session: Session, camera: str, change: Closed) -> None:
        known = self._known(session, camera, change.last_at, change.last_at, change.kind)
        if known is not None and known.closed_at is None:
            self._end(session, known, change.closed_at)

    def _end(self, session: Session, encounter: Encounter, closed_at: float) -> None:
        encounter.closed_at = closed_at
        record(
            session,
            at=self.clock(),
            kind="encounter.closed",
            subject=f"encounter:{encounter.id}",
            actor="tracker",
            campsite=encounter.camera.campsite_id,
            body={
                "kind": encounter.kind,
                "hits": encounter.hits,
                "seconds": round(encounter.last_at - encounter.first_at, 3),
            },
        )

    def _known(
        self, session: Session, camera: str, first: float, last: float, kind: EncounterKind = EncounterKind.BEAR
    ) -> Encounter | None:
        """The encounter that these moments belong to; if there are several, one of that kind."""
        gap = self.rule.quiet_gap_s
        return session.scalar(
            select(Encounter)
            .where(Encounter.camera_id == camera, Encounter.first_at - gap <= last, Encounter.last_at + gap >= first)
            .order_by(_first(kind), Encounter.last_at.desc())
            .limit(1)
        )

    def _add_hit(self, session: Session, encounter: Encounter, hit: FrameScores, keep: bool) -> None:
        same = (EncounterFrame.captured_at == hit.frame.captured_at) & (EncounterFrame.sequence == hit.frame.sequence)
        if session.scalar(select(EncounterFrame.id).where(EncounterFrame.encounter_id == encounter.id, same)):
            return
        keep_crops(session, encounter, (hit,))
        put_back(session, encounter, (hit,), self.clock())
        encounter.hits += 1
        encounter.first_at = min(encounter.first_at, hit.frame.captured_at)
        encounter.last_at = max(encounter.last_at, hit.frame.captured_at)
        encounter.closed_at = None  # it goes on after all; the track that saw this frame will close it
        if strength(hit, EncounterKind(encounter.kind)) > _peak(encounter):
            encounter.peak_box = subject_box(hit)
            encounter.cover = self._keep(hit) or encounter.cover
            encounter.threshold, encounter.infrared = hit.threshold, hit.infrared
            if encounter.kind == EncounterKind.UNKNOWN_ANIMAL:
                encounter.unknown_score = hit.unknown_score
        encounter.peak_score = max(encounter.peak_score, hit.bear)
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

    def _zones(self, camera: str, scores: FrameScores) -> list[str]:
        known = self.config.cameras.get(camera)
        return zones_of(subject_box(scores), known.zones) if known else []

    def _keep(self, scores: FrameScores) -> str | None:
        try:
            return self.media.put(scores.frame.camera, scores.frame.captured_at, scores.frame.jpeg)
        except MediaFull as error:
            log.error("camera %s: a picture was not kept: %s", scores.frame.camera, error)
            return None


def _first(kind: EncounterKind) -> Case[int]:
    """Sorts encounters of that kind before the others."""
    return case((Encounter.kind == kind, 0), else_=1)


def _visit(row: Encounter) -> TrackedVisit:
    return TrackedVisit(row.last_at, _peak(row), len(row.frames), row.last_at, EncounterKind(row.kind))


def _peak(row: Encounter) -> float:
    """The :func:`detector.tracking.tracker.strength` of its best frame."""
    if row.kind == EncounterKind.BEAR:
        return row.peak_score
    return float("-inf") if row.unknown_score is None else row.unknown_score
