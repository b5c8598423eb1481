"""The ranger's pages in a real browser: what is new is there at once, and a decision takes two keys."""

from __future__ import annotations

from playwright.sync_api import expect

from db.models import Alert
from review_ui.rendering.wording import age
from tests.support.browser.night import FRAMES, Night, is_live, picture_is_there


def test_a_new_alert_is_on_the_open_page_without_a_reload(night: Night) -> None:
    page = night.page()
    is_live(page)
    expect(page.get_by_text("No alert is waiting for you.")).to_be_visible()
    page.evaluate("window.stillTheSamePage = true")
    number = night.alert()
    expect(page.locator(f"#alert-{number} h3")).to_contain_text("Creek")
    expect(page).to_have_title("(1) Watch · Bearwatch")
    expect(page.locator("[data-waiting]")).to_have_text("1")
    expect(page.locator("#said")).to_contain_text("New alert: Creek Upper Pines")
    assert page.evaluate("window.stillTheSamePage")


def test_an_animal_still_in_view_is_followed_without_a_reload_until_it_has_gone(night: Night) -> None:
    page = night.page()
    is_live(page)
    number = night.alert(ago_s=5)
    shown = page.locator(f"#alert-{number}")
    expect(shown).to_contain_text(f"{FRAMES} frames agree")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with night.database.write() as session:
        encounter = session.get_one(Alert, number).encounter
        encounter.hits = 31
    expect(shown).to_contain_text("31 frames agree")
    assert len([url for url in asked if "/fragments/" in url]) <= 2, "seldom, and the queue alone"
    with night.database.write() as session:
        encounter = session.get_one(Alert, number).encounter
        encounter.closed_at = encounter.last_at
    expect(page.locator("[data-grows]")).to_have_count(0)


def test_on_another_page_a_new_alert_is_announced(night: Night) -> None:
    page = night.page("/sightings")
    is_live(page)
    night.alert()
    expect(page.get_by_role("alert")).to_contain_text("A new alert is waiting.")
    expect(page.locator("[data-waiting]")).to_have_text("1")


def test_from_alert_to_decision_in_two_keys_and_one_to_take_it_back(night: Night) -> None:
    number = night.alert()
    page = night.page()
    is_live(page)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/alerts/{number}")
    is_live(page)
    picture_is_there(page)
    page.keyboard.press("b")
    expect(page.locator(".stands h2")).to_have_text("Bear")
    assert night.status(number) == "confirmed"
    page.keyboard.press("z")
    expect(page.get_by_text("What do you see?")).to_be_visible()
    assert night.status(number) == "open"


def test_not_a_bear_counts_down_and_can_be_taken_back_from_the_watch_page(night: Night) -> None:
    number = night.alert()
    page = night.page(f"/alerts/{number}")
    is_live(page)
    picture_is_there(page)
    page.keyboard.press("n")
    expect(page.locator(".stands h2")).to_have_text("Not a bear")
    expect(page.locator(".soon")).to_contain_text("Counts in")
    page.goto("/")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(f"#alert-{number}")).to_be_visible()
    assert night.status(number) == "open"


def test_keys_do_nothing_on_repeat_with_ctrl_while_typing_or_when_switched_off(night: Night) -> None:
    number = night.alert()
    page = night.page(f"/alerts/{number}")
    is_live(page)
    picture_is_there(page)
    page.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'b', repeat: true, bubbles: true}))")
    page.keyboard.press("Control+b")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("b")
    page.get_by_label("Single keys work on this device").uncheck()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("b")
    page.reload()
    is_live(page)
    picture_is_there(page)
    page.keyboard.press("b")
    page.wait_for_timeout(200)
    assert night.status(number) == "open"
    typing = night.page("/sightings/new", "ben")
    typing.get_by_label("Note").fill("x")
    typing.keyboard.type("j k ?")
    expect(typing.get_by_label("Note")).to_have_value("xj k ?")
    expect(typing.get_by_role("dialog")).to_be_hidden()


def test_nobody_decides_with_a_key_about_a_picture_that_has_not_come(night: Night) -> None:
    number = night.alert()
    page = night.context().new_page()
    night.listen(page)
    page.route("**/media/**", lambda route: route.abort())
    page.goto(f"/alerts/{number}")
    is_live(page)
    page.keyboard.press("b")
    page.wait_for_timeout(200)
    assert night.status(number) == "open"
    page.get_by_role("button", name="Unsure").click()  # a button is a button
    expect(page.locator(".stands h2")).to_have_text("Unsure")


