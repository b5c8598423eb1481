"""An alert that cannot be written down, as on a full disk, and reaches the open pages all the same.

It lives in Redis only, for as long as the tracker goes on failing to write it, which it tries about once a second. Once
written it is an alert like any other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, cast

import redis

from core import message_fields as read
from core.message_fields import MalformedMessage
from core.messages import EncounterKind

KEY: Final = "unwritten_alerts"
HOLDS_S: Final = 15.0
"""So long after the tracker last failed to write it, an alert is still told of."""


@dataclass(frozen=True, slots=True)
class UnwrittenAlert:
    """``captured_at``: when the frame that decided was taken; ``told_at``: when the tracker last failed to write it."""

    camera: str
    kind: EncounterKind
    captured_at: float
    told_at: float


def tell_unwritten(client: redis.Redis, alert: UnwrittenAlert) -> None:
    """Say that there is one; the newest of a camera counts. Raises redis-py's errors."""
    fields = {"kind": alert.kind, "captured_at": alert.captured_at, "told_at": alert.told_at}
    client.hset(KEY, alert.camera, json.dumps(fields))
    client.expire(KEY, int(4 * HOLDS_S))


def unwritten_alerts(client: redis.Redis, now: float) -> list[UnwrittenAlert]:
    """Those that hold now, by camera; what cannot be read is passed over. Raises redis-py's errors."""
    found = []
    for camera, raw in sorted(cast("dict[bytes, bytes]", client.hgetall(KEY)).items()):
        try:
            alert = _unpacked(camera, raw)
        except (MalformedMessage, ValueError):
            continue  # of another release
        if abs(now - alert.told_at) <= HOLDS_S:
            found.append(alert)
    return found


def _unpacked(camera: bytes, raw: bytes) -> UnwrittenAlert:
    fields: dict[str, Any] = {**read.header_of(raw), "camera": camera.decode()}
    return UnwrittenAlert(
        read.camera(fields),
        EncounterKind(read.text(fields, "kind")),
        read.moment(fields, "captured_at"),
        read.moment(fields, "told_at"),
    )
