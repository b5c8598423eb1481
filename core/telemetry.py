"""What processes say about themselves in Redis: camera status, counters, gauges, heartbeats, and the wake-up bell.

Nothing here is needed for a decision that must survive: it is what the pages, the breakers and `/metrics` look at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import redis

from core.messages import CameraStatus, MalformedMessage

CAMERAS_KEY = "cameras"
COUNTERS_KEY = "counters"
HEARTBEATS_KEY = "heartbeats"
BELL_CHANNEL = "bell"
PROBE_PREFIX = "probe:"
PROBE_KEPT_S = 3600


class Telemetry:
    """Reads and writes what processes say about themselves. Methods raise redis-py's errors."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client

    def report_cameras(self, statuses: list[CameraStatus]) -> None:
        """Replace the status of these cameras."""
        if statuses:
            self.client.hset(CAMERAS_KEY, mapping=cast(Any, {s.camera: s.pack() for s in statuses}))

    def cameras(self) -> dict[str, CameraStatus]:
        """The last status of each camera that ever reported."""
        found = {}
        for raw in cast(Any, self.client.hvals(CAMERAS_KEY)):
            try:
                status = CameraStatus.unpack(raw)
            except MalformedMessage:
                continue  # written by another version: as good as no report, and so blind
            found[status.camera] = status
        return found

    def forget_camera(self, camera: str) -> None:
        """Drop the status of a camera that is no longer configured."""
        self.client.hdel(CAMERAS_KEY, camera)

    def count(self, counts: Mapping[str, int]) -> None:
        """Add to counters, named ``name{label="value"}`` as Prometheus prints them."""
        pipe = self.client.pipeline(transaction=False)
        for name, amount in counts.items():
            if amount:
                pipe.hincrby(COUNTERS_KEY, name, amount)
        pipe.execute()

    def counters(self) -> dict[str, int]:
        """All counters."""
        return {name.decode(): int(value) for name, value in cast(Any, self.client.hgetall(COUNTERS_KEY)).items()}

    def beat(self, process: str, at: float, facts: Mapping[str, Any]) -> None:
        """Say that a process lives, with a few facts (model, load, latency)."""
        self.client.hset(HEARTBEATS_KEY, process, json.dumps({"at": at, **facts}))

    def heartbeats(self) -> dict[str, dict[str, Any]]:
        """The last heartbeat of each process, by name."""
        rows = cast(Any, self.client.hgetall(HEARTBEATS_KEY))
        return {name.decode(): json.loads(value) for name, value in rows.items()}

    def forget_silent(self, before: float) -> int:
        """Drop the heartbeats of processes that last said something before ``before``; returns how many."""
        silent = [name for name, facts in self.heartbeats().items() if float(facts.get("at", 0.0)) < before]
        if silent:
            self.client.hdel(HEARTBEATS_KEY, *silent)
        return len(silent)

    def report_probe(self, camera: str, facts: Mapping[str, Any]) -> None:
        """Say what a test of a camera has shown, or that one was asked for. It is forgotten after an hour."""
        self.client.set(f"{PROBE_PREFIX}{camera}", json.dumps(facts), ex=PROBE_KEPT_S)

    def probe(self, camera: str) -> dict[str, Any] | None:
        """What the last test of a camera has shown; None when there was none lately."""
        raw = cast(Any, self.client.get(f"{PROBE_PREFIX}{camera}"))
        found = json.loads(raw) if raw else None
        return found if isinstance(found, dict) else None

    def ring(self) -> None:
        """Wake whoever shows live pages: the database has something new."""
        self.client.publish(BELL_CHANNEL, b"1")


def counter(name: str, **labels: str) -> str:
    """A counter's name with its labels, as Prometheus prints it."""
    inner = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inner}}}" if inner else name
