"""Where the network comes and goes: nothing decided is lost, nothing old looks new, one stream serves all tabs."""

from __future__ import annotations

import time

from playwright.sync_api import Route, expect
from sqlalchemy import select, update

from db.models import LoginSession, Review, User
from review_ui.auth.accounts import hash_password
from tests.support.browser.night import FRAMES, Night, is_kept, is_live, picture_is_there, soon
from tests.support.pages import PASSWORD


def _lose_the_answer(route: Route) -> None:
    route.fetch()  # the decision arrives
    route.abort()


def test_the_queue_and_the_open_alert_are_read_and_decided_without_a_server(night: Night) -> None:
    number, later = night.alert(ago_s=300), night.alert("upper-trail", 60)
    page = night.page()
    is_kept(page)
    page.goto(f"/alerts/{number}")
    is_live(page)
    picture_is_there(page)
    soon(page, lambda: page.evaluate(f"caches.match('/alerts/{later}').then(Boolean)"))  # fetched ahead
    kept = "caches.open('bearwatch-pictures').then(cache => cache.keys()).then(keys => keys.length)"
    soon(page, lambda: page.evaluate(kept) >= 2 * FRAMES)
    night.stop()
    page.goto(f"/alerts/{number}")
    expect(page.locator(".kept-page")).to_contain_text("No network. This page is as it was")
    expect(page.locator("#live")).to_contain_text("Not live for")
    picture_is_there(page)
    page.keyboard.press("b")
    expect(page.locator(".on-its-way")).to_contain_text("Bear: kept, not sent yet")
    page.keyboard.press("j")
    page.wait_for_url(f"**/alerts/{later}")
    expect(page.locator(".kept-page")).to_be_visible()
    picture_is_there(page)
    page.goto("/")
    expect(page.locator(".kept-page time")).to_contain_text(" s")
    expect(page.locator("#outbox")).to_contain_text("Not sent yet: Bear for Creek, Upper Pines")
    assert page.goto("/rollout") is not None
    expect(page.get_by_role("heading", name="No network")).to_be_visible()
    page.goto("/")
    night.start()
    expect(page.locator(".kept-page")).to_have_count(0)
    expect(page.locator("#outbox")).to_be_hidden()
    assert night.status(number) == "confirmed"
    with night.database.read() as session:
        assert len(session.scalars(select(Review)).all()) == 1


def test_a_decision_that_never_left_is_taken_back_and_one_that_may_have_is_undone(night: Night) -> None:
    number = night.alert()
    page = night.page(f"/alerts/{number}")
    is_live(page)
    picture_is_there(page)
    page.context.set_offline(True)
    page.keyboard.press("n")
    expect(page.locator(".on-its-way")).to_contain_text("Not a bear: kept, not sent yet")
    page.keyboard.press("z")
    expect(page.locator(".on-its-way")).to_have_count(0)
    page.keyboard.press("u")  # the question is open again
    expect(page.locator(".on-its-way")).to_contain_text("Unsure")
    page.keyboard.press("z")
    page.context.set_offline(False)
    page.route("**/decisions", _lose_the_answer, times=1)
    page.keyboard.press("b")
    expect(page.locator(".on-its-way, .stands").first).to_contain_text("Bear")
    soon(page, lambda: night.status(number) == "confirmed")  # it has arrived; that it has, nobody was told
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_text("What do you see?")).to_be_visible()
    expect(page.locator("#outbox")).to_be_hidden()
    soon(page, lambda: night.status(number) == "open")  # the undo may still be on its way
    with night.database.read() as session:
        assert session.scalars(select(Review.verdict).order_by(Review.id)).all() == ["bear", "undo"]


def test_an_undo_of_what_has_just_arrived_is_not_lost(night: Night) -> None:
    """The answer came, and the page has not been drawn anew yet: it still offers to take back what is on its way."""
    number = night.alert()
    page = night.page(f"/alerts/{number}")
    is_live(page)
    picture_is_there(page)
    held: list[Route] = []
    page.route("**/decisions", lambda route: held.append(route), times=1)
    page.route("**/panel", lambda _route: None)
    page.keyboard.press("b")
    undo = page.locator(".on-its-way").get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    with page.expect_response("**/decisions"):
        held[0].continue_()
    soon(page, lambda: page.evaluate("localStorage.getItem('bearwatch.outbox')") == "[]")
    assert night.status(number) == "confirmed"
    undo.click()
    soon(page, lambda: night.status(number) == "open")


def test_what_was_kept_is_forgotten_at_sign_out_and_on_going_on_watch(night: Night) -> None:
    number = night.alert()
    page = night.page(f"/alerts/{number}")
    is_kept(page)
    stored = (
        "() => Promise.all(['bearwatch-pages', 'bearwatch-pictures'].map(async n => "
        "(await caches.has(n)) ? (await (await caches.open(n)).keys()).map(k => k.url) : [])).then(l => l.flat())"
    )
    page.wait_for_function(f"async () => (await ({stored})()).some((url) => url.includes('/media/'))")
    page.goto("/")
    is_live(page)
    page.get_by_role("button", name="Start").click()  # on watch, in the shadow stage
    expect(page.get_by_text("hidden from you")).to_be_visible()
    of_the_alert = "url.includes('/media/') || url.includes('/alerts/')"
    page.wait_for_function(f"async () => !(await ({stored})()).some((url) => {of_the_alert})")
    night.stop()
    page.goto(f"/alerts/{number}")
    expect(page.get_by_role("heading", name="No network")).to_be_visible()
    night.start()


