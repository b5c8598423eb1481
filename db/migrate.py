"""Bring a database to the current schema."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, text

from db.session import Database

_MIGRATION_LOCK = 0x6265_6173


def upgrade(database: Database) -> None:
    """Run the migrations that are missing. Several processes may call it at once: one works, the others wait."""
    engine = database.engine.execution_options(begin="IMMEDIATE")
    with engine.begin() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: Connection | None = None) -> AlembicConfig:
    """Alembic's configuration: there is no alembic.ini, the migrations lie beside this file."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