def test_the_flipbook_turns_by_keys_plays_and_hides_its_boxes(night: Night) -> None:
    page = night.page(f"/alerts/{night.alert()}")
    is_live(page)
    picture_is_there(page)
    page.locator("[data-frame='1']").click()
    counter, box = page.locator("#counter"), page.locator("#stage .box")
    expect(counter).to_have_text(f"1 / {FRAMES}")
    first = box.get_attribute("x")
    page.keyboard.press("ArrowRight")
    expect(counter).to_have_text(f"2 / {FRAMES}")
    assert box.get_attribute("x") != first
    page.keyboard.press("Shift+ArrowRight")
    expect(counter).to_have_text(f"{FRAMES} / {FRAMES}")
    page.keyboard.press("ArrowLeft")
    expect(counter).to_have_text(f"{FRAMES - 1} / {FRAMES}")
    page.keyboard.press("o")
    expect(box).to_be_hidden()
    page.keyboard.press("o")
    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(counter).to_have_text(f"{FRAMES} / {FRAMES}")
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_j_and_k_walk_through_the_waiting_alerts(night: Night) -> None:
    older, newer = night.alert("upper-creek", 300), night.alert("upper-trail", 250)
    page = night.page()
    is_live(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/alerts/{newer}")
    is_live(page)
    page.keyboard.press("k")
    page.wait_for_url(f"**/alerts/{older}")
    is_live(page)
    page.keyboard.press("j")
    page.wait_for_url(f"**/alerts/{newer}")


def test_when_somebody_else_is_faster_the_page_says_who_and_what(night: Night) -> None:
    number = night.alert()
    day_ranger, ben = night.page(f"/alerts/{number}", "day-ranger"), night.page(f"/alerts/{number}", "ben")
    is_live(day_ranger)
    picture_is_there(day_ranger)
    is_live(ben)
    picture_is_there(ben)
    ben.route("**/panel", lambda route: route.abort())  # ben's page has not heard of it yet
    day_ranger.keyboard.press("b")
    expect(day_ranger.locator(".stands h2")).to_have_text("Bear")
    ben.keyboard.press("n")
    expect(ben.get_by_role("alert")).to_contain_text("day-ranger decided “Bear” before you.")
    ben.unroute("**/panel")
    ben.reload()
    expect(ben.locator(".stands h2")).to_have_text("Bear")
    assert night.status(number) == "confirmed"


def test_a_camera_that_goes_blind_is_loud_on_the_open_page(night: Night) -> None:
    page = night.page()
    is_live(page)
    expect(page.locator("[data-camera=upper-creek]")).to_have_attribute("data-seeing", "sees")
    night.reader_says("upper-creek", age_s=4000)
    expect(page.locator(".mode-blind")).to_contain_text("Creek, Upper Pines: no new content")
    expect(page.locator("[data-camera=upper-creek]")).to_have_attribute("data-seeing", "blind")
    night.reader_says("upper-trail", age_s=4000)
    expect(page.locator(".mode-manual-watch")).to_contain_text("not watching for you")


def test_a_page_that_has_lost_the_server_says_how_old_it_is(night: Night) -> None:
    context = night.context()
    context.route("**/api/v1/events*", lambda route: route.abort())
    page = context.new_page()
    page.goto("/")
    lamp = page.locator("#live")
    expect(lamp).to_contain_text("as of")
    expect(lamp).to_contain_text("Not live for")
    context.unroute("**/api/v1/events*")
    expect(lamp).to_have_text("Live")


def test_on_watch_the_page_hides_the_campsite_at_once_and_shows_it_again(night: Night) -> None:
    number = night.alert()
    page, other = night.page(), night.page()
    is_live(other)
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("hidden from you")).to_be_visible()
    expect(other.locator(f"#alert-{number}")).to_have_count(0)
    page.get_by_role("button", name="End watch").click()
    expect(page.locator(f"#alert-{number}")).to_be_visible()
    expect(other.locator(f"#alert-{number}")).to_be_visible()


def test_ages_count_on_in_the_browser_by_the_same_rules(night: Night) -> None:
    seconds = [-1.0, 0.0, 59.5, 60.0, 61.0, 3599.9, 3600.0, 7265.0, 172_799.0, 172_800.0, 900_000.0]
    page = night.page()
    address = page.locator("script[type=module]").first.get_attribute("src")
    assert address is not None
    said = page.evaluate(
        "async ([address, seconds]) => seconds.map((await import(address)).age)",
        [address.replace("page.js", "time.js"), seconds],
    )
    assert said == [age(each) for each in seconds]
