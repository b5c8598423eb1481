"""The first migration makes exactly what the fifteen before it had made, and what those made goes on."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from bearwatch.cli import main
from db.migrate import UnknownSchema, alembic_config, upgrade
from db.session import Database
from tests.support.november_2026 import restore, restore_schema
from tests.support.services.servers import create_database, drop_database

FIRST = "0015"


def _make_first(url: str) -> None:
    database = Database(url)
    with database.engine.execution_options(begin="IMMEDIATE").begin() as connection:
        command.upgrade(alembic_config(connection), FIRST)
    database.close()


def _schema(url: str) -> dict[str, Any]:
    """Every table with its columns, keys and indexes, as the database itself describes them."""
    engine = create_engine(url)
    there = inspect(engine)
    found = {
        table: {
            "columns": [{**each, "type": each["type"].compile(engine.dialect)} for each in there.get_columns(table)],
            "primary key": there.get_pk_constraint(table),
            "references": _sorted(there.get_foreign_keys(table)),
            "unique": _sorted(there.get_unique_constraints(table)),
            "indexes": _sorted(there.get_indexes(table)),
            "checks": _sorted(there.get_check_constraints(table)),
        }
        for table in there.get_table_names()
    }  # fmt: skip
    engine.dispose()
    return found


def _sorted(rows: Any) -> list[str]:
    return sorted(repr(_plain(row)) for row in rows)


def _plain(value: Any) -> Any:
    """Conditions of indexes are objects of their own each time: as the text that they say."""
    if isinstance(value, dict):
        return {key: _plain(value[key]) for key in sorted(value)}
    return [_plain(each) for each in value] if isinstance(value, list) else str(value)


def _objects(file: Path) -> list[tuple[str, str, str]]:
    """Everything that SQLite keeps: tables, indexes, triggers and views."""
    with sqlite3.connect(file) as there:
        rows = there.execute("SELECT type, name, tbl_name FROM sqlite_master ORDER BY type, name").fetchall()
    there.close()
    return rows


def test_the_first_schema_is_what_fifteen_migrations_made_on_sqlite(tmp_path: Path) -> None:
    old, new = tmp_path / "old.sqlite3", tmp_path / "new.sqlite3"
    restore(f"sqlite:///{old}")
    _make_first(f"sqlite:///{new}")
    assert _schema(f"sqlite:///{new}") == _schema(f"sqlite:///{old}")
    assert _objects(new) == _objects(old)


def test_the_first_schema_is_what_fifteen_migrations_made_on_postgresql(postgresql_address: str) -> None:
    old, new = (create_database(postgresql_address, f"first-{which}") for which in ("old", "new"))
    restore_schema(old)
    _make_first(new)
    assert _schema(new) == _schema(old)
    assert _catalogue(new) == _catalogue(old)
    for which in ("old", "new"):
        drop_database(postgresql_address, f"first-{which}")


def _catalogue(url: str) -> list[tuple[Any, ...]]:
    """What the inspector does not tell: the text of each index and constraint, sequences, triggers, column defaults."""
    database = Database(url)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("SET search_path TO ''")  # so that both write their names in full
        rows = connection.execute(
            text(
                "SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' "
                "UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint "
                "WHERE connamespace = 'public'::regnamespace "
                "UNION ALL SELECT 'sequence', sequencename, data_type::text FROM pg_sequences "
                "WHERE schemaname = 'public' "
                "UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal "
                "UNION ALL SELECT 'default', table_name || '.' || column_name, column_default "
                "FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2, 3"
            )
        ).all()
    database.close()
    return [tuple(row) for row in rows]


def test_a_database_that_went_through_them_goes_on_as_it_is(database_url: str) -> None:
    restore(database_url)
    database = Database(database_url)
    upgrade(database)
    upgrade(database)
    with database.engine.connect() as connection:
        head = MigrationContext.configure(connection).get_current_revision()
        assert connection.execute(text("SELECT count(*) FROM ledger")).scalar_one() == 235
    database.close()
    assert head is not None
    assert head >= FIRST


@pytest.mark.parametrize(
    ("revision", "words"),
    [
        ("0007", "from before the first release; run `bearwatch migrate` of commit f4e7b84 on it once"),
        ("9999", "which this version does not know"),
    ],
)
def test_a_database_of_another_time_is_left_alone_with_a_sentence(tmp_path: Path, revision: str, words: str) -> None:
    file = tmp_path / "other.sqlite3"
    with sqlite3.connect(file) as there:
        there.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        there.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
    there.close()
    before = _objects(file)
    database = Database(f"sqlite:///{file}")
    with pytest.raises(UnknownSchema) as told:
        upgrade(database)
    database.close()
    assert words in str(told.value)
    assert f"The database sqlite:///{file} has the schema {revision}" in str(told.value)
    assert str(told.value).count(". ") == 0
    assert _objects(file) == before


def test_the_command_says_so_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "other.sqlite3"
    with sqlite3.connect(file) as there:
        there.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        there.execute("INSERT INTO alembic_version VALUES ('0007')")
    there.close()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{file}")
    assert main(["user", "list"]) == 2
    assert capsys.readouterr().err.startswith(f"The database sqlite:///{file} has the schema 0007, from before")


def test_analysis_runs_keep_their_numbers_under_the_new_names_and_back(database_url: str) -> None:
    restore(database_url)
    database = Database(database_url)
    before = _rows(database, "looks", "gate_looks")
    _go(database, "0018")
    assert _rows(database, "analysis_runs", "gate_results") == before
    with database.engine.execution_options(begin="IMMEDIATE").begin() as connection:
        connection.execute(text("INSERT INTO analysis_runs (at, reason, stage, run, since, road) "
                                "VALUES (1.0, 'asked', 'shadow', 1, 0.0, 'd')"))  # fmt: skip
        assert connection.execute(text("SELECT max(id) FROM analysis_runs")).scalar_one() > max(before[0])[0]
        connection.execute(text("DELETE FROM analysis_runs WHERE at = 1.0"))
    _go(database, "0017", back=True)
    assert _rows(database, "looks", "gate_looks") == before
    assert len(before[0]) == 8
    database.close()


def _go(database: Database, revision: str, back: bool = False) -> None:
    with database.engine.execution_options(begin="IMMEDIATE").begin() as connection:
        (command.downgrade if back else command.upgrade)(alembic_config(connection), revision)


def _rows(database: Database, *tables: str) -> list[list[tuple[Any, ...]]]:
    with database.engine.connect() as connection:
        return [sorted(map(tuple, connection.execute(text(f"SELECT * FROM {table}"))), key=repr) for table in tables]
