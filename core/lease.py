"""One active process among several: a lease in Redis that dies by itself when its holder does."""

from __future__ import annotations

import uuid
from typing import Any, cast

import redis

# Only the holder may renew or give back: compare and act in one step on the server.
_RENEW = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end"
)
_GIVE_BACK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"


class Lease:
    """``hold()`` takes or renews it and says whether this process has it now."""

    def __init__(self, client: redis.Redis, name: str, ttl_s: float) -> None:
        self.client = client
        self.key = f"lease:{name}"
        self.ttl_ms = int(ttl_s * 1000)
        self.token = uuid.uuid4().hex

    def hold(self) -> bool:
        """Renew the lease if it is ours, take it if it is free."""
        if cast(Any, self.client.eval(_RENEW, 1, self.key, self.token, str(self.ttl_ms))):
            return True
        return bool(self.client.set(self.key, self.token, nx=True, px=self.ttl_ms))

    def give_back(self) -> None:
        """Let another take it at once."""
        self.client.eval(_GIVE_BACK, 1, self.key, self.token)
