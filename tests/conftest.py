"""Fixtures shared by all tests: real servers, started once, and clean for each test."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
import redis
from argon2 import PasswordHasher
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from bearwatch.embedded import EmbeddedRedis
from core.config import Config
from core.redis_client import connect
from core.secret_box import install
from core.settings import settings
from db.migrate import upgrade
from db.places import sync_places
from db.session import Database
from review_ui.auth import passwords
from tests.support.services.servers import create_database, drop_database, postgresql_server

pytest_plugins = ("tests.support.page_fixtures",)

# The same examples every time, and no limits in seconds: a busy machine draws slowly. `--hypothesis-profile=explore`
# draws new ones.
hypothesis_settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
hypothesis_settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("steady")

_database_names = (f"test{number}" for number in count())


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """No test acts on the environment that another one has read."""
    settings.cache_clear()
    install(None)
    yield
    settings.cache_clear()
    install(None)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """argon2 is slow on purpose: with the product's cost it took four tenths of the time of the people's tests.

    What the product asks of it is tested in a process of its own: review_ui/people/test_login.py.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        yield


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


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database, to be copied: migrating anew for each test would take most of the suite's time."""
    file = tmp_path_factory.mktemp("migrated") / "bearwatch.sqlite3"
    database = Database(f"sqlite:///{file}")
    upgrade(database)
    database.close()
    return file


@pytest.fixture(scope="session")
def migrated_address(postgresql_address: str) -> str:
    """As ``migrated_file``, a database named ``migrated`` on the PostgreSQL server."""
    database = Database(create_database(postgresql_address, "migrated"))
    upgrade(database)
    database.close()
    return postgresql_address


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated database that knows the places of ``config``, once SQLite and once PostgreSQL."""
    return request.getfixturevalue(f"{request.param}_database")  # type: ignore[no-any-return]


@pytest.fixture
def sqlite_database(tmp_path: Path, migrated_file: Path, config: Config) -> Iterator[Database]:
    """As ``database``, on SQLite only."""
    file = tmp_path / "bearwatch.sqlite3"
    shutil.copy(migrated_file, file)
    yield from _with_places(f"sqlite:///{file}", config)


@pytest.fixture
def postgresql_database(migrated_address: str, config: Config) -> Iterator[Database]:
    """As ``database``, on PostgreSQL only."""
    name = next(_database_names)
    yield from _with_places(create_database(migrated_address, name, template="migrated"), config)
    drop_database(migrated_address, name)


def _with_places(url: str, config: Config) -> Iterator[Database]:
    database = Database(url)
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


@pytest.fixture
def full_disk() -> Iterator[Path]:
    """A directory on a real file system with no space left: a tiny tmpfs."""
    directory = Path(tempfile.mkdtemp(prefix="bw-full-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", directory], capture_output=True, check=False
    )
    if mounted.returncode:
        directory.rmdir()
        pytest.skip("a full disk needs the right to mount a small file system")
    with suppress(OSError):
        (directory / "filler").write_bytes(b"x" * 10_000_000)
    yield directory
    subprocess.run(["umount", directory], check=True)
    directory.rmdir()


@pytest.fixture(autouse=True, scope="session")
def _a_report_lasts_for_a_whole_test() -> Iterator[None]:
    """Nobody reports again in most tests of pages: a report from the future stays fresh, where the page would ask whose
    clock is wrong (tests/review_ui/test_clocks_ahead.py)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("review_ui.live.camera_status.AHEAD_S", float("inf"))
        yield
