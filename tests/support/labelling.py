"""Rangers who decide, see, audit and correct, and what training is given of it."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from core.config import Config
from core.media import MediaStore
from db.models import (
    Alert,
    Appeal,
    AppealOutcome,
    AuditAnswer,
    AuditDraw,
    AuditSheet,
    ChangeStatus,
    EditAction,
    LabelChange,
    LabelEdit,
    Review,
    SheetKind,
    Verdict,
)
from db.session import Database
from detector.tracking.encounter_writer import EncounterWriter
from detector.tracking.tracker import AlertRule, EncounterDraft, Opened
from rollout.evidence.labels import LabelSnapshot, TrainingLabel, label_snapshot
from tests.support.cast import add_user, bear_frames
from tests.support.factories import T0, frame, jpeg

LATER = T0 + 86400.0


class Rangers:
    """People who decide, see, audit and correct, at moments of their own; and what training is then given."""

    def __init__(self, database: Database, config: Config, media: MediaStore) -> None:
        self.database, self.config, self.media = database, config, media
        self.keys = 0
        with database.write() as session:
            self.rosa, self.ben, self.lea = (add_user(session, name).id for name in ("rosa", "ben", "lea"))

    def visit(self, at: float = T0, camera: str = "upper-creek") -> tuple[int, int]:
        """A visit that the model raised, with a picture of its own: the numbers of its encounter and its alert."""
        self.keys += 1
        own = jpeg(100 + self.keys % 150)
        frames = tuple(
            replace(each, frame=frame(camera, each.frame.captured_at, picture=own)) for each in bear_frames(camera, at)
        )
        writer = EncounterWriter(self.config, self.media, AlertRule.of(self.config.detector), clock=lambda: at + 1)
        with self.database.write() as session:
            (encounter,) = writer.write(session, camera, False, [Opened(EncounterDraft(frames, ()))])
            alert = session.scalars(select(Alert.id).where(Alert.encounter_id == encounter.id)).one()
            return encounter.id, alert

    def says(
        self, alert: int, user: int, verdict: Verdict, at: float, hidden: bool = True, undoes: int | None = None
    ) -> int:
        """A decision; its number."""
        self.keys += 1
        with self.database.write() as session:
            review = Review(
                alert_id=alert, user_id=user, verdict=verdict, undoes_id=undoes, seen_version=1, created_at=at,
                effective_at=at, score_hidden=hidden, idempotency_key=f"key-{self.keys}",
            )  # fmt: skip
            session.add(review)
            session.flush()
            return review.id

    def second(self, alert: int, first: Verdict, second: Verdict, at: float) -> None:
        """A second review by Lea."""
        with self.database.write() as session:
            session.add(Appeal(alert_id=alert, campsite_id="upper-pines", control=False, opened_at=at - 60,
                               first_user_id=self.rosa, first_verdict=first, second_user_id=self.lea,
                               second_verdict=second, answered_at=at, outcome=AppealOutcome.UPHELD))  # fmt: skip

    def corrects(self, item: str, action: EditAction, before: str, after: str, at: float) -> None:
        """A change by Rosa that Ben applied."""
        with self.database.write() as session:
            edit = LabelEdit(item=item, action=action, before=before, after=after, at=at)
            change = LabelChange(
                author_id=self.rosa, status=ChangeStatus.APPLIED, created_at=at, ended_at=at, ended_by_id=self.ben,
                reason="", digest="0" * 64, edits=[edit],
            )  # fmt: skip
            session.add(change)

    def sheet(
        self, kind: SheetKind, bear: str, marked: list[int], probability: float | None, hour_at: float = T0
    ) -> int:
        """A contact sheet of three thumbnails that Lea has answered."""
        shades = range(51 + 10 * self.keys, 54 + 10 * self.keys)
        keys = [self.media.put("upper-creek", hour_at, jpeg(shade)) for shade in shades]
        with self.database.write() as session:
            if session.get(AuditDraw, "2027-01-15") is None:
                session.add(AuditDraw(day="2027-01-15", drawn_at=T0, seed="1", hours=9, hours_digest="0" * 64))
            self.keys += 1
            sheet = AuditSheet(day="2027-01-15", position=self.keys, kind=kind, campsite_id="upper-pines",
                               camera_id="upper-creek", hour_at=hour_at, stratum="s", probability=probability,
                               thumbnails=keys, minutes=[0, 20, 40], drawn_at=hour_at, due_at=hour_at + 60)  # fmt: skip
            session.add(sheet)
            session.flush()
            session.add(AuditAnswer(sheet_id=sheet.id, user_id=self.lea, bear=bear, marked=marked,
                                    answered_at=hour_at + 30, idempotency_key=f"audit-{self.keys}"))  # fmt: skip
            return sheet.id

    def snapshot(self, until: float = LATER) -> LabelSnapshot:
        with self.database.read() as session:
            return label_snapshot(session, self.config, self.media, until)

    def labels(self, until: float = LATER) -> dict[str, TrainingLabel]:
        return {each.item: each for each in self.snapshot(until).labels}
