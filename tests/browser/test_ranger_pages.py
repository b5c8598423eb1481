"""The ranger's pages in a real browser: live, by keyboard, by touch, without scripts, offline, and for every eye."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize, expect
from sqlalchemy import select, update

from core.config import Config
from core.media import MediaStore
from core.messages import CropScore, FrameScores
from core.redis_client import connect
from core.settings import Settings
from core.telemetry import Telemetry
from db.models import Alert, LoginSession, Review, Sighting, User
from db.session import Database
from detector.encounters import Scribe
from detector.tracker import AlertRule, EncounterDraft, Opened
from review_ui.app import create_app
from review_ui.security import hash_password, open_session
from review_ui.words import age
from tests.browser.chromium import DESKTOP, PHONE
from tests.factories import frame, jpeg
from tests.ui_cast import PASSWORD, report, served

THEMES = ("light", "dark", "red")
FRAMES = 12
TOUCH_PX = 48


@dataclass
class Night:
    """A served page, its database, and browsers on it."""

    url: str
    database: Database
    config: Config
    media: MediaStore
    telemetry: Telemetry
    chromium: Browser
    complaints: list[str]

    def alert(self, camera: str = "upper-creek", ago_s: float = 90.0, ring: bool = True) -> int:
        """A bear that was in view for two seconds; returns its alert's number."""
        start = time.time() - ago_s
        frames = [_bear(camera, start, step) for step in range(FRAMES)]
        scribe = Scribe(self.config, self.media, AlertRule.of(self.config.detector), clock=lambda: start + 3)
        with self.database.write() as session:
            (encounter,) = scribe.write(session, camera, False, [Opened(EncounterDraft(tuple(frames), ()))])
            number = session.scalars(select(Alert.id).where(Alert.encounter_id == encounter.id)).one()
        if ring:
            self.telemetry.ring()
        return number

    def context(self, name: str = "day-ranger", size: ViewportSize | None = None, **options: object) -> BrowserContext:
        """A browser in which this person is logged in."""
        context = self.chromium.new_context(base_url=self.url, viewport=size or DESKTOP, **options)  # type: ignore[arg-type]  # options of new_context
        with self.database.write() as session:
            user = session.scalar(select(User).where(User.name == name))
            if user is None:
                user = User(name=name, password_hash="!", role="ranger", active=True, created_at=time.time())
                session.add(user)
                session.flush()
            token = open_session(session, user, time.time()).token
        context.add_cookies([{"name": "bearwatch", "value": token, "url": self.url}])
        return context

    def page(
        self, path: str = "/", name: str = "day-ranger", size: ViewportSize | None = None, **options: object
    ) -> Page:
        """An open page; whatever its console complains about fails the test."""
        page = self.context(name, size, **options).new_page()
        self.listen(page)
        page.goto(path)
        return page

    def listen(self, page: Page) -> None:
        """Write down errors of the page's scripts and of its content security policy."""
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self.complaints.append(said.text) if "Refused" in said.text else None)

    def status(self, alert: int) -> str:
        """What the database says of an alert."""
        with self.database.read() as session:
            return session.get_one(Alert, alert).status


def _bear(camera: str, start: float, step: int) -> FrameScores:
    at = start + step / 5
    box = (0.05 + step * 0.05, 0.4, 0.25 + step * 0.05, 0.8)
    picture = jpeg(40 + 10 * step, 640, 360)
    return FrameScores(
        frame(camera, at, step, boxes=(box,), picture=picture), (CropScore(box, 0.9, "bear", 0.9),), "m", at
    )


@pytest.fixture
def night(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path, chromium: Browser
) -> Iterator[Night]:
    client = connect(redis_url)
    app = create_app(Settings(redis_url=redis_url, bearwatch_data=tmp_path), config, sqlite_database)
    telemetry = Telemetry(client)
    for camera in config.cameras:
        report(telemetry, camera, time.time() + 3600)  # readers that stay fresh for the whole test
    complaints: list[str] = []
    with served(app) as url:
        yield Night(url, sqlite_database, config, MediaStore(tmp_path / "media"), telemetry, chromium, complaints)
        for context in chromium.contexts:
            context.close()
    client.close()
    assert complaints == []


def _is_live(page: Page) -> None:
    expect(page.locator("#live")).to_have_attribute("data-state", "live")