def test_what_was_asked_for_before_it_was_forgotten_is_not_kept_after_it(night: Night) -> None:
    number = night.alert()
    page = night.page("/")
    is_kept(page)
    asked = f"fetch('/alerts/{number}', {{headers: {{'X-Keep': '1'}}}}).then((answer) => answer.text())"
    # So many that most are still under way when the last one makes the worker forget.
    page.evaluate(f"Promise.all([...Array.from({{length: 24}}, () => {asked}), fetch('/login')])")
    page.evaluate("fetch('/', {headers: {'X-Keep': '1'}}).then((answer) => answer.text())")
    kept = "caches.open('bearwatch-pages').then((cache) => cache.keys()).then((keys) => keys.map((key) => key.url))"
    page.wait_for_function(f"async () => (await {kept}).some((url) => url.endsWith('/'))")  # asked for afterwards
    assert not [url for url in page.evaluate(kept) if "/alerts/" in url]


def test_tabs_of_one_browser_share_a_stream_and_hand_it_on(night: Night) -> None:
    context = night.context()
    streams: list[str] = []
    context.on("request", lambda request: streams.append(request.url) if "/events" in request.url else None)
    tabs = [night.page(path, context=context) for path in ("/sightings", "/", "/")]
    for tab in tabs:
        is_live(tab)
    assert len(streams) == 1
    first = night.alert()
    for tab in tabs[1:]:
        expect(tab.locator(f"#alert-{first}")).to_be_visible()
    expect(tabs[0].get_by_role("alert")).to_contain_text("A new alert is waiting.")
    expect(tabs[0]).to_have_title("(1) Sightings · Bearwatch")
    tabs[0].close()  # it held the stream
    second = night.alert("upper-trail")
    for tab in tabs[1:]:
        expect(tab.locator(f"#alert-{second}")).to_be_visible()
    assert len(streams) == 2
    assert "after=" in streams[1]


def test_a_sound_for_those_who_want_one_from_one_tab_only(night: Night) -> None:
    context = night.context()
    account = night.page("/account", context=context)
    account.get_by_label("A sound when a new alert comes").check()
    tabs = [night.page("/", context=context), night.page("/sightings", context=context), account]
    for tab in tabs:
        tab.evaluate("window.beeps = 0; document.addEventListener('beep', () => { window.beeps += 1; })")
        tab.locator("#main").click(position={"x": 3, "y": 3})
        is_live(tab)
    number = night.alert()
    expect(tabs[0].locator(f"#alert-{number}")).to_be_visible()

    def beeps() -> int:
        return sum(tab.evaluate("window.beeps") for tab in tabs)

    soon(tabs[0], beeps)
    tabs[0].wait_for_timeout(200)  # long enough for another tab's to come, were there one
    assert beeps() == 1


def test_a_session_that_ended_sends_nothing_and_keeps_what_was_decided(night: Night) -> None:
    number = night.alert()
    page = night.page(f"/alerts/{number}")
    is_live(page)
    picture_is_there(page)
    with night.database.write() as session:
        session.execute(update(LoginSession).values(revoked_at=time.time()))
    page.keyboard.press("b")
    expect(page.get_by_role("link", name="Sign in again to send")).to_be_visible()
    assert night.status(number) == "open"
    night.stop()
    night.start()
    page.wait_for_timeout(300)
    assert page.evaluate("JSON.parse(localStorage.getItem('bearwatch.outbox')).length") == 1


def test_a_decision_made_without_a_network_is_kept_said_and_sent_later(night: Night) -> None:
    number = night.alert()
    page = night.page(f"/alerts/{number}")
    is_live(page)
    picture_is_there(page)
    page.context.set_offline(True)
    page.keyboard.press("b")
    expect(page.locator("#outbox")).to_contain_text("Not sent yet: Bear for Creek, Upper Pines")
    page.keyboard.press("b")
    assert night.status(number) == "open"
    page.context.set_offline(False)
    expect(page.locator(".stands h2")).to_have_text("Bear")
    expect(page.locator("#outbox")).to_be_hidden()
    with night.database.read() as session:
        assert len(session.scalars(select(Review)).all()) == 1


def test_a_decision_made_after_the_session_ended_is_sent_once_its_maker_is_back(night: Night) -> None:
    number = night.alert()
    page = night.page(f"/alerts/{number}")
    is_live(page)
    picture_is_there(page)
    with night.database.write() as session:
        session.execute(update(User).where(User.name == "day-ranger").values(password_hash=hash_password(PASSWORD)))
        session.execute(update(LoginSession).values(revoked_at=time.time()))
    page.keyboard.press("b")
    page.get_by_role("link", name="Sign in again to send").click()
    assert night.status(number) == "open"
    page.get_by_label("Name").fill("day-ranger")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**/alerts/{number}")
    expect(page.locator(".stands h2")).to_have_text("Bear")
    assert night.status(number) == "confirmed"


def test_somebody_elses_unsent_decision_is_never_sent_under_another_name(night: Night) -> None:
    number = night.alert()
    page = night.page("/")
    is_live(page)
    page.evaluate(
        "number => localStorage.setItem('bearwatch.outbox', JSON.stringify([{alert: number, name: 'Creek', "
        "verdict: 'bear', seen_version: 1, key: 'somebody-elses', user: '999', at: 0}]))",
        number,
    )
    page.reload()
    expect(page.locator("#outbox")).to_contain_text("Somebody else")
    page.wait_for_timeout(300)
    assert night.status(number) == "open"
