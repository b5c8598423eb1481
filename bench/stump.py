"""What the memory of a place takes off the rangers' page, and whether it ever puts a bear below: staged cameras.

    python -m bench.stump            # a day camera and an infra-red one, 40 visits each

On each camera stands a carved bear: a bear's cut-out that never moves, the hardest stump there is. Leaves before it
move, so that it raises an alert every time. A ranger rejects each alert of it. In every fourth visit a bear of flesh
passes in front of it. Everything is real but the camera: the scenes are painted by :mod:`simulation.cameras`, the
built-in network scores them, the tracker and the database do what they do at a site.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from sqlalchemy import select

from core.config import Config
from core.media import MediaStore
from core.messages import Frame, FrameScores, Reason, content_digest
from db.migrate import upgrade
from db.models import Alert, AlertStatus, Role, User, Verdict
from db.places import sync_places
from db.session import Database
from detector.classify import score_frames
from detector.engines.engine import Engine
from detector.engines.torch_engine import TorchEngine
from detector.models.bundle import BUILT_IN, ModelBundle
from detector.tracking.encounter_writer import EncounterWriter
from detector.tracking.tracker import AlertRule, Track, expire, observe
from rollout.alerting.alerts import Decision, decide
from rollout.alerting.recipients import Recipients
from simulation.cameras.render import SceneRenderer
from simulation.cameras.scene import Disturbance, Light, Scene, StagedVisit, truth

START = 1_800_000_000.0
FPS = 5
VISIT_FRAMES = 8
BETWEEN_S = 600.0
EVERY_FOURTH = 4
STUMP = StagedVisit("bear", 0, 60, ((0.35, 0.72), (0.35, 0.72)), 0.22)
PASSING = {"bear": 0.26, "black_bear": 0.24}
CAMERAS: dict[str, Light] = {"creek": "day", "trail": "infrared"}


@dataclass
class Counted:
    """What came of the visits of one camera. ``waiting`` alerts stand among the others on the page."""

    stump_alerts: int = 0
    stump_waiting: int = 0
    bears: int = 0
    bears_alerted: int = 0
    bears_below: int = 0


def site() -> Config:
    """One campsite with the two cameras."""
    cameras = {name: {"campsite": "pines", "url": f"rtsp://127.0.0.1/{name}", "fps": FPS} for name in CAMERAS}
    places = {"regions": {"park": {"timezone": "UTC"}}, "campsites": {"pines": {"region": "park"}}}
    return Config.model_validate({**places, "cameras": cameras})


class StagedSite:
    """A database, a tracker's writer and a ranger."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.engine, self.config = engine, site()
        self.database = Database(f"sqlite:///{folder / 'bench.db'}")
        upgrade(self.database)
        self.rule = AlertRule.of(self.config.detector)
        self.now = START
        self.writer = EncounterWriter(self.config, MediaStore(folder / "media"), self.rule, lambda: self.now)
        with self.database.write() as session:
            sync_places(session, self.config)
            session.add(User(name="ranger", password_hash="-", role=Role.RANGER, created_at=START))
            session.flush()
            self.ranger = session.scalars(select(User.id)).one()

    def visit(self, camera: str, scene: Scene, renderer: SceneRenderer, first: int, seed: int) -> list[Alert]:
        """Play some frames, close what is open, and return the alerts that were raised."""
        begun_at, track = self.now, Track()
        chance = np.random.default_rng(seed)
        pictures = [renderer.bgr(first + place * FPS // 2) for place in range(VISIT_FRAMES)]
        boxes = [_moving(scene, (first + place * FPS // 2) / FPS, chance) for place in range(VISIT_FRAMES)]
        seen = [(picture, box, Reason.MOTION) for picture, box in zip(pictures, boxes, strict=True)]
        for place, said in enumerate(score_frames(self.engine, seen)):
            at = begun_at + place / 2
            jpeg = cv2.imencode(".jpg", pictures[place])[1].tobytes()
            digest, size = content_digest(jpeg), (scene.width, scene.height)
            frame = Frame(camera, at, place, digest, tuple(boxes[place]), Reason.MOTION, *size, jpeg)
            track = self._observe(camera, track, said.scores(frame, self.engine.name, at))
        self.now = begun_at + BETWEEN_S
        with self.database.write() as session:
            self.writer.write(session, camera, False, expire(track, self.now, self.rule)[1])
            mine = select(Alert).where(Alert.camera_id == camera, Alert.captured_at >= begun_at)
            raised = session.scalars(mine).all()
            session.expunge_all()
            return list(raised)

    def _observe(self, camera: str, track: Track, scores: FrameScores) -> Track:
        self.now = scores.frame.captured_at
        track, changes = observe(track, scores, self.rule)
        if changes:
            with self.database.write() as session:
                self.writer.write(session, camera, False, changes)
        return track

    def answer(self, alert: Alert, verdict: Verdict) -> None:
        """What the ranger says."""
        given = Decision(alert.id, self.ranger, verdict, alert.version, f"bench-{alert.id}-{verdict}", False)
        with self.database.write() as session:
            decide(session, given, Recipients.of(self.config), self.now)


def _moving(scene: Scene, at: float, chance: np.random.Generator) -> list[tuple[float, float, float, float]]:
    """Where something moves: every subject's box, never twice the same."""
    found = []
    for each in truth(scene, at):
        edges = np.array([each.box.left, each.box.top, each.box.right, each.box.bottom]) + chance.normal(0, 0.012, 4)
        x0, y0, x1, y1 = np.clip(edges, 0, 1).tolist()
        found.append((x0, y0, x1, y1))
    return found


def play(there: StagedSite, camera: str, visits: int) -> Counted:
    """All visits of one camera, each under other wind and light."""
    counted = Counted()
    for number in range(visits):
        bear = number % EVERY_FOURTH == EVERY_FOURTH - 1
        kind = list(PASSING)[number // EVERY_FOURTH % len(PASSING)]
        low = 0.74 + 0.02 * (number % 3)
        walk = StagedVisit(kind, 4, 20, ((-0.1, low), (1.1, low)), PASSING[kind])
        wind = (Disturbance("branches", 0, 60, 0.3 + 0.1 * (number % 6)),)
        weather = (Disturbance("rain", 0, 60, 0.4),) if number % 5 == 4 else ()
        scene = Scene(
            camera, light=CAMERAS[camera], fps=FPS, visits=(STUMP, walk) if bear else (STUMP,),
            disturbances=(*wind, *weather),
        )  # fmt: skip
        first = 5 * FPS + (number * 7) % 40 if bear else (number * 13) % 200
        raised = there.visit(camera, scene, SceneRenderer(scene), first, number)
        _count(counted, bear, raised)
        for alert in raised:
            there.answer(alert, Verdict.BEAR if bear else Verdict.NOT_A_BEAR)
    return counted


def _count(counted: Counted, bear: bool, raised: list[Alert]) -> None:
    waiting = [each for each in raised if each.resembles_id is None and each.status == AlertStatus.OPEN]
    if bear:
        counted.bears += 1
        counted.bears_alerted += bool(raised)
        counted.bears_below += bool(raised) and not waiting
    else:
        counted.stump_alerts += len(raised)
        counted.stump_waiting += len(waiting)


def main() -> None:
    """Play, print a line a camera and the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=40, help="on each camera")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    engine = TorchEngine(ModelBundle.load(BUILT_IN), "cpu", 1)
    with tempfile.TemporaryDirectory() as folder:
        there = StagedSite(Path(folder), engine)
        found = {camera: play(there, camera, arguments.visits) for camera in CAMERAS}
        there.database.close()
    if arguments.json:
        print(json.dumps({camera: asdict(each) for camera, each in found.items()}))
        return
    for camera, each in found.items():
        print(f"{camera} ({CAMERAS[camera]}): {each}")
    alerts, waiting = sum(e.stump_alerts for e in found.values()), sum(e.stump_waiting for e in found.values())
    below, bears = sum(e.bears_below for e in found.values()), sum(e.bears for e in found.values())
    alerted = sum(e.bears_alerted for e in found.values())
    print(f"false alarms among the others: {waiting} of {alerts}, {1 - waiting / max(1, alerts):.0%} fewer")
    print(f"bears: {bears}, alerted {alerted}, put below {below}")


if __name__ == "__main__":
    main()
