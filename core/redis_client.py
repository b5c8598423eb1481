"""One way to connect to Redis: bounded waits, so that a dead server is noticed and not waited for."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_TIMEOUT_S = 2.0
REPLY_TIMEOUT_S = 5.0
"""Longer than any blocking read used here."""

RedisDown = (redis.ConnectionError, redis.TimeoutError, redis.exceptions.BusyLoadingError)
"""What a caller catches at its loop's edge when the server is away."""


def connect(url: str) -> redis.Redis:
    """A client for ``url`` (``redis://``, ``rediss://`` or ``unix://``). Nothing is sent until its first command.

    The client does not retry by itself: every loop here has its own answer to a server that is away (spool, wait,
    poll the database), and a hidden retry would delay it.
    """
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=REPLY_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
