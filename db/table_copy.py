"""The whole of one database into a file of SQLite, and back into another database: SQLite or PostgreSQL.

Rows are copied as the database itself has them: what lies sealed stays sealed, and nothing is read with a key.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, MetaData, Table, Text, func, inspect, select, text
from sqlalchemy.types import TypeDecorator

from core.errors import OperatorError
from db.migrate import known_revisions, upgrade
from db.models import Base
from db.session import Database

Told = Callable[[int, int], None]
"""Called with what is done and what there is in all: pages of a file, or rows."""
_PAGES = 2000
_ROWS = 2000


class CannotCopy(OperatorError):
    """A database cannot be copied as it is; the message says what to do."""


def snapshot(database: Database, target: Path, told: Told) -> None:
    """Everything that the database holds at this moment, as a new file of SQLite; others write on meanwhile.

    Raises :class:`CannotCopy`: PostgreSQL has another schema than this version.
    """
    if database.is_sqlite:
        _copy_file(Path(database.url.database or ""), target, told)
        return
    empty = Database(f"sqlite:///{target}")
    try:
        upgrade(empty)
        source = database.engine.connect().execution_options(isolation_level="REPEATABLE READ")
        with source as reading, empty.engine.execution_options(begin="IMMEDIATE").begin() as writing:
            _expect_this_schema(reading, str(database.url))
            _copy_rows(reading, writing, told)
    finally:
        empty.close()
    with closing(sqlite3.connect(target)) as file:
        file.execute("PRAGMA journal_mode=DELETE")


def bring_back(source: Path, database: Database, told: Told) -> None:
    """The rows of a snapshot into an empty PostgreSQL database, brought to the schema of now before.

    Raises :class:`CannotCopy`: there is something in it already.
    """
    expect_empty(database)
    file = Database(f"sqlite:///{source}")
    try:
        upgrade(file)
        upgrade(database)
        with file.engine.connect() as reading, database.engine.begin() as writing:
            for table in reversed(Base.metadata.sorted_tables):
                writing.execute(table.delete())  # what a migration has put into an empty schema
            _copy_rows(reading, writing, told)
            _set_counters(writing)
    finally:
        file.close()


def expect_empty(database: Database) -> None:
    """Raises :class:`CannotCopy` where a database holds a site already: nothing there is written over."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("ledger"):
            return
        if connection.scalar(text("SELECT count(*) FROM ledger")) or connection.scalar(
            text("SELECT count(*) FROM users")
        ):
            where = database.url.render_as_string(hide_password=True)
            raise CannotCopy(f"The database {where} holds a site already; make a new one and name it in DATABASE_URL.")


def row_counts(file: Path) -> dict[str, int]:
    """How many rows each table of a snapshot has; raises :class:`CannotCopy` where the file is damaged."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as copy:
        try:
            said = [row[0] for row in copy.execute("PRAGMA integrity_check")]
            tables = copy.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
            found = {name: int(copy.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]) for (name,) in tables}
        except sqlite3.DatabaseError as error:
            raise CannotCopy(f"The copy of the database is damaged: {error}") from error
    if said != ["ok"]:
        raise CannotCopy(f"The copy of the database is damaged: {'; '.join(said[:3])}")
    return found


def revision_of(file: Path) -> str | None:
    """The schema of a snapshot; None for one without."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as copy:
        try:
            row = copy.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            return None
    return None if row is None else str(row[0])


def _copy_file(source: Path, target: Path, told: Told) -> None:
    """SQLite's online backup. An open read holds the moment: writers go on, and the copy begins once only."""
    with closing(sqlite3.connect(source, isolation_level=None)) as reading, closing(sqlite3.connect(target)) as writing:
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM sqlite_master").fetchone()
        reading.backup(writing, pages=_PAGES, progress=lambda _status, left, total: told(total - left, total))
        writing.execute("PRAGMA journal_mode=DELETE")


def _expect_this_schema(connection: Connection, where: str) -> None:
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if found != known_revisions()[-1]:
        raise CannotCopy(
            f"The database {where} has the schema {found}, this version {known_revisions()[-1]}: back it up with the "
            "version that runs there, or run `bearwatch migrate` first."
        )


def _copy_rows(reading: Connection, writing: Connection, told: Told) -> None:
    tables = _plain_tables()
    total = sum(reading.scalar(select(func.count()).select_from(table)) or 0 for table in tables)
    done = 0
    for table in tables:
        order = [*table.primary_key.columns]
        rows = reading.execution_options(yield_per=_ROWS).execute(select(table).order_by(*order))
        for part in rows.mappings().partitions(_ROWS):
            writing.execute(table.insert(), [dict(row) for row in part])
            done += len(part)
            told(done, total)


def _plain_tables() -> list[Table]:
    """The tables, parents first, with columns that neither seal nor open."""
    plain = MetaData()
    for table in Base.metadata.sorted_tables:
        for column in table.to_metadata(plain).columns:
            if isinstance(column.type, TypeDecorator):
                column.type = Text()
    return plain.sorted_tables


def _set_counters(connection: Connection) -> None:
    """The next number of each table comes after the last that is there."""
    for table in Base.metadata.sorted_tables:
        for column in table.primary_key.columns:
            counter = connection.scalar(
                text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": column.name}
            )
            if counter:
                last = connection.scalar(select(func.max(column)))
                connection.execute(
                    text("SELECT setval(:counter, :last, :used)"),
                    {"counter": counter, "last": last or 1, "used": last is not None},
                )
