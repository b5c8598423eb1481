"""What rangers rejected at a place waits below when it comes again; a bear in front of it never does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from core.config import Config
from core.media import MediaStore
from core.messages import Box, CropScore, FrameScores
from db.models import Alert, AlertStatus, CameraHour, EncounterCrop, LedgerEntry
from db.places import sync_places
from db.session import Database
from detector.tracking.encounter_writer import EncounterWriter
from detector.tracking.place_memory import SCENE_GAP, overlap, scene_changed_at
from detector.tracking.tracker import AlertRule, EncounterDraft, Extended, Opened
from tests.support.factories import T0, scored

STUMP: Box = (0.3, 0.4, 0.5, 0.8)
ASIDE: Box = (0.7, 0.4, 0.9, 0.8)
HOUR_S = 3600.0


def features(seed: int, noise: float = 0.0) -> bytes:
    """Of one thing; ``noise`` is how differently it looks this time."""
    vector = np.random.default_rng(seed).standard_normal(64)
    vector = vector + noise * np.random.default_rng(seed + 1000).standard_normal(64)
    return np.rint(127 * vector / np.linalg.norm(vector)).astype(np.int8).tobytes()


def crop(seed: int = 1, box: Box = STUMP, noise: float = 0.0, bear: float = 0.9) -> CropScore:
    """A crop that agrees, of one thing at one place."""
    return CropScore(box, bear, "bear", bear, features=features(seed, noise))


@dataclass
class Place:
    """A camera whose encounters are written one after another."""

    database: Database
    writer: EncounterWriter
    at: float = T0

    def frames(
        self, crops: Sequence[CropScore], model: str = "test-model", infrared: bool = False
    ) -> list[FrameScores]:
        """Two agreeing frames, an hour after what was before."""
        self.at += HOUR_S
        made = [scored(0.9, at=self.at + second) for second in (0.0, 0.5)]
        return [replace(each, crops=tuple(crops), model=model, infrared=infrared) for each in made]

    def visit(self, *crops: CropScore, model: str = "test-model", infrared: bool = False) -> int:
        """An encounter; returns its alert."""
        hits = tuple(self.frames(crops, model, infrared))
        with self.database.write() as session:
            self.writer.write(session, "upper-creek", False, [Opened(EncounterDraft(hits, ()))])
            return session.scalars(select(Alert.id).order_by(Alert.id.desc()).limit(1)).one()

    def extend(self, *crops: CropScore) -> None:
        """One more frame of the newest encounter."""
        self.at += 1.0
        one = replace(scored(0.9, at=self.at), crops=crops)
        with self.database.write() as session:
            self.writer.write(session, "upper-creek", False, [Extended(one, keep=True, is_peak=False)])

    def answer(self, alert: int, status: AlertStatus) -> None:
        """What a ranger said."""
        with self.database.write() as session:
            session.get_one(Alert, alert).status = status

    def resembles(self, alert: int) -> int | None:
        """The alert that it resembles."""
        with self.database.read() as session:
            return session.get_one(Alert, alert).resembles_id

    def entries(self, kind: str) -> int:
        """How many of one kind the ledger holds."""
        with self.database.read() as session:
            return len(session.scalars(select(LedgerEntry).where(LedgerEntry.kind == kind)).all())


@pytest.fixture
def place(tmp_path: Path, sqlite_database: Database, config: Config, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A camera at which a stump was rejected once; nothing is drawn for the audit."""
    monkeypatch.setattr("detector.tracking.place_memory._drawn", lambda _encounter: False)
    with sqlite_database.write() as session:
        sync_places(session, config)
    writer = EncounterWriter(config, MediaStore(tmp_path), AlertRule.of(config.detector), lambda: T0)
    there = Place(sqlite_database, writer)
    there.answer(there.visit(crop()), AlertStatus.REJECTED)
    return there


