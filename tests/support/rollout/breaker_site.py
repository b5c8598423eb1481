"""A healthy site as the breakers hear it, and ways to make it worse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from core.config import Config
from core.messages import CameraHealth, CameraStatus
from db.models import CanaryRun
from db.session import Database
from rollout.breakers import Action, Breakers, History, TelemetrySnapshot, Trip, Unit, check
from rollout.breakers.telemetry_snapshot import QueueDepth
from tests.support.cast import add_user
from tests.support.factories import T0

SPECS = Breakers().specs()
MACHINE = {"load": 0.5, "memory_used": 0.4, "disk_free": 0.6, "gpus": 0, "gpus_expected": 0, "shards": []}


def camera_status(camera: str, now: float, content_at: float | None = None) -> CameraStatus:
    """A camera that sees, unless its content is old."""
    return CameraStatus(
        camera, CameraHealth.LIVE, "", now, now if content_at is None else content_at, 640, 360, 15.0, 5.0, 0, {}, {}
    )


def healthy(config: Config, now: float, **machine: Any) -> TelemetrySnapshot:
    """Everything answers, nothing waits, every camera sees."""
    beats: dict[str, Mapping[str, Any]] = {
        "tracker:0": {"at": now},
        "detector:one": {"at": now, "device": "cpu"},
        "machine:one": {"at": now, **MACHINE, **machine},
    }
    cameras = {name: camera_status(name, now) for name in config.enabled_cameras()}
    return TelemetrySnapshot(now, True, cameras, beats, {0: QueueDepth(3, 0.2)}, 0)


def with_camera(snapshot: TelemetrySnapshot, camera: str, content_at: float) -> TelemetrySnapshot:
    """The same, but a camera last showed something new at ``content_at``."""
    return replace(snapshot, cameras={**snapshot.cameras, camera: camera_status(camera, snapshot.at, content_at)})


def inject(session: Session, config: Config, at: float, *, seen: bool = True, camera: str | None = None) -> None:
    """Test clips whose time is over, on one camera or on all."""
    for name in [camera] if camera else config.enabled_cameras():
        session.add(
            CanaryRun(
                camera_id=name,
                planted_at=at,
                frames=12,
                background="painted",
                seen=seen,
                seen_at=at + 1 if seen else None,
                latency_s=0.4 if seen else None,
                peak_score=0.9 if seen else 0.1,
                model="test-model",
            )
        )
    session.flush()


class Desk:
    """Checks the breakers as the controller does, every five seconds."""

    def __init__(self, database: Database, config: Config) -> None:
        self.database, self.config = database, config
        self.history = History()
        with database.write() as session:
            add_user(session)
            inject(session, config, T0 - 600)

    specs = SPECS

    def check(
        self, at: float, snapshot: TelemetrySnapshot | None = None, lease_until: float | None = None
    ) -> list[Trip]:
        """One tick."""
        with self.database.write() as session:
            return check(
                session, SPECS, self.config, snapshot or healthy(self.config, at), at,
                lease_until=lease_until, history=self.history,
            )  # fmt: skip

    def watch(self, begin: float, seconds: float, snapshot: Callable[[float], TelemetrySnapshot]) -> list[Trip]:
        """Ticks for a while; returns all that tripped."""
        trips: list[Trip] = []
        for step in range(int(seconds / 5) + 1):
            trips += self.check(begin + 5 * step, snapshot(begin + 5 * step))
        return trips


def what(trips: Sequence[Trip]) -> list[tuple[str, Unit, Action]]:
    """The trips without their numbers."""
    return [(trip.breaker, trip.unit, trip.action) for trip in trips]
