"""Nobody comes in without an account, and nobody stays in for ever."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from core.config import Config
from core.settings import Settings
from db.models import LoginSession, Role, User
from db.session import Database
from review_ui.app import create_app
from review_ui.auth.accounts import (
    MAX_FAILURES_PAIR,
    SESSION_S,
    WINDOW_S,
    Client,
    TooManyLogins,
    WeakPassword,
    begin_try,
    ensure_first_account,
    hash_password,
)
from review_ui.auth.passwords import fits, rehashed
from tests.support.pages import PASSWORD, SAME_ORIGIN, Stage


def test_the_first_account_gets_a_password_that_nobody_knew_before(database: Database) -> None:
    first = ensure_first_account(database, None)
    assert first is not None
    name, password = first
    assert name == "ranger"
    assert len(password.replace("-", "")) == 16
    with database.read() as session:
        user = session.scalars(select(User)).one()
    assert user.role == Role.ADMINISTRATOR
    assert user.password_hash.startswith("$argon2id$")
    assert password not in user.password_hash
    assert ensure_first_account(database, None) is None


def test_a_password_costs_whoever_guesses_64_mib_and_three_passes() -> None:
    """RFC 9106, its second recommended option; asked in a process of its own, since tests use a cheaper cost."""
    code = f"from review_ui.auth.passwords import hash_password; print(hash_password({PASSWORD!r}))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_hash_of_another_cost_is_made_anew_at_the_next_login() -> None:
    other = PasswordHasher(time_cost=2, memory_cost=64, parallelism=1).hash(PASSWORD)
    anew = rehashed(other, PASSWORD)
    assert anew is not None
    assert fits(anew, PASSWORD)
    assert rehashed(anew, PASSWORD) is None


def test_of_two_processes_that_start_at_once_one_makes_the_first_account(database: Database) -> None:
    made: list[tuple[str, str] | None] = []
    threads = [threading.Thread(target=lambda: made.append(ensure_first_account(database, None))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([account for account in made if account]) == 1


@pytest.mark.parametrize("password", ["", "short", "x" * 11, "x" * 257])
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword):
        hash_password(password)


def test_a_stranger_is_sent_to_the_login_and_back_to_where_they_wanted_to_go(page: Stage) -> None:
    stranger = page.stranger()
    answer = stranger.get("/alerts/7?x=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Falerts%2F7%3Fx%3D1"
    page.person("day-ranger")
    answer = stranger.post("/login", data={"name": "day-ranger", "password": PASSWORD, "next": "/alerts/7?x=1"})
    assert answer.headers["location"] == "/alerts/7?x=1"


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "x"])
def test_a_login_never_forwards_to_another_site(page: Stage, target: str) -> None:
    page.person("day-ranger")
    answer = page.stranger().post("/login", data={"name": "day-ranger", "password": PASSWORD, "next": target})
    assert answer.headers["location"] == "/"


def test_the_cookie_is_out_of_reach_for_scripts_and_the_database_knows_only_its_hash(page: Stage) -> None:
    page.person("day-ranger")
    answer = page.stranger().post("/login", data={"name": "day-ranger", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie
    token = answer.cookies["bearwatch"]
    with page.database.read() as session:
        hashes = session.scalars(select(LoginSession.token_hash)).all()
    assert token not in hashes
    assert all(len(each) == 64 for each in hashes)


def test_over_https_the_cookie_is_secure_and_bound_to_the_host(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    from fastapi.testclient import TestClient

    ensure_first_account(sqlite_database, PASSWORD)
    settings = Settings(redis_url=redis_url, bearwatch_data=tmp_path, bearwatch_secure_cookies=True)
    app = create_app(settings, config, sqlite_database)
    with TestClient(app, base_url="https://testserver", follow_redirects=False, headers=SAME_ORIGIN) as browser:
        answer = browser.post("/login", data={"name": "ranger", "password": PASSWORD})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-bearwatch=")
        assert "Secure" in cookie
        assert "max-age" in answer.headers["strict-transport-security"]
        assert browser.get("/").status_code == 200


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(page: Stage) -> None:
    page.person("day-ranger")
    wrong = page.stranger().post("/login", data={"name": "day-ranger", "password": "not the password"})
    unknown = page.stranger().post("/login", data={"name": "evening-ranger", "password": "not the password"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace("day-ranger", "evening-ranger") == unknown.text


def test_after_five_wrong_passwords_even_the_right_one_has_to_wait(page: Stage) -> None:
    page.person("day-ranger")
    stranger = page.stranger()
    for _ in range(MAX_FAILURES_PAIR):
        assert stranger.post("/login", data={"name": "day-ranger", "password": "guess"}).status_code == 401
    answer = stranger.post("/login", data={"name": "day-ranger", "password": PASSWORD})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) <= WINDOW_S + 1
    page.clock.now += WINDOW_S + 1
    assert stranger.post("/login", data={"name": "day-ranger", "password": PASSWORD}).status_code == 303


def test_somebody_elses_guesses_from_another_address_do_not_lock_a_ranger_out(page: Stage) -> None:
    page.person("day-ranger")
    for _ in range(MAX_FAILURES_PAIR * 2):
        with suppress(TooManyLogins):
            begin_try(page.app.state.site.limiter, "day-ranger", Client("203.0.113.9"))
    assert page.stranger().post("/login", data={"name": "day-ranger", "password": PASSWORD}).status_code == 303


def test_logging_out_ends_the_session_on_the_server(page: Stage) -> None:
    day_ranger = page.person("day-ranger")
    token = day_ranger.cookies["bearwatch"]
    assert day_ranger.get("/").status_code == 200
    assert day_ranger.post("/logout").status_code == 303
    thief = page.stranger()
    thief.cookies.set("bearwatch", token)
    assert thief.get("/").status_code == 303


def test_a_session_ends_by_itself(page: Stage) -> None:
    day_ranger = page.person("day-ranger")
    page.clock.now += SESSION_S - 1
    assert day_ranger.get("/").status_code == 200
    page.clock.now += 2
    assert day_ranger.get("/").status_code == 303


def test_an_account_that_is_switched_off_is_out_at_once(page: Stage) -> None:
    day_ranger = page.person("day-ranger")
    with page.database.write() as session:
        session.execute(update(User).where(User.name == "day-ranger").values(active=False))
    assert day_ranger.get("/").status_code == 303
    assert page.stranger().post("/login", data={"name": "day-ranger", "password": PASSWORD}).status_code == 401


def test_a_sighting_typed_before_the_session_ended_comes_back_after_the_login(page: Stage) -> None:
    day_ranger = page.person("day-ranger")
    page.clock.now += SESSION_S + 1
    typed = {
        "campsite": "lower-pines", "camera": "", "animal": "bear", "number": "3", "when": "now",
        "note": "near <b>site 14</b> & the creek", "idempotency_key": "typed-before-login",
    }  # fmt: skip
    refused = day_ranger.post("/sightings", data=typed)
    assert refused.status_code == 401
    assert "What you typed is kept" in refused.text
    page.clock.now += 90  # the login takes a while: "now" stays the moment at which it was said
    kept = _hidden(refused.text, "kept")
    back = day_ranger.post("/login", data={"name": "day-ranger", "password": PASSWORD, "kept": kept})
    assert back.status_code == 200
    assert "near &lt;b&gt;site 14&lt;/b&gt; &amp; the creek" in back.text
    assert 'value="lower-pines" selected' in back.text
    assert "as you said" in back.text
    sent = day_ranger.post("/sightings", data={**typed, "when": "at", "at": _hidden(back.text, "at")})
    assert sent.status_code == 303
    said = day_ranger.get(f"/api/v1{sent.headers['location']}").json()
    assert said["seen_at"] == page.clock.now - 90


def test_a_decision_made_before_the_session_ended_waits_for_a_click_after_the_login(page: Stage) -> None:
    day_ranger = page.person("day-ranger")
    number = page.alert()
    page.clock.now += SESSION_S + 1
    answer = {"verdict": "not_a_bear", "seen_version": "1", "idempotency_key": "before-the-login"}
    refused = day_ranger.post(f"/alerts/{number}/decision", data=answer)
    assert refused.status_code == 401
    back = day_ranger.post(
        "/login", data={"name": "day-ranger", "password": PASSWORD, "kept": _hidden(refused.text, "kept")}
    )
    assert "Not sent yet" in back.text
    assert "Not a bear" in back.text
    assert day_ranger.get(f"/api/v1/alerts/{number}").json()["status"] == "open"
    assert day_ranger.post(f"/alerts/{number}/decision", data=answer).status_code == 303


@pytest.mark.parametrize(
    "kept",
    ["nonsense", "[1]", '{"path": "https://elsewhere.example/", "fields": {}}', '{"path": "/logout", "fields": {}}',
     '{"path": "/sightings", "fields": {"note": 7}}', "[" * 10_000],
)  # fmt: skip
def test_a_kept_form_that_is_none_is_forgotten(page: Stage, kept: str) -> None:
    page.person("day-ranger")
    answer = page.stranger().post("/login", data={"name": "day-ranger", "password": PASSWORD, "kept": kept})
    assert answer.status_code == 303


def test_a_theme_is_remembered_on_the_device(page: Stage) -> None:
    day_ranger = page.person("day-ranger")
    day_ranger.post("/theme", data={"theme": "red"}, headers={"Referer": "http://testserver/sightings"})
    assert 'data-theme="red"' in day_ranger.get("/").text
    day_ranger.post("/theme", data={"theme": "plaid"})
    assert 'data-theme="red"' in day_ranger.get("/").text
    assert 'data-theme="auto"' in page.stranger().get("/login").text


def _hidden(html: str, name: str) -> str:
    """The value of a hidden field."""
    from html import unescape

    start = html.index(f'name="{name}" value="') + len(f'name="{name}" value="')
    return unescape(html[start : html.index('"', start)])
