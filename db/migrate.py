"""Bring a database to the current schema."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from core.errors import OperatorError
from db.session import Database

_MIGRATION_LOCK = 0x6265_6173


class UnknownSchema(OperatorError):
    """The database has a schema that this version cannot bring to its own."""


def upgrade(database: Database) -> None:
    """Run the migrations that are missing. Several processes may call it at once: one works, the others wait.

    Raises :class:`UnknownSchema` for a database from before the first schema, or of a later version; nothing is changed
    then.
    """
    engine = database.engine.execution_options(begin="IMMEDIATE")
    with engine.begin() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        config = alembic_config(connection)
        _check(connection, ScriptDirectory.from_config(config), str(database.url))
        command.upgrade(config, "head")


def _check(connection: Connection, script: ScriptDirectory, where: str) -> None:
    """Whether this version knows the schema that it finds; an empty database has none."""
    found = MigrationContext.configure(connection).get_current_revision()
    known = [each.revision for each in script.walk_revisions("base", "head")]
    if found is None or found in known:
        return
    if found < known[-1]:
        raise UnknownSchema(
            f"The database {where} has the schema {found}, from before the first release; run `bearwatch migrate` of "
            f"commit f4e7b84 on it once, which brings it to {known[-1]}, then start this version again."
        )
    raise UnknownSchema(
        f"The database {where} has the schema {found}, which this version does not know, its newest is {known[0]}; "
        "start the version that made it, or a newer one."
    )


def alembic_config(connection: Connection | None = None) -> AlembicConfig:
    """Alembic's configuration: there is no alembic.ini, the migrations lie beside this file."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
