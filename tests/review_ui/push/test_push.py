"""Devices are told of new alerts: those who asked, who may know, and nobody who must stay blind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from core.config import Config
from db.models import LedgerEntry, LoginSession, Mode, PushSubscription, User, UserCampsite
from db.session import Database
from review_ui.push.sending import Sender
from review_ui.push.subscriptions import QUIET_S, Pusher
from rollout.evidence.matching import MatchRule
from tests.support.cast import grant
from tests.support.factories import T0
from tests.support.pages import Stage, stage
from tests.support.services.push_service import Browser, PushService, push_service

LATER = T0 + 80_000


@dataclass
class Watchtower:
    """A served page, a push service beside it, and the jobs' hand that tells devices."""

    stage: Stage
    service: PushService
    pusher: Pusher

    def ask(self, name: str, browser: Browser | None = None, campsites: tuple[str, ...] = ()) -> TestClient:
        """Somebody signs in and asks to be told; their device has their name."""
        person = self.stage.person(name)
        assert person.get("/account/push").json()["key"]
        device = self.service.device(name, browser or Browser.new())
        body = {
            "endpoint": device.endpoint,
            "keys": {"p256dh": device.p256dh, "auth": device.auth},
            "campsites": list(campsites),
        }
        answer = person.post("/account/push", json=body)
        assert answer.status_code == 204, answer.text
        return person

    def live(self, campsite: str, mode: Mode = Mode.ASSISTED) -> None:
        """Give a campsite its authority."""
        with self.stage.database.write() as session:
            grant(session, campsite, mode, self.stage.clock.now - 60, LATER)

    def told(self) -> list[str]:
        """Who is told by one run of the jobs."""
        self.service.came.clear()
        self.pusher.step(self.stage.clock.now)
        return self.service.names()


@pytest.fixture
def tower(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Watchtower]:
    with push_service() as service:
        monkeypatch.setenv("BEARWATCH_PUSH_SERVICES", service.origin)
        with stage(sqlite_database, config, redis_url, tmp_path) as made:
            pusher = Pusher(sqlite_database, Sender(service.origin, "mailto:rangers@park.example"), MatchRule)
            yield Watchtower(made, service, pusher)
            pusher.close()


def test_who_asked_is_told_to_look_and_nothing_else(tower: Watchtower) -> None:
    browser = Browser.new()
    tower.ask("ada", browser)
    tower.live("upper-pines")
    assert tower.told() == []
    tower.stage.alert()
    assert tower.told() == ["ada"]
    ((_, headers, body),) = tower.service.came
    assert json.loads(browser.read(body)) == {"title": "Bearwatch", "body": "Look at the queue."}
    assert headers["Urgency"] == "high"
    assert headers["Authorization"].startswith("vapid t=")
    assert tower.told() == []  # once


def test_alerts_that_come_together_are_one_message_and_a_later_one_is_another(tower: Watchtower) -> None:
    tower.ask("ada")
    tower.live("upper-pines")
    tower.live("lower-pines")
    tower.stage.alert("upper-creek")
    tower.stage.alert("upper-trail", T0 + 5)
    assert tower.told() == ["ada"]
    tower.stage.alert("lower-meadow", T0 + 50)
    assert tower.told() == []
    tower.stage.clock.now += QUIET_S + 1
    assert tower.told() == ["ada"]


def test_a_ranger_who_is_blind_hears_nothing(tower: Watchtower) -> None:
    ada = tower.ask("ada")
    tower.ask("ben")
    assert ada.post("/watches", data={"campsite": "upper-pines"}).status_code == 303
    tower.live("upper-pines")
    tower.stage.alert()
    with tower.stage.database.write() as session:
        grant(session, "upper-pines", Mode.SHADOW, tower.stage.clock.now, LATER)  # meanwhile authority fell back
    assert tower.told() == ["ben"]


def test_in_the_shadow_stage_nobody_is_told(tower: Watchtower) -> None:
    tower.ask("ada")
    tower.stage.alert()
    assert tower.told() == []


def test_what_is_not_theirs_or_not_asked_for_is_not_told(tower: Watchtower) -> None:
    for name in ("upper-only", "lower-only", "asked-for-lower"):
        tower.ask(name, campsites=("lower-pines",) if name.startswith("asked") else ())
    with tower.stage.database.write() as session:
        for name, campsite in (("upper-only", "upper-pines"), ("lower-only", "lower-pines")):
            session.add(UserCampsite(user_id=tower.stage.user_id(name), campsite_id=campsite))
    tower.live("upper-pines")
    tower.stage.alert()
    assert tower.told() == ["upper-only"]


def test_the_campsites_are_chosen_on_each_device_and_survive_the_next_login(tower: Watchtower) -> None:
    ada = tower.ask("ada", campsites=("lower-pines",))
    endpoint = f"{tower.service.origin}/ada"
    assert ada.post("/account/push/mine", json={"endpoint": endpoint}).json() == {"campsites": ["lower-pines"]}
    with tower.stage.database.read() as session:
        row = session.scalars(select(PushSubscription)).one()
        body = {"endpoint": endpoint, "keys": {"p256dh": row.p256dh, "auth": row.auth}}
    again = tower.stage.person("ada")  # another session: the page only says that it is still there
    assert again.post("/account/push", json=body).status_code == 204
    assert again.post("/account/push/mine", json={"endpoint": endpoint}).json() == {"campsites": ["lower-pines"]}
    tower.live("upper-pines")
    tower.live("lower-pines")
    tower.stage.alert("upper-creek")
    assert tower.told() == []
    assert again.post("/account/push", json={**body, "campsites": []}).status_code == 204
    assert tower.told() == ["ada"]
    assert again.post("/account/push", json={**body, "campsites": ["nowhere"]}).status_code == 204
    tower.stage.clock.now += QUIET_S + 1
    tower.stage.alert("upper-trail", tower.stage.clock.now - 1)
    assert tower.told() == []
    ben = tower.stage.person("ben")
    assert ben.post("/account/push/mine", json={"endpoint": endpoint}).json() == {"campsites": None}  # not his


