"""One browser for all browser tests, and a served night for each that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from core.config import Config
from core.settings import Settings
from db.session import Database
from tests.support.browser.chromium import launched
from tests.support.browser.night import Night, night_of
from tests.support.waiting import WITHIN_S


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The installed Chromium, started once; what a page should come to show has time to come on a busy machine."""
    expect.set_options(timeout=WITHIN_S * 1000)
    with launched() as browser:
        yield browser


@pytest.fixture
def night(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path, chromium: Browser
) -> Iterator[Night]:
    """The application on a port, with its database, and browsers on it."""
    with night_of(sqlite_database, config, Settings(redis_url=redis_url, bearwatch_data=tmp_path), chromium) as made:
        yield made


@pytest.fixture(autouse=True, scope="package")
def _what_was_seen_stays_fresh() -> Iterator[None]:
    """No tracker runs beside these pages: what it would handle by the second is written once, from the future."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rollout.authority.freshness.CLOCKS_DIFFER_S", float("inf"))
        yield
