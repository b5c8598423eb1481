"""Rollout, audits and experiments in a real browser: one tap and one confirmation stop it, and nobody is shut out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import select

from core.config import Config
from core.media import MediaStore
from core.redis_client import connect
from core.settings import Settings
from core.telemetry import Telemetry
from db.models import AuditAnswer, AuditDraw, AuditSheet, Mode, RandomWatch, SheetKind
from db.session import Database
from review_ui.app import create_app
from rollout.authority.authority import authority
from rollout.evidence.on_off_nights import NightPlan, schedule
from rollout.evidence.stats.visits import night_of
from tests.support.browser.chromium import DESKTOP, PHONE
from tests.support.factories import jpeg
from tests.support.pages import Clock, Stage, report, served
from tests.support.rollout.rollout_pages import STAGES, RolloutStage, with_plan

PICTURES = 60
MOST_BYTES = 60 * 1024


@dataclass
class Running:
    """A served page with a live stage, and a browser."""

    url: str
    there: RolloutStage
    chromium: Browser
    complaints: list[str]

    def page(
        self, path: str, name: str, size: ViewportSize = DESKTOP, theme: str = "light", scripts: bool = True
    ) -> Page:
        """An open page; what its console complains about fails the test."""
        context = self.chromium.new_context(base_url=self.url, viewport=size, java_script_enabled=scripts)
        token = self.there.page.person(name).cookies["bearwatch"]
        for key, value in (("bearwatch", token), ("bearwatch-theme", theme)):
            context.add_cookies([{"name": key, "value": value, "url": self.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self.complaints.append(said.text) if "Refused" in said.text else None)
        page.goto(path)
        return page

    def mode(self) -> Mode:
        """What holds where the stage is live."""
        with self.there.page.database.read() as session:
            return authority(session, "upper-pines", time.time())


@pytest.fixture
def running(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path, chromium: Browser
) -> Iterator[Running]:
    whole = with_plan(config, STAGES)
    app = create_app(Settings(redis_url=redis_url, bearwatch_data=tmp_path), whole, sqlite_database)
    client = connect(redis_url)
    for camera in whole.cameras:
        report(Telemetry(client), camera, time.time() + 3600)
    client.close()
    there = RolloutStage(Stage(app, sqlite_database, whole, MediaStore(tmp_path / "media"), Clock(time.time())))
    there.go_live()
    complaints: list[str] = []
    with served(app) as url:
        yield Running(url, there, chromium, complaints)
        for context in chromium.contexts:
            context.close()
    assert complaints == []


def _sheets(running: Running) -> None:
    stage, now = running.there.page, time.time()
    hour_at = now // 3600 * 3600 - 86400.0
    with stage.database.write() as session:
        session.add(AuditDraw(day="2027-01-15", drawn_at=now, seed="1", hours=2, hours_digest="0" * 64))
        session.flush()
        for number in range(2):
            keys = [
                stage.media.put("upper-creek", hour_at, jpeg(60 + number * 60 + minute, 160, 90))
                for minute in range(PICTURES)
            ]
            session.add(
                AuditSheet(
                    day="2027-01-15", position=number, kind=SheetKind.RANDOM, campsite_id="upper-pines",
                    camera_id="upper-creek", hour_at=hour_at + 3600 * number, stratum="x", probability=0.5,
                    thumbnails=keys, minutes=list(range(PICTURES)), planted_index=None, planted_encounter_id=None,
                    drawn_at=now, due_at=now + 86400,
                )
            )  # fmt: skip


def _experiments(running: Running) -> None:
    stage, now = running.there.page, time.time()
    with stage.database.write() as session:
        for starts_at in (now - 1800, now + 7200):
            session.add(RandomWatch(campsite_id="upper-pines", starts_at=starts_at, ends_at=starts_at + 3600,
                                    probability=0.1, seed="1", drawn_at=now - 86400))  # fmt: skip
        night = night_of(now, "America/Los_Angeles")
        plan = NightPlan(("lower-pines",), night, 8, 4, "1")
        schedule(session, "do alarms change what we see", plan, stage.user_id("olga"), 0.0)


def _is_open_to_all(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, f"{page.url}: {found.generate_report()}"
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), (
        f"{page.url} is wider than the screen"
    )
    assert len(page.content().encode()) < MOST_BYTES, page.url


def test_without_scripts_one_tap_and_one_confirmation_stop_it(running: Running) -> None:
    page = running.page("/sightings", "adam", PHONE, scripts=False)
    page.get_by_role("link", name="Stop").click()
    assert running.mode() is Mode.ASSISTED, "the tap alone stops nothing"
    page.get_by_role("button", name="Stop now, everywhere").click()
    expect(page.get_by_role("heading", name="Stopped")).to_be_visible()
    expect(page.get_by_text("rosa is paged to take over the watch.").first).to_be_visible()
    assert running.mode() is Mode.SHADOW


def test_a_stop_is_on_every_open_page_and_somebody_on_call_takes_over(running: Running) -> None:
    rosa = running.page("/", "rosa", PHONE)
    expect(rosa.locator("#live")).to_have_attribute("data-state", "live")
    page = running.page("/rollout", "rosa")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    running.there.page.person("adam").post("/rollout/stop")
    expect(rosa.get_by_text("the cameras are not watching for you")).to_be_visible()
    expect(page.locator("#rollout-now")).to_contain_text("Nobody has taken over the watch")
    rosa.get_by_role("button", name="I take over the watch").click()
    expect(rosa.get_by_text("You have taken over the watch.")).to_be_visible()
    assert running.there.phase == "shadow"
    expect(page.locator("#rollout-now")).to_contain_text("It warns nobody")


def test_a_sheet_is_looked_through_marked_and_answered_with_keys(running: Running) -> None:
    _sheets(running)
    page = running.page("/audit", "adam")
    first = page.locator("#sheet").get_attribute("action")
    expect(page.get_by_role("button", name="No bear")).not_to_have_attribute("aria-disabled", "true")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    page.keyboard.press("Space")
    expect(page.locator("#marked")).to_have_text("1 marked")
    page.keyboard.press("f")
    expect(page.get_by_role("dialog", name="Full size")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    expect(page.get_by_text("Written down.")).to_be_visible()
    assert page.locator("#sheet").get_attribute("action") != first
    with running.there.page.database.read() as session:
        answer = session.scalars(select(AuditAnswer)).one()
        assert (answer.bear, len(answer.marked)) == ("yes", 1)


@pytest.mark.parametrize("theme", ["light", "dark", "red"])
def test_rollout_audit_and_experiments_shut_nobody_out(running: Running, theme: str) -> None:
    _sheets(running)
    _experiments(running)
    running.there.trip("false_alarm_burst", "7 of 6 at camera:upper-creek", "upper-creek", "upper-pines")
    size = {"light": DESKTOP, "dark": PHONE, "red": PHONE}[theme]
    page = running.page("/rollout", "lena", size, theme)
    page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true; })")
    _is_open_to_all(page)
    running.there.page.person("adam").post("/rollout/stop")
    for path in ("/rollout", "/rollout/stop", "/rollout/history", "/audit"):
        page.goto(path)
        _is_open_to_all(page)
    operator = running.page("/experiments", "olga", size, theme)
    operator.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true; })")
    _is_open_to_all(operator)
