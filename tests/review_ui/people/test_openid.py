"""Logging in through an OpenID Connect provider: a real one, on a real port, that signs real tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey
from sqlalchemy import select

from core.config import Config
from core.settings import Settings
from db.models import LedgerEntry, OutsideIdentity, Role, User
from db.session import Database
from review_ui.app import create_app
from review_ui.auth.oidc import Begun, roles_of
from tests.support.pages import SAME_ORIGIN, Clock, Stage
from tests.support.services.openid_provider import CLIENT_ID, CLIENT_SECRET, Provider, openid_provider

JANE = {"sub": "jane-7", "preferred_username": "jane", "roles": ["rangers", "choir"]}


@dataclass
class House:
    """The page and the provider that it trusts."""

    page: Stage
    provider: Provider

    def browser(self) -> TestClient:
        """Somebody who is not logged in."""
        return self.page.stranger()

    def go(self, browser: TestClient, next_path: str = "/") -> str:
        """Start at the page, log in at the provider; returns where the provider sends the browser back to."""
        away = browser.get("/login/openid", params={"next": next_path})
        assert away.status_code == 303, away.text
        answer = httpx.get(away.headers["location"], timeout=60)
        assert answer.status_code == 302
        parts = urlsplit(answer.headers["location"])
        return f"{parts.path}?{parts.query}"

    def log_in(self, browser: TestClient, next_path: str = "/") -> Any:
        """The whole way."""
        return browser.get(self.go(browser, next_path))


@pytest.fixture
def house(sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path) -> Iterator[House]:
    clock = Clock()
    with openid_provider(clock()) as provider:
        provider.claims = dict(JANE)
        settings = Settings.model_validate(
            {
                "redis_url": redis_url,
                "bearwatch_data": tmp_path,
                "bearwatch_oidc_issuer": provider.address,
                "bearwatch_oidc_client_id": CLIENT_ID,
                "bearwatch_oidc_client_secret": CLIENT_SECRET,
                "bearwatch_oidc_roles": "it=administrator, rangers=ranger",
            }
        )
        app = create_app(settings, config, sqlite_database, clock=clock)
        with TestClient(app, headers=SAME_ORIGIN):
            yield House(Stage(app, sqlite_database, config, app.state.site.media, clock), provider)


def test_somebody_whom_the_provider_knows_gets_an_account_and_comes_in(house: House) -> None:
    browser = house.browser()
    assert "/login/openid" in browser.get("/login").text
    back = house.log_in(browser, "/sightings")
    assert (back.status_code, back.headers["location"]) == (303, "/sightings")
    me = browser.get("/api/v1/me").json()
    assert (me["name"], me["role"]) == ("jane", "ranger")
    with house.page.database.read() as session:
        identity = session.scalars(select(OutsideIdentity)).one()
        assert (identity.issuer, identity.subject) == (house.provider.address, "jane-7")
        assert session.scalars(select(LedgerEntry.actor).where(LedgerEntry.kind == "user.add")).all() == ["openid"]
    password = house.page.stranger().post("/login", data={"name": "jane", "password": "!"})
    assert password.status_code == 401


def test_the_same_person_stays_the_same_account_and_the_providers_role_counts_anew(house: House) -> None:
    house.log_in(house.browser())
    house.provider.claims = {**JANE, "preferred_username": "jane.married", "roles": "it"}
    browser = house.browser()
    house.log_in(browser)
    assert browser.get("/api/v1/me").json()["role"] == "administrator"
    with house.page.database.read() as session:
        assert session.scalars(select(User.name)).all() == ["jane"]


def test_whoever_has_no_role_does_not_get_in(house: House) -> None:
    house.provider.claims = {**JANE, "roles": ["choir"]}
    refused = house.log_in(house.browser())
    assert (refused.status_code, "gives you no role" in refused.text) == (401, True)


def test_a_local_account_is_not_taken_over_by_somebody_with_the_same_name(house: House) -> None:
    house.page.person("jane", Role.ADMINISTRATOR)
    refused = house.log_in(house.browser())
    assert (refused.status_code, "not yours by this login" in refused.text) == (401, True)


def test_an_account_that_is_switched_off_stays_off(house: House) -> None:
    house.log_in(house.browser())
    with house.page.database.write() as session:
        session.scalars(select(User)).one().active = False
    assert house.log_in(house.browser()).status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another-page"},
        {"aud": ["bearwatch", "another-page"]},
        {"nonce": "of another login"},
        {"exp": 1_700_000_000},
        {"iat": 1_900_000_000},
        {"sub": None},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_token_that_was_not_made_for_this_login_opens_nothing(house: House, wrong: dict[str, Any]) -> None:
    house.provider.overrides = wrong
    refused = house.log_in(house.browser())
    assert (refused.status_code, "could not be used" in refused.text) == (401, True)
    with house.page.database.read() as session:
        assert session.scalars(select(User)).all() == []


def test_a_signature_of_somebody_else_opens_nothing(house: House) -> None:
    house.provider.published = RSAKey.generate_key(2048)
    assert house.log_in(house.browser()).status_code == 401


def test_a_token_signed_with_our_own_secret_opens_nothing(house: House) -> None:
    house.provider.algorithm = "HS256"
    assert house.log_in(house.browser()).status_code == 401


def test_a_provider_may_change_its_keys(house: House) -> None:
    assert house.log_in(house.browser()).status_code == 303
    house.provider.key = RSAKey.generate_key(2048)
    assert house.log_in(house.browser()).status_code == 303
    assert house.log_in(house.browser()).status_code == 303
    assert house.provider.keys_read == 2


def test_a_login_comes_back_to_the_browser_that_began_it_and_once(house: House) -> None:
    victim, attacker = house.browser(), house.browser()
    address = house.go(attacker)
    assert victim.get(address).status_code == 401  # no cookie of a login begun here
    house.go(victim)
    assert victim.get(address).status_code == 401  # a login begun here, but not this one
    address = house.go(attacker)
    assert attacker.get(address).status_code == 303
    assert attacker.get(address).status_code == 401


def test_the_verifier_never_leaves_before_the_code_comes_back(house: House) -> None:
    browser = house.browser()
    away = browser.get("/login/openid")
    asked = parse_qs(urlsplit(away.headers["location"]).query)
    begun = Begun.unpack(browser.cookies["bearwatch-openid"].strip('"').encode().decode("unicode_escape"))
    assert begun is not None
    assert begun.verifier not in away.headers["location"]
    assert asked["code_challenge_method"] == ["S256"]
    assert (asked["state"], asked["nonce"]) == ([begun.state], [begun.nonce])
    assert "httponly" in away.headers["set-cookie"].lower()


def test_a_provider_that_says_no_or_is_away_is_a_sentence(house: House) -> None:
    browser = house.browser()
    house.go(browser)
    refused = browser.get("/login/openid/back?error=access_denied&state=x")
    assert (refused.status_code, "not finished" in refused.text) == (401, True)
    house.go(browser)
    assert browser.get("/login/openid/back?code=%C3%A9%00&state=%C3%A9%ff").status_code == 401
    house.page.clock.now += 3601  # what the provider says of itself is asked for again
    house.page.app.state.site.openid.issuer = "http://127.0.0.1:1"
    away = house.browser().get("/login/openid")
    assert (away.status_code, "does not answer" in away.text) == (503, True)


@pytest.mark.parametrize("next_path", ["https://elsewhere.example/", "//elsewhere.example"])
def test_a_login_never_forwards_to_another_site(house: House, next_path: str) -> None:
    assert house.log_in(house.browser(), next_path).headers["location"] == "/"


def test_without_a_provider_there_is_no_such_way(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    settings = Settings(redis_url=redis_url, bearwatch_data=tmp_path)
    with TestClient(create_app(settings, config, sqlite_database), headers=SAME_ORIGIN) as browser:
        assert browser.get("/login/openid").status_code == 404
        assert "organisation" not in browser.get("/login").text


def test_an_issuer_without_https_is_refused_at_the_start(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    settings = Settings(redis_url=redis_url, bearwatch_data=tmp_path, bearwatch_oidc_issuer="http://login.example")
    with pytest.raises(ValueError, match="https"):
        create_app(settings, config, sqlite_database)


def test_words_become_roles() -> None:
    assert roles_of("it=administrator, a=b=ranger,") == {"it": Role.ADMINISTRATOR, "a=b": Role.RANGER}
    with pytest.raises(ValueError, match="king"):
        roles_of("it=king")
