"""A Redis with a user for each role, begun by the script that compose.yaml begins it with; with TLS where asked."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import redis

from bearwatch.embedded import server_binary
from tests.support.services.certificates import authority, signed_for
from tests.support.services.tls_front import tls_front
from tests.support.waiting import wait_for

DEPLOY = Path(__file__).parents[3] / "deploy" / "redis"
ROLES = ("ingest", "detector", "tracker", "controller", "jobs", "ui", "outside")
_DEBIAN = "redis-check-rdb"
"""Debian's Redis, which speaks TLS itself, lies in the package redis-tools under this name."""


@dataclass(frozen=True)
class RedisOfRoles:
    """Where it listens: in clear for its own machine and, with ``tls_port``, with TLS for others."""

    port: int
    passwords: dict[str, str]
    tls_port: int | None = None
    signer: Path | None = None

    def url(self, role: str) -> str:
        """As compose.yaml gives it to a service."""
        return f"redis://{role}:{self.passwords[role]}@127.0.0.1:{self.port}/0"

    def secured_url(self) -> str:
        """As `bearwatch box add` is given it: without a login."""
        return f"rediss://127.0.0.1:{self.tls_port}/0?ssl_ca_certs={self.signer}"

    def refusals(self) -> list[str]:
        """What the server has refused, as ``role: kind object``; asked of the only user that may."""
        with redis.Redis.from_url(f"redis://warden:{self.passwords['warden']}@127.0.0.1:{self.port}/0") as client:
            found = cast("list[dict[str, Any]]", client.acl_log(128))
        words = [{key: _text(value) for key, value in row.items()} for row in found]
        return sorted({f"{row['username']}: {row['reason']} {row['object']} ({row['context']})" for row in words})


@contextmanager
def redis_of_roles(folder: Path, tls: str = "") -> Iterator[RedisOfRoles]:
    """``tls``: empty for none, ``itself`` where the server speaks it, ``front`` where a terminator stands before it."""
    passwords = {role: secrets.token_hex(16) for role in (*ROLES, "warden")}
    port, tls_port = _free_port(), _free_port()
    own = folder / "redis"
    shutil.copytree(DEPLOY, own)
    with (own / "users.acl").open("a") as users:
        users.write("user warden on >$REDIS_PASSWORD_WARDEN +@all ~* &*\n")
    environment = {f"REDIS_PASSWORD_{role.upper()}": value for role, value in passwords.items()}
    environment |= {"REDIS_SERVER": server_binary(), "REDIS_PORT": str(port), "REDIS_USERS_FILE": str(own / "made.acl")}
    if tls:
        signer = authority(own)
        signed_for(signer, own, "127.0.0.1")
    if tls == "itself":
        environment |= {"REDIS_TLS": str(own), "REDIS_TLS_PORT": str(tls_port), "REDIS_SERVER": str(_debian(own))}
    with (own / "log").open("wb") as log:
        server = subprocess.Popen(
            ["sh", str(own / "start-redis"), "--bind", "127.0.0.1"], cwd=own, env={**os.environ, **environment},
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            wait_for(lambda: _listens(port))
            there = RedisOfRoles(port, passwords, tls_port, own / "ca.pem") if tls else RedisOfRoles(port, passwords)
            if tls == "front":
                with tls_front(tls_port, port, own / "server.pem", own / "server.key"):
                    yield there
            else:
                yield there
        finally:
            server.kill()
            server.wait()


def speaks_tls_itself() -> bool:
    """Whether a server is here that does."""
    return shutil.which(_DEBIAN) is not None


def _debian(folder: Path) -> Path:
    """That binary is the server when it is called so."""
    link = folder / "redis-server"
    link.symlink_to(shutil.which(_DEBIAN) or _DEBIAN)
    return link


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
