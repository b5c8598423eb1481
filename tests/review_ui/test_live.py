"""The live stream on a real server: at once, in order, nothing lost, and never to those who must not see it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from sqlalchemy import select

from bearwatch.embedded import EmbeddedRedis
from core.config import Config
from core.media import MediaStore
from core.redis_client import connect
from core.settings import Settings
from core.telemetry import Telemetry
from db.models import Role, User, UserCampsite
from db.session import Database
from review_ui.app import create_app
from review_ui.auth.access_scope import AccessScope
from review_ui.auth.accounts import Account, open_session
from review_ui.live.broadcast import QUEUE_LENGTH, Listener, LiveHub
from review_ui.live.camera_status import CameraBoard
from review_ui.live.page_events import Happening, on_the_wire
from rollout.evidence.matching import MatchRule
from tests.support.cast import add_user, open_encounter
from tests.support.factories import T0
from tests.support.pages import report, served

WAIT_S = 60.0


@dataclass
class Event:
    """One server-sent event."""

    name: str
    id: str | None
    data: dict[str, Any]


@dataclass
class Ear:
    """Listens to a stream in the background."""

    events: list[Event] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    broken: bool = False
    _news: threading.Condition = field(default_factory=threading.Condition)

    def hear(self, response: httpx.Response) -> None:
        """Read until the stream ends."""
        parts: dict[str, str] = {}
        try:
            for line in response.iter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    parts[name] = value
                    continue
                if "event" in parts:
                    with self._news:
                        self.events.append(Event(parts["event"], parts.get("id"), json.loads(parts["data"])))
                        self._news.notify_all()
                parts = {}
        except httpx.TransportError:
            self.broken = True
        self.ended.set()

    def wait_for(self, wanted: Callable[[Event], bool]) -> Event:
        """The first event that fits, now or soon."""
        with self._news:
            assert self._news.wait_for(lambda: any(map(wanted, self.events)), WAIT_S), self.events
            return next(filter(wanted, self.events))

    def ledger(self) -> list[tuple[str, str]]:
        """Kind and subject of all ledger events so far."""
        return [(e.data["kind"], e.data["subject"]) for e in self.events if e.name == "ledger"]


@dataclass
class House:
    """A served page with everything behind it."""

    url: str
    database: Database
    config: Config
    media: MediaStore
    redis: redis.Redis
    listening: ExitStack

    def browser(self, name: str = "day-ranger") -> httpx.Client:
        """Somebody who is logged in."""
        with self.database.write() as session:
            user = session.scalar(select(User).where(User.name == name)) or add_user(session, name)
            token = open_session(session, user, time.time()).token
        return httpx.Client(base_url=self.url, cookies={"bearwatch": token}, timeout=WAIT_S)

    def listen(self, name: str = "day-ranger", **how: Any) -> Ear:
        """An open page of this person; it stays open until the server stops."""
        return self.listen_with(self.browser(name), **how)

    def listen_with(
        self, browser: httpx.Client, after: int | None = None, headers: dict[str, str] | None = None
    ) -> Ear:
        """An open page in this browser."""
        ear = Ear()
        request = browser.build_request(
            "GET", "/api/v1/events", params={} if after is None else {"after": after}, headers=headers
        )
        response = browser.send(request, stream=True)
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        thread = threading.Thread(target=ear.hear, args=(response,))
        thread.start()
        self.listening.callback(browser.close)
        self.listening.callback(thread.join, timeout=WAIT_S)
        ear.wait_for(lambda e: e.name == "cameras")  # from here on it is listening
        return ear

    def alert(self, camera: str = "upper-creek", at: float = T0, wake: bool = True) -> None:
        """A new alert, with or without the wake-up."""
        open_encounter(self.database, self.config, self.media, camera, at)
        if wake:
            Telemetry(self.redis).publish_wake_up()


@contextmanager
def _house(database: Database, config: Config, redis_url: str, data: Path) -> Iterator[House]:
    app = create_app(
        Settings(redis_url=redis_url, bearwatch_data=data, bearwatch_metrics_from="127.0.0.1"), config, database
    )
    with ExitStack() as listening, closing(connect(redis_url)) as client, served(app) as url:
        yield House(url, database, config, MediaStore(data / "media"), client, listening)


@pytest.fixture
def house(sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path) -> Iterator[House]:
    with _house(sqlite_database, config, redis_url, tmp_path) as made:
        yield made


def _raised(event: Event) -> bool:
    return event.name == "ledger" and event.data["kind"] == "alert.raised"


def test_an_alert_reaches_an_open_page_and_says_nothing_of_the_model(house: House) -> None:
    ear = house.listen()
    house.alert()
    event = ear.wait_for(_raised)
    assert event.data == {"kind": "alert.raised", "subject": "alert:1", "campsite": "upper-pines"}
    assert event.id is not None


def test_the_stream_works_on_postgresql_too(
    postgresql_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    with _house(postgresql_database, config, redis_url, tmp_path) as house:
        ear = house.listen()
        house.alert()
        ear.wait_for(_raised)


def test_without_the_bell_the_alert_still_comes(house: House) -> None:
    ear = house.listen()
    house.alert(wake=False)
    ear.wait_for(_raised)


def test_while_redis_is_away_alerts_come_and_every_camera_is_blind(
    sqlite_database: Database, config: Config, tmp_path: Path
) -> None:
    with (
        EmbeddedRedis(tmp_path / "redis") as server,
        _house(sqlite_database, config, server.url, tmp_path) as house,
        house.browser("ben") as ben,
    ):
        ear = house.listen()
        for camera in config.cameras:
            report(Telemetry(house.redis), camera, time.time() + 3600)  # a reader that would look fresh for long
        ear.wait_for(lambda e: e.name == "cameras" and {c["seeing"] for c in e.data["cameras"]} == {"sees"})
        server.stop()
        ear.wait_for(
            lambda e: e.name == "cameras" and {c["why"] for c in e.data["cameras"]} == {"Redis is unreachable"}
        )
        house.alert(wake=False)
        ear.wait_for(_raised)
        assert "Redis is unreachable" in ben.get("/").text
        assert ben.get("/healthz").json() == {"database": True, "redis": False, "disk": "ok", "clock": []}
        assert "bearwatch_redis_up 0" in httpx.get(f"{house.url}/metrics", timeout=60).text
        body = {"verdict": "bear", "seen_version": 1, "idempotency_key": "without-redis"}
        assert ben.post("/api/v1/alerts/1/decisions", json=body).status_code == 200


@pytest.mark.parametrize("how", ["header", "address"])
def test_a_page_that_was_away_gets_what_it_missed_once_and_in_order(house: House, how: str) -> None:
    first = house.listen()
    house.alert("upper-creek", T0)
    last = first.wait_for(_raised).id
    assert last is not None
    house.alert("upper-trail", T0)
    house.alert("lower-meadow", T0)
    back = house.listen(headers={"Last-Event-ID": last}) if how == "header" else house.listen(after=int(last))
    house.alert("lower-meadow", T0 + 5000)
    back.wait_for(lambda e: e.name == "ledger" and e.data["subject"] == "alert:4")
    raised = [subject for kind, subject in back.ledger() if kind == "alert.raised"]
    assert raised == ["alert:2", "alert:3", "alert:4"]


def test_a_page_that_missed_too_much_or_comes_from_another_database_reloads(house: House) -> None:
    house.listen(after=10_000).wait_for(lambda e: e.name == "resync")


def test_a_decision_is_on_every_other_page(house: House) -> None:
    house.alert()
    ear = house.listen("day-ranger")
    with house.browser("ben") as ben:
        body = {"verdict": "bear", "seen_version": 1, "idempotency_key": "bens-decision"}
        assert ben.post("/api/v1/alerts/1/decisions", json=body).status_code == 200
    ear.wait_for(lambda e: e.name == "ledger" and e.data["kind"] == "review.made")


def test_on_watch_the_stream_is_silent_about_the_campsite(house: House) -> None:
    with house.browser("day-ranger") as day_ranger:
        day_ranger.post("/watches", data={"campsite": "upper-pines"})
    blind, seeing = house.listen("day-ranger", after=0), house.listen("ben", after=0)
    house.alert("upper-creek", T0)
    house.alert("lower-meadow", T0)
    again = house.listen("day-ranger", after=0)  # catching up is no way in either
    for ear in (blind, seeing, again):
        ear.wait_for(lambda e: e.name == "ledger" and e.data["subject"] == "alert:2")
    assert ("alert.raised", "alert:1") in seeing.ledger()
    assert ("alert.raised", "alert:1") not in blind.ledger() + again.ledger()
    assert ("watch.started", "watch:1") in blind.ledger()  # one's own act reaches one's other pages


def test_somebody_limited_to_a_campsite_hears_of_no_other(house: House) -> None:
    with house.browser("day-ranger"), house.database.write() as session:
        user = session.scalars(select(User).where(User.name == "day-ranger")).one()
        session.add(UserCampsite(user_id=user.id, campsite_id="lower-pines"))
    limited, seeing = house.listen("day-ranger", after=0), house.listen("ben", after=0)
    house.alert("upper-creek", T0)
    house.alert("lower-meadow", T0)
    for ear in (limited, seeing, house.listen("day-ranger", after=0)):
        ear.wait_for(lambda e: e.name == "ledger" and e.data["subject"] == "alert:2")
        assert (("alert.raised", "alert:1") in ear.ledger()) is (ear is seeing)
    cameras = next(e for e in limited.events if e.name == "cameras").data
    assert [camera["id"] for camera in cameras["cameras"]] == ["lower-meadow"]
    assert list(cameras["modes"]) == ["lower-pines"]


def test_a_sealed_sighting_lets_the_stream_tell_of_its_own_moment_only(house: House) -> None:
    now = time.time()
    with house.browser("day-ranger") as day_ranger:
        day_ranger.post("/watches", data={"campsite": "upper-pines"})
        seen = {"campsite": "upper-pines", "seen_at": now - 3600, "idempotency_key": "an-hour-ago"}
        assert day_ranger.post("/api/v1/sightings", json=seen).status_code == 201
    ear = house.listen("day-ranger")
    house.alert("upper-creek", now - 5)
    house.alert("upper-trail", now - 3600)
    ear.wait_for(lambda e: e.name == "ledger" and e.data["subject"] == "alert:2")
    assert ("alert.raised", "alert:1") not in ear.ledger()


def test_when_a_limit_is_set_open_pages_are_told_to_look_again(house: House) -> None:
    ear = house.listen("day-ranger")
    with house.database.write() as session:
        user = session.scalars(select(User).where(User.name == "day-ranger")).one()
        session.add(UserCampsite(user_id=user.id, campsite_id="lower-pines"))
    ear.wait_for(lambda e: e.name == "resync")
    house.alert("upper-creek", T0)
    house.alert("lower-meadow", T0)
    ear.wait_for(lambda e: e.name == "ledger" and e.data["subject"] == "alert:2")
    assert ("alert.raised", "alert:1") not in ear.ledger()


def test_a_program_that_listens_is_cut_off_when_its_token_ends(house: House) -> None:
    with house.browser("day-ranger") as owner:
        made = owner.post("/api/v1/tokens", json={"name": "siren", "rights": ["view"]}).json()
        program = httpx.Client(base_url=house.url, headers={"Authorization": f"Bearer {made['token']}"}, timeout=WAIT_S)
        ear = house.listen_with(program)
        assert owner.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
    assert ear.ended.wait(WAIT_S)


def test_when_a_watch_begins_open_pages_are_told_to_look_again(house: House) -> None:
    ear = house.listen("day-ranger")
    with house.browser("day-ranger") as other:
        other.post("/watches", data={"campsite": "upper-pines"})
    ear.wait_for(lambda e: e.name == "resync")


def test_logging_out_ends_the_stream(house: House) -> None:
    browser = house.browser()
    ear = house.listen_with(browser)
    with httpx.Client(base_url=house.url, cookies=dict(browser.cookies), timeout=60) as same:
        same.post("/logout")
    assert ear.ended.wait(WAIT_S)


def test_the_cameras_say_what_they_are_worth(house: House) -> None:
    telemetry = Telemetry(house.redis)
    ear = house.listen()
    report(telemetry, "upper-creek", time.time() + 3600)
    report(telemetry, "upper-trail", time.time() + 3600, age_s=4000)
    event = ear.wait_for(
        lambda e: e.name == "cameras" and [c["seeing"] for c in e.data["cameras"]] == ["sees", "blind", "blind"]
    )
    whys = {camera["id"]: camera["why"] for camera in event.data["cameras"]}
    assert whys["upper-trail"] == "no new content"
    assert whys["lower-meadow"] == "no reader has reported it yet"
    assert event.data["modes"] == {"upper-pines": "shadow", "lower-pines": "shadow"}


def test_a_page_that_does_not_keep_up_is_cut_off_and_comes_back_by_itself() -> None:
    slow = Listener(Account(1, "day-ranger", Role.RANGER, "s"), 0)
    for number in range(QUEUE_LENGTH + 1):
        slow.give(on_the_wire("ledger", {}, id=number))
    assert slow.queue.get_nowait() is None  # the stream ends; the browser asks again for what it missed
    assert slow.queue.empty()


def test_a_server_that_stops_does_not_wait_for_open_pages(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    with _house(sqlite_database, config, redis_url, tmp_path) as house:
        ear = house.listen()
    # `served` asserts that the server has stopped; the stream has ended in good order, not in the middle.
    assert ear.ended.is_set()
    assert not ear.broken


def test_a_burst_is_told_in_one_piece_that_pages_share_and_nobody_hears_more_than_they_may(
    sqlite_database: Database, config: Config, redis_url: str
) -> None:
    board = CameraBoard(config, Telemetry(connect(redis_url)), time.time)
    hub = LiveHub(sqlite_database, board, redis_url, time.time, MatchRule)
    everywhere = [Listener(Account(n, f"ranger-{n}", Role.RANGER, f"s{n}"), 0) for n in (1, 2)]
    upper_only = Listener(Account(3, "ranger-3", Role.RANGER, "s3", frozenset({"upper-pines"})), 0)
    caught_up = Listener(Account(4, "ranger-4", Role.RANGER, "s4"), 10)
    gone = Listener(Account(5, "ranger-5", Role.RANGER, "s5"), 0)
    hub._listeners |= {*everywhere, upper_only, caught_up, gone}
    scopes: dict[str, AccessScope | None] = {f"s{n}": AccessScope() for n in (1, 2, 4)}
    scopes |= {"s3": AccessScope(hidden=frozenset({"lower-pines"})), "s5": None}
    news = [
        Happening(n, "alert.raised", f"alert:{n}", "upper-pines" if n % 2 else "lower-pines", "tracker")
        for n in range(1, 11)
    ]
    hub._tell(news, 10, scopes)
    first, second = (listener.queue.get_nowait() for listener in everywhere)
    assert first is second
    assert first is not None
    assert [line for line in first.splitlines() if line.startswith(b"id: ")] == [b"id: %d" % n for n in range(1, 11)]
    theirs = upper_only.queue.get_nowait()
    assert theirs is not None
    assert (theirs.count(b"upper-pines"), theirs.count(b"lower-pines")) == (5, 0)
    assert caught_up.queue.empty()
    assert gone.queue.empty()
    assert {listener.sent for listener in hub._listeners} == {10}


def test_a_page_that_opens_while_the_others_are_told_of_the_cameras_is_not_cut_off(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = LiveHub._who_sees_what
    late: list[Ear] = []

    def meanwhile(hub: LiveHub, accounts: Any) -> Any:
        if not late:
            late.append(house.listen())
            late[0].wait_for(lambda event: event.name == "cameras")
        return asked(hub, accounts)

    monkeypatch.setattr(LiveHub, "_who_sees_what", meanwhile)
    first = house.listen()
    first.wait_for(lambda event: event.name == "cameras" and event is not first.events[1])
    late[0].wait_for(lambda event: event.name == "cameras" and event is not late[0].events[1])
    assert not late[0].ended.is_set()
