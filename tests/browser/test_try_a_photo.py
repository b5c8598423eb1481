"""Try a photo in a real browser: dropped anywhere on the page, by keyboard without scripts, and too large ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import Browser, BrowserContext, Page, expect

from core.config import Config
from core.pictures.photo_request import PhotoAnswer, answer, take
from core.redis_client import connect
from core.settings import Settings
from db.models import User
from db.session import Database
from review_ui.app import create_app
from review_ui.auth.accounts import open_session
from tests.support.browser.chromium import PHONE
from tests.support.factories import jpeg
from tests.support.pages import served

SAID = PhotoAnswer(
    verdict="unknown animal",
    label="other_animal",
    probabilities={"bear": 0.04, "other_animal": 0.9, "empty": 0.06},
    bear=0.04,
    threshold=0.3,
    infrared=False,
    unknown=True,
    unknown_score=0.7,
    box=(0.2, 0.1, 0.7, 0.9),
    width=64,
    height=36,
    model="campsite@224:01234567",
    picture=jpeg(),
    crop=jpeg(120, 32, 32),
)


@pytest.fixture
def url(sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path) -> Iterator[str]:
    """The page, with a detector that says the same of every photo."""
    stop, client = threading.Event(), connect(redis_url)

    def answer_one() -> None:
        while not stop.wait(0.02):
            photo = take(client)
            if photo is not None:
                answer(client, photo, SAID)

    thread = threading.Thread(target=answer_one)
    thread.start()
    app = create_app(Settings(redis_url=redis_url, bearwatch_data=tmp_path), config, sqlite_database)
    with served(app) as address:
        yield address
    stop.set()
    thread.join()
    client.close()


@pytest.fixture
def ranger(url: str, chromium: Browser, sqlite_database: Database) -> Iterator[BrowserContext]:
    """A ranger's telephone."""
    context = chromium.new_context(base_url=url, viewport=PHONE)
    yield _signed_in(context, url, sqlite_database)
    context.close()


def _signed_in(context: BrowserContext, url: str, database: Database) -> BrowserContext:
    with database.write() as session:
        user = User(name="ranger", password_hash="!", role="ranger", active=True, created_at=time.time())
        session.add(user)
        session.flush()
        token = open_session(session, user, time.time()).token
    context.add_cookies([{"name": "bearwatch", "value": token, "url": url}])
    return context


def _drop(page: Page, size_bytes: int) -> None:
    """Drop a real JPEG on the page's headline, filled up to a size."""
    page.evaluate(
        """([bytes, size]) => {
            const file = new File([new Uint8Array(bytes), new Uint8Array(size - bytes.length)], "night.jpg");
            const dropped = new DataTransfer();
            dropped.items.add(file);
            const event = new DragEvent("drop", { dataTransfer: dropped, bubbles: true, cancelable: true });
            document.querySelector("h1").dispatchEvent(event);
        }""",
        [list(jpeg()), size_bytes],
    )


def test_a_dropped_photo_is_answered_with_its_crop_for_every_eye(ranger: BrowserContext) -> None:
    page = ranger.new_page()
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Refused" in said.text else None)
    page.goto("/try")
    _drop(page, len(jpeg()) + 10)
    expect(page.locator("#answer-title")).to_have_text("An animal the model does not know")
    expect(page.locator("#answer-title")).to_be_focused()
    expect(page.locator(".answer-pictures img")).to_have_count(2)
    expect(page.locator(".answer-pictures .box")).to_have_count(1)
    expect(page.locator(".shares tbody tr").first).to_contain_text("Another animal")
    for theme in ("light", "dark", "red"):
        page.evaluate("theme => (document.documentElement.dataset.theme = theme)", theme)
        found = Axe().run(page).response["violations"]
        assert found == [], [(each["id"], each["nodes"][0]["html"]) for each in found]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert refused == []


def test_a_photo_that_is_too_large_is_not_even_sent(ranger: BrowserContext) -> None:
    page = ranger.new_page()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.goto("/try")
    _drop(page, 21 * 1024 * 1024)
    expect(page.get_by_role("alert")).to_have_text("The file is too large; at most 20 MB fit.")
    expect(page.get_by_role("button", name="Look at it")).to_be_enabled()
    assert sent == []


def test_without_scripts_the_form_does_the_same(
    url: str, chromium: Browser, sqlite_database: Database, tmp_path: Path
) -> None:
    context = _signed_in(chromium.new_context(base_url=url, java_script_enabled=False), url, sqlite_database)
    page = context.new_page()
    page.goto("/try")
    (tmp_path / "night.jpg").write_bytes(jpeg())
    page.get_by_label("Photo").set_input_files(tmp_path / "night.jpg")
    page.get_by_role("button", name="Look at it").click()
    expect(page.locator("#answer-title")).to_have_text("An animal the model does not know")
    context.close()
