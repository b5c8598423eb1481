"""Every page, walked from one list: no axe violation in any theme, on phone and desktop; wide enough; light enough."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from core.config import Config
from core.config_file import parse_config
from core.media import MediaStore
from core.settings import Settings
from db.places import sync_places
from db.session import Database
from review_ui.app import create_app
from tests.support.browser.chromium import DESKTOP, PHONE
from tests.support.browser.night import THEMES
from tests.support.browser.whole_world import NO_PAGES, World, html_routes, whole_world
from tests.support.pages import Clock, Stage, served

PAGE_KB = 60
TOUCH_PX = 48
FIRST_PAINT_MS = 500
NARROW: ViewportSize = {"width": 320, "height": 640}
"""Where a page must still read without scrolling sideways (WCAG 2.2, 1.4.10)."""


@pytest.fixture
def world(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path, chromium: Browser
) -> Iterator[World]:
    with whole_world(sqlite_database, config, redis_url, tmp_path) as made:
        yield made
        for context in chromium.contexts:
            context.close()


def _context(world: World, chromium: Browser, who: str | None) -> BrowserContext:
    # Without the worker: what is weighed here is the page, not the app's shell that is kept for later.
    context = chromium.new_context(
        base_url=world.url, viewport=PHONE, has_touch=True, is_mobile=True, color_scheme="light", locale="en",
        service_workers="block",
    )  # fmt: skip
    if who is not None:
        context.add_cookies([{"name": "bearwatch", "value": world.token(who), "url": world.url}])
    return context


@pytest.mark.long
def test_every_page_is_open_to_all_fits_a_phone_and_is_light(world: World, chromium: Browser) -> None:
    listed = world.pages()
    covered = {each.pattern or each.path for each, _ in listed}
    missing = html_routes(world.there.page) - covered - NO_PAGES
    assert missing == set(), "put these pages into tests/support/browser/pages_list.py"
    complaints: list[str] = []
    wrong: list[str] = []
    for who in ("root", "rosa", None):
        page = _context(world, chromium, who).new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Refused" in said.text else None)
        for each, path in listed:
            if who == (None if each.public else each.who):
                wrong += _walk(page, path)
        if who is None:
            wrong += _walk(page, "/camp/upper-pines?lang=es")
    assert wrong == [], "\n".join(wrong)
    assert complaints == []


def test_long_names_and_many_cameras_fit_the_narrowest_phone(
    sqlite_database: Database, redis_url: str, tmp_path: Path, chromium: Browser
) -> None:
    crowded = parse_config(_crowded(), "bearwatch.yaml", {})
    with sqlite_database.write() as session:
        sync_places(session, crowded)
    app = create_app(Settings(redis_url=redis_url, bearwatch_data=tmp_path), crowded, sqlite_database)
    stage = Stage(app, sqlite_database, crowded, MediaStore(tmp_path / "media"), Clock(time.time()))
    for number in range(6):
        stage.alert(f"camera-{number}", stage.clock() - 3600 * 11 - 60 * number)
    token = stage.person("day-ranger").cookies["bearwatch"]
    with served(app) as url:
        context = chromium.new_context(base_url=url, viewport=NARROW, service_workers="block")
        context.add_cookies([{"name": "bearwatch", "value": token, "url": url}])
        page = context.new_page()
        wrong = []
        for path in ("/", "/alerts/1", "/nights", "/cameras", "/cameras/camera-0", "/sightings/new", "/camp/site-0"):
            page.goto(path)
            wrong += _too_wide(page, path)
        page.goto("/")
        expect(page.locator("#banner")).to_contain_text("not watching for you")
        shown = page.locator(".camera[data-seeing]")
        assert shown.count() == 24
        context.close()
    assert wrong == [], "\n".join(wrong)


def _crowded() -> str:
    """Twenty-four cameras, some of them with names that no column is wide enough for."""
    campsite = "Kings Canyon Backcountry Overflow Parking near Roads End Permit Station"
    camera = "Donaudampfschifffahrtsgesellschaftskapitaensmuetze-west"
    lines = ["regions: {sierra: {timezone: America/Los_Angeles}}", "campsites:"]
    lines += [f"  site-{n}: {{region: sierra, name: {campsite if n == 0 else f'Site {n}'}}}" for n in range(3)]
    lines += ["cameras:"]
    for n in range(24):
        name = camera if n == 0 else f"Camera {n}"
        lines.append(f"  camera-{n}: {{campsite: site-{n % 3}, name: {name}, url: 'rtsp://127.0.0.1:1/{n}'}}")
    return "\n".join(lines)


def _walk(page: Page, path: str) -> list[str]:
    """What is wrong with one page, in words. A theme is colours and nothing else: only those are looked at again."""
    page.set_viewport_size(PHONE)
    answer = page.goto(path)
    if answer is None or answer.status != 200:
        return [f"{path} answered {answer.status if answer else 'nothing'}"]
    weight_kb = page.evaluate(WEIGHT)
    wrong = [f"{path} weighs {weight_kb:.0f} KB"] if weight_kb > PAGE_KB else []
    wrong += _late(page, path)
    wrong += _too_wide(page, path)
    wrong += [f"{path}: too small for a thumb: {each}" for each in page.evaluate(SMALL, TOUCH_PX)]
    page.evaluate(AXE_SCRIPT)
    wrong += [
        f"{path}: {each}" for each in page.evaluate(PROBLEMS_JS, [["light", []], ["dark", COLOURS], ["red", COLOURS]])
    ]
    page.set_viewport_size(NARROW)
    for theme in THEMES:
        page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        wrong += _too_wide(page, f"{path} in {theme} at {NARROW['width']} px")
    page.set_viewport_size(DESKTOP)
    wrong += _too_wide(page, f"{path} on a desktop")
    return wrong + [f"{path} on a desktop: {each}" for each in page.evaluate(PROBLEMS_JS, [["light", OF_WIDTH]])]


COLOURS = ["color-contrast"]
OF_WIDTH = ["target-size", "scrollable-region-focusable", "landmark-one-main", "bypass", "label", "button-name"]
"""What another width can break: things that it shows or hides."""
PROBLEMS_JS = """async (themes) => {
    const found = [];
    for (const [theme, rules] of themes) {
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


def _late(page: Page, path: str) -> list[str]:
    """Whether something is drawn soon enough, three tries given; longer where the machine has more to do than cores."""
    limit_ms = FIRST_PAINT_MS * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    for _ in range(3):
        page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length > 0")
        paint_ms = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        if paint_ms <= limit_ms:
            return []
        page.reload()
    return [f"{path} is first drawn after {paint_ms:.0f} ms"]


def _too_wide(page: Page, where: str) -> list[str]:
    over = page.evaluate("document.scrollingElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{where} is {over} px too wide"] if over > 0 else []
