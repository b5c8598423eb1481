"""The ranger's pages are for everybody: without scripts, by touch alone, on a phone, in every theme."""

from __future__ import annotations

import time

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from db.models import Sighting, User
from review_ui.auth.accounts import hash_password
from tests.support.browser.chromium import PHONE
from tests.support.browser.night import FRAMES, THEMES, Night, is_live, picture_is_there
from tests.support.pages import PASSWORD

TOUCH_PX = 48


def test_without_scripts_a_ranger_logs_in_looks_decides_takes_back_and_logs_a_sighting(night: Night) -> None:
    number = night.alert()
    with night.database.write() as session:
        session.add(User(name="ben", password_hash=hash_password(PASSWORD), role="ranger", created_at=time.time()))
    page = night.chromium.new_context(base_url=night.url, viewport=PHONE, java_script_enabled=False).new_page()
    page.goto("/")
    page.get_by_label("Name").fill("ben")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("Look and decide").click()
    assert page.locator(".film img").count() == FRAMES
    assert page.locator("#play").is_hidden()
    page.get_by_role("button", name="Not a bear").click()
    expect(page.locator(".stands h2")).to_have_text("Not a bear")
    assert night.status(number) == "rejected"
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("What do you see?")).to_be_visible()
    page.get_by_role("link", name="Watch", exact=True).last.click()
    page.get_by_role("link", name="I saw an animal").click()
    page.get_by_label("Deer").check()
    page.get_by_label("Note").fill("by the bins")
    page.get_by_role("button", name="Seal and save").click()
    expect(page.get_by_text("raised a bear alert")).to_be_visible()
    with night.database.read() as session:
        assert session.scalars(select(Sighting.animal)).one() == "deer"


def test_the_whole_way_by_touch_on_a_phone(night: Night) -> None:
    number = night.alert()
    page = night.page("/", size=PHONE, has_touch=True, is_mobile=True)
    page.get_by_text("Look and decide").tap()
    is_live(page)
    picture_is_there(page)
    page.get_by_role("button", name="Bear", exact=False).first.tap()
    expect(page.locator(".stands h2")).to_have_text("Bear")
    page.get_by_role("button", name="Undo").tap()
    expect(page.get_by_text("What do you see?")).to_be_visible()
    page.get_by_role("button", name="Unsure").tap()
    expect(page.locator(".stands h2")).to_have_text("Unsure")
    assert night.status(number) == "unsure"
    page.get_by_role("link", name="Back to watch").tap()
    page.get_by_role("link", name="I saw an animal").tap()
    page.get_by_label("How many minutes ago").fill("2")
    page.get_by_role("button", name="Seal and save").tap()
    expect(page.get_by_text("The model saw it")).to_be_visible()
    with night.database.read() as session:
        seen_at = session.scalars(select(Sighting.seen_at)).one()
    assert 119 < time.time() - seen_at < 180


def test_a_theme_holds_on_the_next_page_from_its_first_byte(night: Night) -> None:
    page = night.page(color_scheme="dark")
    page.get_by_label("Brightness and account").click()
    with page.expect_response("**/theme"):
        page.get_by_role("button", name="Red").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "red")
    page.goto("/sightings")
    expect(page.locator("html")).to_have_attribute("data-theme", "red")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(0, 0, 0)"


@pytest.mark.parametrize("theme", THEMES)
def test_what_lives_and_what_opens_is_accessible_in_every_theme(night: Night, theme: str) -> None:
    """Pages at rest are walked in `test_everywhere.py`; these are the states that a ranger brings about."""
    number = night.alert()
    night.alert("lower-meadow", 200)
    night.reader_says("lower-meadow", age_s=4000)
    context = night.context(size=PHONE, has_touch=True, is_mobile=True)
    context.add_cookies([{"name": "bearwatch-theme", "value": theme, "url": night.url}])
    page = context.new_page()
    night.listen(page)
    for path in ("/", f"/alerts/{number}"):
        page.goto(path)
        is_live(page)
        _check(page, f"{path} in {theme}")
    page.get_by_role("button", name="Unsure").click()
    expect(page.locator(".stands h2")).to_have_text("Unsure")
    _check(page, f"a decided alert in {theme}")
    page.goto("/none")
    _check(page, f"no such page in {theme}")
    page.goto("/")
    page.get_by_label("Brightness and account").click()
    _check(page, f"menu in {theme}")


def _check(page: Page, where: str) -> None:
    found = Axe().run(page).response["violations"]
    assert found == [], f"{where}: " + "; ".join(f"{v['id']} at {[n['target'] for n in v['nodes']]}" for v in found)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"{where} is {overflow} px too wide"
    for target in _targets(page):
        box = target.bounding_box()
        if box and box["width"] and box["height"]:
            name = target.evaluate("element => element.outerHTML.slice(0, 80)")
            assert box["height"] >= TOUCH_PX - 0.5, f"{where}: {name} is {box['height']} px high"


def _targets(page: Page) -> list[Locator]:
    """Everything that a thumb has to hit."""
    return page.locator(".button, .verdict, .places a, .menu summary, .themes button, .chip, select, .card").all()
