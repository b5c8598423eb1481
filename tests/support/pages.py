"""The ranger's page for tests: the real application on real servers, people who are logged in, and a clock to turn."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from core.config import Config
from core.media import MediaStore
from core.messages import CameraHealth, CameraStatus
from core.settings import Settings
from core.telemetry import Telemetry
from db.models import Alert, Role, User
from db.session import Database
from review_ui.app import create_app
from review_ui.auth.accounts import Account, account_for, hash_password, open_session
from review_ui.server import Server
from tests.support.cast import open_encounter
from tests.support.factories import T0
from tests.support.waiting import wait_for

PASSWORD = "correct-horse-battery"
ASKS_AGAIN = re.compile(r"(/api/v1)?/people(/\d+(/[a-z-]+)?)?|/account/(tokens|second-factor)|/api/v1/tokens")
"""Where whoever changes something types their password once more."""
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Clock:
    """A clock that stands until a test turns it."""

    now: float = T0 + 60.0

    def __call__(self) -> float:
        return self.now


class Browser(TestClient):
    """A browser whose person types their password wherever it is asked for again, unless a test says what is typed."""

    def request(self, method: str, url: Any, **sent: Any) -> Any:
        """As the base class."""
        asked = method in ("POST", "PUT") or (method == "DELETE" and "second-factor" in str(url))
        if asked and ASKS_AGAIN.fullmatch(str(url)) and sent.get("content") is None:
            kind = "json" if str(url).startswith("/api/") else "data"
            sent[kind] = {"password": PASSWORD, **(sent.get(kind) or {})}
        return super().request(method, url, **sent)


@dataclass
class Stage:
    """One application with its database, pictures and clock."""

    app: FastAPI
    database: Database
    config: Config
    media: MediaStore
    clock: Clock

    def person(self, name: str = "day-ranger", role: Role = Role.RANGER) -> TestClient:
        """A browser in which this person is logged in; the account is made on first use."""
        browser = self.stranger()
        with self.database.write() as session:
            user = session.scalar(select(User).where(User.name == name))
            if user is None:
                user = User(name=name, password_hash=_hash(), role=role, active=True, created_at=self.clock())
                session.add(user)
                session.flush()
            browser.cookies.set("bearwatch", open_session(session, user, self.clock()).token)
        return browser

    def stranger(self) -> TestClient:
        """A browser in which nobody is logged in."""
        return Browser(self.app, follow_redirects=False, headers=SAME_ORIGIN)

    def alert(self, camera: str = "upper-creek", at: float = T0) -> int:
        """The number of a new alert."""
        encounter = open_encounter(self.database, self.config, self.media, camera, at)
        with self.database.read() as session:
            return session.scalars(select(Alert.id).where(Alert.encounter_id == encounter.id)).one()

    def account(self, name: str = "day-ranger") -> Account:
        """A person as the routes see them, without a session."""
        with self.database.read() as session:
            return account_for(session.scalars(select(User).where(User.name == name)).one(), f"of {name}")

    def user_id(self, name: str = "day-ranger") -> int:
        """A person's number."""
        with self.database.read() as session:
            return session.scalars(select(User.id).where(User.name == name)).one()


@contextmanager
def stage(database: Database, config: Config, redis_url: str, data: Path) -> Iterator[Stage]:
    """The application with its live hub running."""
    clock = Clock()
    settings = Settings(redis_url=redis_url, bearwatch_data=data, bearwatch_metrics_from="127.0.0.1 ::1")
    app = create_app(settings, config, database, clock=clock)
    with TestClient(app):
        yield Stage(app, database, config, MediaStore(settings.media_dir), clock)


@cache
def _hash() -> str:
    """argon2 is slow on purpose: once is enough for all tests."""
    return hash_password(PASSWORD)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The application on a real port; yields its address."""
    server = Server(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started or not thread.is_alive())
        yield server.address
    finally:
        server.should_exit = True
        thread.join(timeout=60)
        assert not thread.is_alive(), "the server did not stop"


def report(
    telemetry: Telemetry, camera: str, now: float, health: CameraHealth = CameraHealth.LIVE, age_s: float = 0.4
) -> None:
    """What a camera's reader says about it."""
    telemetry.report_cameras(
        [
            CameraStatus(
                camera=camera,
                health=health,
                detail="" if health is CameraHealth.LIVE else "cannot be opened: connection refused",
                reported_at=now,
                content_at=now - age_s,
                width=640,
                height=360,
                source_fps=15.0,
                analysed_fps=5.0,
                reconnects=0,
                sent={},
                dropped={},
            )
        ]
    )