def _soon(holds: Callable[[], bool], page: Page) -> None:
    deadline = time.monotonic() + 10
    while not holds() and time.monotonic() < deadline:
        page.wait_for_timeout(20)
    assert holds()


def test_a_new_alert_is_on_the_open_page_without_a_reload(night: Night) -> None:
    page = night.page()
    _is_live(page)
    expect(page.get_by_text("No alert is waiting for you.")).to_be_visible()
    page.evaluate("window.stillTheSamePage = true")
    number = night.alert()
    expect(page.locator(f"#alert-{number} h3")).to_contain_text("Creek")
    expect(page).to_have_title("(1) Watch · Bearwatch")
    expect(page.locator("[data-waiting]")).to_have_text("1")
    expect(page.locator("#said")).to_contain_text("New alert: Creek Upper Pines")
    assert page.evaluate("window.stillTheSamePage")


def test_on_another_page_a_new_alert_is_announced(night: Night) -> None:
    page = night.page("/sightings")
    _is_live(page)
    night.alert()
    expect(page.get_by_role("alert")).to_contain_text("A new alert is waiting.")
    expect(page.locator("[data-waiting]")).to_have_text("1")


def test_from_alert_to_decision_in_two_keys_and_one_to_take_it_back(night: Night) -> None:
    number = night.alert()
    page = night.page()
    _is_live(page)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/alerts/{number}")
    _seen(page)
    page.keyboard.press("b")
    expect(page.locator(".stands h2")).to_have_text("Bear")
    assert night.status(number) == "confirmed"
    page.keyboard.press("z")
    expect(page.get_by_text("What do you see?")).to_be_visible()
    assert night.status(number) == "open"


def test_not_a_bear_counts_down_and_can_be_taken_back_from_the_watch_page(night: Night) -> None:
    number = night.alert()
    page = night.page(f"/alerts/{number}")
    _seen(page)
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
    _seen(page)
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
    _seen(page)
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
    _is_live(page)
    page.keyboard.press("b")
    page.wait_for_timeout(200)
    assert night.status(number) == "open"
    page.get_by_role("button", name="Unsure").click()  # a button is a button
    expect(page.locator(".stands h2")).to_have_text("Unsure")


