"""One free hand: the whole way by keyboard alone, and a decision that is taken at once."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select

from db.models import Review, Sighting, User
from review_ui.auth.accounts import hash_password
from tests.support.browser.night import Night, is_live, picture_is_there, soon
from tests.support.pages import PASSWORD

MOST_TABS = 60


def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus, as somebody without a mouse does."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"{selector} has the focus, and nobody sees it"
            return
    pytest.fail(f"{selector} cannot be reached by keyboard on {page.url}")


def test_the_whole_way_by_keyboard_alone(night: Night) -> None:
    older, newer = night.alert(ago_s=300), night.alert("upper-trail", 250)
    with night.database.write() as session:
        session.add(User(name="ben", password_hash=hash_password(PASSWORD), role="ranger", created_at=time.time()))
    page = night.page("/", context=night.context(None))
    keys = page.keyboard
    keys.type("ben")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    is_live(page)
    keys.press("Enter")  # one key opens what has waited longest, the next one decides
    page.wait_for_url(f"**/alerts/{older}")
    picture_is_there(page)
    keys.press("n")
    expect(page.locator(".stands h2")).to_have_text("Not a bear")
    keys.press("z")
    expect(page.get_by_text("What do you see?")).to_be_visible()
    keys.press("b")
    expect(page.locator(".stands h2")).to_have_text("Bear")
    keys.press("j")  # from here the next alert is decided in two keys
    page.wait_for_url(f"**/alerts/{newer}")
    picture_is_there(page)
    keys.press("u")
    expect(page.locator(".stands h2")).to_have_text("Unsure")
    keys.press("Enter")
    page.wait_for_url(f"{night.url}/")  # nothing else waits
    is_live(page)
    _tab_to(page, "a[href='/sightings/new']")
    keys.press("Enter")
    page.wait_for_url("**/sightings/new")
    _tab_to(page, "[name=animal]")
    keys.press("ArrowDown")
    _tab_to(page, "textarea, [name=note]")
    keys.type("by the bins")
    _tab_to(page, "main button")
    keys.press("Enter")
    page.wait_for_url("**/sightings/1")
    assert [night.status(each) for each in (older, newer)] == ["confirmed", "unsure"]
    with night.database.read() as session:
        assert session.scalars(select(Sighting.note)).all() == ["by the bins"]
        assert session.scalars(select(Review.verdict).order_by(Review.id)).all() == [
            "not_a_bear", "undo", "bear", "unsure",
        ]  # fmt: skip


def test_a_decision_is_taken_at_once_however_slow_the_network(night: Night) -> None:
    number = night.alert()
    page = night.page(f"/alerts/{number}")
    is_live(page)
    picture_is_there(page)
    held: list[Route] = []
    page.route("**/decisions", lambda route: held.append(route))
    page.keyboard.press("b")
    chosen = page.evaluate("document.querySelector('.verdict.bear').className")  # no waiting: it is there already
    assert "chosen" in chosen
    page.keyboard.press("n")
    expect(page.locator(".on-its-way")).to_contain_text("Bear: kept, not sent yet")
    soon(page, lambda: held)
    page.wait_for_timeout(50)  # long enough for a second one to come, were there one
    assert len(held) == 1
    held[0].continue_()
    expect(page.locator(".stands h2")).to_have_text("Bear")
    expect(page.locator("#verdict")).to_be_focused()
    assert night.status(number) == "confirmed"


def test_the_next_alert_and_its_pictures_are_there_before_they_are_asked_for(night: Night) -> None:
    first, following = night.alert(ago_s=300), night.alert("upper-trail", 60)
    context = night.context()
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = night.page(f"/alerts/{first}", context=context)
    is_live(page)
    soon(page, lambda: any(url.endswith(f"/alerts/{following}") for url in asked))
    soon(page, lambda: len({url for url in asked if "upper-trail" in url}) >= 6)
