"""RQ carries the jobs: deliveries and housekeeping. Frames never ride here (see docs/decisions).

A job waits in Redis under its name in :data:`JOBS`, with its arguments as JSON: what waits can be read by every later
version, wherever its function lies by then, and nothing that is not in the table can be run.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from importlib import import_module
from io import BytesIO
from typing import Any, Final

import redis
from rq import Queue
from rq.job import Job

DELIVERIES: Final = "deliveries"
HOUSEKEEPING: Final = "housekeeping"
QUEUES: Final = (DELIVERIES, HOUSEKEEPING)
"""In the order in which a worker empties them."""

SWEEP_OUTBOX: Final = "sweep_outbox"
"""Queued by whoever has just written to the outbox; cron queues it too, in case Redis was unreachable then."""
PROBE_CAMERA: Final = "probe_camera"
"""Opens one camera once, from where the jobs run, and says what it showed."""
KEEP_HOUSE: Final = "keep_house"
REMIND_OF_DRILLS: Final = "remind_of_drills"
WRITE_REPORTS: Final = "write_reports"
DRAW_AUDITS: Final = "draw_audits"
DRAW_WATCH_HOURS: Final = "draw_watch_hours"
LEARN_TONIGHT: Final = "learn_tonight"
"""Begins the learning run of this night in a process of its own, when it is due."""

JOBS: Final[dict[str, str]] = {
    SWEEP_OUTBOX: "bearwatch.housekeeping:sweep_outbox",
    PROBE_CAMERA: "bearwatch.camera_probe:probe_camera",
    KEEP_HOUSE: "bearwatch.housekeeping:keep_house",
    REMIND_OF_DRILLS: "bearwatch.housekeeping:remind_of_drills",
    WRITE_REPORTS: "bearwatch.housekeeping:write_reports",
    DRAW_AUDITS: "bearwatch.housekeeping:draw_audits",
    DRAW_WATCH_HOURS: "bearwatch.housekeeping:draw_watch_hours",
    LEARN_TONIGHT: "bearwatch.nightly_learning:learn_tonight",
}
"""Every job by its name, and where its function lies: ``module:function``, imported where it runs and nowhere else."""

FORMER_NAMES: Final[dict[str, str]] = {
    "bearwatch.housekeeping.sweep_outbox": SWEEP_OUTBOX,
    "bearwatch.probing.probe_camera": PROBE_CAMERA,
    "bearwatch.housekeeping.keep_house": KEEP_HOUSE,
    "bearwatch.housekeeping.remind_of_drills": REMIND_OF_DRILLS,
    "bearwatch.housekeeping.write_reports": WRITE_REPORTS,
    "bearwatch.housekeeping.draw_audits": DRAW_AUDITS,
    "bearwatch.housekeeping.draw_watch_hours": DRAW_WATCH_HOURS,
}
"""Under which names jobs were queued before they had names of their own; texts in a queue, not places in the code."""


class UnknownJob(LookupError):
    """A job that is not in the table; the message names it and those that are."""


class NamedJob(Job):
    """A job whose function is found by its name in :data:`JOBS`."""

    @property
    def func(self) -> Callable[..., Any]:
        """The function that it stands for. Raises :class:`UnknownJob`."""
        return function_of(self.func_name or "")

    @property
    def success_callback(self) -> None:
        """Never anything: RQ would import whatever place in the code stands beside the job."""
        return None

    @property
    def failure_callback(self) -> None:
        """The same when it fails."""
        return None

    @property
    def stopped_callback(self) -> None:
        """The same when it is stopped."""
        return None


class JobFormat:
    """A job's name and arguments as JSON. Reads what was pickled before, if it holds nothing but plain values."""

    @staticmethod
    def dumps(value: Any) -> bytes:
        """As JSON. Raises TypeError for what JSON cannot say."""
        return json.dumps(value).encode()

    @staticmethod
    def loads(data: bytes) -> Any:
        """The opposite. Raises ValueError or pickle.UnpicklingError for anything else."""
        if data[:1] == _PICKLED:
            return _PlainPickle(BytesIO(data)).load()
        return json.loads(data)


class _PlainPickle(pickle.Unpickler):
    """Strings, numbers, lists and the like: whatever a pickle would have imported is refused."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        raise pickle.UnpicklingError(f"a job's arguments are plain values, not {module_name}.{global_name}")


_PICKLED: Final = b"\x80"
"""The first byte of a pickle; JSON never begins with it."""


def queue_of(client: redis.Redis, name: str) -> Queue:
    """One of :data:`QUEUES`."""
    return Queue(name, connection=client, job_class=NamedJob, serializer=JobFormat)


def enqueue(
    client: redis.Redis,
    queue: str,
    job: str,
    *arguments: Any,
    job_id: str | None = None,
    timeout_s: int = 60,
    ttl_s: int | None = None,
) -> None:
    """Queue a job by its name. ``arguments`` are what JSON can say; after ``ttl_s`` seconds it is not run any more.

    A lost job is never a lost duty: deliveries are rows in the database, and a sweep queues again what Redis forgot.
    """
    queue_of(client, queue).enqueue(
        job, *arguments, job_id=job_id, result_ttl=3600, failure_ttl=7 * 86400, job_timeout=timeout_s, ttl=ttl_s
    )


def function_of(name: str) -> Callable[..., Any]:
    """The function of a job, by its name or the one that it had before. Raises :class:`UnknownJob`."""
    place = JOBS.get(FORMER_NAMES.get(name, name))
    if place is None:
        raise UnknownJob(f"there is no job {name!r}; there are {', '.join(JOBS)}")
    module, _, function = place.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), function)
    return found
