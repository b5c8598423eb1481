"""The pages with their servers, for every test that opens one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import Config
from core.redis_client import connect
from core.telemetry import Telemetry
from db.session import Database
from tests.support.factories import T0
from tests.support.pages import Stage, report, stage
from tests.support.rollout.rollout_pages import RolloutStage, rollout_stage


@pytest.fixture
def readers(config: Config, redis_url: str) -> None:
    """Readers of all cameras that have just reported, and stay fresh."""
    client = connect(redis_url)
    for camera in config.cameras:
        report(Telemetry(client), camera, T0 + 1e7)
    client.close()


@pytest.fixture
def page(sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    """The page on SQLite."""
    with stage(sqlite_database, config, redis_url, tmp_path) as made:
        yield made


@pytest.fixture
def either(database: Database, config: Config, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    """The page, once on SQLite and once on PostgreSQL."""
    with stage(database, config, redis_url, tmp_path) as made:
        yield made


@pytest.fixture
def there(sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path) -> Iterator[RolloutStage]:
    """The page with a plan on it, in shadow."""
    with rollout_stage(sqlite_database, config, redis_url, tmp_path) as made:
        yield made


@pytest.fixture
def live(there: RolloutStage) -> RolloutStage:
    """The same, one campsite further."""
    there.go_live()
    return there
