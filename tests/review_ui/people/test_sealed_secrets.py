"""Secrets of second factors: sealed in the database, readable with the site's key alone, and what to do without it."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pyotp
import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError
from sqlalchemy import select, update

from core.config import Config
from core.secret_box import LostKey, SecretBox, is_sealed
from core.settings import Settings
from db.models import Role, User
from db.session import Database
from review_ui.app import create_app
from review_ui.auth.totp import STEP_S, begin, confirm, seal_what_is_clear
from tests.support.pages import PASSWORD, Clock, Stage, stage

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def _kept(page: Stage, name: str = "lena") -> str:
    with page.database.read() as session:
        return session.scalars(select(User.totp_sealed).where(User.name == name)).one() or ""


def _with_factor(page: Stage, name: str = "lena") -> tuple[str, list[str]]:
    """Somebody's secret and recovery codes."""
    page.person(name)
    now = page.clock()
    account = page.account(name)
    with page.database.write() as session:
        secret = begin(session, page.app.state.site.secrets, account)
        codes = confirm(session, page.app.state.site.secrets, account, pyotp.TOTP(secret).at(now), now)
    page.clock.now += STEP_S
    return secret, codes


def _half(page: Stage, name: str = "lena") -> TestClient:
    browser = page.stranger()
    assert browser.post("/login", data={"name": name, "password": PASSWORD}).status_code == 200
    return browser


def test_what_is_sealed_opens_only_with_the_same_key_and_for_the_same_person(tmp_path: Path) -> None:
    box = SecretBox("a key of the park 1", tmp_path / "secret.key")
    sealed = box.seal(SECRET, "lena")
    assert box.open(sealed, "lena") == SECRET
    assert box.seal(SECRET, "lena") != sealed
    assert is_sealed(sealed)
    assert not is_sealed(SECRET)
    assert len(sealed) < 200
    other = SecretBox("a key of the park 2", tmp_path / "secret.key")
    for opener, kept, whose in ((other, sealed, "lena"), (box, sealed, "olga"), (box, f"{sealed[:-6]}AAAAA=", "lena")):
        with pytest.raises(LostKey, match="recovery code"):
            opener.open(kept, whose)
    assert not (tmp_path / "secret.key").exists()


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "data" / "secret.key"
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.append(SecretBox(None, file).seal(SECRET, "lena"))) for _ in "123"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [SecretBox(None, file).open(each, "lena") for each in made] == [SECRET] * 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["secret.key"]


def test_a_key_that_anybody_can_guess_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 16"):
        Settings(bearwatch_secret_key="short")


def test_the_database_holds_no_secret_that_makes_codes(
    database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    with stage(database, config, redis_url, tmp_path) as page:
        secret, _ = _with_factor(page)
        assert secret not in _kept(page)
        code = pyotp.TOTP(secret).at(page.clock())
        assert _half(page).post("/login/code", data={"code": code}).status_code == 303


def test_secrets_from_before_are_sealed_at_the_start_and_go_on_working(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    with stage(sqlite_database, config, redis_url, tmp_path) as page:
        page.person("lena")
        clear = update(User).values(totp_sealed=SECRET, totp_confirmed_at=page.clock())
        with sqlite_database.write() as session:
            session.execute(clear)
    with stage(sqlite_database, config, redis_url, tmp_path) as page:
        assert is_sealed(_kept(page))
        assert seal_what_is_clear(sqlite_database, page.app.state.site.secrets) == 0
        code = pyotp.TOTP(SECRET).at(page.clock())
        assert _half(page).post("/login/code", data={"code": code}).status_code == 303


def test_a_lost_key_is_explained_and_a_recovery_code_or_an_administrator_helps(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with stage(sqlite_database, config, redis_url, tmp_path) as page:
        secret, codes = _with_factor(page)
        olgas, _ = _with_factor(page, "olga")
        now = page.clock.now
    (tmp_path / "secret.key").unlink()
    with stage(sqlite_database, config, redis_url, tmp_path) as page:
        page.clock.now = now
        assert "2 second factors were sealed with another key" in caplog.text
        assert "on the page People: lena, olga" in caplog.text
        refused = _half(page).post("/login/code", data={"code": pyotp.TOTP(secret).at(now)})
        assert (refused.status_code, "sealed with another key" in refused.text) == (503, True)
        lena = _half(page)
        assert lena.post("/login/code", data={"code": codes[0]}).status_code == 303
        assert "no code of your app fits any more" in lena.get("/account").text
        admin = page.person("admin", Role.ADMINISTRATOR)
        assert admin.delete(f"/api/v1/people/{page.user_id('olga')}/second-factor").status_code == 204
        assert page.stranger().post("/login", data={"name": "olga", "password": PASSWORD}).status_code == 303
        assert olgas != _with_factor(page, "olga")[0]
        assert SecretBox(None, tmp_path / "secret.key").fits(_kept(page, "olga"))


def test_the_key_comes_from_the_environment_when_it_is_there(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    settings = Settings(redis_url=redis_url, bearwatch_data=tmp_path, bearwatch_secret_key="sixteen characters")
    clock = Clock()
    app = create_app(settings, config, sqlite_database, clock=clock)
    with TestClient(app):
        page = Stage(app, sqlite_database, config, app.state.site.media, clock)
        secret, _ = _with_factor(page)
        assert (
            SecretBox("sixteen characters", tmp_path / "x").open(
                _kept(page), f"second factor of user {page.user_id('lena')}"
            )
            == secret
        )
    assert not (tmp_path / "secret.key").exists()
