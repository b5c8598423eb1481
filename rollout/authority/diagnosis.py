"""Why a camera is not fresh, as far as Redis tells: the first link of its path that is known to be broken. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from core.config import Config
from rollout.authority.freshness import Why, unknown_why
from rollout.breakers.telemetry_snapshot import TelemetrySnapshot

SILENT_S: Final = 10.0
"""A process that has not reported for so long is taken for dead; processes report every second."""


def causes(snapshot: TelemetrySnapshot, config: Config) -> Why:
    """What to say of each camera: Redis, its reader, the detectors, the tracker, the queue, in this order."""

    def why(camera: str) -> str:
        if not snapshot.answers:
            return "Redis does not answer"
        shard = config.shard_of(camera)
        return (
            _reader(snapshot, config, camera)
            or _detectors(snapshot, shard)
            or _rest(snapshot, shard)
            or unknown_why(camera)
        )

    return why


def _reader(snapshot: TelemetrySnapshot, config: Config, camera: str) -> str:
    status = snapshot.cameras.get(camera)
    if status is None:
        return "no reader has reported it"
    return status.blind_reason(snapshot.at, config.blind_after_s) or ""


def _detectors(snapshot: TelemetrySnapshot, shard: int) -> str:
    here = snapshot.detectors(snapshot.at, SILENT_S, shard)
    if not here:
        return "no detector reports"
    failing = [facts["self_test"]["why"] for facts in here if facts.get("self_test") and not facts["self_test"]["ok"]]
    return f"the detector fails its self-test: {failing[0]}" if len(failing) == len(here) else ""


def _rest(snapshot: TelemetrySnapshot, shard: int) -> str:
    if not _fresh(snapshot, snapshot.heartbeats.get(f"tracker:{shard}", {})):
        return "no tracker reports"
    waiting = snapshot.waiting.get(shard)
    return f"pictures wait for {waiting.oldest_s:.0f} s" if waiting and waiting.oldest_s > SILENT_S else ""


def _fresh(snapshot: TelemetrySnapshot, facts: Mapping[str, Any]) -> bool:
    return snapshot.at - float(facts.get("at", 0.0)) <= SILENT_S
