"""Bring a database to the current schema."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from core.errors import OperatorError
from db.session import Database

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig

MIGRATIONS = Path(__file__).parent / "migrations"
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
        found = _revision(connection)
        if found == known_revisions()[-1]:
            return
        _check(found, str(database.url))
        from alembic import command  # here: every process asks, and hardly any has something to migrate

        command.upgrade(alembic_config(connection), "head")


@cache
def known_revisions() -> tuple[str, ...]:
    """The schemas that this version knows, oldest first: the numbers with which the files of the migrations begin."""
    return tuple(sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py")))


def _revision(connection: Connection) -> str | None:
    """The schema of a database; an empty one has none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _check(found: str | None, where: str) -> None:
    """Whether this version knows the schema that it finds."""
    known = known_revisions()
    if found is None or found in known:
        return
    if found < known[0]:
        raise UnknownSchema(
            f"The database {where} has the schema {found}, from before the first release; run `bearwatch migrate` of "
            f"commit f4e7b84 on it once, which brings it to {known[0]}, then start this version again."
        )
    raise UnknownSchema(
        f"The database {where} has the schema {found}, which this version does not know, its newest is {known[-1]}; "
        "start the version that made it, or a newer one."
    )


def alembic_config(connection: Connection | None = None) -> AlembicConfig:
    """Alembic's configuration: there is no alembic.ini, the migrations lie beside this file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
