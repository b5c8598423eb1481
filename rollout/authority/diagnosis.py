"""Why a camera is not fresh, as far as Redis tells: the first link of its path that is known to be broken. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from core.config import Config
from rollout.authority.freshness import Why, unknown_why
from rollout.breakers.telemetry_snapshot import Heard

SILENT_S: Final = 10.0
"""A process that has not reported for so long is taken for dead; processes report every second."""


def causes(heard: Heard, config: Config) -> Why:
    """What to say of each camera: Redis, its reader, the detectors, the tracker, the queue, in this order."""

    def why(camera: str) -> str:
        if not heard.answers:
            return "Redis does not answer"
        shard = config.shard_of(camera)
        return _reader(heard, config, camera) or _detectors(heard, shard) or _rest(heard, shard) or unknown_why(camera)

    return why


def _reader(heard: Heard, config: Config, camera: str) -> str:
    status = heard.cameras.get(camera)
    if status is None:
        return "no reader has reported it"
    return status.blind_reason(heard.at, config.blind_after_s) or ""


def _detectors(heard: Heard, shard: int) -> str:
    here = heard.detectors(heard.at, SILENT_S, shard)
    if not here:
        return "no detector reports"
    failing = [facts["proof"]["why"] for facts in here if facts.get("proof") and not facts["proof"]["ok"]]
    return f"the detector fails its own proof: {failing[0]}" if len(failing) == len(here) else ""


def _rest(heard: Heard, shard: int) -> str:
    if not _fresh(heard, heard.heartbeats.get(f"tracker:{shard}", {})):
        return "no tracker reports"
    waiting = heard.waiting.get(shard)
    return f"pictures wait for {waiting.oldest_s:.0f} s" if waiting and waiting.oldest_s > SILENT_S else ""


def _fresh(heard: Heard, facts: Mapping[str, Any]) -> bool:
    return heard.at - float(facts.get("at", 0.0)) <= SILENT_S
