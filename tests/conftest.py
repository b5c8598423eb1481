"""Fixtures shared by all tests: real servers, started once, and clean for each test."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import redis

from bearwatch.embedded import EmbeddedRedis
from core.config import Config
from core.redis_client import connect
from db.migrate import upgrade
from db.places import sync_places
from db.session import Database
from tests.servers import create_database, drop_database, postgresql_server

_database_names = (f"test{number}" for number in count())


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """One Valkey for the whole run."""
    with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> str:
    """Address of an empty Valkey."""
    client = connect(redis_server.url)
    client.flushall()
    client.close()
    return redis_server.url


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of an empty Valkey."""
    client = connect(redis_url)
    yield client
    client.close()


@pytest.fixture(scope="session")
def postgresql_address() -> Iterator[str]:
    """One PostgreSQL server for the whole run; ``{name}`` stands for the database."""
    with postgresql_server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of an empty database, once SQLite and once PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'bearwatch.sqlite3'}"
        return
    address = request.getfixturevalue("postgresql_address")
    name = next(_database_names)
    yield create_database(address, name)
    drop_database(address, name)


@pytest.fixture
def database(database_url: str, config: Config) -> Iterator[Database]:
    """A migrated database that knows the places of ``config``."""
    database = Database(database_url)
    upgrade(database)
    with database.write() as session:
        sync_places(session, config)
    yield database
    database.close()


@pytest.fixture
def sqlite_database(tmp_path: Path, config: Config) -> Iterator[Database]:
    """As ``database``, on SQLite only."""
    database = Database(f"sqlite:///{tmp_path / 'bearwatch.sqlite3'}")
    upgrade(database)
    with database.write() as session:
        sync_places(session, config)
    yield database
    database.close()


@pytest.fixture
def config() -> Config:
    """Two campsites, three cameras, everything else as it comes."""
    return Config.model_validate(
        {
            "regions": {"sierra": {"timezone": "America/Los_Angeles", "name": "Sierra County"}},
            "campsites": {
                "upper-pines": {"region": "sierra", "name": "Upper Pines"},
                "lower-pines": {"region": "sierra", "name": "Lower Pines"},
            },
            "cameras": {
                "upper-creek": {"campsite": "upper-pines", "url": "rtsp://127.0.0.1:1/creek", "name": "Creek"},
                "upper-trail": {"campsite": "upper-pines", "url": "rtsp://127.0.0.1:1/trail", "name": "Trail"},
                "lower-meadow": {"campsite": "lower-pines", "url": "rtsp://127.0.0.1:1/meadow", "name": "Meadow"},
            },
        }
    )
