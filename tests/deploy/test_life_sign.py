"""A process gives a sign as its loop comes round: a frozen one gives none, whatever others do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.machine.life_sign import give_life_sign
from tests.support.box_site import ROOT, write_configuration
from tests.support.waiting import wait_for


@contextmanager
def reader(folder: Path, redis_url: str, name: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """`bearwatch ingest` as a container runs it, and its file."""
    sign = folder / name
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "REDIS_URL": redis_url, "BEARWATCH_ALIVE_FILE": str(sign),
                   "TRAIL_PW": "x", "BEARWATCH_DATA": str(folder / f"data-{name}"),
                   "BEARWATCH_DISK_RESERVE_MB": "0"}  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "bearwatch", "ingest"], cwd=folder, env=environment)
    try:
        yield process, sign
    finally:
        process.kill()
        process.wait()


def test_a_frozen_process_gives_no_sign_beside_one_that_lives(tmp_path: Path, redis_url: str) -> None:
    write_configuration(tmp_path)
    with (
        reader(tmp_path, redis_url, "first") as (frozen, its_sign),
        reader(tmp_path, redis_url, "second") as (_, other),
    ):
        wait_for(lambda: its_sign.exists() and other.exists())
        frozen.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        stopped, seen = its_sign.stat().st_mtime_ns, other.stat().st_mtime_ns
        wait_for(lambda: other.stat().st_mtime_ns > seen)
        assert its_sign.stat().st_mtime_ns == stopped
        frozen.send_signal(signal.SIGCONT)
        wait_for(lambda: its_sign.stat().st_mtime_ns > stopped)


def test_a_process_without_redis_lives_all_the_same(tmp_path: Path) -> None:
    write_configuration(tmp_path)
    with reader(tmp_path, "redis://127.0.0.1:1/0", "alone") as (_, sign):
        wait_for(sign.exists)


def test_systemd_hears_it_only_where_it_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        give_life_sign()
        with pytest.raises(BlockingIOError):
            systemd.recv(64)
        monkeypatch.setenv("WATCHDOG_USEC", "120000000")
        give_life_sign()
        assert systemd.recv(64) == b"WATCHDOG=1"
    give_life_sign()  # systemd is away: nothing happens
