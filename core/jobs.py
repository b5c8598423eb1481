"""RQ carries the jobs: deliveries and housekeeping. Frames never ride here (see docs/decisions)."""

from __future__ import annotations

from typing import Any, Final

import redis
from rq import Queue

DELIVERIES: Final = "deliveries"
HOUSEKEEPING: Final = "housekeeping"
QUEUES: Final = (DELIVERIES, HOUSEKEEPING)
"""In the order in which a worker empties them."""


def enqueue(client: redis.Redis, queue: str, function: str, *arguments: Any, job_id: str | None = None) -> None:
    """Queue ``function`` (a dotted name, so that the caller need not import it).

    A lost job is never a lost duty: deliveries are rows in the database, and a sweep queues again what Redis forgot.
    """
    Queue(queue, connection=client).enqueue(
        function, *arguments, job_id=job_id, result_ttl=3600, failure_ttl=7 * 86400, job_timeout=60
    )


SWEEP_OUTBOX: Final = "bearwatch.housekeeping.sweep_outbox"
"""Queued by whoever has just written to the outbox; cron queues it too, in case Redis was away then."""

PROBE_CAMERA: Final = "bearwatch.camera_probe.probe_camera"
"""Opens one camera once, from where the jobs run, and says what it showed."""
