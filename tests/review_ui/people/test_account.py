"""One's own account: password, second factor, browsers and tokens."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pyotp
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from core.config import Config
from core.settings import Settings
from db.models import ApiToken, LedgerEntry, RecoveryCode, Role, User
from db.session import Database
from review_ui.app import create_app
from review_ui.auth.accounts import WINDOW_S, open_session
from review_ui.auth.browser_sessions import browser_name
from review_ui.auth.passwords import WeakPassword, check_password, new_password
from review_ui.auth.totp import MAX_WRONG_CODES, RECOVERY_CODES, STEP_S
from review_ui.watch.periodic_tasks import round_of
from tests.support.pages import PASSWORD, SAME_ORIGIN, Clock, Stage

ANOTHER = "four quiet owls at dusk"


def _sign_in(page: Stage, name: str = "day-ranger", password: str = PASSWORD) -> TestClient:
    browser = page.stranger()
    assert browser.post("/login", data={"name": name, "password": password}).status_code in (200, 303)
    return browser


def _secret(text: str) -> str:
    """What is shown once."""
    found = re.search(r'class="secret"><code>([^<]+)</code>', text)
    assert found, text
    return unescape(found[1]).replace(" ", "").strip()


def _switch_second_factor_on(page: Stage, browser: TestClient) -> tuple[pyotp.TOTP, list[str]]:
    secret = _secret(browser.post("/account/second-factor").text)
    app = pyotp.TOTP(secret)
    shown = browser.post("/account/second-factor/confirm", data={"code": app.at(page.clock())}).text
    page.clock.now += STEP_S  # the code that confirmed it is used up
    return app, re.findall(r"<li><code>([a-z0-9-]+)</code></li>", shown)


# Passwords


@pytest.mark.parametrize(
    "password",
    ["Password1234!", "bearwatch-2027", "P@ssw0rd-12345", "qwertyqwerty12", "aaaaaaaaaaaaaa", "abababababab",
     "change-me-please", "day-ranger2027", "x" * 11, "x1y2" * 70],
)  # fmt: skip
def test_a_password_that_is_easy_to_guess_is_refused_with_a_reason(password: str) -> None:
    with pytest.raises(WeakPassword, match=r"\w"):
        check_password(password, "day-ranger")


@pytest.mark.parametrize("password", [PASSWORD, ANOTHER, "K7-vhq_2m.Lw9", "ñandú über Hügeln"])
def test_a_good_password_is_taken(password: str) -> None:
    check_password(password, "day-ranger")


def test_every_password_that_we_make_is_taken() -> None:
    for _ in range(200):
        check_password(new_password(), "day-ranger")


def test_a_password_is_changed_with_the_old_one_and_every_other_browser_is_out(page: Stage) -> None:
    other, here = page.person(), page.person()
    wrong = here.post("/account/password", data={"old": "a wrong one entirely", "new": ANOTHER, "again": ANOTHER})
    assert (wrong.status_code, "not your password" in wrong.text) == (422, True)
    unequal = here.post("/account/password", data={"old": PASSWORD, "new": ANOTHER, "again": "something else here"})
    assert (unequal.status_code, "not the same" in unequal.text) == (422, True)
    weak = here.post("/account/password", data={"old": PASSWORD, "new": "password1234", "again": "password1234"})
    assert (weak.status_code, "easy to guess" in weak.text) == (422, True)
    same = here.post("/account/password", data={"old": PASSWORD, "new": PASSWORD, "again": PASSWORD})
    assert (same.status_code, "have already" in same.text) == (422, True)
    done = here.post("/account/password", data={"old": PASSWORD, "new": ANOTHER, "again": ANOTHER})
    assert done.headers["location"] == "/account?done=password"
    assert (here.get("/").status_code, other.get("/").status_code) == (200, 303)
    assert page.stranger().post("/login", data={"name": "day-ranger", "password": PASSWORD}).status_code == 401
    _sign_in(page, password=ANOTHER)


def test_wrong_old_passwords_are_counted_like_wrong_logins(page: Stage) -> None:
    thief = page.person()
    for _ in range(4):
        thief.post("/account/password", data={"old": "another wrong one", "new": ANOTHER, "again": ANOTHER})
    thief.post("/account/password", data={"old": "a wrong one entirely", "new": ANOTHER, "again": ANOTHER})
    assert thief.post("/account/password", data={"old": PASSWORD, "new": ANOTHER, "again": ANOTHER}).status_code == 429
    page.clock.now += WINDOW_S + 1
    assert thief.post("/account/password", data={"old": PASSWORD, "new": ANOTHER, "again": ANOTHER}).status_code == 303


def test_a_password_that_somebody_else_has_seen_opens_nothing_but_the_choice_of_another(page: Stage) -> None:
    page.person()
    with page.database.write() as session:
        session.execute(update(User).values(must_change_password=True))
    newcomer = page.stranger()
    answer = newcomer.post("/login", data={"name": "day-ranger", "password": PASSWORD, "next": "/sightings"})
    assert answer.headers["location"] == "/account"
    for path in ("/", "/sightings", "/people"):
        assert newcomer.get(path).headers["location"] == "/account"
    assert newcomer.get("/api/v1/alerts").status_code == 403
    assert newcomer.post("/watches", data={"campsite": "upper-pines"}).status_code == 403
    assert newcomer.post("/account/tokens", data={"name": "x", "right": "view"}).status_code == 403
    shown = newcomer.get("/account").text
    assert "Choose your own password" in shown
    assert "Tokens" not in shown
    newcomer.post("/account/password", data={"new": ANOTHER, "again": ANOTHER})
    assert newcomer.get("/").status_code == 200


# Browsers


def test_one_sees_where_one_is_signed_in_and_signs_others_out(page: Stage) -> None:
    here = page.person()
    phone = page.stranger()
    agent = "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/150.0.0.0 Mobile Safari/537.36"
    phone.post("/login", data={"name": "day-ranger", "password": PASSWORD}, headers={"User-Agent": agent})
    shown = here.get("/account").text
    assert "Chrome on Android" in shown
    assert shown.count("this one") == 1
    (handle,) = re.findall(r'name="handle" value="([0-9a-f]+)"', shown)
    assert here.post("/account/sessions/end", data={"handle": handle}).headers["location"] == "/account?done=session"
    assert (here.get("/").status_code, phone.get("/").status_code) == (200, 303)


def test_nobody_signs_somebody_else_out(page: Stage) -> None:
    here, ben = page.person(), page.person("ben")
    page.person()
    (handle,) = re.findall(r'name="handle" value="([0-9a-f]+)"', here.get("/account").text)
    for guess in (handle, handle[:4], "%" * 16, "_" * 16, ""):
        assert ben.post("/account/sessions/end", data={"handle": guess}).headers["location"] == "/account"
    assert here.get("/account").text.count('name="handle"') == 1


def test_all_other_browsers_are_signed_out_at_once(page: Stage) -> None:
    others = [page.person() for _ in range(3)]
    here = page.person()
    here.post("/account/sessions/end-others")
    assert [browser.get("/").status_code for browser in [*others, here]] == [303, 303, 303, 200]


def test_when_a_session_was_last_used_is_written_down_now_and_then(page: Stage) -> None:
    here = page.person()
    page.clock.now += 7200
    here.get("/")
    round_of(page.app.state.site)
    page.clock.now += 60
    assert re.search(r"last seen\s*<time[^>]*>1 min", here.get("/account").text)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile/15E148 Safari/604.1",
         "Safari on iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("curl/8.5.0", "curl"),
        ("", "unknown browser"),
    ],
)  # fmt: skip
def test_browsers_are_named_in_two_words(agent: str, words: str) -> None:
    assert browser_name(agent) == words


# The second factor


def test_with_a_second_factor_the_password_alone_opens_nothing(page: Stage) -> None:
    app, _ = _switch_second_factor_on(page, page.person())
    browser = page.stranger()
    asked = browser.post("/login", data={"name": "day-ranger", "password": PASSWORD, "next": "/sightings"})
    assert (asked.status_code, "authenticator app" in asked.text) == (200, True)
    assert browser.get("/").headers["location"].startswith("/login")
    assert browser.get("/api/v1/alerts").status_code == 401
    assert browser.get("/login/code").status_code == 200
    wrong = browser.post("/login/code", data={"code": "000000"})
    assert (wrong.status_code, "does not fit" in wrong.text) == (401, True)
    half = browser.cookies["bearwatch"]
    done = browser.post("/login/code", data={"code": app.at(page.clock()), "next": "/sightings"})
    assert (done.status_code, done.headers["location"]) == (303, "/sightings")
    assert browser.cookies["bearwatch"] != half
    assert browser.get("/").status_code == 200


def test_the_same_code_opens_one_login_only(page: Stage) -> None:
    app, _ = _switch_second_factor_on(page, page.person())
    code = app.at(page.clock())
    first, second = _sign_in(page), _sign_in(page)
    assert first.post("/login/code", data={"code": code}).status_code == 303
    assert second.post("/login/code", data={"code": code}).status_code == 401
    assert second.post("/login/code", data={"code": app.at(page.clock() - STEP_S)}).status_code == 401
    page.clock.now += STEP_S
    assert second.post("/login/code", data={"code": app.at(page.clock())}).status_code == 303


def test_codes_cannot_be_tried_for_long(page: Stage) -> None:
    app, _ = _switch_second_factor_on(page, page.person())
    answers = []
    for number in range(MAX_WRONG_CODES + 2):  # from ever new addresses, with the password
        thief = TestClient(page.app, client=(f"203.0.113.{number}", 1), headers=SAME_ORIGIN, follow_redirects=False)
        with page.database.write() as session:
            user = session.scalars(select(User)).one()
            thief.cookies.set("bearwatch", open_session(session, user, page.clock(), half=True).token)
        answers.append(thief.post("/login/code", data={"code": f"{number:06}"}).status_code)
    assert answers == [401] * MAX_WRONG_CODES + [429] * 2
    assert thief.post("/login/code", data={"code": app.at(page.clock())}).status_code == 429


def test_a_recovery_code_opens_one_login_when_the_telephone_is_lost(page: Stage) -> None:
    _, codes = _switch_second_factor_on(page, page.person())
    assert len(codes) == len(set(codes)) == RECOVERY_CODES
    with page.database.read() as session:
        assert not set(codes) & set(session.scalars(select(RecoveryCode.code_hash)))
    assert _sign_in(page).post("/login/code", data={"code": codes[3].upper()}).status_code == 303
    assert _sign_in(page).post("/login/code", data={"code": codes[3]}).status_code == 401
    here = _sign_in(page)
    here.post("/login/code", data={"code": codes[4].replace("-", " ")})
    assert "8 recovery codes are left" in here.get("/account").text


def test_the_question_for_the_code_does_not_wait_for_ever(page: Stage) -> None:
    app, _ = _switch_second_factor_on(page, page.person())
    browser = _sign_in(page)
    page.clock.now += 301
    late = browser.post("/login/code", data={"code": app.at(page.clock())})
    assert (late.status_code, "took too long" in late.text) == (401, True)
    assert page.stranger().get("/login/code").headers["location"] == "/login"


def test_what_was_typed_survives_the_second_factor_too(page: Stage) -> None:
    app, _ = _switch_second_factor_on(page, page.person())
    typed = {"campsite": "lower-pines", "animal": "bear", "number": "3", "when": "now", "note": "by the creek",
             "idempotency_key": "typed-before-login"}  # fmt: skip
    refused = page.stranger().post("/sightings", data=typed)
    browser = page.stranger()
    kept = _hidden(refused.text, "kept")
    asked = browser.post("/login", data={"name": "day-ranger", "password": PASSWORD, "kept": kept})
    back = browser.post("/login/code", data={"code": app.at(page.clock()), "kept": _hidden(asked.text, "kept")})
    assert "by the creek" in back.text


def test_a_second_factor_is_removed_with_the_password_only(page: Stage) -> None:
    here = page.person()
    _switch_second_factor_on(page, here)
    assert here.post("/account/second-factor/remove", data={"password": "a wrong one"}).status_code == 422
    assert here.post("/account/second-factor").headers["location"] == "/account"  # the secret that counts stays
    assert here.post("/account/second-factor/remove", data={"password": PASSWORD}).status_code == 303
    assert page.stranger().post("/login", data={"name": "day-ranger", "password": PASSWORD}).status_code == 303


def test_a_role_that_needs_a_second_factor_sets_it_up_first(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    clock = Clock()
    settings = Settings(redis_url=redis_url, bearwatch_data=tmp_path, bearwatch_second_factor_roles="administrator")
    app = create_app(settings, config, sqlite_database, clock=clock)
    with TestClient(app):
        page = Stage(app, sqlite_database, config, app.state.site.media, clock)
        admin = page.person("admin", Role.ADMINISTRATOR)
        assert admin.get("/").headers["location"] == "/account"
        assert "Your role needs a second factor" in admin.get("/account").text
        _switch_second_factor_on(page, admin)
        assert admin.get("/").status_code == 200
        assert page.person("ranger", Role.RANGER).get("/").status_code == 200


# Tokens


def _make_token(browser: TestClient, **fields: object) -> str:
    made = browser.post("/account/tokens", data={"name": "siren", "right": ["view"], "days": "30", **fields})
    assert made.status_code == 200, made.text
    return _secret(made.text)


def _program(page: Stage, token: str) -> TestClient:
    return TestClient(page.app, headers={"Authorization": f"Bearer {token}"}, follow_redirects=False)


def test_a_token_is_shown_once_and_kept_as_a_hash(page: Stage) -> None:
    here = page.person()
    token = _make_token(here)
    assert token.startswith("bw_")
    assert token not in here.get("/account").text
    with page.database.read() as session:
        row = session.scalars(select(ApiToken)).one()
        ledger = session.scalars(select(LedgerEntry.body).where(LedgerEntry.kind == "token.made")).one()
    assert token not in (row.token_hash, row.name)
    assert token not in ledger
    assert _program(page, token).get("/api/v1/me").json()["rights"] == ["view"]


def test_a_token_ends_by_itself_by_its_owner_and_with_its_owner(page: Stage) -> None:
    here = page.person()
    program = _program(page, _make_token(here, days="1"))
    assert program.get("/api/v1/alerts").status_code == 200
    page.clock.now += 86401
    refused = program.get("/api/v1/alerts")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert "opens nothing" in refused.json()["detail"]
    here = page.person()
    program = _program(page, _make_token(here))
    here.post("/account/tokens/2/end")
    assert program.get("/api/v1/alerts").status_code == 401
    program = _program(page, _make_token(here))
    with page.database.write() as session:
        session.execute(update(User).values(active=False))
    assert program.get("/api/v1/alerts").status_code == 401


def test_a_token_that_opens_nothing_is_not_helped_by_a_cookie(page: Stage) -> None:
    here = page.person()
    for header in ("Bearer nonsense", "Bearer ", "bearer bw_"):
        assert here.get("/api/v1/alerts", headers={"Authorization": header}).status_code == 401
    assert here.get("/api/v1/alerts", headers={"Authorization": "Basic eDp5"}).status_code == 200


def test_nobody_makes_a_token_that_can_do_more_than_they(page: Stage) -> None:
    here = page.person()
    too_much: tuple[dict[str, object], ...] = (
        {"right": ["operate"]},
        {"right": ["people"]},
        {"right": []},
        {"campsite": ["nowhere"]},
        {"name": " "},
    )
    for wrong in too_much:
        fields = {"name": "x", "right": ["view"], "days": "1", **wrong}
        assert here.post("/account/tokens", data=fields).status_code == 422, wrong
    admin = page.person("admin", Role.ADMINISTRATOR)
    assert admin.post("/account/tokens", data={"name": "x", "right": ["people"], "days": "1"}).status_code == 422
    ben = page.person("ben")
    token = _make_token(here)
    assert ben.post("/account/tokens/1/end").headers["location"] == "/account"
    assert _program(page, token).get("/api/v1/me").status_code == 200


def test_a_token_loses_what_its_owner_loses(page: Stage) -> None:
    program = _program(page, _make_token(page.person("lead", Role.LEAD_RANGER), right=["view", "reports"]))
    assert program.get("/api/v1/me").json()["rights"] == ["view", "reports"]
    with page.database.write() as session:
        session.execute(update(User).where(User.name == "lead").values(role=Role.RANGER))
    assert program.get("/api/v1/me").json()["rights"] == ["view"]


def _hidden(html: str, name: str) -> str:
    start = html.index(f'name="{name}" value="') + len(f'name="{name}" value="')
    return unescape(html[start : html.index('"', start)])
