"""Each role has the rights in Redis that its work needs, and none of another's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
import redis

from tests.support.services.redis_of_roles import ROLES, RedisOfRoles, redis_of_roles


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisOfRoles]:
    """Begun by the script of compose.yaml."""
    with redis_of_roles(tmp_path_factory.mktemp("roles")) as there:
        yield there


@pytest.fixture(scope="module")
def warden(server: RedisOfRoles) -> Iterator[redis.Redis]:
    """Who may ask what others may."""
    client = redis.Redis.from_url(f"redis://warden:{server.passwords['warden']}@127.0.0.1:{server.port}/0")
    yield client
    client.close()


def allowed(warden: redis.Redis, role: str, *words: str) -> bool:
    answer = cast(Any, warden).execute_command("ACL", "DRYRUN", role, *words)
    return answer in (b"OK", "OK", True)


MAY = [
    ("ingest", "XADD frames:0 * a b"),
    ("ingest", "XADD late:0 * a b"),
    ("ingest", "HSET cameras creek x"),
    ("ingest", "SUBSCRIBE readers"),
    ("ingest", "RPUSH recording:1 x"),
    ("detector", "XREADGROUP GROUP d c STREAMS frames:0 frames:0:creek > >"),
    ("detector", "XADD scores:0 * a b"),
    ("detector", "XADD dead:0 * a b"),
    ("detector", "LPOP predict:waiting"),
    ("detector", "GET predict:photo:1"),
    ("detector", "GET wanted_model"),
    ("detector", "HGETALL boxes"),
    ("detector", "PUBLISH readers x"),
    ("tracker", "XREADGROUP GROUP t c STREAMS scores:0 >"),
    ("tracker", "SET lease:tracker:0 x NX PX 1"),
    ("tracker", "PUBLISH bell 1"),
    ("tracker", "HSET rq:job:1 a b"),
    ("tracker", "BLPOP recording:1 1"),
    ("controller", "ACL SETUSER box-creek on"),
    ("controller", "SET lease:controller x"),
    ("jobs", "BLMOVE rq:queue:deliveries rq:queue:intermediate LEFT RIGHT 1"),
    ("jobs", "XADD frames:0 * a b"),
    ("jobs", "SET probe:creek x"),
    ("jobs", "HGETALL challenger_counts"),
    ("ui", "SET predict:photo:1 x EX 5"),
    ("ui", "BLPOP predict:answer:1 1"),
    ("ui", "SUBSCRIBE bell"),
    ("ui", "GET live_picture:creek"),
    ("ui", "BLPOP still:1 1"),
    ("ui", "LPUSH rate:login:1 x"),
    ("ui", "TIME"),
    ("outside", "HSET heartbeats outside x"),
]
MAY_NOT = [
    ("ingest", "XRANGE frames:0 - +"),
    ("ingest", "XADD scores:0 * a b"),
    ("ingest", "SET lease:tracker:0 x"),
    ("ingest", "LRANGE recording:1 0 -1"),
    ("ingest", "PUBLISH readers x"),
    ("ingest", "PUBLISH bell 1"),
    ("ingest", "SET predict:photo:1 x"),
    ("ingest", "RPUSH rq:queue:deliveries x"),
    ("detector", "RPUSH rq:queue:deliveries x"),
    ("detector", "SET lease:controller x"),
    ("detector", "SET wanted_model x"),
    ("detector", "HSET boxes creek x"),
    ("detector", "HSET cameras creek x"),
    ("detector", "EVAL x 0"),
    ("tracker", "XADD frames:0 * a b"),
    ("tracker", "SET wanted_model x"),
    ("jobs", "SET wanted_model x"),
    ("ui", "XADD scores:0 * a b"),
    ("ui", "XADD frames:0 * a b"),
    ("ui", "SET wanted_model x"),
    ("outside", "XADD scores:0 * a b"),
    ("outside", "RPUSH rq:queue:deliveries x"),
]
NOBODY_MAY = ["FLUSHALL", "CONFIG SET save x", "SHUTDOWN", "REPLICAOF a 1", "MODULE LOAD x", "DEBUG SLEEP 1", "MONITOR",
              "KEYS *", "ACL LIST"]  # fmt: skip


@pytest.mark.parametrize(("role", "words"), MAY)
def test_a_role_may_do_its_work(warden: redis.Redis, role: str, words: str) -> None:
    assert allowed(warden, role, *words.split())


@pytest.mark.parametrize(("role", "words"), MAY_NOT)
def test_a_role_may_not_do_anothers(warden: redis.Redis, role: str, words: str) -> None:
    assert not allowed(warden, role, *words.split())


@pytest.mark.parametrize("role", ROLES)
def test_nobody_keeps_the_server_or_throws_everything_away(warden: redis.Redis, role: str) -> None:
    assert [words for words in NOBODY_MAY if allowed(warden, role, *words.split())] == []
    assert role == "controller" or not allowed(warden, role, "ACL", "SETUSER", "x", "on")


def test_who_has_no_password_or_another_roles_is_nobody(server: RedisOfRoles) -> None:
    for url in (
        f"redis://127.0.0.1:{server.port}/0",
        f"redis://ingest:{server.passwords['ui']}@127.0.0.1:{server.port}/0",
    ):
        with redis.Redis.from_url(url) as client, pytest.raises(redis.RedisError):
            client.ping()


def test_no_password_stands_in_the_list_of_processes_nor_in_clear_in_a_file_of_others(server: RedisOfRoles) -> None:
    with redis.Redis.from_url(server.url("controller")) as client:
        number = cast(Any, client.info("server"))["process_id"]
    with open(f"/proc/{number}/cmdline", "rb") as words:
        line = words.read().decode()
    assert [role for role, password in server.passwords.items() if password in line] == []


def test_nothing_that_passes_through_is_written_to_the_disk(warden: redis.Redis) -> None:
    said = {**cast(Any, warden.config_get("save")), **cast(Any, warden.config_get("appendonly"))}
    assert {str(key): str(value) for key, value in said.items()} == {"save": "", "appendonly": "no"}
    assert cast(Any, warden.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"
