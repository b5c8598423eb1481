"""Notices on a device, in a real browser. Its push service cannot be reached from here: what it would give out is stood
in for, and only that; the page, the worker, the server and the message are real."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from core.config import Config
from core.settings import Settings
from db.models import PushSubscription
from db.session import Database
from review_ui.app import create_app
from review_ui.auth.accounts import open_session
from tests.support.browser.chromium import PHONE
from tests.support.browser.night import soon
from tests.support.cast import add_user
from tests.support.pages import served
from tests.support.services.push_service import Browser, PushService, push_service

STAND_IN = """
([endpoint, p256dh, auth]) => {
  let known = null;
  const toJSON = () => ({ endpoint, keys: { p256dh, auth } });
  const made = { endpoint, toJSON, unsubscribe: async () => ((known = null), true) };
  PushManager.prototype.subscribe = async () => (known = made);
  PushManager.prototype.getSubscription = async () => known;
}
"""


SHOWN = """
navigator.serviceWorker.ready
  .then((worker) => worker.getNotifications())
  .then((all) => all.map((each) => [each.tag, each.silent, each.body]))
"""


@pytest.fixture
def service() -> Iterator[PushService]:
    with push_service() as made:
        yield made


@pytest.fixture
def telephone(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path, chromium: Chromium, service: PushService
) -> Iterator[BrowserContext]:
    """lena's telephone, which allows notifications."""
    settings = Settings(redis_url=redis_url, bearwatch_data=tmp_path, bearwatch_push_services=service.origin)
    app = create_app(settings, config, sqlite_database)
    with sqlite_database.write() as session:
        token = open_session(session, add_user(session, "lena"), time.time()).token
    with served(app) as url:
        context = chromium.new_context(base_url=url, viewport=PHONE)
        context.grant_permissions(["notifications"], origin=url)
        context.add_cookies([{"name": "bearwatch", "value": token, "url": url}])
        yield context
        context.close()


def _account(telephone: BrowserContext) -> Page:
    page = telephone.new_page()
    page.goto("/account")
    return page


def test_without_its_push_service_the_browser_says_so_and_nothing_is_kept(
    telephone: BrowserContext, sqlite_database: Database
) -> None:
    page = _account(telephone)
    page.get_by_label("Notify this device").click()
    expect(page.locator("#push-why")).to_contain_text("push service does not answer")
    expect(page.get_by_label("Notify this device")).not_to_be_checked()
    expect(page.locator("#push-more")).to_be_hidden()
    with sqlite_database.read() as session:
        assert session.scalars(select(PushSubscription)).all() == []


def test_a_device_is_told_of_chosen_campsites_and_is_tried_out(
    telephone: BrowserContext, sqlite_database: Database, service: PushService
) -> None:
    browser = Browser.new()
    device = service.device("lenas-telephone", browser)
    page = _account(telephone)
    page.evaluate(STAND_IN, [device.endpoint, device.p256dh, device.auth])
    page.get_by_label("Notify this device").click()
    more = page.locator("#push-more")
    expect(more).to_be_visible()
    for name in ("Lower Pines", "Upper Pines", "Lower Pines"):
        with page.expect_response("**/account/push"):
            more.get_by_label(name).click()
    with sqlite_database.read() as session:
        assert session.scalars(select(PushSubscription.campsites)).one() == ["upper-pines"]
    more.get_by_role("button", name="Send a quiet test message").click()
    expect(page.locator("#push-said")).to_have_text("Sent: it comes without a sound.")
    ((path, _, body),) = service.came
    assert (path, json.loads(browser.read(body))["quiet"]) == ("/lenas-telephone", True)
    page.get_by_label("Notify this device").click()
    expect(more).to_be_hidden()
    with sqlite_database.read() as session:
        assert session.scalars(select(PushSubscription)).all() == []


def test_the_worker_shows_what_comes_and_a_test_without_a_sound(telephone: BrowserContext) -> None:
    page = _account(telephone)
    page.evaluate("navigator.serviceWorker.ready")
    worker = telephone.new_cdp_session(page)
    registrations: list[dict[str, str]] = []
    worker.on("ServiceWorker.workerRegistrationUpdated", lambda event: registrations.extend(event["registrations"]))
    worker.send("ServiceWorker.enable")
    origin = page.url.removesuffix("/account")

    def ours() -> list[str]:
        return [each["registrationId"] for each in registrations if each["scopeURL"].startswith(origin)]

    soon(page, ours)
    number = ours()[0]

    def both_shown() -> bool:
        # The tool's own delivery is dropped where the worker just went to sleep; one that comes again shows no third.
        for said in ({"body": "A test", "quiet": True}, {}):
            message = {"origin": origin, "registrationId": number, "data": json.dumps(said)}
            worker.send("ServiceWorker.deliverPushMessage", message)
        page.wait_for_timeout(500)
        return len(page.evaluate(SHOWN)) >= 2

    soon(page, both_shown)
    assert sorted(page.evaluate(SHOWN)) == [["queue", False, "Look at the queue."], ["test", True, "A test"]]
