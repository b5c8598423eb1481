"""Strangers at the door: they take nobody's place, lock nobody out, and are who they are, not who they say."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

import review_ui.auth.passwords as passwords
from core.client_network import default_gateways, is_in, network_of, networks
from core.config import Config
from core.settings import Settings
from db.models import Role, User
from db.session import Database
from review_ui.app import create_app
from review_ui.auth import totp
from review_ui.auth.accounts import (
    MAX_FAILURES_ADDRESS,
    MAX_FAILURES_NAME,
    MAX_FAILURES_PAIR,
    SLOWED_S,
    Client,
    TooManyLogins,
    WrongLogin,
    begin_try,
    sign_in,
    slowed_s,
    take_back_try,
)
from review_ui.auth.known_devices import cookie_name
from review_ui.auth.lanes import Lane, LaneFull
from review_ui.web.proxy_trust import ProxyTrust
from review_ui.web.request_guards import BodyDeadline
from tests.support.pages import PASSWORD, SAME_ORIGIN, Stage, served
from tests.support.waiting import wait_for


def at(page: Stage, address: str, **headers: str) -> TestClient:
    """A browser at an address."""
    return TestClient(page.app, client=(address, 50000), headers={**SAME_ORIGIN, **headers}, follow_redirects=False)


def log_in(browser: httpx.Client | TestClient, name: str = "day-ranger", password: str = PASSWORD) -> int:
    """The status of a login."""
    return browser.post("/login", data={"name": name, "password": password}).status_code


# Proxies


def test_a_proxy_that_nobody_has_named_is_refused_with_what_to_do(page: Stage) -> None:
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        refused = at(page, "172.18.0.1", **{header: "203.0.113.9"}).get("/login")
        assert refused.status_code == 400
        assert "BEARWATCH_TRUSTED_PROXIES=172.18.0.1" in refused.text


def test_behind_a_named_proxy_each_client_has_an_address_and_tries_of_its_own(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    settings = Settings(redis_url=redis_url, bearwatch_data=tmp_path, bearwatch_trusted_proxies="172.18.0.0/16")
    app = create_app(settings, config, sqlite_database)
    with TestClient(app):
        for number in range(6):
            camper = TestClient(app, client=("172.18.0.5", 1), headers={"X-Forwarded-For": f"203.0.113.{number}"})
            said = {"kind": "report", "text": "a bear", "idempotency_key": f"key-of-camper-{number}"}
            assert camper.post("/api/v1/camp/upper-pines/messages", json=said).status_code == 201
        made_up = TestClient(app, client=("172.18.0.5", 1), headers={"X-Forwarded-For": "192.0.2.1, 203.0.113.0"})
        codes = [made_up.post("/api/v1/camp/upper-pines/messages", json={
            "kind": "report", "text": "a bear", "idempotency_key": f"key-of-liar-{number}"}).status_code
            for number in range(4)]  # fmt: skip
        assert codes == [201, 201, 201, 429], "the address that the proxy saw is counted, not the one that was claimed"


def test_where_everybody_has_one_address_nobody_is_shut_out_by_it(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    with sqlite_database.write() as session:
        session.add(User(name="day-ranger", password_hash=passwords.hash_password(PASSWORD), role=Role.RANGER,
                         active=True, created_at=0.0))  # fmt: skip
    app = create_app(Settings(redis_url=redis_url, bearwatch_data=tmp_path), config, sqlite_database)
    with TestClient(app):
        behind = ProxyTrust(app, networks(""), ["172.18.0.1"])
        browser = TestClient(behind, client=("172.18.0.1", 1), headers=SAME_ORIGIN, follow_redirects=False)
        for _ in range(MAX_FAILURES_PAIR + 1):
            assert log_in(browser, password="a wrong one") == 401
        assert log_in(browser) == 303
        for number in range(6):
            said = {"kind": "report", "text": "a bear", "idempotency_key": f"key-of-camper-{number}"}
            assert browser.post("/api/v1/camp/upper-pines/messages", json=said).status_code == 201


def test_addresses_are_counted_by_subscriber(tmp_path: Path) -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1%eth0") == "2001:db8::/64"
    assert network_of("::ffff:203.0.113.9") == network_of("203.0.113.9") == "203.0.113.9"
    assert is_in("::ffff:10.0.0.7", networks("10.0.0.0/8, ::1"))
    assert not is_in("testclient", networks("0.0.0.0/0"))
    routes = tmp_path / "route"
    routes.write_text("Iface\tDestination\tGateway\neth0\t00000000\t010012AC\neth0\t000012AC\t00000000\n")
    assert default_gateways(routes) == ["172.18.0.1"]
    with pytest.raises(ValueError, match="nonsense"):
        Settings(bearwatch_trusted_proxies="nonsense")


# Tries


def test_one_subscriber_of_ipv6_has_the_tries_of_one(page: Stage) -> None:
    for number in range(MAX_FAILURES_ADDRESS - 1):
        begin_try(page.app.state.site.limiter, f"name-{number}", Client(f"2001:db8::1:{number:x}"))
    codes = [log_in(at(page, f"2001:db8::{number:x}"), f"other-{number}", "wrong") for number in range(3)]
    assert codes == [401, 429, 429]


def test_a_burst_gets_no_more_tries_than_the_limit(page: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAIT_S", 300.0)  # a busy machine
    page.person("day-ranger")
    limiter, said = page.app.state.site.limiter, Counter[str]()

    def guess() -> None:
        try:
            sign_in(page.database, limiter, "day-ranger", "a wrong one", Client("203.0.113.9"), page.clock())
        except (WrongLogin, TooManyLogins) as refused:
            said[type(refused).__name__] += 1

    together(guess, 24)
    assert said == {"WrongLogin": MAX_FAILURES_PAIR, "TooManyLogins": 24 - MAX_FAILURES_PAIR}
    user = User(id=7, name="x")
    codes = Counter[bool]()

    def try_code(number: int) -> None:
        try:
            totp.begin_try(limiter, user, Client(f"203.0.113.{number}"))
            codes[True] += 1
        except TooManyLogins:
            codes[False] += 1

    together(lambda: try_code(threading.get_ident() % 200), 40)
    assert codes[True] <= totp.MAX_WRONG_CODES


def together(what: Callable[[], None], times: int) -> None:
    """Do it on so many threads at the same moment."""
    gate = threading.Barrier(times)

    def one() -> None:
        gate.wait()
        what()

    threads = [threading.Thread(target=one) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_right_passwords_count_for_nothing_however_many_log_in_from_one_address(page: Stage) -> None:
    limiter, office = page.app.state.site.limiter, Client("203.0.113.9")
    for number in range(MAX_FAILURES_ADDRESS * 2):
        begin_try(limiter, f"ranger-{number}", office)
        take_back_try(limiter, f"ranger-{number}", office)
    begin_try(limiter, "one more", office)


def test_guesses_from_everywhere_slow_a_name_down_and_shut_its_owner_out_nowhere(page: Stage) -> None:
    page.person("day-ranger")
    limiter = page.app.state.site.limiter
    ranger = at(page, "198.51.100.1")
    assert log_in(ranger) == 303
    for number in range(MAX_FAILURES_NAME * 3):
        begin_try(limiter, "day-ranger", Client(f"203.0.113.{number}"))
    assert slowed_s(limiter, "day-ranger", Client("192.0.2.1")) == SLOWED_S
    assert slowed_s(limiter, "day-ranger", Client("192.0.2.1", device="known")) == 0.0
    assert slowed_s(limiter, "night-ranger", Client("192.0.2.1")) == 0.0
    assert log_in(at(page, "192.0.2.1")) == 303, "slowly, from a new browser"


def test_a_stranger_beside_a_ranger_does_not_shut_their_browser_out(page: Stage) -> None:
    page.person("day-ranger")
    ranger, stranger = at(page, "203.0.113.9"), at(page, "203.0.113.9")
    assert log_in(ranger) == 303
    assert ranger.cookies.get(cookie_name("day-ranger"))
    for _ in range(MAX_FAILURES_PAIR + 1):
        log_in(stranger, password="a wrong one")
    assert log_in(stranger) == 429
    assert log_in(ranger) == 303
    stranger.cookies.set(cookie_name("day-ranger"), "v1.00000000.bWFkZSB1cA==")
    assert log_in(stranger) == 429, "nobody makes such a cookie up"
    for _ in range(MAX_FAILURES_PAIR):
        log_in(ranger, password="a wrong one")
    assert log_in(ranger) == 429, "and it has no endless tries"


# Places


def test_a_flood_of_guesses_takes_no_place_of_a_rangers(
    page: Stage, monkeypatch: pytest.MonkeyPatch, redis_url: str, tmp_path: Path
) -> None:
    monkeypatch.setattr(passwords, "WAIT_S", 2.0)
    # An application of its own: the page's runs in the loop of its test client already.
    app = create_app(
        Settings(redis_url=redis_url, bearwatch_data=tmp_path), page.config, page.database, clock=page.clock
    )
    token = page.person("day-ranger").cookies["bearwatch"]
    codes: list[int] = []

    def guess(url: str, number: int) -> None:
        fields = {"name": f"n{number}", "password": "wrong"}
        headers = {"X-Forwarded-For": f"203.0.113.{number}"}
        codes.append(httpx.post(f"{url}/login", data=fields, headers=headers, timeout=120).status_code)

    with served(app) as url, httpx.Client(base_url=url, timeout=60) as known:
        assert log_in(known) == 303
        assert passwords._strangers.acquire(timeout=10)
        flood = [threading.Thread(target=guess, args=(url, number)) for number in range(40)]
        try:
            for thread in flood:
                thread.start()
            wait_for(lambda: codes.count(503) >= 20)
            began = time.monotonic()
            assert httpx.get(f"{url}/api/v1/me", cookies={"bearwatch": token}, timeout=60).status_code == 200
            assert log_in(known) == 303, "a browser that is known waits behind no stranger"
            assert time.monotonic() - began < 16 * 2.0, "the strangers before are still waiting"
        finally:
            passwords._strangers.release()
            for thread in flood:
                thread.join()
    assert set(codes) <= {401, 429, 503}


def test_a_lane_has_so_much_room_and_no_more() -> None:
    async def crowd() -> Counter[str]:
        lane, said, free = Lane(1, 2), Counter[str](), threading.Event()

        async def one() -> None:
            try:
                await lane.run(lambda: free.wait(30))
                said["done"] += 1
            except LaneFull:
                said["full"] += 1

        async def let_go() -> None:
            while said["full"] < 5:
                await asyncio.sleep(0.01)
            free.set()

        await asyncio.gather(*(one() for _ in range(8)), let_go())
        assert lane.inside == 0
        return said

    assert asyncio.run(crowd()) == {"done": 3, "full": 5}


# Bodies


@pytest.mark.parametrize("path", ["/try", "/api/v1/predict"])
def test_a_large_body_is_read_from_nobody_who_is_not_logged_in(page: Stage, path: str) -> None:
    large, kind = bytes(300_000), {"content-type": "application/octet-stream"}
    assert page.stranger().post(path, content=large, headers=kind).status_code == 413
    forged = page.stranger()
    forged.cookies.set("bearwatch", "made-up")
    assert forged.post(path, content=large, headers=kind).status_code == 413
    token = {"Authorization": "Bearer bw_made-up", **kind}
    assert page.stranger().post(path, content=large, headers=token).status_code == 413
    assert page.person().post(path, content=large, headers=kind).status_code == 415


def test_a_body_that_does_not_arrive_ends_its_request() -> None:
    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        while (await receive()).get("more_body"):
            pass

    async def stuck() -> None:
        first = True

        async def receive() -> Message:
            nonlocal first
            if first:
                first = False
                return {"type": "http.request", "body": b"x", "more_body": True}
            await asyncio.sleep(3600)
            raise AssertionError

        async def send(_message: Message) -> None:
            raise AssertionError

        await BodyDeadline(app, within_s=0.05)({"type": "http"}, receive, send)

    with pytest.raises(HTTPException) as late:
        asyncio.run(stuck())
    assert late.value.status_code == 408


# Metrics


def test_metrics_are_closed_unless_the_operator_has_said_from_where(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    app = create_app(Settings(redis_url=redis_url, bearwatch_data=tmp_path), config, sqlite_database)
    with TestClient(app, client=("127.0.0.1", 50000)) as nginx:
        assert nginx.get("/metrics").status_code == 403
        with suppress(KeyError):
            del nginx.headers["x-forwarded-for"]
        assert TestClient(app, client=("::1", 1)).get("/metrics").status_code == 403
    settings = Settings(redis_url=redis_url, bearwatch_data=tmp_path, bearwatch_metrics_from="10.0.3.0/24")
    app = create_app(settings, config, sqlite_database)
    with TestClient(app):
        assert TestClient(app, client=("10.0.3.7", 1)).get("/metrics").status_code == 200
        assert TestClient(app, client=("127.0.0.1", 1)).get("/metrics").status_code == 403
