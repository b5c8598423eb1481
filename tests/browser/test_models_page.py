"""The model page in a real browser: it says before what a promotion does, promotes, rolls back, and fits a phone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import Browser, Page, ViewportSize, expect

from core.config import Config
from core.media import MediaStore
from core.settings import Settings
from db.models import ChangeTrigger, ModelChangeReport, ReportOutcome
from db.session import Database
from detector.models.bundle import BUILT_IN, ModelBundle
from review_ui.app import create_app
from rollout.models.model_changes import promote_model, roll_back
from rollout.stages import commands as c
from rollout.stages.commands import Step
from tests.support.browser.chromium import DESKTOP, PHONE
from tests.support.browser.night import THEMES
from tests.support.bundles import changed_bundle
from tests.support.pages import PASSWORD, Clock, Stage, served
from tests.support.rollout.live_shadows import scored_for_a_day
from tests.support.rollout.rollout_pages import STAGES, RolloutStage, with_plan
from tests.support.rollout.rollout_plans import LEAD, OPERATOR, OWNER

pytestmark = pytest.mark.long

SHOTS = os.environ.get("BEARWATCH_SCREENSHOTS")
"""A folder for pictures of the pages that this test has walked, for whoever wants to look at them."""


@dataclass
class Registry:
    """A served page, a site in which models can be promoted, and a browser."""

    url: str
    there: RolloutStage
    chromium: Browser
    complaints: list[str]
    night_model: ModelBundle

    def page(self, path: str, name: str, size: ViewportSize = DESKTOP, theme: str = "light") -> Page:
        """An open page; what its console complains about fails the test."""
        context = self.chromium.new_context(base_url=self.url, viewport=size)
        token = self.there.page.person(name).cookies["bearwatch"]
        for key, value in (("bearwatch", token), ("bearwatch-theme", theme)):
            context.add_cookies([{"name": key, "value": value, "url": self.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self.complaints.append(said.text) if "Refused" in said.text else None)
        page.goto(path)
        return page


@pytest.fixture
def registry(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path, chromium: Browser
) -> Iterator[Registry]:
    whole = with_plan(config, STAGES)
    app = create_app(Settings(redis_url=redis_url, bearwatch_data=tmp_path), whole, sqlite_database)
    night_model = changed_bundle(tmp_path / "bundles" / "night-model")
    there = RolloutStage(Stage(app, sqlite_database, whole, MediaStore(tmp_path / "media"), Clock(time.time())))
    omar = there.page.person("omar")
    for digest in (ModelBundle.load(BUILT_IN).digest, night_model.digest):
        assert omar.post(f"/models/{digest}/register", data={"password": PASSWORD}).status_code == 303
    complaints: list[str] = []
    with served(app) as url:
        yield Registry(url, there, chromium, complaints, night_model)
        for context in chromium.contexts:
            context.close()
    assert complaints == []


def test_on_a_phone_a_model_is_promoted_and_rolled_back_after_its_consequences_were_read(registry: Registry) -> None:
    stage = registry.there.page
    scored_for_a_day(stage.database, registry.night_model.digest, stage.clock.now)
    page = registry.page(f"/models/{registry.night_model.digest}", "omar", PHONE)
    expect(page.get_by_text("Evidence starts anew")).to_be_visible()
    expect(page.get_by_role("button", name="Make it the champion")).to_be_hidden()
    page.get_by_text("Promote", exact=True).click()
    page.get_by_label("Why").fill("sees more at dusk")
    page.get_by_label("Your own password").fill("wrong")
    page.get_by_role("button", name="Make it the champion").click()
    expect(page.get_by_role("alert")).to_contain_text("That is not your password. Nothing was done.")
    expect(page.get_by_label("Why")).to_have_value("sees more at dusk")
    page.get_by_label("Your own password").fill(PASSWORD)
    page.get_by_role("button", name="Make it the champion").click()
    expect(page.locator("p.done")).to_contain_text("It is champion")
    expect(page.locator(".champion-name")).to_have_text(registry.night_model.short_digest)
    expect(page.locator(".changes")).to_contain_text("sees more at dusk")

    page.locator("summary", has_text="Roll back").click()
    page.get_by_label("Your own password").fill(PASSWORD)
    page.get_by_role("button", name="Roll back").click()
    expect(page.locator("p.done")).to_contain_text("The champion was rolled back")
    expect(page.locator(".champion-name")).to_contain_text("The model that the configuration names")


def test_the_pages_read_well_in_every_theme_and_on_a_phone(registry: Registry) -> None:
    there, digest = registry.there, registry.night_model.digest
    built_in = ModelBundle.load(BUILT_IN)
    there.go_live()
    for wanted in (built_in.digest, digest):
        for by in (LEAD, OWNER):
            there.give(c.Approve(by=by, step=Step.MODEL, latch=wanted))
        scored_for_a_day(there.page.database, wanted, there.page.clock.now)
        with there.page.database.write() as session:
            change = promote_model(session, there.plan, wanted, OPERATOR, there.page.clock.now, "sees more at dusk")
            session.add(_report(change.id, there.page.clock.now, ReportOutcome.IN_USE))
    with there.page.database.write() as session:
        session.add(_report(change.id, there.page.clock.now, ReportOutcome.REFUSED))
        cause = "detector:forest-box-4711 refused it: it does not see the known bear (0.101, from 0.850 on it would)"
        roll_back(session, "controller", there.page.clock.now, cause, trigger=ChangeTrigger.REFUSED)
    wrong = []
    for size, width in ((DESKTOP, "desktop"), (PHONE, "phone")):
        for theme in THEMES:
            for name, path in (("models", "/models"), ("model", f"/models/{digest}")):
                page = registry.page(path, "omar", size, theme)
                for fold in page.locator("details.fold:not([open]) > summary").all():
                    fold.click()
                found = Axe().run(page)
                wrong += [f"{path} {theme} {width}: {each['id']}" for each in found.response["violations"]]
                if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                    wrong.append(f"{path} {theme} {width}: wider than the screen")
                if SHOTS:
                    page.screenshot(path=Path(SHOTS) / f"{name}-{theme}-{width}.png", full_page=True)
                page.context.close()
    assert wrong == []


def _report(change_id: int, at: float, outcome: ReportOutcome) -> ModelChangeReport:
    """What a detector said."""
    used = outcome is ReportOutcome.IN_USE
    return ModelChangeReport(
        change_id=change_id, at=at, process="detector:forest-box-4711", outcome=outcome, model="campsite@224:01234567",
        first_scored_at=at + 7.3 if used else None,
        why="" if used else "it does not see the known bear (0.101, from 0.850 on it would)",
    )  # fmt: skip