def test_a_device_is_tried_out_quietly_and_alerts_do_not_wait_for_it(tower: Watchtower) -> None:
    browser = Browser.new()
    ada = tower.ask("ada", browser)
    which = {"endpoint": f"{tower.service.origin}/ada"}
    assert ada.post("/account/push/test", json=which).status_code == 204
    ((_, headers, body),) = tower.service.came
    assert json.loads(browser.read(body)) == {
        "title": "Bearwatch", "body": "A test: this device is told of new alerts.", "quiet": True,
    }  # fmt: skip
    assert headers["Urgency"] == "low"
    again = ada.post("/account/push/test", json=which)
    assert (again.status_code, "ten seconds" in again.json()["detail"]) == (409, True)
    tower.live("upper-pines")
    tower.stage.alert()
    assert tower.told() == ["ada"]
    ben = tower.stage.person("ben").post("/account/push/test", json=which)
    assert (ben.status_code, "not told of anything" in ben.json()["detail"]) == (409, True)
    tower.stage.clock.now += QUIET_S
    tower.service.answers["ada"] = 410
    refused = ada.post("/account/push/test", json=which)
    assert "answered 410" in refused.json()["detail"]


def test_signing_out_being_switched_off_and_ending_it_end_it(tower: Watchtower) -> None:
    clients = {name: tower.ask(name) for name in ("out", "off", "ended", "here", "expired")}
    clients["out"].post("/logout")
    clients["ended"].post("/account/push/end", json={"endpoint": f"{tower.service.origin}/ended"})
    with tower.stage.database.write() as session:
        session.execute(update(User).where(User.name == "off").values(active=False))
        expired = select(User.id).where(User.name == "expired").scalar_subquery()
        session.execute(update(LoginSession).where(LoginSession.user_id == expired).values(expires_at=T0))
    tower.live("upper-pines")
    tower.stage.alert()
    assert tower.told() == ["expired", "here"]  # a session that ran out in the night does not silence the phone


@pytest.mark.parametrize("answer", [404, 410])
def test_a_device_that_is_gone_is_forgotten(tower: Watchtower, answer: int) -> None:
    tower.ask("ada")
    tower.service.answers["ada"] = answer
    tower.live("upper-pines")
    tower.stage.alert()
    assert tower.told() == ["ada"]
    with tower.stage.database.read() as session:
        assert session.scalars(select(PushSubscription)).all() == []
        kinds = session.scalars(select(LedgerEntry.kind).where(LedgerEntry.kind.like("push.%"))).all()
    assert kinds == ["push.asked", "push.ended"]


@pytest.mark.parametrize("answer", [500, 429, 307])
def test_a_push_service_in_trouble_is_asked_again_and_not_followed(tower: Watchtower, answer: int) -> None:
    tower.ask("ada")
    tower.service.answers["ada"] = answer
    tower.live("upper-pines")
    tower.stage.alert()
    assert tower.told() == ["ada"]
    assert tower.told() == []
    tower.service.answers.clear()
    tower.stage.clock.now += QUIET_S + 1
    assert tower.told() == ["ada"]
    tower.stage.clock.now += QUIET_S + 1
    assert tower.told() == []


def test_two_processes_tell_a_device_once(tower: Watchtower) -> None:
    tower.ask("ada")
    tower.live("upper-pines")
    tower.stage.alert()
    other = Pusher(tower.stage.database, Sender(tower.service.origin, "mailto:rangers@park.example"), MatchRule)
    other.step(tower.stage.clock.now)
    tower.pusher.step(tower.stage.clock.now)
    other.close()
    assert tower.service.names() == ["ada"]


def test_an_address_that_is_no_push_service_is_refused(tower: Watchtower) -> None:
    person, browser = tower.stage.person(), Browser.new()
    keys = {"p256dh": browser.p256dh, "auth": browser.auth}
    for endpoint in ("http://127.0.0.1:6379/x", "https://evil.example/x", "file:///etc/passwd", "x", ""):
        assert person.post("/account/push", json={"endpoint": endpoint, "keys": keys}).status_code == 422
    bad = {"endpoint": f"{tower.service.origin}/x", "keys": {"p256dh": "x", "auth": "y"}}
    assert person.post("/account/push", json=bad).status_code == 422


def test_a_device_belongs_to_whoever_asked_last_in_it(tower: Watchtower) -> None:
    tower.ask("ada")
    device = tower.service.device("ada", Browser.new())
    keys = {"p256dh": device.p256dh, "auth": device.auth}
    ben = tower.stage.person("ben")
    assert ben.post("/account/push", json={"endpoint": device.endpoint, "keys": keys}).status_code == 204
    with tower.stage.database.read() as session:
        assert session.scalars(select(PushSubscription.user_id)).all() == [tower.stage.user_id("ben")]


def test_the_app_has_a_worker_with_its_whole_shell_and_a_manifest(
    sqlite_database: Database, config: Config, redis_url: str, tmp_path: Path
) -> None:
    with stage(sqlite_database, config, redis_url, tmp_path) as page:
        assert page.stranger().get("/manifest.webmanifest").json()["start_url"] == "/"
        worker = page.stranger().get("/sw.js")
    assert worker.headers["cache-control"] == "no-cache"
    assert '/js/page.js"' in worker.text
