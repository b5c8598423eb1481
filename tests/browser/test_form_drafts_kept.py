"""A session ends while somebody writes: after the login they are back on their page with all they had entered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import select, update

from core.config import Config
from db.models import AuditAnswer, LoginSession, Sighting, User
from db.session import Database
from review_ui.auth.accounts import hash_password
from tests.support.browser.chromium import PHONE
from tests.support.browser.whole_world import World, whole_world
from tests.support.pages import PASSWORD

BACK = "what you had entered is here"


@pytest.fixture
def world(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path, chromium: Browser
) -> Iterator[World]:
    with whole_world(sqlite_database, config, redis_url, tmp_path) as made:
        with made.there.page.database.write() as session:
            session.execute(update(User).values(password_hash=hash_password(PASSWORD)))
        yield made
        for context in chromium.contexts:
            context.close()


def _open(world: World, chromium: Browser, path: str, name: str = "root") -> Page:
    context = chromium.new_context(base_url=world.url, viewport=PHONE, service_workers="block")
    context.add_cookies([{"name": "bearwatch", "value": world.token(name), "url": world.url}])
    page = context.new_page()
    page.goto(path)
    return page


def _session_ends(world: World) -> None:
    with world.there.page.database.write() as session:
        session.execute(update(LoginSession).values(revoked_at=time.time()))


def _send_and_sign_in(world: World, page: Page, button: Locator, name: str = "root") -> None:
    _session_ends(world)
    button.click()
    expect(page.get_by_text("What you typed is kept")).to_be_visible()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_marks_on_a_contact_sheet_are_not_lost_with_the_session(world: World, chromium: Browser) -> None:
    page = _open(world, chromium, "/audit")
    number = page.locator("#sheet").get_attribute("action")
    for index in (2, 3, 17):
        page.locator(f"[name=mark][value='{index}']").check()
    answer = page.locator("#sheet [name=bear][value=yes]")
    expect(answer).not_to_have_attribute("aria-disabled", "true")
    _send_and_sign_in(world, page, answer)
    page.wait_for_url(f"**{number}")
    expect(page.get_by_text(BACK)).to_be_visible()
    marked = page.locator("[name=mark]:checked")
    expect(marked).to_have_count(3)
    assert [each.get_attribute("value") for each in marked.all()] == ["2", "3", "17"]
    expect(page.locator("#marked")).to_have_text("3 marked")
    expect(answer).to_be_focused()  # what had been answered; nothing is sent by itself
    with world.there.page.database.read() as session:
        assert session.scalars(select(AuditAnswer)).all() == []
    answer.click()
    page.wait_for_url("**/audit?done=*")
    with world.there.page.database.read() as session:
        assert session.scalars(select(AuditAnswer.marked)).all() == [[2, 3, 17]]
    page.go_back()
    expect(page.get_by_text(BACK)).to_have_count(0)


def test_a_sighting_keeps_its_words_and_its_moment(world: World, chromium: Browser) -> None:
    page = _open(world, chromium, "/sightings/new")
    page.get_by_label("Deer").check()
    page.get_by_label("How many", exact=True).fill("3")
    page.get_by_label("Campsite", exact=True).select_option("lower-pines")
    page.get_by_label("Note").fill("behind the <bins>")
    said_at = time.time()
    _send_and_sign_in(world, page, page.get_by_role("button", name="Seal and save"))
    said_by = time.time()
    expect(page.get_by_label("Note")).to_have_value("behind the <bins>")
    expect(page.get_by_label("How many", exact=True)).to_have_value("3")
    expect(page.get_by_label("Deer")).to_be_checked()
    expect(page.get_by_text("as you said")).to_be_visible()
    page.get_by_role("button", name="Seal and save").click()
    page.wait_for_url("**/sightings/*")
    with world.there.page.database.read() as session:
        newest = session.scalars(select(Sighting).order_by(Sighting.id.desc())).first()
        assert newest is not None
        assert (newest.animal, newest.number, newest.campsite_id) == ("deer", 3, "lower-pines")
        assert said_at - 5 < newest.seen_at < said_by + 5
    page.goto("/sightings/new")
    expect(page.get_by_label("Note")).to_have_value("")


def test_the_reason_for_less_power_is_back_in_its_open_form(world: World, chromium: Browser) -> None:
    page = _open(world, chromium, "/rollout")
    page.locator("summary", has_text="Demote").click()
    form = page.locator("form[action='/rollout/demote']")
    form.get_by_role("checkbox").first.check()
    form.get_by_label("Why").fill("a sow with cubs stays near the tents")
    _send_and_sign_in(world, page, form.get_by_role("button", name="Take it back"))
    page.wait_for_url("**/rollout")
    expect(form.get_by_text(BACK)).to_be_visible()
    expect(form.get_by_label("Why")).to_have_value("a sow with cubs stays near the tents")
    expect(form.get_by_role("checkbox").first).to_be_checked()
    expect(page.locator("#approve-note")).to_have_value("")


def test_a_cause_is_back_at_its_own_breaker_and_the_password_is_asked_for_again(
    world: World, chromium: Browser
) -> None:
    page = _open(world, chromium, "/rollout")
    form = page.locator("form[action='/rollout/breakers/reset']").first
    breaker = form.locator("[name=breaker]").input_value()
    page.locator("summary", has_text="Close it").first.click()
    form.locator("textarea").fill("a lamp shone into the camera; it hangs lower now")
    form.locator("[type=password]").fill("something wrong")
    _send_and_sign_in(world, page, form.get_by_role("button", name="Agree to close it"))
    page.wait_for_url("**/rollout")
    back = page.locator("form", has_text="What is secret has to be typed again.")
    expect(back.locator("[name=breaker]")).to_have_value(breaker)
    expect(back.locator("textarea")).to_have_value("a lamp shone into the camera; it hangs lower now")
    expect(back.locator("[type=password]")).to_have_value("")
    expect(back.locator("[type=password]")).to_be_focused()


def test_masks_drawn_on_a_camera_come_back_with_a_shape_that_was_not_closed(world: World, chromium: Browser) -> None:
    page = _open(world, chromium, "/cameras/upper-creek")
    picture = page.locator("#draw .picture")
    for x, y in ((30, 30), (120, 30), (120, 100)):
        picture.click(position={"x": x, "y": y})
    page.get_by_role("button", name="Close the shape").click()
    written = page.locator("#areas-text").input_value()
    picture.click(position={"x": 200, "y": 40})
    picture.click(position={"x": 240, "y": 90})
    corners = page.locator("#pen").get_attribute("points")
    _send_and_sign_in(world, page, page.get_by_role("button", name="Check and draw"))
    page.wait_for_url("**/cameras/upper-creek")
    expect(page.locator("#areas-text")).to_have_value(written)
    expect(page.locator("#pen")).to_have_attribute("points", corners or "")


def test_an_edit_of_a_label_waits_at_its_card(world: World, chromium: Browser) -> None:
    page = _open(world, chromium, "/labels?label=bear", "rosa")
    card = page.locator("[data-card]").first
    item = card.locator("[name=item]").input_value()
    _send_and_sign_in(world, page, card.get_by_role("button", name="Remove"), "rosa")
    page.wait_for_url("**/labels?label=bear*")
    waiting = page.locator(".was-chosen")
    expect(waiting).to_have_text("Remove")
    expect(waiting).to_be_focused()
    expect(page.locator("form", has=waiting).locator("[name=item]")).to_have_value(item)
    waiting.click()
    expect(page.locator("#draft")).to_contain_text("1 removed")


def test_what_one_ranger_entered_is_not_shown_to_the_next(world: World, chromium: Browser) -> None:
    page = _open(world, chromium, "/experiments")
    page.locator("summary", has_text="Schedule").click()
    page.get_by_label("Name").fill("october nights")
    _session_ends(world)
    page.locator("form[action='/experiments']").evaluate("form => { form.noValidate = true; form.requestSubmit() }")
    page.get_by_label("Name").fill("rosa")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("h1")).not_to_have_text("Not sent yet")
    page.goto("/experiments")
    expect(page.get_by_text("october nights")).to_have_count(0)
    expect(page.get_by_text(BACK)).to_have_count(0)
