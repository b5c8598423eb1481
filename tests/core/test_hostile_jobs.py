"""Whoever may write to Redis runs nothing but what the table of jobs names, with arguments that are plain values."""

from __future__ import annotations

import json
import os
import pickle
import signal
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from rq import Queue
from rq.job import Job

import core.jobs
from bearwatch.cli.processes.jobs import worker
from core.jobs import DELIVERIES, JobFormat, enqueue

RAN: list[str] = []


def harmless(word: str) -> None:
    """A job of this test."""
    RAN.append(word)


@pytest.fixture(autouse=True)
def signals_kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A worker takes the signals of its process; the test gives them back."""
    RAN.clear()
    monkeypatch.setitem(core.jobs.JOBS, "harmless", f"{__name__}:harmless")
    kept = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    yield
    for each, handler in kept.items():
        signal.signal(each, handler)


class Boom:
    """Whoever loads its pickle runs a command."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


def put(client: redis.Redis, data: bytes, **fields: str) -> None:
    """A job with these bytes in place of its name and arguments, as somebody with the password writes it."""
    job = Job.create(func="core.clock.now_s", connection=client)
    job.origin = DELIVERIES
    job.save()
    client.hset(job.key, "data", zlib.compress(data))
    for name, value in fields.items():
        client.hset(job.key, name, value)
    client.rpush(f"rq:queue:{DELIVERIES}", job.id)


def work(client: redis.Redis) -> None:
    """Run everything that waits."""
    worker(client).work(burst=True, logging_level="CRITICAL")


def test_nothing_that_is_put_into_the_queue_runs_but_the_jobs_of_the_table(
    redis_client: redis.Redis, tmp_path: Path
) -> None:
    proof = tmp_path / "ran"
    command = f"touch {proof}"
    Queue(DELIVERIES, connection=redis_client).enqueue("subprocess.getoutput", command)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        put(redis_client, pickle.dumps(Boom(command), protocol=protocol))
        put(redis_client, pickle.dumps(("harmless", None, [Boom(command)], {}), protocol=protocol))
    for name in (
        "os.system",
        "subprocess.getoutput",
        "core.jobs:os.system",
        "bearwatch.cli.processes.jobs.os.system",
        "eval",
    ):
        put(redis_client, json.dumps([name, None, [command], {}]).encode())
    put(redis_client, json.dumps(["system", "os", [command], {}]).encode())
    for data in (b"", b"\x80", b"null", b"[]", b'["harmless"]', b'[["harmless"], null, 7, 8]', b"\xff" * 100):
        put(redis_client, data)
    enqueue(redis_client, DELIVERIES, "harmless", "after all that")
    work(redis_client)
    assert RAN == ["after all that"]
    assert not proof.exists()


def test_a_job_calls_nothing_back(redis_client: redis.Redis, tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(
        f"import pathlib; pathlib.Path({str(tmp_path / 'imported')!r}).touch()\ndef called(*_all): pass\n"
    )
    import sys

    sys.path.insert(0, str(tmp_path))
    try:
        for name in ("success", "failure", "stopped"):
            field = {f"{name}_callback_name": "planted.called"}
            put(redis_client, json.dumps(["harmless", None, [name], {}]).encode(), **field)
            put(redis_client, json.dumps(["nothing", None, [], {}]).encode(), **field)
        work(redis_client)
    finally:
        sys.path.remove(str(tmp_path))
    assert RAN == ["success", "failure", "stopped"]
    assert not (tmp_path / "imported").exists()


def test_an_old_pickle_of_plain_values_is_read_and_one_with_anything_else_is_not() -> None:
    plain = ("bearwatch.probing.probe_camera", None, ("creek",), {"n": 1, "x": [1.5, True, None]})
    assert JobFormat.loads(pickle.dumps(plain)) == plain
    for other in (Boom("true"), os.system, [Path("x")], {1: print}):
        with pytest.raises(pickle.UnpicklingError):
            JobFormat.loads(pickle.dumps(other))
