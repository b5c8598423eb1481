"""The database keeps its promises on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import threading

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import delete, update

from core.config import Config
from db.ledger import head_seq, record, verify
from db.migrate import alembic_config, known_revisions, upgrade
from db.models import Base, Camera, LedgerEntry
from db.places import sync_places
from db.session import Database


def test_migrations_and_models_say_the_same(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_files_of_the_migrations_are_named_after_their_revisions() -> None:
    chain = ScriptDirectory.from_config(alembic_config()).walk_revisions("base", "head")
    assert [each.revision for each in chain] == list(reversed(known_revisions()))


def test_two_processes_may_migrate_at_once(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(3)]
    threads = [threading.Thread(target=upgrade, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with databases[0].read() as session:
        assert head_seq(session) == 0
    for database in databases:
        database.close()


def test_a_camera_that_leaves_the_configuration_keeps_its_history(database: Database, config: Config) -> None:
    fewer = config.model_copy(update={"cameras": {"upper-creek": config.cameras["upper-creek"]}})
    with database.write() as session:
        sync_places(session, fewer)
    with database.read() as session:
        assert session.get_one(Camera, "lower-meadow").configured is False
        assert session.get_one(Camera, "upper-creek").configured is True


def _write_entries(database: Database, count: int) -> None:
    for number in range(count):
        with database.write() as session:
            record(session, at=1.5 + number, kind="test", subject=f"thing:{number}", actor="test", body={"é": number})


def test_the_ledger_proves_itself(database: Database) -> None:
    _write_entries(database, 3)
    with database.read() as session:
        result = verify(session)
    assert (result.entries, result.broken_at) == (3, None)


def test_a_changed_entry_breaks_the_ledger_where_it_was_changed(database: Database) -> None:
    _write_entries(database, 3)
    with database.write() as session:
        session.execute(update(LedgerEntry).where(LedgerEntry.seq == 2).values(actor="somebody else"))
    with database.read() as session:
        result = verify(session)
    assert result.broken_at == 2
    assert "changed" in (result.why or "")


def test_a_removed_entry_breaks_the_ledger(database: Database) -> None:
    _write_entries(database, 3)
    with database.write() as session:
        session.execute(delete(LedgerEntry).where(LedgerEntry.seq == 2))
    with database.read() as session:
        assert verify(session).why == "entry 2 is missing"


def test_many_writers_extend_one_chain(database: Database) -> None:
    threads = [threading.Thread(target=_write_entries, args=(database, 10)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        result = verify(session)
    assert (result.entries, result.broken_at) == (40, None)