def test_the_stump_that_was_rejected_waits_below_when_it_comes_again(place: Place) -> None:
    again = place.visit(crop(noise=0.1))
    assert place.resembles(again) == 1
    assert place.entries("alert.resembles") == 1
    with place.database.read() as session:
        assert session.get_one(Alert, again).status == AlertStatus.OPEN, "it is an alert all the same"


@pytest.mark.parametrize(
    "crops",
    [
        (crop(2),),
        (crop(1, ASIDE),),
        (crop(1, noise=0.6),),
        (crop(), crop(2, ASIDE)),
        (crop(), replace(crop(2, ASIDE), features=b"")),
        (crop(2, bear=0.1),),
    ],
    ids=["another", "elsewhere", "differs", "bear-beside", "no-features", "weak"],
)
def test_whatever_else_is_seen_with_it_or_there_waits_among_the_others(
    place: Place, crops: tuple[CropScore, ...]
) -> None:
    assert place.resembles(place.visit(*crops)) is None


def test_another_model_and_another_light_remember_nothing(place: Place) -> None:
    assert place.resembles(place.visit(crop(), model="another")) is None
    assert place.resembles(place.visit(crop(), infrared=True)) is None


def test_a_bear_that_comes_into_the_same_visit_brings_it_up_again(place: Place) -> None:
    again = place.visit(crop())
    place.extend(crop(noise=0.1))
    assert place.resembles(again) == 1
    place.extend(crop(), crop(2, ASIDE))
    assert place.resembles(again) is None
    assert place.entries("alert.resembles_no_more") == 1


def test_what_a_confirmed_bear_resembles_is_remembered_no_more(place: Place) -> None:
    place.answer(place.visit(crop()), AlertStatus.CONFIRMED)
    assert place.resembles(place.visit(crop())) is None


def test_a_decision_that_is_taken_back_leaves_no_memory(place: Place) -> None:
    place.answer(1, AlertStatus.OPEN)
    assert place.resembles(place.visit(crop())) is None


def test_old_memories_and_those_of_another_scene_are_forgotten(place: Place) -> None:
    with place.database.write() as session:
        for ago in (3, 2, 1):
            session.add(an_hour(T0 + (4 - ago) * HOUR_S, SCENE_GAP - 1 if ago == 2 else SCENE_GAP))
        assert scene_changed_at(session, "upper-creek") is None, "a visitor at the lens is no other scene"
        session.add(an_hour(T0 + 4 * HOUR_S, SCENE_GAP))
        session.add(an_hour(T0 + 5 * HOUR_S, SCENE_GAP + 20))
        session.flush()
        assert scene_changed_at(session, "upper-creek") == T0 + 5 * HOUR_S
    assert place.resembles(place.visit(crop())) is None


def an_hour(at: float, gap: float) -> CameraHour:
    """What a camera did in it, far from its mean picture by so much."""
    return CameraHour(
        camera_id="upper-creek", hour_at=at, frames={}, histogram=[0] * 20, max_score=0.0, minutes=0, thumbnails=[],
        scene_gap=gap,
    )  # fmt: skip


def test_one_visit_in_twenty_stays_where_it_is_and_is_written_down(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector.tracking.place_memory._drawn", lambda _encounter: True)
    assert place.resembles(place.visit(crop())) is None
    assert place.entries("alert.resembles") == 1


def test_a_long_visit_keeps_few_crops(place: Place) -> None:
    place.visit(crop())
    for seed in range(2, 30):
        place.extend(crop(seed), crop(seed))
    with place.database.read() as session:
        kept = session.scalars(select(EncounterCrop).where(EncounterCrop.encounter_id == 2)).all()
        assert len(kept) == 12


def test_boxes_overlap_as_much_as_they_share() -> None:
    assert overlap(STUMP, STUMP) == pytest.approx(1.0)
    assert overlap(STUMP, ASIDE) == 0.0
    assert overlap((0.0, 0.0, 0.4, 1.0), (0.2, 0.0, 0.6, 1.0)) == pytest.approx(1 / 3)
