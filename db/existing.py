"""Open a database that is there. Only ``bearwatch up``, ``demo`` and ``migrate`` make a new one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect, make_url
from sqlalchemy.exc import DatabaseError

from core.errors import OperatorError
from db.session import Database

_HOW = (
    "name the site's folder with --data, or its database with DATABASE_URL; "
    "a new site begins with `bearwatch up` or `bearwatch migrate`."
)


class NoDatabase(OperatorError):
    """A command needs a site's database, and there is none; the message says where it was looked for."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: {_HOW}")


def open_existing(url: str, *, patient: bool = False) -> Database:
    """Open the database at a SQLAlchemy address; nothing is made, neither a file nor a table.

    ``patient``: one that only does not answer now is opened all the same; whoever asks waits for it.
    Raises :class:`NoDatabase` where there is none, or where it was never migrated.
    """
    place = _place(url)
    if make_url(url).get_backend_name() == "sqlite" and not Path(place).is_file():
        raise NoDatabase(f"There is no database at {place}")
    database = Database(url)
    try:
        if inspect(database.engine).has_table("alembic_version"):
            return database
    except DatabaseError as error:
        if patient:
            return database
        database.close()
        said = str(error.orig).strip().partition("\n")[0]
        raise NoDatabase(f"The database at {place} cannot be opened ({said})") from error
    database.close()
    raise NoDatabase(f"The database at {place} is empty")


def _place(url: str) -> str:
    """Where that is, for people: a file's whole path, or an address without its password."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return str(Path(parsed.database or "").absolute())
    return parsed.render_as_string(hide_password=True)
