"""A site that is lost is missed elsewhere: a real service hears that all is well, of trouble, or nothing."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from bearwatch.cli.check import run as check
from bearwatch.heartbeat_loop import Caller
from bearwatch.local_site import programs
from core.config import Config
from core.redis_client import connect
from core.site_config import Outside
from core.telemetry import Telemetry
from db.models import AuthorityLease
from db.session import Database
from rollout.control import heartbeat
from rollout.control.heartbeat import NotHeard, call, health
from rollout.control.service import perform
from rollout.stages import commands as c
from rollout.stages.event_store import load
from rollout.stages.spec_file import plan_from
from rollout.stages.state import Phase
from tests.support.rollout.rollout_pages import STAGES, with_plan
from tests.support.rollout.rollout_plans import DIGEST, LEAD, OPERATOR, OWNER, add_people, gate_results
from tests.support.services.heartbeat_listener import Listener, listening
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[3]
DAY_S = 86400.0


@pytest.fixture
def service() -> Iterator[Listener]:
    """A service that listens."""
    with listening() as server:
        yield server


def caller(database: Database, client: redis.Redis, service: Listener, **asked: object) -> Caller:
    """The loop's body."""
    return Caller(Outside.model_validate({"ping_url": service.url(), **asked}), database, client)


def beat(client: redis.Redis, at: float, *processes: str) -> None:
    """These have just reported."""
    for name in processes:
        Telemetry(client).beat(name, at, {})


def go_live(database: Database, config: Config, now: float) -> None:
    """A plan in its first live stage, with authority for two minutes."""
    plan = plan_from(with_plan(config, STAGES))
    with database.write() as session:
        add_people(session)
    for command, at in ((c.PlanChanged(), now - 2 * DAY_S), (c.ModelChanged(DIGEST), now - 2 * DAY_S)):
        perform(database, plan, command, at)
    for by in (LEAD, OWNER):
        perform(database, plan, c.Approve(by=by), now)
    with database.read() as session:
        gates = gate_results(plan, load(session))
    assert perform(database, plan, c.Promote(by=OPERATOR, gates=gates, able=("rosa",)), now).started


def test_while_all_is_well_the_service_hears_so(
    database: Database, redis_client: redis.Redis, service: Listener
) -> None:
    found = caller(database, redis_client, service).step(1000.0)
    assert found.well
    assert service.calls == [
        ("/ping/s3cret-key", {"well": True, "at": 1000.0, "phase": "shadow", "stage": "", "wrong": []})
    ]
    assert Telemetry(redis_client).counters() == {'bearwatch_outside_pings_total{result="heard",said="well"}': 1}


def test_authority_that_died_and_processes_that_fell_silent_are_told_at_the_other_address(
    sqlite_database: Database, config: Config, redis_client: redis.Redis, service: Listener
) -> None:
    now = time.time()
    go_live(sqlite_database, config, now)
    beat(redis_client, now, "controller", "jobs")
    asked = caller(sqlite_database, redis_client, service)
    assert asked.step(now).phase is Phase.ASSISTED
    with sqlite_database.write() as session:
        session.get_one(AuthorityLease, "upper-pines").expires_at = now + 60
    beat(redis_client, now + 61, "jobs")
    asked.step(now + 61)
    assert service.paths == ["/ping/s3cret-key", "/ping/s3cret-key/fail"]
    assert service.calls[1][1]["wrong"] == [
        "authority has died, and nobody has handed the watch over yet", "the controller process is silent",
    ]  # fmt: skip


def test_in_shadow_nobody_depends_on_the_controller(sqlite_database: Database, redis_client: redis.Redis) -> None:
    assert health(sqlite_database, redis_client, time.time()).well


