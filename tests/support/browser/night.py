"""A served night for browser tests: the real application on a port, alerts on demand, people who are logged in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect
from sqlalchemy import select

from core.config import Config
from core.media import MediaStore
from core.messages import CropScore, FrameScores
from core.redis_client import connect
from core.settings import Settings
from core.telemetry import Telemetry
from db.models import Alert, User
from db.session import Database
from detector.tracking.encounter_writer import EncounterWriter
from detector.tracking.tracker import AlertRule, EncounterDraft, Opened
from review_ui.app import create_app
from review_ui.auth.accounts import open_session
from review_ui.server import Server
from tests.support.browser.chromium import DESKTOP
from tests.support.factories import frame, jpeg
from tests.support.pages import report
from tests.support.waiting import WITHIN_S, wait_for

FRAMES = 12
THEMES = ("light", "dark", "red")


@dataclass
class Night:
    """The application, which can be stopped and started again on the same port, and browsers on it."""

    database: Database
    config: Config
    settings: Settings
    chromium: Browser
    complaints: list[str] = field(default_factory=list)
    port: int = 0
    _server: Server | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it is served."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve, on the same port as before."""
        self._server = Server(create_app(self.settings, self.config, self.database), "127.0.0.1", self.port)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        server, thread = self._server, self._thread
        wait_for(lambda: server.started or not thread.is_alive())
        self.port = int(self._server.address.rpartition(":")[2])

    def stop(self) -> None:
        """The server goes away."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(timeout=60)
        assert not self._thread.is_alive(), "the server did not stop"
        self._server = self._thread = None

    @property
    def media(self) -> MediaStore:
        """Where its pictures lie."""
        return MediaStore(self.settings.media_dir)

    def alert(self, camera: str = "upper-creek", ago_s: float = 90.0) -> int:
        """A bear that was in view for two seconds; returns its alert's number. Open pages are told."""
        start = time.time() - ago_s
        frames = [_bear(camera, start, step) for step in range(FRAMES)]
        writer = EncounterWriter(self.config, self.media, AlertRule.of(self.config.detector), clock=lambda: start + 3)
        with self.database.write() as session:
            (encounter,) = writer.write(session, camera, False, [Opened(EncounterDraft(tuple(frames), ()))])
            number = session.scalars(select(Alert.id).where(Alert.encounter_id == encounter.id)).one()
        with self.telemetry() as telemetry:
            telemetry.publish_wake_up()
        return number

    @contextmanager
    def telemetry(self) -> Iterator[Telemetry]:
        """Where processes report."""
        client = connect(self.settings.redis)
        yield Telemetry(client)
        client.close()

    def reader_says(self, camera: str, age_s: float = 0.4) -> None:
        """The reader of a camera reports for the whole test; its newest picture is so old."""
        with self.telemetry() as telemetry:
            report(telemetry, camera, time.time() + 3600, age_s=age_s)

    def context(
        self, name: str | None = "day-ranger", role: str = "ranger", size: ViewportSize | None = None, **options: object
    ) -> BrowserContext:
        """A browser in which this person is logged in; nobody for None."""
        context = self.chromium.new_context(base_url=self.url, viewport=size or DESKTOP, **options)  # type: ignore[arg-type]  # options of new_context
        if name is not None:
            with self.database.write() as session:
                user = session.scalar(select(User).where(User.name == name))
                if user is None:
                    user = User(name=name, password_hash="!", role=role, active=True, created_at=time.time())
                    session.add(user)
                    session.flush()
                token = open_session(session, user, time.time()).token
            context.add_cookies([{"name": "bearwatch", "value": token, "url": self.url}])
        return context

    def listen(self, page: Page) -> Page:
        """Write down errors of the page's scripts and of its content security policy."""
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self.complaints.append(said.text) if "Refused" in said.text else None)
        return page

    def page(
        self, path: str = "/", name: str = "day-ranger", context: BrowserContext | None = None, **options: Any
    ) -> Page:
        """An open page that hears what happens; in a browser of its own with these options, or in ``context``."""
        page = self.listen((context or self.context(name, **options)).new_page())
        page.goto(path)
        return page

    def status(self, alert: int) -> str:
        """What the database says of an alert."""
        with self.database.read() as session:
            return session.get_one(Alert, alert).status


@contextmanager
def night_of(database: Database, config: Config, settings: Settings, chromium: Browser) -> Iterator[Night]:
    """A served night; what its pages complained about fails the test at the end."""
    night = Night(database, config, settings, chromium)
    for camera in config.cameras:
        night.reader_says(camera)
    night.start()
    try:
        yield night
    finally:
        for context in chromium.contexts:
            context.close()
        night.stop()
    assert night.complaints == []


def is_live(page: Page) -> None:
    """Wait until the page hears what happens."""
    expect(page.locator("#live")).to_have_attribute("data-state", "live")


def soon(page: Page, holds: Callable[[], object]) -> None:
    """Wait until it holds; the page goes on meanwhile."""
    deadline = time.monotonic() + WITHIN_S
    while not holds() and time.monotonic() < deadline:
        page.wait_for_timeout(20)
    assert holds()


def is_kept(page: Page) -> None:
    """Wait until the page can be read without a network."""
    expect(page.locator("html")).to_have_attribute("data-worker", "ready")


def picture_is_there(page: Page) -> None:
    """Wait until the alert's picture is drawn."""
    page.wait_for_load_state("load")  # the keys are there
    page.wait_for_function("() => document.getElementById('stage-image').naturalWidth > 0")


def _bear(camera: str, start: float, step: int) -> FrameScores:
    at = start + step / 5
    box = (0.05 + step * 0.05, 0.4, 0.25 + step * 0.05, 0.8)
    shown = frame(camera, at, step, boxes=(box,), picture=jpeg(40 + 10 * step, 640, 360))
    return FrameScores(shown, (CropScore(box, 0.9, "bear", 0.9),), "m", at)
