"""People and accounts in a real browser: without scripts, by everybody's eyes, on a telephone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import Browser, BrowserContext, Page, expect

from core.config import Config
from core.settings import Settings
from db.models import Role
from db.session import Database
from review_ui.app import create_app
from review_ui.auth.accounts import open_session
from review_ui.people.administration import Admin, add_person
from tests.support.browser.chromium import DESKTOP, PHONE
from tests.support.cast import add_user
from tests.support.pages import PASSWORD, served


@pytest.fixture
def admin(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path, chromium: Browser
) -> Iterator[BrowserContext]:
    """An administrator's telephone."""
    app = create_app(Settings(redis_url=redis_url, bearwatch_data=tmp_path), config, sqlite_database)
    with sqlite_database.write() as session:
        token = open_session(session, add_user(session, "head-ranger", Role.ADMINISTRATOR), time.time()).token
        add_person(session, Admin("test"), "night-ranger", Role.RANGER, ["upper-pines"], time.time())
    with served(app) as url:
        context = chromium.new_context(base_url=url, viewport=PHONE)
        context.add_cookies([{"name": "bearwatch", "value": token, "url": url}])
        yield context
        for each in chromium.contexts:
            each.close()


def test_without_scripts_somebody_is_added_and_comes_in(admin: BrowserContext, chromium: Browser) -> None:
    page = admin.new_page()
    page.goto("/people")
    base = page.url.removesuffix("/people")
    page.get_by_label("Name").fill("dawn-ranger")
    page.get_by_label("Lower Pines").check()
    page.get_by_role("button", name="Add", exact=True).click()
    password = page.locator(".secret code").inner_text()
    plain = chromium.new_context(base_url=base, viewport=PHONE, java_script_enabled=False).new_page()
    plain.goto("/sightings")
    plain.get_by_label("Name").fill("dawn-ranger")
    plain.get_by_label("Password").fill(password)
    plain.get_by_role("button", name="Sign in").click()
    expect(plain.get_by_role("heading", name="Choose your own password")).to_be_visible()
    plain.get_by_label("New password").fill(PASSWORD)
    plain.get_by_label("Once more").fill(PASSWORD)
    plain.get_by_role("button", name="Change the password").click()
    expect(plain.get_by_text("Your password is changed.")).to_be_visible()
    expect(plain.get_by_text("You see Lower Pines.")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark", "red"])
def test_nothing_on_the_pages_of_people_shuts_anybody_out(admin: BrowserContext, theme: str) -> None:
    page = admin.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if "Refused" in said.text else None)
    page.goto("/people")
    admin.add_cookies([{"name": "bearwatch-theme", "value": theme, "url": page.url}])
    for path, press in (("/people", ""), ("/people/2", "New password"), ("/account", "Set it up")):
        page.goto(path)
        if press:
            page.get_by_role("button", name=press).click()
            expect(page.locator(".secret")).to_be_visible()
            page.wait_for_load_state()
        _is_open_to_all(page)
    page.set_viewport_size(DESKTOP)
    _is_open_to_all(page)
    assert complaints == []


def _is_open_to_all(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["target"]) for each in found] == []
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small = page.evaluate(
        "[...document.querySelectorAll('main button, main summary, main input:not([type=checkbox]), main select')]"
        ".filter(e => e.offsetParent && e.getBoundingClientRect().height < 47.5).map(e => e.outerHTML.slice(0, 90))"
    )
    assert small == []
