"""The picture of an alert, larger: onto the animal by touch and by keys, and what it shows is one bear, not two."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect

from core.config import Config
from core.messages import Box
from db.session import Database
from review_ui.rendering.pictures import PictureView, crop
from tests.support.browser.chromium import PHONE
from tests.support.browser.whole_world import World, whole_world


@pytest.fixture
def world(sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path) -> Iterator[World]:
    with whole_world(sqlite_database, config, redis_url, tmp_path) as made:
        yield made


def opened(world: World, chromium: Chromium, path: str) -> Page:
    context = chromium.new_context(viewport=PHONE, base_url=world.url, has_touch=True, service_workers="block")
    context.add_cookies([{"name": "bearwatch", "value": world.token(), "url": world.url}])
    page = context.new_page()
    page.goto(path)
    return page


def shown_part(page: Page) -> tuple[float, float, float]:
    """The left and upper edge of what the stage shows of the picture, 0-1, and how many times larger it is."""
    stage, image = (page.locator(each).bounding_box() for each in ("#stage", "#stage-image"))
    assert stage is not None
    assert image is not None
    return (
        (stage["x"] - image["x"]) / image["width"],
        (stage["y"] - image["y"]) / image["height"],
        image["width"] / stage["width"],
    )


def test_zoom_goes_to_the_animal_and_follows_it_from_frame_to_frame(world: World, chromium: Chromium) -> None:
    page = opened(world, chromium, f"/alerts/{world.names['open']}")
    expect(page.locator("#zoom")).to_have_text("Zoom")
    assert shown_part(page)[2] == pytest.approx(1, abs=0.02)
    page.locator("#zoom").tap()
    expect(page.locator("#zoom")).to_have_text("Zoom 2\u00d7")
    x0, y0, x1, y1 = map(float, str(page.locator("[aria-current][data-frame]").get_attribute("data-box")).split())
    left, top, times = shown_part(page)
    assert times == pytest.approx(2, abs=0.05)
    assert left - 0.01 <= (x0 + x1) / 2 <= left + 1 / times + 0.01
    assert top - 0.01 <= (y0 + y1) / 2 <= top + 1 / times + 0.01
    page.keyboard.press("+")
    expect(page.locator("#zoom")).to_have_text("Zoom 4\u00d7")
    page.keyboard.press("-")
    page.keyboard.press("-")
    expect(page.locator("#zoom")).to_have_text("Zoom")
    page.context.close()


def test_a_zoomed_picture_is_dragged_and_never_off_its_edge(world: World, chromium: Chromium) -> None:
    page = opened(world, chromium, f"/alerts/{world.names['open']}")
    page.keyboard.press("+")
    expect(page.locator("#zoom")).to_have_text("Zoom 2\u00d7")
    before = shown_part(page)
    box = page.locator("#stage").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 100, steps=4)
    page.mouse.up()
    after = shown_part(page)
    assert after[0] > before[0] + 0.03
    page.mouse.move(box["x"] + 10, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 100, steps=8)
    page.mouse.up()
    assert shown_part(page)[0] == pytest.approx(0, abs=0.02)
    page.context.close()


def test_sharing_copies_the_address_of_the_alert_and_nothing_else(world: World, chromium: Chromium) -> None:
    page = opened(world, chromium, f"/alerts/{world.names['open']}?from=push")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("() => delete Navigator.prototype.share")
    page.locator("#share").tap()
    expect(page.locator("#share")).to_have_text("Address copied")
    assert page.evaluate("navigator.clipboard.readText()") == f"{world.url}/alerts/{world.names['open']}"
    page.context.close()


@pytest.mark.parametrize(("box", "shown"), [((0.5, 0.5, 0.54, 0.55), True), ((0.4, 0.3, 0.7, 0.9), False)])
def test_only_a_small_animal_is_shown_a_second_time(box: Box, shown: bool) -> None:
    found = crop(PictureView("x", 640, 360), box)
    assert found is not None
    assert (found.enlarged(0.3) >= 2) is shown
