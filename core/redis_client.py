"""One way to connect to Redis: bounded waits, so that a dead server is noticed and not waited for."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.settings import Settings

CONNECT_TIMEOUT_S = 2.0
REPLY_TIMEOUT_S = 5.0
"""Longer than any blocking read used here."""

RedisDown = (redis.ConnectionError, redis.TimeoutError, redis.exceptions.BusyLoadingError)
"""What a caller catches at its loop's edge when the server is away."""


def exposed_address(settings: Settings) -> str | None:
    """What is wrong with a Redis address that goes to another host in clear; None for any other.

    Whoever reads along has the password and every picture; whoever writes along says what is seen.
    """
    parts = urlsplit(settings.redis)
    if parts.scheme != "redis" or settings.bearwatch_redis_in_clear or _is_here(parts.hostname or ""):
        return None
    return (
        f"REDIS_URL goes to {parts.hostname} in clear: on the way its password and every picture can be read, and what "
        "the cameras see can be made up. Use rediss:// (TLS), or a tunnel such as WireGuard; where the network is "
        "private all the way, say so with BEARWATCH_REDIS_IN_CLEAR=true."
    )


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", "")


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
