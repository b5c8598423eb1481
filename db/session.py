"""Engines and transactions, the same for SQLite and PostgreSQL.

On SQLite a writing transaction begins with BEGIN IMMEDIATE: it waits its turn at the start, where waiting is safe,
instead of failing half-way when another process has written in between. Whose turn it is says :mod:`db.write_lock`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.orm import Session, sessionmaker

from db.write_lock import FairWriteLock

BUSY_TIMEOUT_S = 20.0


class Database:
    """One database for one process. ``read()`` and ``write()`` give sessions that end with the block."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.engine = _engine(url)
        self._read = sessionmaker(self.engine, expire_on_commit=False)
        self._write = sessionmaker(self.engine.execution_options(begin="IMMEDIATE"), expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for looking; nothing that it changes is kept."""
        with self._read() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose transaction commits when the block ends, and leaves no trace when it raises."""
        with self._write.begin() as session:
            yield session

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, pool_size=5, max_overflow=20)
    write_lock = FairWriteLock(None)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        write_lock = FairWriteLock(Path(f"{parsed.database}-turn"))
    engine = create_engine(
        url, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False, "isolation_level": None}
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", partial(_begin_sqlite, write_lock))
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    cursor = connection.cursor()
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")  # an acknowledged alert survives a power cut
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    """Switch a new database to WAL. SQLite does not wait for a lock here, so that this does."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin_sqlite(write_lock: FairWriteLock, connection: Connection) -> None:
    if connection.get_execution_options().get("begin") != "IMMEDIATE":
        connection.exec_driver_sql("BEGIN DEFERRED")
        return
    raw: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]  # it is SQLite's
    raw.execute("PRAGMA busy_timeout=0")
    try:
        begun = write_lock.wait_for(lambda: _has_begun(raw), BUSY_TIMEOUT_S)
    except sqlite3.Error:
        begun = False
    try:
        if not begun:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # says what is wrong, as SQLAlchemy says it
    finally:
        raw.execute(f"PRAGMA busy_timeout={1000 * BUSY_TIMEOUT_S:.0f}")


def _has_begun(raw: sqlite3.Connection) -> bool:
    """Begin, unless somebody else is writing."""
    try:
        raw.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return False
        raise
    return True
