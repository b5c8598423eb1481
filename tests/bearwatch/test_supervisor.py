"""Processes are restarted when they die, and none is left behind, however the end comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
import redis

from bearwatch.embedded import EmbeddedRedis
from bearwatch.supervisor import Program, Supervisor, pause_s
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cron(redis_url: str, tmp_path: Path) -> Program:
    """A real, light process: the jobs worker."""
    (tmp_path / "bearwatch.yaml").write_text(
        "regions: {r: {timezone: UTC}}\ncampsites: {c: {region: r}}\ncameras: {k: {campsite: c, url: a.mp4}}\n"
    )
    environment = {
        "REDIS_URL": redis_url,
        "BEARWATCH_DATA": str(tmp_path),
        "BEARWATCH_CONFIG": str(tmp_path / "bearwatch.yaml"),
    }
    return Program("jobs", ["jobs"], environment)


def test_what_dies_is_started_again_and_stop_ends_everything(cron: Program) -> None:
    supervisor = Supervisor([cron])
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    try:
        wait_for(supervisor.pids)
        first = supervisor.pids()["jobs"]
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: supervisor.pids().get("jobs", first) != first)
        second = supervisor.pids()["jobs"]
    finally:
        supervisor.request_stop()
        thread.join()
    assert not psutil.pid_exists(second)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:  # between its start and its first answer
        return False


def test_an_embedded_server_that_dies_is_started_again(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        supervisor = Supervisor([], [server])
        thread = threading.Thread(target=supervisor.run)
        thread.start()
        first = server.pid
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: server.pid != first and server.alive())
        client = redis.Redis.from_url(server.url)
        wait_for(lambda: _answers(client))
        client.close()
        supervisor.request_stop()  # only now: a child dies with the very thread that started it
        thread.join()


def test_pauses_grow_and_stay_bounded() -> None:
    assert [pause_s(deaths) for deaths in (1, 2, 3, 20)] == [0.5, 1.0, 2.0, 30.0]


def test_the_embedded_server_is_real_and_ends_with_its_block(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        client = redis.Redis.from_url(server.url)
        assert client.ping()
        assert oct(server.socket.stat().st_mode & 0o777) == "0o700"
        client.close()
        pid = server.pid
    assert not psutil.pid_exists(pid)
    assert not server.socket.exists()


def test_a_deep_directory_gets_a_socket_that_fits(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    with EmbeddedRedis(deep) as server:
        assert len(str(server.socket)) < 108
        assert server.alive()


def test_a_killed_supervisor_takes_its_server_with_it(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from bearwatch.embedded import EmbeddedRedis\n"
        "server = EmbeddedRedis(Path(sys.argv[1])); server.start(); print(server.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
