"""Every page, walked from one list: no axe violation in any theme, on phone and desktop; wide enough; light enough."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import Browser, BrowserContext, Page

from core.config import Config
from db.session import Database
from tests.browser.chromium import DESKTOP, PHONE
from tests.browser.whole_world import NO_PAGES, World, html_routes, whole_world

PAGE_KB = 60
TOUCH_PX = 48


@pytest.fixture
def world(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path, chromium: Browser
) -> Iterator[World]:
    with whole_world(sqlite_database, config, redis_url, tmp_path) as made:
        yield made
        for context in chromium.contexts:
            context.close()


def _context(world: World, chromium: Browser, public: bool = False) -> BrowserContext:
    # Without the worker: what is weighed here is the page, not the app's shell that is kept for later.
    context = chromium.new_context(
        base_url=world.url, viewport=PHONE, has_touch=True, is_mobile=True, color_scheme="light", locale="en",
        service_workers="block",
    )  # fmt: skip
    if not public:
        context.add_cookies([{"name": "bearwatch", "value": world.token(), "url": world.url}])
    return context


def test_every_page_is_open_to_all_fits_a_phone_and_is_light(world: World, chromium: Browser) -> None:
    listed = world.pages()
    covered = {each.pattern or each.path for each, _ in listed}
    missing = html_routes(world.there.page) - covered - NO_PAGES
    assert missing == set(), "put these pages into tests/browser/pages_list.py"
    complaints: list[str] = []
    wrong: list[str] = []
    for public in (False, True):
        page = _context(world, chromium, public).new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Refused" in said.text else None)
        for each, path in listed:
            if each.public is public:
                wrong += _walk(page, path)
    assert wrong == [], "\n".join(wrong)
    assert complaints == []


def _walk(page: Page, path: str) -> list[str]:
    """What is wrong with one page, in words. A theme is colours and nothing else: only those are looked at again."""
    page.set_viewport_size(PHONE)
    answer = page.goto(path)
    if answer is None or answer.status != 200:
        return [f"{path} answered {answer.status if answer else 'nothing'}"]
    weight_kb = page.evaluate(WEIGHT)
    wrong = [f"{path} weighs {weight_kb:.0f} KB"] if weight_kb > PAGE_KB else []
    wrong += _too_wide(page, path)
    wrong += [f"{path}: too small for a thumb: {each}" for each in page.evaluate(SMALL, TOUCH_PX)]
    page.evaluate(AXE_SCRIPT)
    wrong += [f"{path}: {each}" for each in page.evaluate(LOOK, [["light", []], ["dark", COLOURS], ["red", COLOURS]])]
    page.set_viewport_size(DESKTOP)
    wrong += _too_wide(page, f"{path} on a desktop")
    return wrong + [f"{path} on a desktop: {each}" for each in page.evaluate(LOOK, [["light", OF_WIDTH]])]


COLOURS = ["color-contrast"]
OF_WIDTH = ["target-size", "scrollable-region-focusable", "landmark-one-main", "bypass", "label", "button-name"]
"""What another width can break: things that it shows or hides."""
LOOK = """async (looks) => {
    const found = [];
    for (const [theme, rules] of looks) {
        document.documentElement.dataset.theme = theme;
        const options = { resultTypes: ['violations'], preload: false };
        if (rules.length) options.runOnly = rules;
        for (const each of (await axe.run(options)).violations) {
            found.push(`${each.id} in ${theme} at ${each.nodes.slice(0, 3).map((node) => node.target).join(' | ')}`);
        }
    }
    return found;
}"""
WEIGHT = """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .filter(e => !/[.](jpg|png|svg)$|[/]media[/]|[/]events/.test(e.name))
    .reduce((sum, e) => sum + e.encodedBodySize, 0) / 1024"""
SMALL = """least => [...document.querySelectorAll('.button, .verdict, main select, main summary, .elsewhere summary')]
    .filter(e => { const b = e.getBoundingClientRect(); return b.height && b.height < least - 0.5 })
    .map(e => e.outerHTML.slice(0, 80))"""


def _too_wide(page: Page, where: str) -> list[str]:
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{where} is {over} px too wide"] if over > 0 else []
