"""A healthy site as the breakers hear it, and ways to make it worse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from core.config import Config
from core.messages import CameraHealth, CameraStatus
from db.models import CanaryRun
from rollout.breakers import TelemetrySnapshot
from rollout.breakers.telemetry_snapshot import QueueDepth

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
