"""The pages behind "More" and the camper page in a real browser: by keyboard, by touch, without scripts."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect
from sqlalchemy import select

from core.clock import hour_start
from core.config import Config
from core.media import MediaStore
from core.messages import CropScore, FrameScores
from core.night_span import date_of
from core.rate_limit import RateLimiter
from core.redis_client import connect
from core.settings import Settings
from core.telemetry import Telemetry
from db.models import Alert, Appeal, CameraHour, CamperMessage, MessageKind, Mode, User, Verdict
from db.session import Database
from detector.tracking.encounter_writer import EncounterWriter
from detector.tracking.tracker import AlertRule, EncounterDraft, Opened
from review_ui.app import create_app
from review_ui.auth.accounts import open_session
from rollout.alerting.alerts import Decision, decide
from rollout.alerting.camper_messages import CamperNote, receive
from rollout.alerting.recipients import Recipients
from tests.support.browser.chromium import DESKTOP, PHONE
from tests.support.cast import grant
from tests.support.factories import frame, jpeg
from tests.support.pages import report, served


@dataclass
class World:
    """A served page with a night behind it: decided alerts, a warning, an appeal, labels, camera-hours."""

    url: str
    database: Database
    config: Config
    chromium: Browser
    night: str
    complaints: list[str]

    def context(self, name: str | None = "root", size: ViewportSize | None = None, **options: object) -> BrowserContext:
        """A browser in which this person is logged in; nobody for None."""
        context = self.chromium.new_context(base_url=self.url, viewport=size or DESKTOP, **options)  # type: ignore[arg-type]  # options of new_context
        if name is not None:
            with self.database.write() as session:
                user = session.scalars(select(User).where(User.name == name)).one()
                token = open_session(session, user, time.time()).token
            context.add_cookies([{"name": "bearwatch", "value": token, "url": self.url}])
        return context

    def page(self, path: str, name: str | None = "root", size: ViewportSize | None = None, **options: object) -> Page:
        """An open page; what its scripts and its policy complain about fails the test."""
        page = self.context(name, size, **options).new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self.complaints.append(said.text) if "Refused" in said.text else None)
        page.goto(path)
        return page


@pytest.fixture
def world(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path, chromium: Browser
) -> Iterator[World]:
    client = connect(redis_url)
    for camera in config.cameras:
        report(Telemetry(client), camera, time.time() + 3600)
    _fill(sqlite_database, config, MediaStore(tmp_path / "media"), RateLimiter(client))
    client.close()
    app = create_app(Settings(redis_url=redis_url, bearwatch_data=tmp_path), config, sqlite_database)
    complaints: list[str] = []
    with served(app) as url:
        night = str(date_of(time.time() - 600, "America/Los_Angeles"))  # that of the warning
        yield World(url, sqlite_database, config, chromium, night, complaints)
        for context in chromium.contexts:
            context.close()
    assert complaints == []


def _fill(database: Database, config: Config, media: MediaStore, limiter: RateLimiter) -> None:
    now = time.time()
    with database.write() as session:
        for name, role in (("root", "administrator"), ("ada", "ranger")):
            session.add(User(name=name, password_hash="!", role=role, active=True, created_at=now))
        grant(session, "upper-pines", Mode.ASSISTED, now - 9000, now + 9000)
    for number, (camera, ago_s, verdict) in enumerate(
        (
            ("upper-trail", 4000, Verdict.NOT_A_BEAR),
            ("lower-meadow", 3000, Verdict.NOT_A_BEAR),
            ("upper-creek", 600, Verdict.BEAR),
        )
    ):
        _decided(database, config, media, camera, now - ago_s, verdict, number)
    for kind, words in ((MessageKind.REPORT, "by <the> bins"), (MessageKind.APPEAL, "my dog")):
        receive(database, limiter, CamperNote("upper-pines", kind, words, "198.51.100.7", f"this-{kind}"), now)
    with database.write() as session:
        at = float(hour_start(now - 3600))
        keys = [media.put("upper-creek", at + 60 * n, jpeg(60 + n, 640, 360)) for n in range(50)]
        hour = {"frames": {}, "histogram": [0] * 20, "max_score": 0.1, "minutes": (1 << 50) - 1, "thumbnails": keys}
        session.add(CameraHour(camera_id="upper-creek", hour_at=at, **hour))


def _decided(
    database: Database, config: Config, media: MediaStore, camera: str, start: float, verdict: Verdict, number: int
) -> None:
    box = (0.3, 0.4, 0.5, 0.8)
    frames = [
        FrameScores(
            frame(camera, start + n / 5, n, boxes=(box,), picture=jpeg(40 + 10 * n + number, 640, 360)),
            (CropScore(box, 0.9, "bear", 0.9),), "m", start + n / 5,
        )
        for n in range(4)
    ]  # fmt: skip
    writer = EncounterWriter(config, media, AlertRule.of(config.detector), clock=lambda: start + 1)
    with database.write() as session:
        (encounter,) = writer.write(session, camera, False, [Opened(EncounterDraft(tuple(frames), ()))])
        alert = session.scalars(select(Alert).where(Alert.encounter_id == encounter.id)).one()
        ada = session.scalars(select(User.id).where(User.name == "ada")).one()
        decision = Decision(alert.id, ada, verdict, 1, f"a-decision-{number}", score_hidden=True)
        decide(session, decision, Recipients.of(config), start + 60)


def test_labels_are_cleaned_by_keyboard_alone(world: World) -> None:
    page = world.page("/labels", "ada")  # she decided: nothing of it is hidden from her
    cards = page.locator("[data-card]")
    expect(cards).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(cards.nth(1)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("y")
    expect(cards.nth(0)).to_contain_text("Keep in your change")
    expect(cards.nth(0)).to_be_focused()
    page.keyboard.press("z")
    expect(cards.nth(0)).not_to_contain_text("in your change")
    page.keyboard.press("x")
    expect(page.locator("#draft")).to_contain_text("1 removed")
    page.keyboard.press("j")
    page.keyboard.press("r")
    page.locator("select[name=label]:focus").select_option("deer")
    page.keyboard.press("Enter")
    expect(page.locator("#draft")).to_contain_text("1 relabelled, 1 removed")
    page.get_by_role("link", name="Look it over").click()
    page.get_by_label("Why it needs nobody else").fill("alone on shift")
    page.get_by_role("button", name="Apply all of it").click()
    expect(page.get_by_text("Applied by ada")).to_be_visible()


def test_without_scripts_a_label_is_changed_a_review_given_and_a_report_sent(world: World) -> None:
    page = world.page("/labels", java_script_enabled=False)
    page.get_by_role("button", name="Keep").first.click()
    page.get_by_role("link", name="Look it over").click()
    page.get_by_label("Why it needs nobody else").fill("alone on shift")
    page.get_by_role("button", name="Apply all of it").click()
    expect(page.get_by_text("Applied by root")).to_be_visible()
    page.goto("/appeals/1")
    page.get_by_role("button", name="Not a bear").click()
    expect(page.get_by_text("my dog")).to_be_visible()
    page.goto(f"/nights/{world.night}")
    before = page.locator("#moment").inner_text()
    page.get_by_role("link", name="10 min").first.click()
    assert page.locator("#moment").inner_text() != before
    camper = world.page("/camp/upper-pines?lang=en", None, PHONE, java_script_enabled=False)
    expect(camper.get_by_role("heading", name="BEAR WARNING")).to_be_visible()
    camper.get_by_role("link", name="I see a bear").click()
    camper.get_by_label("Where is it").fill("near site 14")
    camper.get_by_role("button", name="Send").click()
    expect(camper.get_by_text("The rangers have your report.")).to_be_visible()
    with world.database.read() as session:
        assert session.scalars(select(CamperMessage.text).order_by(CamperMessage.id)).all()[-1] == "near site 14"
        assert session.get_one(Appeal, 1).second_verdict == Verdict.NOT_A_BEAR


def test_scrubbing_through_a_night_moves_the_pictures_the_address_and_the_slider(world: World) -> None:
    page = world.page(f"/nights/{world.night}")
    with world.database.read() as session:
        captured_at = session.scalars(select(Alert.captured_at).order_by(Alert.captured_at.desc()).limit(1)).one()
    row = page.locator(f"[data-moment^='{int(captured_at) - 1}'], [data-moment^='{int(captured_at)}']").first
    row.click()
    expect(page.get_by_alt_text("Creek at")).to_be_visible()
    expect(page).to_have_url(re.compile(r"[?]at=\d+"))
    at = page.locator("#scrub-range").input_value()
    page.locator("body").press("ArrowRight")
    expect(page.locator("#scrub-range")).not_to_have_value(at)
    page.locator("#scrub-range").focus()
    page.keyboard.press("Home")
    expect(page.locator("#moment")).to_have_text("12:00:00")
    expect(page).not_to_have_url(re.compile(rf"at={at}"))


def test_an_area_is_drawn_by_clicks_and_written_into_the_text(world: World) -> None:
    page = world.page("/cameras/upper-creek")
    picture = page.locator("#draw .picture")
    place = picture.bounding_box()
    assert place is not None
    for x, y in ((0.1, 0.1), (0.5, 0.1), (0.5, 0.6)):
        picture.click(position={"x": x * place["width"], "y": y * place["height"]})
    page.get_by_label("Draw").select_option("zone")
    page.get_by_label("Name of the zone").fill("bins")
    page.get_by_role("button", name="Close the shape").click()
    written = page.locator("#areas-text").input_value()
    assert re.search(r"zones:\n      bins: \[\[0\.(1|09\d), ", written)
    page.get_by_role("button", name="Check and draw").click()
    expect(page.get_by_text("Understood, and drawn on the picture.")).to_be_visible()
    expect(page.locator("#areas .zone")).to_have_count(1)


def test_the_camper_page_renews_itself_and_says_when_it_cannot(world: World) -> None:
    page = world.context(None, PHONE).new_page()
    page.clock.install()
    page.goto("/camp/upper-pines?lang=en")
    expect(page.get_by_role("heading", name="BEAR WARNING")).to_be_visible()
    with world.database.write() as session:
        grant(session, "upper-pines", Mode.SHADOW, time.time() - 9, time.time() + 99)
    page.clock.run_for(21_000)
    expect(page.get_by_role("heading", name="This page is not in service")).to_be_visible()
    page.context.set_offline(True)
    page.clock.run_for(130_000)
    expect(page.locator("#stale")).to_contain_text("Do not rely on it.")


def test_the_menu_of_pages_opens_by_keyboard_and_shows_only_what_one_may_open(world: World) -> None:
    page = world.page("/", "ada", PHONE)
    page.locator(".elsewhere summary").press("Enter")
    menu = page.locator(".elsewhere-body")
    expect(menu.get_by_role("link", name="Labels")).to_be_visible()
    expect(menu.get_by_role("link", name="Ledger")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
