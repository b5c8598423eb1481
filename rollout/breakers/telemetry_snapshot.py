"""What Redis tells the breakers: camera statuses, heartbeats, and how much waits. Read outside of any transaction."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import redis
from rq import Queue

from core.config import Config
from core.jobs import QUEUES
from core.messages import CameraStatus
from core.redis_client import RedisDown
from core.streams import TRACKER, FrameStreams
from core.telemetry import Telemetry

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """What has not been handled yet on one shard: how many entries, and the age of the oldest."""

    entries: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class TelemetrySnapshot:
    """A copy of what processes say about themselves. With ``answers`` false, Redis said nothing at all."""

    at: float
    answers: bool
    cameras: Mapping[str, CameraStatus] = field(default_factory=dict)
    heartbeats: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    waiting: Mapping[int, QueueDepth] = field(default_factory=dict)
    """By shard."""
    jobs: int = 0

    def beat_at(self, process: str) -> float | None:
        """When a process last said that it lives; with a ``:`` at the end, the newest of all that begin so."""
        beats = [
            float(facts.get("at", 0.0))
            for name, facts in self.heartbeats.items()
            if name == process or (process.endswith(":") and name.startswith(process))
        ]
        return max(beats, default=None)

    def detectors(self, now: float, within_s: float, shard: int | None = None) -> list[Mapping[str, Any]]:
        """What the detectors say that have reported within so many seconds; with ``shard``, those that work for it."""
        return [
            facts
            for name, facts in self.heartbeats.items()
            if name.startswith("detector:")
            and now - float(facts.get("at", 0.0)) <= within_s
            and (shard is None or shard in facts.get("shards", (shard,)))
        ]


def collect_telemetry(client: redis.Redis, config: Config, now: float) -> TelemetrySnapshot:
    """Ask Redis. When it is away, the answer says so; nothing is raised."""
    telemetry = Telemetry(client)
    try:
        return TelemetrySnapshot(
            now,
            True,
            telemetry.cameras(),
            telemetry.heartbeats(),
            {shard: _waiting(client, _streams(client, telemetry, shard), now) for shard in config.shards()},
            sum(Queue(name, connection=client).count for name in QUEUES),
        )
    except (*RedisDown, redis.RedisError) as error:
        log.warning("Redis is unreachable (%s); the breakers have no telemetry", error)
        return TelemetrySnapshot(now, False)


def _streams(client: redis.Redis, telemetry: Telemetry, shard: int) -> list[FrameStreams]:
    """The site's own of a shard, and those of its boxes."""
    boxes = [name for name, said in telemetry.boxes().items() if shard in said.shards]
    return [FrameStreams(client, shard), *(FrameStreams(client, shard, name) for name in boxes)]


def _waiting(client: redis.Redis, of_shard: list[FrameStreams], now: float) -> QueueDepth:
    """Handled frames leave their stream, so that what is there waits, whether a detector has ever come or not. Scores
    stay, and only what the tracker has not acknowledged counts.

    Late frames count as entries and not for the age: they are old by their nature.
    """
    frames = sum(client.xlen(streams.frames) + client.xlen(streams.late) for streams in of_shard)
    scores = of_shard[0].waiting(of_shard[0].scores, TRACKER)
    oldest = (_oldest_frame_s(client, streams, now) for streams in of_shard)
    ages = (*oldest, _oldest_score_s(client, of_shard[0], now))
    return QueueDepth(frames + sum(scores), max(ages))


def _oldest_frame_s(client: redis.Redis, streams: FrameStreams, now: float) -> float:
    return _age_s(cast(Any, client.xrange(streams.frames, count=1)), now)


def _oldest_score_s(client: redis.Redis, streams: FrameStreams, now: float) -> float:
    try:
        groups = cast(Any, client.xinfo_groups(streams.scores))
    except redis.ResponseError:
        return 0.0  # no such stream yet
    group = next((row for row in groups if _text(row["name"]) == TRACKER), None)
    if group is None:
        return _age_s(cast(Any, client.xrange(streams.scores, count=1)), now)
    unread = _age_s(cast(Any, client.xrange(streams.scores, min=f"({_text(group['last-delivered-id'])}", count=1)), now)
    pending = cast(Any, client.xpending(streams.scores, TRACKER)) if group["pending"] else {}
    return max(unread, _since_id_s(pending["min"], now) if pending.get("min") else 0.0)


def _age_s(entries: Any, now: float) -> float:
    return _since_id_s(entries[0][0], now) if entries else 0.0


def _since_id_s(entry_id: bytes | str, now: float) -> float:
    """An entry's id begins with the server's milliseconds."""
    return max(0.0, now - int(_text(entry_id).partition("-")[0]) / 1000)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
