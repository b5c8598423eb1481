"""A site whose rangers have answered for some weeks: drawn visits, each with a picture, a decision and a name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
from sqlalchemy import select

from core.config import Config
from core.media import MediaStore
from core.messages import CropScore, Frame, FrameScores, Reason, content_digest
from db.migrate import upgrade
from db.models import Alert, EditAction, Verdict
from db.places import sync_places
from db.session import Database
from detector.learn.student import start, student_labels
from detector.models.bundle import ModelBundle, write_bundle
from detector.models.model import Model, Provenance, Thresholds
from detector.nightly.learning_site import LearningSite
from detector.tracking.encounter_writer import EncounterWriter
from detector.tracking.tracker import AlertRule, EncounterDraft, Opened
from rollout.evidence.challenger_gate import ChallengerRules
from tests.support.factories import T0
from tests.support.labelling import Rangers
from tests.support.tiny_pictures import picture

DAY_S = 86_400.0
BOX = (0.2, 0.25, 0.8, 0.75)
CAMERAS = {"upper-pines": "upper-creek", "lower-pines": "lower-meadow"}


def small_bundle(folder: Path, backbone: str = "lite0") -> ModelBundle:
    """A bundle of 64 pixels with pretrained weights: quick, and no good."""
    beginning = start(backbone)
    model = Model(
        name="small",
        architecture=beginning.architecture,
        input_px=64,
        mean=beginning.mean,
        std=beginning.std,
        labels=student_labels(),
        weights={"file": "", "sha256": ""},
        thresholds=Thresholds(0.3, 0.4, still_day=0.5),
    )
    state = {name: each.numpy() for name, each in beginning.state.items() if each.is_floating_point()}
    return write_bundle(folder, model, state, Provenance(), "sheet", {})


class AnsweringRangers(Rangers):
    """Rangers who decide about every visit, and name what is no bear."""

    def answer(self, label: str, at: float, camera: str, seed: int, infrared: bool = False) -> int:
        """A visit of this animal, decided and named a minute later; the number of its encounter."""
        encounter, alert = self._visit(label, at, camera, seed, infrared)
        self.says(alert, self.rosa, Verdict.BEAR if label == "bear" else Verdict.NOT_A_BEAR, at + 60)
        if label != "bear":
            self.corrects(f"encounter:{encounter}", EditAction.RELABEL, "not_bear", label, at + 120)
        return encounter

    def _visit(self, label: str, at: float, camera: str, seed: int, infrared: bool) -> tuple[int, int]:
        encoded, buffer = cv2.imencode(".jpg", picture(label, seed, grey=infrared))
        assert encoded
        jpeg = buffer.tobytes()
        scores = [
            FrameScores(
                Frame(
                    camera, at + step / 5, seed * 10 + step, content_digest(jpeg), (BOX,), Reason.MOTION, 96, 72, jpeg
                ),
                (CropScore(BOX, 0.9, "bear", 0.9),),
                "small@64:00000000",
                at + step / 5,
                infrared,
                0.5,
            )
            for step in range(3)
        ]
        writer = EncounterWriter(self.config, self.media, AlertRule.of(self.config.detector), clock=lambda: at + 1)
        with self.database.write() as session:
            (encounter,) = writer.write(session, camera, False, [Opened(EncounterDraft(tuple(scores), ()))])
            return encounter.id, session.scalars(select(Alert.id).where(Alert.encounter_id == encounter.id)).one()


@dataclass(frozen=True)
class LearningWorld:
    """A folder with a site in it, to be copied for each test. ``until`` is the moment after its last night."""

    folder: Path
    config: Config
    until: float

    def copy(self, to: Path) -> LearningSite:
        """A site of one's own."""
        shutil.copytree(self.folder, to)
        return self.site(to)

    def site(self, folder: Path) -> LearningSite:
        """The site in a folder."""
        database = Database(f"sqlite:///{folder / 'bearwatch.sqlite3'}")
        config = self.config.model_copy(
            update={"detector": self.config.detector.model_copy(update={"backbone": str(folder / "small")})}
        )
        anchor, rules = str(folder / "small"), ChallengerRules(golden_bears=10, rolling_events=10, anchor_margin=0.3)
        return LearningSite(database, config, MediaStore(folder / "media"), folder, anchor=anchor, rules=rules)


def build_world(folder: Path, config: Config, nights: int = 24, visits: int = 4) -> LearningWorld:
    """A site with so many nights, at each campsite so many visits in each: bears, deer and dogs in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    small_bundle(folder / "small")
    database = Database(f"sqlite:///{folder / 'bearwatch.sqlite3'}")
    upgrade(database)
    with database.write() as session:
        sync_places(session, config)
    learning = config.learning.model_copy(update={"at_least": 20, "threads": 1})
    rangers = AnsweringRangers(database, config, MediaStore(folder / "media"))
    for seed, (label, at, camera, infrared) in enumerate(_agenda(nights, visits)):
        rangers.answer(label, at, camera, seed, infrared)
    database.close()
    return LearningWorld(folder, config.model_copy(update={"learning": learning}), T0 + nights * DAY_S)


def _agenda(nights: int, visits: int) -> Iterator[tuple[str, float, str, bool]]:
    kinds = ("bear", "deer", "bear", "dog")
    for night in range(nights):
        for camera in CAMERAS.values():
            for number in range(visits):
                yield kinds[number % 4], T0 + night * DAY_S + number * 3600.0, camera, number % 2 == 1


__all__ = ["AnsweringRangers", "LearningWorld", "build_world", "replace", "small_bundle"]
