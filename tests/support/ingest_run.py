"""Run the real ingest process' insides against a real Redis for a while, and look at what comes out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
import redis

from core.config import Camera, Config
from core.messages import CameraStatus, Frame
from core.streams import frames_stream, late_stream
from core.telemetry import Telemetry
from ingest.ingest_process import Ingest
from ingest.sources.probe import ProbeResult, probe
from ingest.spool import Spool
from tests.support.waiting import WITHIN_S, wait_for


def config_of(cameras: dict[str, dict[str, Any]], blind_after_s: float = 2.0, **motion: Any) -> Config:
    """A configuration with these cameras at one campsite."""
    return Config.model_validate(
        {
            "regions": {"sierra": {"timezone": "America/Los_Angeles"}},
            "campsites": {"pines": {"region": "sierra"}},
            "cameras": {name: {"campsite": "pines", **camera} for name, camera in cameras.items()},
            "blind_after_s": blind_after_s,
            "motion": motion,
        }
    )


@contextmanager
def running(config: Config, redis_url: str, spool: Spool | None = None) -> Iterator[Ingest]:
    """Ingest at work; afterwards it has stopped, with all its threads."""
    stop = threading.Event()
    before = set(threading.enumerate())
    ingest = Ingest(config, redis_url, stop, spool)
    thread = threading.Thread(target=ingest.run, name="ingest under test")
    thread.start()
    try:
        yield ingest
    finally:
        stop.set()
        # A reader inside a wait for a silent camera ends with its time-out.
        wait_for(lambda: set(threading.enumerate()) <= before)


def probed(name: str, camera: Camera, fps: float) -> ProbeResult:
    """What a test of a camera shows, once the machine is quiet enough for the camera's own pace."""
    found: list[ProbeResult] = []

    def at_its_pace() -> bool:
        found.append(probe(name, camera, WITHIN_S))
        return found[-1].fps == pytest.approx(fps, rel=0.2)

    wait_for(at_its_pace)
    return found[-1]


def stream(client: redis.Redis, name: str) -> list[Frame]:
    """All frames of one stream, oldest first."""
    return [Frame.unpack(fields) for _, fields in cast(Any, client.xrange(name))]


def fresh(client: redis.Redis) -> list[Frame]:
    """What is on the frames stream."""
    return stream(client, frames_stream(0))


def late(client: redis.Redis) -> list[Frame]:
    """What is on the late stream."""
    return stream(client, late_stream(0))


def status(client: redis.Redis, camera: str) -> CameraStatus | None:
    """What is reported of a camera."""
    return Telemetry(client).cameras().get(camera)
