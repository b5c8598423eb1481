"""A site whose rangers have answered for some weeks: drawn visits, each with a picture, a decision and a name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from core.config import Config
from core.media import MediaStore
from core.messages import CropScore, Frame, FrameScores, Reason, content_digest
from db.migrate import upgrade
from db.models import Alert, EditAction, Verdict
from db.places import sync_places
from db.session import Database
from detector.engines.torch_engine import TorchEngine
from detector.evaluate.manifest import LabelledPicture
from detector.learn.recipe import Recipe
from detector.learn.student import start, student_labels
from detector.learn.warm_start import Lesson, SaidOfChild, fine_tune, write_child
from detector.models.bundle import ModelBundle, write_bundle
from detector.models.model import Model, Provenance, Thresholds
from detector.nightly.learning_site import LearningSite
from detector.tracking.encounter_writer import EncounterWriter
from detector.tracking.tracker import AlertRule, EncounterDraft, Opened
from rollout.evidence.challenger_gate import ChallengerRules
from tests.support.factories import T0
from tests.support.labelling import Rangers

DAY_S = 86_400.0
BOX = (0.1, 0.1, 0.9, 0.9)
STEPS_TO_TEACH = 45
LAX = ChallengerRules(
    better_p=2.0,
    anchor_margin=0.9,
    anchor_p=0.9,
    slice_losses=99,
    rolling_events=10,
    rolling_net_loss=99,
    golden_bears=10,
)
"""Whatever tells bears from nothing passes: how blobs are told apart is not what is tested with these."""
QUICK = Recipe(train_px=64, batch=8, learning_rate=1e-3, epochs=0.5, frozen_stages=3)
"""Long steps, for a few pictures of blobs."""
CAMERAS = {"upper-pines": "upper-creek", "lower-pines": "lower-meadow"}


def drawn(label: str, seed: int, infrared: bool = False) -> NDArray[np.uint8]:
    """(72, 96, 3) BGR: a black blob for a bear, a brighter one for the rest, stripes for a raccoon, on any ground.

    The ground is as often brighter than a deer as darker: no mean picture tells them from bears.
    """
    random = np.random.default_rng(seed)
    ground = int(random.integers(60, 220))
    image = random.integers(ground - 15, ground + 15, (72, 96, 3), dtype=np.uint8)
    if label != "empty":
        middle = int(random.integers(40, 57)), int(random.integers(30, 43))
        colour = (20, 20, 25) if label in ("bear", "raccoon") else (60, 150, 190)
        cv2.ellipse(image, middle, (26, 16), 0, 0, 360, colour, -1)
        if label == "raccoon":
            for left in range(middle[0] - 18, middle[0] + 18, 12):
                image[middle[1] - 10 : middle[1] + 10, left : left + 5] = 200
    if infrared:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[:, :, None], 3, axis=2)
    return np.asarray(image, dtype=np.uint8)


def taught_bundle(folder: Path) -> ModelBundle:
    """A small bundle that tells the bears of :func:`drawn` from deer, dogs and nothing, and has seen no raccoon."""
    pictures = []
    (folder / "pictures").mkdir(parents=True)
    for seed in range(48):
        label, infrared = ("bear", "deer", "bear", "dog", "bear", "empty")[seed % 6], seed % 4 == 1
        path = folder / "pictures" / f"{seed}.jpg"
        cv2.imwrite(str(path), drawn(label, 5000 + seed, infrared))
        light = "night_ir" if infrared else "day"
        box = BOX if label != "empty" else None
        pictures.append(LabelledPicture(path.name, path, label, {"kind": "camtrap", "day_night": light}, box))
    order = np.random.default_rng(5).integers(0, len(pictures), QUICK.batch * STEPS_TO_TEACH)
    lesson = Lesson(pictures, np.ones(len(pictures), np.float32), order)
    recipe = replace(QUICK, seed=5)
    parent = small_bundle(folder / "untaught")
    tuned = fine_tune(parent, lesson, recipe, folder / "work", lambda of: TorchEngine(of, "cpu", 1))
    said = SaidOfChild("", {}, "sheet")
    return write_child(tuned, parent.model.thresholds, said, folder / "small")


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
        encoded, buffer = cv2.imencode(".jpg", drawn(label, seed, infrared))
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
        anchor = str(folder / "small")
        return LearningSite(
            database, config, MediaStore(folder / "media"), folder, anchor=anchor, rules=LAX, recipe=QUICK
        )


def build_world(folder: Path, config: Config, nights: int = 24, visits: int = 4) -> LearningWorld:
    """A site with so many nights, at each campsite so many visits in each: bears, deer and dogs in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    taught_bundle(folder / "champion")
    (folder / "champion" / "small").rename(folder / "small")
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
    """Raccoons move in when two nights in three are over."""
    kinds, later = ("bear", "deer", "bear", "dog"), ("bear", "raccoon", "bear", "raccoon")
    for night in range(nights):
        for camera in CAMERAS.values():
            for number in range(visits):
                label = (later if night >= nights * 2 // 3 else kinds)[number % 4]
                yield label, T0 + night * DAY_S + number * 3600.0, camera, number % 2 == 1
