"""The rate limiter on a real Redis: atomic over processes, on the site's clock, and what holds without Redis."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import redis

from bearwatch.embedded import EmbeddedRedis
from core.rate_limit import KEY_PREFIX, RateExceeded, RateLimit, RateLimiter
from core.redis_client import connect
from tests.support.factories import T0
from tests.support.pages import Clock
from tests.support.waiting import wait_for

FIVE = RateLimit(5, 60.0, ("guesses", "day-ranger"))
TRY = """
import sys
from core.rate_limit import RateLimit, RateExceeded, RateLimiter
from core.redis_client import connect

limiter, let_through = RateLimiter(connect(sys.argv[1])), 0
for _ in range(60):
    try:
        limiter.hit(RateLimit(100, 600.0, ("guesses",)), RateLimit(50, 600.0, ("guesses", "of one")))
        let_through += 1
    except RateExceeded:
        pass
print(let_through)
"""


def test_processes_that_hit_at_the_same_time_get_no_more_than_the_limit_together(redis_url: str) -> None:
    command = [sys.executable, "-c", TRY, redis_url]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    let_through = [int(each.communicate(timeout=100)[0]) for each in running]
    assert [each.returncode for each in running] == [0, 0, 0, 0]
    assert sum(let_through) == 50, let_through


def test_a_full_window_says_how_long_to_wait_and_has_room_again_after_that(redis_client: redis.Redis) -> None:
    clock = Clock(T0)
    limiter = RateLimiter(redis_client, clock)
    for _ in range(5):
        limiter.hit(FIVE)
        clock.now += 10
    with pytest.raises(RateExceeded) as full:
        limiter.hit(FIVE)
    assert full.value.wait_s == pytest.approx(10.0)
    clock.now += full.value.wait_s + 0.001
    limiter.hit(FIVE)  # only the oldest one has grown old
    with pytest.raises(RateExceeded):
        limiter.check(FIVE)


def test_a_refusal_counts_nothing_in_the_other_windows(redis_client: redis.Redis) -> None:
    limiter, mine, everybodys = (
        RateLimiter(redis_client),
        RateLimit(1, 60.0, ("mine",)),
        RateLimit(2, 60.0, ("everybody's",)),
    )
    limiter.hit(everybodys, mine)
    with pytest.raises(RateExceeded):
        limiter.hit(everybodys, mine)
    limiter.hit(everybodys)
    with pytest.raises(RateExceeded):
        limiter.hit(everybodys)


def test_a_cleared_window_is_empty_and_the_others_are_not(redis_client: redis.Redis) -> None:
    limiter, other = RateLimiter(redis_client), RateLimit(1, 60.0, ("guesses", "night-ranger"))
    for _ in range(7):
        limiter.count(FIVE, other)
    limiter.clear(FIVE)
    limiter.check(FIVE)
    with pytest.raises(RateExceeded):
        limiter.check(other)


def test_what_somebody_typed_as_their_name_stands_nowhere_in_redis(redis_client: redis.Redis) -> None:
    RateLimiter(redis_client).count(RateLimit(5, 900.0, ("login failures", "name", "my secret password")))
    (key,) = redis_client.keys()
    assert KEY_PREFIX in str(key)
    assert "secret" not in str(key)
    assert 0 < redis_client.ttl(key) <= 900


def test_without_redis_a_process_counts_alone_and_shares_again_when_it_is_back(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        limiter = RateLimiter(connect(server.url))
        limiter.hit(FIVE)
    for _ in range(5):
        limiter.hit(FIVE)
    with pytest.raises(RateExceeded) as full:
        limiter.hit(FIVE)
    assert 0 < full.value.wait_s <= 60
    with EmbeddedRedis(tmp_path) as again:
        client = connect(again.url)

        def counts_there() -> bool:
            limiter.count(FIVE)
            return bool(client.keys(f"{KEY_PREFIX}*"))

        wait_for(counts_there)
        client.close()
