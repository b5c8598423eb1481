"""A site with a controller whose clock is set by hand, on a real database and a real Redis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import redis
import yaml

from core.messages import CameraHealth, CameraStatus
from core.telemetry import Telemetry
from db.models import CanaryRun, Mode
from db.places import sync_places
from db.session import Database
from rollout.authority.authority import authority
from rollout.control.controller import Controller
from rollout.control.service import CommandOutcome as Done
from rollout.control.service import perform
from rollout.stages import commands as c
from rollout.stages.event_store import everything, load
from rollout.stages.plan_watcher import PlanWatcher
from rollout.stages.promotion import analysis_opens_at
from rollout.stages.state import State
from tests.support.rollout.rollout_plans import DIGEST, LEAD, OPERATOR, OWNER, START, add_people, gate_results, settings

UPPER, LOWER = "upper-pines", "lower-pines"
CAMERAS = ("upper-creek", "upper-trail", "lower-meadow")


class ControllerSite:
    """A site with a controller whose clock is set by hand."""

    def __init__(self, folder: Path, database: Database, client: redis.Redis, start: float = START) -> None:
        self.file = folder / "bearwatch.yaml"
        self.file.write_text(yaml.safe_dump(settings().model_dump(mode="json", exclude_unset=True), sort_keys=False))
        self.database = database
        self.client = client
        self.now = start
        self.planted_at = 0.0
        self.says: dict[str, dict[str, Any]] = {}
        """What a process says beside the usual, by its name."""
        self.watcher = PlanWatcher.load(self.file)
        self.controller = Controller(self.watcher, database, client)
        with database.write() as session:
            sync_places(session, self.watcher.config)
            add_people(session)

    @property
    def state(self) -> State:
        """The state in the database."""
        with self.database.read() as session:
            return load(session)

    def tick(self, seconds: float = 0.0) -> State:
        """Let time pass, then one tick of the controller, with a detector that reports."""
        self.now += seconds
        self.report()
        return self.controller.tick(self.now)

    def report(self) -> None:
        """All processes are well, all cameras see, and planted bears are seen within the hour."""
        if self.now - self.planted_at >= 3600:
            self.planted_at = self.now
            with self.database.write() as session:
                session.add_all(
                    CanaryRun(
                        camera_id=name, planted_at=self.now, frames=3, background="painted", seen=True,
                        seen_at=self.now, latency_s=1.0, peak_score=0.9, model=DIGEST,
                    )
                    for name in CAMERAS
                )  # fmt: skip
        telemetry = Telemetry(self.client)
        for process in ("detector:test", "tracker:0", "ingest", "jobs"):
            telemetry.beat(process, self.now, {"model": DIGEST, **self.says.get(process, {})})
        telemetry.beat("machine:test", self.now, {"load": 0.2, "memory_used": 0.3, "disk_free": 0.8})
        telemetry.report_cameras(
            [
                CameraStatus(name, CameraHealth.LIVE, "", self.now, self.now, 640, 360, 15.0, 5.0, 0, {}, {})
                for name in CAMERAS
            ]
        )

    def give(self, command: c.Command) -> Done:
        """A command, with what holds read back."""
        return perform(self.database, self.watcher.plan, command, self.now)

    def mode(self, campsite: str = UPPER, camera: str | None = None) -> Mode:
        """What holds."""
        with self.database.read() as session:
            return authority(session, campsite, self.now, camera)

    def promote(self) -> Done:
        """Two people approve, a third asks, and every gate passes."""
        state = self.state
        self.now = max(self.now, analysis_opens_at(self.watcher.plan, state))
        self.tick()
        for by in (LEAD, OWNER):
            self.give(c.Approve(by=by))
        gates = gate_results(self.watcher.plan, state)
        return self.give(c.Promote(by=OPERATOR, gates=gates, able=("rosa",)))

    def kinds(self) -> list[str]:
        """What has happened, in order."""
        with self.database.read() as session:
            return [entry.kind for entry in everything(session)]