def test_a_database_and_a_redis_that_are_away_are_told(
    tmp_path: Path, service: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    nobody, empty = connect(f"unix://{tmp_path / 'nobody'}"), Database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    asked = caller(empty, nobody, service)
    with caplog.at_level(logging.WARNING):
        for at in (1000.0, 1060.0):
            asked.step(at)
    empty.close()
    assert [body["wrong"] for _, body in service.calls] == [
        ["the database does not answer", "Redis does not answer"]
    ] * 2
    assert [record.message for record in caplog.records] == [
        "not well: the database does not answer; Redis does not answer"
    ]


def test_an_address_of_its_own_for_trouble_or_none(tmp_path: Path, service: Listener) -> None:
    nobody, empty = connect(f"unix://{tmp_path / 'nobody'}"), Database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    caller(empty, nobody, service, fail_url=service.url("/push/key?status=down")).step(1000.0)
    caller(empty, nobody, service, fail_url="").step(1000.0)
    empty.close()
    assert service.paths == ["/push/key?status=down"]


def test_a_service_that_does_not_listen_is_said_once_counted_and_its_address_kept_secret(
    sqlite_database: Database, redis_client: redis.Redis, service: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    asked = caller(sqlite_database, redis_client, service)
    with caplog.at_level(logging.INFO):
        for service.status in (503, 404, 200, 200):
            asked.step(1000.0)
    assert [record.message for record in caplog.records] == [
        "127.0.0.1 answered HTTP 503; it will think that this site is down", "127.0.0.1 can be reached again",
    ]  # fmt: skip
    assert Telemetry(redis_client).counters() == {
        'bearwatch_outside_pings_total{result="heard",said="well"}': 2,
        'bearwatch_outside_pings_total{result="unheard",said="well"}': 2,
    }


@pytest.mark.parametrize("trouble", ["hangs", "sends elsewhere", "is gone", "has no such name"])
def test_no_trouble_of_the_service_lasts_or_tells_its_secret(
    service: Listener, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(heartbeat, "CALL_WITHIN_S", 0.3)
    address = service.url()
    if trouble == "hangs":
        service.patience.clear()
    elif trouble == "sends elsewhere":
        service.status = 302
    else:
        address = "http://127.0.0.1:9/s3cret-key" if trouble == "is gone" else "http://no.such.invalid/s3cret-key"
    began = time.monotonic()
    with pytest.raises(NotHeard) as refused:
        call(address, {"well": True})
    assert time.monotonic() - began < 60, "whoever hangs is given up"
    assert "s3cret" not in str(refused.value)
    assert "/elsewhere" not in service.paths


def settings_file(tmp_path: Path, service: Listener | None) -> Path:
    """A site with one camera."""
    file = tmp_path / "bearwatch.yaml"
    file.write_text(
        "regions: {r: {timezone: UTC}}\ncampsites: {c: {region: r}}\n"
        "cameras: {k: {campsite: c, url: a.mp4, enabled: true}}\n"
        + (f"outside: {{ping_url: '{service.url()}', every_s: 10}}\n" if service else "")
    )
    return file


def test_check_calls_the_service_and_says_whether_it_hears(
    tmp_path: Path, service: Listener, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bearwatch.cli.check._probe_all", lambda *_: [])  # cameras are another test's

    def checked(**more: object) -> int:
        usual = {
            "config": settings_file(tmp_path, service),
            "no_cameras": False,
            "timeout": 1.0,
            "json": False,
            "data": tmp_path,
        }
        return check(Namespace(**{**usual, "snapshots": tmp_path, **more}))

    assert checked() == 0
    assert "127.0.0.1 hears us" in capsys.readouterr().out
    assert service.calls[0][1]["test"] is True
    service.status = 404
    assert checked(json=True) == 1
    told = json.loads(capsys.readouterr().out)["outside"]
    assert told == {"ok": False, "host": "127.0.0.1", "error": "127.0.0.1 answered HTTP 404"}
    assert checked(no_cameras=True) == 0
    assert len(service.calls) == 2


def test_the_supervisor_runs_it_where_somebody_is_to_be_called(
    config: Config, tmp_path: Path, redis_url: str, sqlite_database: Database, service: Listener
) -> None:
    """The process itself, as it is started: it calls, reports itself, and ends when it is told to."""
    assert "outside" not in [each.name for each in programs({}, config)]
    asked = config.model_copy(update={"outside": Outside(ping_url=service.url())})
    program = programs({}, asked)[-1]
    environment = {
        **os.environ, "REDIS_URL": redis_url, "DATABASE_URL": str(sqlite_database.url), "BEARWATCH_LOG": "INFO",
        "BEARWATCH_CONFIG": str(settings_file(tmp_path, service)), "BEARWATCH_DATA": str(tmp_path),
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "bearwatch", *program.arguments],
        env=environment,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: service.calls)
        client = connect(redis_url)
        wait_for(lambda: "outside" in Telemetry(client).heartbeats())
        client.close()
    finally:
        process.terminate()
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 0
    assert "s3cret" not in said


@pytest.mark.parametrize("url", ["ftp://example.org/x", "example.org/ping", "https:///ping"])
def test_an_address_that_cannot_be_called_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="write a whole address"):
        Outside(ping_url=url)