def test_the_flipbook_turns_by_keys_plays_and_hides_its_boxes(night: Night) -> None:
    page = night.page(f"/alerts/{night.alert()}")
    _seen(page)
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
    older, newer = night.alert("upper-creek", 300), night.alert("upper-trail", 100)
    page = night.page()
    _is_live(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/alerts/{newer}")
    _is_live(page)
    page.keyboard.press("k")
    page.wait_for_url(f"**/alerts/{older}")
    _is_live(page)
    page.keyboard.press("j")
    page.wait_for_url(f"**/alerts/{newer}")


def test_a_decision_made_without_a_network_is_kept_said_and_sent_later(night: Night) -> None:
    number = night.alert()
    page = night.page(f"/alerts/{number}")
    _seen(page)
    page.context.set_offline(True)
    page.keyboard.press("b")
    expect(page.locator("#outbox")).to_contain_text("Not sent yet: Bear for Creek, Upper Pines")
    page.keyboard.press("b")
    assert night.status(number) == "open"
    page.context.set_offline(False)
    expect(page.locator(".stands h2")).to_have_text("Bear", timeout=10_000)
    expect(page.locator("#outbox")).to_be_hidden()
    with night.database.read() as session:
        assert len(session.scalars(select(Review)).all()) == 1


def test_a_decision_made_after_the_session_ended_is_sent_once_its_maker_is_back(night: Night) -> None:
    number = night.alert()
    page = night.page(f"/alerts/{number}")
    _seen(page)
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
    _is_live(page)
    page.evaluate(
        "number => localStorage.setItem('bearwatch.outbox', JSON.stringify([{alert: number, name: 'Creek', "
        "verdict: 'bear', seen_version: 1, key: 'somebody-elses', user: '999', at: 0}]))",
        number,
    )
    page.reload()
    expect(page.locator("#outbox")).to_contain_text("Somebody else")
    page.wait_for_timeout(300)
    assert night.status(number) == "open"


def test_when_somebody_else_is_faster_the_page_says_who_and_what(night: Night) -> None:
    number = night.alert()
    day_ranger, ben = night.page(f"/alerts/{number}", "day-ranger"), night.page(f"/alerts/{number}", "ben")
    _seen(day_ranger)
    _seen(ben)
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
    _is_live(page)
    expect(page.locator("[data-camera=upper-creek]")).to_have_attribute("data-seeing", "sees")
    report(night.telemetry, "upper-creek", time.time() + 3600, age_s=4000)
    expect(page.locator(".mode-blind")).to_contain_text("Creek, Upper Pines: no new content", timeout=10_000)
    expect(page.locator("[data-camera=upper-creek]")).to_have_attribute("data-seeing", "blind")
    report(night.telemetry, "upper-trail", time.time() + 3600, age_s=4000)
    expect(page.locator(".mode-manual-watch")).to_contain_text("not watching for you", timeout=10_000)


def test_a_page_that_has_lost_the_server_says_how_old_it_is(night: Night) -> None:
    context = night.context()
    context.route("**/api/v1/events*", lambda route: route.abort())
    page = context.new_page()
    page.goto("/")
    lamp = page.locator("#live")
    expect(lamp).to_contain_text("as of")
    expect(lamp).to_contain_text("Not live for", timeout=12_000)
    context.unroute("**/api/v1/events*")
    expect(lamp).to_have_text("Live", timeout=10_000)


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


def test_the_whole_road_by_touch_on_a_phone(night: Night) -> None:
    number = night.alert()
    page = night.page("/", size=PHONE, has_touch=True, is_mobile=True)
    page.get_by_text("Look and decide").tap()
    _seen(page)
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


def test_on_watch_the_page_hides_the_campsite_at_once_and_shows_it_again(night: Night) -> None:
    number = night.alert()
    page, other = night.page(), night.page()
    _is_live(other)
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("hidden from you")).to_be_visible()
    expect(other.locator(f"#alert-{number}")).to_have_count(0)
    page.get_by_role("button", name="End watch").click()
    expect(page.locator(f"#alert-{number}")).to_be_visible()
    expect(other.locator(f"#alert-{number}")).to_be_visible()


def test_a_theme_holds_on_the_next_page_from_its_first_byte(night: Night) -> None:
    page = night.page(color_scheme="dark")
    page.get_by_label("Brightness and account").click()
    with page.expect_response("**/theme"):
        page.get_by_role("button", name="Red").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "red")
    page.goto("/sightings")
    expect(page.locator("html")).to_have_attribute("data-theme", "red")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(0, 0, 0)"


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


@pytest.mark.parametrize("theme", THEMES)
def test_every_page_is_accessible_and_fits_a_phone(night: Night, theme: str) -> None:
    number = night.alert()
    decided = night.alert("upper-trail", 400)
    night.alert("lower-meadow", 200)
    report(night.telemetry, "lower-meadow", time.time() + 3600, age_s=4000)
    context = night.context(size=PHONE, has_touch=True, is_mobile=True)
    context.add_cookies([{"name": "bearwatch-theme", "value": theme, "url": night.url}])
    page = context.new_page()
    night.listen(page)
    page.goto(f"/alerts/{decided}")
    page.get_by_role("button", name="Unsure").click()
    expect(page.locator(".stands h2")).to_have_text("Unsure")
    page.goto("/sightings/new")
    page.get_by_role("button", name="Seal and save").click()
    page.wait_for_url("**/sightings/1")
    paths = (
        "/", f"/alerts/{number}", f"/alerts/{decided}", "/sightings/new", "/sightings", "/sightings/1", "/try", "/none",
    )  # fmt: skip
    for path in paths:
        page.goto(path)
        if path != "/none":
            _is_live(page)
        _check(page, f"{path} in {theme}")
    page.goto("/")
    page.get_by_label("Brightness and account").click()
    _check(page, f"menu in {theme}")
    page.set_viewport_size(DESKTOP)
    for path in paths[:4]:
        page.goto(path)
        _is_live(page)
        _check(page, f"{path} in {theme} on a desktop")
    context.clear_cookies(name="bearwatch")
    page.goto("/login")
    _check(page, f"login in {theme}")


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


def _seen(page: Page) -> None:
    """The page is live and its picture has come."""
    _is_live(page)
    page.wait_for_function("document.getElementById('stage-image')?.naturalWidth > 0")
