"""A site as the version of November 2026 left it: its database, what lay in its Redis, and what it said of them.

See ``tests/fixtures/november_2026/README.md``. Whatever is read here must stay readable.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from pathlib import Path
from typing import Any, Final

import redis
from sqlalchemy import JSON, MetaData, create_engine, insert, null, select, text

from core.config import Config
from db.session import Database
from tests.support.rollout.rollout_pages import with_plan

FOLDER: Final = Path(__file__).parents[1] / "fixtures" / "november_2026"
_OPEN: Final = {"metric": "open_breakers", "op": "==", "value": 0}
_GATES: Final[list[dict[str, Any]]] = [
    _OPEN,
    {"metric": "encounters_blind", "op": ">=", "value": 3},
    {"metric": "recall_blind", "bound": "cp_lower", "op": ">=", "value": 0.4, "min_n": 3},
]
STAGES: Final[list[dict[str, Any]]] = [
    {
        "name": "shadow", "scope": ["upper-pines", "lower-pines"], "mode": "shadow",
        "duration": {"min": "1d", "max": "4d"}, "gates": _GATES,
        "overridden": "a plan from before there were floors",
    },
    {"name": "one-campsite", "scope": ["upper-pines"], "mode": "assisted", "duration": "2d", "gates": [_OPEN]},
    {
        "name": "one-automatic", "scope": ["upper-pines"], "mode": "automatic", "duration": "3d", "gates": [_OPEN],
        "oversight": {"veto_window": "30s", "ranger_ack_within": "60s"},
    },
]  # fmt: skip
_ADDRESSES: Final = {
    "notify": ["json://127.0.0.1:9/campers"],
    "rangers": ["json://127.0.0.1:9/rangers"],
    "staff": ["json://127.0.0.1:9/staff"],
}


def said() -> dict[str, Any]:
    """What that version said of its own database."""
    found: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text())
    return found


def configured(config: Config) -> Config:
    """Its configuration, over the usual places."""
    whole = with_plan(config, STAGES)
    return whole.model_copy(update={"rollout": whole.rollout.model_copy(update=_ADDRESSES)})


def restore(url: str) -> None:
    """Put its database where ``url`` says: an empty SQLite file, or an empty database on PostgreSQL."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as there:
            there.executescript((FOLDER / "database.sql").read_text())
        there.close()
        return
    restore_schema(url)
    _copy_rows(url)


def restore_schema(url: str) -> None:
    """The tables alone, as fifteen migrations had made them on PostgreSQL; the revision with them."""
    database = Database(url)
    with database.engine.begin() as connection:
        connection.exec_driver_sql((FOLDER / "schema.postgresql.sql").read_text())
        connection.exec_driver_sql("SET search_path TO public")
        connection.execute(text("INSERT INTO alembic_version VALUES ('0015')"))
    database.close()


def _copy_rows(url: str) -> None:
    """The rows of the SQLite dump, table by table; the counters of ids go on after them."""
    memory = create_engine("sqlite://")
    raw = memory.raw_connection()
    raw.driver_connection.executescript((FOLDER / "database.sql").read_text())  # type: ignore[union-attr]  # SQLite's
    raw.close()
    there, tables = Database(url), MetaData()
    tables.reflect(there.engine)
    source = MetaData()
    with memory.connect() as reading, there.engine.begin() as writing:
        source.reflect(reading)
        for table in tables.sorted_tables:
            rows = [dict(row) for row in reading.execute(select(source.tables[table.name])).mappings()]
            if not rows or table.name == "alembic_version":
                continue
            documents = [column.name for column in table.columns if isinstance(column.type, JSON)]
            whole = [row for row in rows if all(row[name] is not None for name in documents)]
            for row in rows:
                if row not in whole:  # an absent document is NULL, not JSON's null
                    writing.execute(insert(table), row | {name: null() for name in documents if row[name] is None})
            if whole:
                writing.execute(insert(table), whole)
            if "id" in table.columns and not isinstance(rows[0]["id"], str):
                writing.execute(text(f"SELECT setval('{table.name}_id_seq', (SELECT max(id) FROM {table.name}))"))
    memory.dispose()
    there.close()


def restore_redis(client: redis.Redis) -> None:
    """Put what lay in its Redis into an empty server, key by key."""
    kept: dict[str, dict[str, Any]] = json.loads((FOLDER / "redis.json").read_text())
    for key, value in kept.items():
        ((kind, content),) = value.items()
        if kind == "hash":
            client.hset(key, mapping={name: base64.b64decode(each) for name, each in content.items()})
        elif kind == "list":
            client.rpush(key, *(base64.b64decode(each) for each in content))
        elif kind == "set":
            client.sadd(key, *(base64.b64decode(each) for each in content))
        else:
            for number, fields in content:
                decoded: Any = {name: base64.b64decode(each) for name, each in fields.items()}
                client.xadd(key, decoded, id=number)
