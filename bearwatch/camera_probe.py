"""A job: open one camera once, as ``bearwatch check`` does, and leave the answer where the page finds it."""

from __future__ import annotations

import logging
from typing import Any

from core.clock import now_s
from core.config import Camera
from core.redis_client import connect
from core.settings import settings
from core.telemetry import Telemetry
from rollout.stages.plan_watcher import in_force

log = logging.getLogger(__name__)

PATIENCE_S = 8.0


def probe_camera(camera: str) -> bool:
    """Open a camera and report what it showed; returns whether it can be used."""
    current = settings()
    configured = in_force(current.bearwatch_config).config.cameras.get(camera)
    facts = (
        _no(f"the camera {camera!r} is not in this process's configuration")
        if configured is None
        else _probe_now(camera, configured)
    )
    client = connect(current.redis)
    try:
        Telemetry(client).report_probe(camera, {**facts, "at": now_s()})
    finally:
        client.close()
    return bool(facts["ok"])


def _probe_now(name: str, camera: Camera) -> dict[str, Any]:
    try:
        from ingest.sources.probe import probe
    except ImportError:
        return _no("the jobs process here has no video decoder; run `bearwatch check` where the cameras are read")
    found = probe(name, camera, PATIENCE_S)
    return {
        "ok": found.ok,
        "codec": found.codec,
        "width": found.width,
        "height": found.height,
        "fps": round(found.fps, 1),
        "error": found.error,
    }


def _no(why: str) -> dict[str, Any]:
    log.warning("a camera was not tested: %s", why)
    return {"ok": False, "codec": "", "width": 0, "height": 0, "fps": 0.0, "error": why}
