"""A whole site that campers rely on: every process for real, a plan in its first live stage, and who is told what."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import select

from bearwatch.embedded import EmbeddedRedis
from bearwatch.local_site import embedded_redis, prepare_database, supervisor
from bearwatch.supervisor import Supervisor
from core.config import Config
from core.settings import Settings
from db.models import Alert, AuthorityLease, Mode
from db.session import Database
from detector.models.bundle import ModelBundle
from rollout.control.service import perform
from rollout.stages import commands as c
from rollout.stages.event_store import load
from rollout.stages.plan import RolloutPlan
from rollout.stages.spec_file import load_configured
from rollout.stages.state import State
from simulation.cameras.builtin import load_test_scenes
from simulation.cameras.staged_server import StagedCameras
from tests.support.rollout.rollout_plans import LEAD, OPERATOR, OWNER, add_people, gate_results
from tests.support.services.heartbeat_listener import Listener
from tests.support.waiting import wait_for

QUIET_GAP_S = 4.0
PASSWORD = "chaos-chaos-chaos"
DAY_S = 86400.0
CAMPSITE = "c"


@dataclass
class Site:
    """A whole site, and what its ranger was told."""

    settings: Settings
    config: Config
    plan: RolloutPlan
    supervisor: Supervisor
    redis: EmbeddedRedis
    listener: Listener | None = None
    """Whoever is told: campers, rangers, staff, and the service elsewhere, each at a path of its own."""
    stop: threading.Event = field(default_factory=threading.Event)
    acknowledged: dict[str, int] = field(default_factory=dict)
    """Idempotency keys of decisions that were answered with success, with their alert."""

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.settings.bearwatch_ui_port}"

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int | None:
        """Send a signal to a process of the site; None when it does not run at this moment."""
        pid = {**self.supervisor.pids(), "redis": self.redis.pid}.get(name)
        if pid is not None:
            os.kill(pid, number)
        return pid


def kill_something(site: Site, dice: random.Random) -> str:
    """Kill one process, whichever the dice choose."""
    victims = {**site.supervisor.pids(), "redis": site.redis.pid}
    name = dice.choice(sorted(victims))
    os.kill(victims[name], signal.SIGKILL)
    return name


@contextmanager
def running_site(folder: Path, extra: str = "", listener: Listener | None = None) -> Iterator[Site]:
    """Three moving cameras and every process, with an embedded Redis and SQLite. ``extra`` ends the configuration."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with StagedCameras(load_test_scenes(3)) as cameras:
        file = folder / "bearwatch.yaml"
        lines = [f"  {name}: {{campsite: {CAMPSITE}, url: {json.dumps(cameras.url(name))}}}" for name in cameras.names]
        file.write_text(
            f"regions: {{r: {{timezone: UTC}}}}\ncampsites: {{{CAMPSITE}: {{region: r}}}}\ncameras:\n"
            + "\n".join(lines)
            + f"\ndetector: {{quiet_gap_s: {QUIET_GAP_S}, engine: onnx}}\n"
            + extra
        )
        settings = Settings(
            bearwatch_data=folder, bearwatch_ui_port=port, bearwatch_log="ERROR", bearwatch_admin_password=PASSWORD
        )
        config, plan = load_configured(file)
        prepare_database(settings, config)
        with embedded_redis(settings) as redis:
            there = Site(settings, config, plan, supervisor(settings, file, redis), redis, listener)
            if listener is not None:
                _begin_rollout(there)
            thread = threading.Thread(target=there.supervisor.run)
            thread.start()
            try:
                yield there
            finally:
                there.stop.set()
                there.supervisor.request_stop()
                thread.join()


def live_configuration(listener: Listener, ttl_s: int = 120) -> str:
    """The configuration of a plan with a shadow stage and a live one, and everybody's addresses. Authority that nobody
    renews is dead after ``ttl_s``."""

    def target(who: str) -> str:
        return json.dumps(f"hmac+{listener.url(f'/{who}')}?key=0123456789abcdef")

    gate = '{metric: open_breakers, op: "==", value: 0}'
    return f"""
rollout:
  notify: [{target("campers")}]
  rangers: [{target("rangers")}]
  staff: [{target("staff")}]
  join_s: 0
  undo_s: 0
  defaults: {{lease: {{ttl: {ttl_s}s, renew: {ttl_s // 4}s}}}}
  on_call: {{duty: {{user: rosa, contact: [{target("roster")}]}}}}
  stages:
    - {{name: shadow, scope: [{CAMPSITE}], mode: shadow, duration: {{min: 1d, max: 120d}}, gates: [{gate}]}}
    - {{name: one-day, scope: [{CAMPSITE}], mode: assisted, duration: 1d, gates: [{gate}]}}
outside: {{ping_url: {json.dumps(listener.url("/alive"))}, every_s: 10}}
"""


def _begin_rollout(site: Site) -> None:
    """Two days ago somebody began to watch in shadow with the model that will run."""
    database = Database(site.settings.database)
    with database.write() as session:
        add_people(session)
    began = time.time() - 2 * DAY_S
    for command in (c.PlanChanged(), c.ModelChanged(ModelBundle.open("built-in").short_digest)):
        perform(database, site.plan, command, began)
    database.close()


def state_of(database: Database) -> State:
    """Where the rollout stands."""
    with database.read() as session:
        return load(session)


def go_live(site: Site, database: Database) -> float:
    """Wait until the cameras are seen and bears come in, then two people approve and a third one widens.

    Returns a moment from which on every alert is raised in the live stage.
    """
    wait_for(lambda: newest_alert(database), 90)
    for by in (LEAD, OWNER):
        perform(database, site.plan, c.Approve(by=by), time.time())
    gates = gate_results(site.plan, state_of(database))
    outcome = perform(database, site.plan, c.Promote(by=OPERATOR, gates=gates, able=("rosa",)), time.time())
    assert outcome.started, outcome.events
    return time.time()


def newest_alert(database: Database) -> int:
    """The highest alert number so far."""
    with database.read() as session:
        return max(session.scalars(select(Alert.id)), default=0)


@dataclass(frozen=True)
class Held:
    """The lease as somebody read it at ``at``."""

    at: float
    mode: str
    granted_at: float
    expires_at: float

    def covers(self, moment: float) -> bool:
        """Whether it granted something at a moment."""
        return self.mode != Mode.SHADOW and self.granted_at <= moment < self.expires_at


class LeaseLog(threading.Thread):
    """Reads the lease five times a second, and keeps each change."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.seen: list[Held] = []
        self._database = database
        self._over = threading.Event()

    def run(self) -> None:
        """Until :meth:`end`."""
        while not self._over.wait(0.2):
            with self._database.read() as session:
                lease = session.get(AuthorityLease, CAMPSITE)
            if lease is None:
                continue
            now = Held(time.time(), lease.mode, lease.granted_at, lease.expires_at)
            if not self.seen or (now.mode, now.expires_at) != (self.seen[-1].mode, self.seen[-1].expires_at):
                self.seen.append(now)

    def end(self) -> None:
        """Stop reading."""
        self._over.set()
        self.join()

    def covered(self, moment: float) -> bool:
        """Whether authority held at a moment, by what was read last before it or first after it."""
        before = [each for each in self.seen if each.at <= moment][-1:]
        after = [each for each in self.seen if each.at > moment][:1]
        return any(each.covers(moment) for each in (*before, *after))


def be_a_ranger(site: Site) -> None:
    """Decide about whatever is open; send each decision again, under the same key, until it is answered."""
    with httpx.Client(base_url=site.address, headers={"Origin": site.address}, timeout=5) as browser:
        while not site.stop.is_set():
            try:
                if "bearwatch" not in browser.cookies:
                    browser.post("/login", data={"name": "ranger", "password": PASSWORD})
                for alert in browser.get("/api/v1/alerts", params={"status": "open"}).json()["alerts"]:
                    decide(site, browser, alert)
            except (httpx.HTTPError, ValueError, KeyError):
                time.sleep(0.3)
            time.sleep(0.5)


def decide(site: Site, browser: httpx.Client, alert: dict[str, int]) -> None:
    """Send one decision, and note it when it was acknowledged."""
    key = f"chaos-alert-{alert['id']}"
    body = {"verdict": "bear", "seen_version": alert["version"], "idempotency_key": key}
    while not site.stop.is_set():
        try:
            answer = browser.post(f"/api/v1/alerts/{alert['id']}/decisions", json=body)
        except httpx.HTTPError:
            time.sleep(0.3)
            continue
        if answer.status_code < 500:
            if answer.is_success:
                site.acknowledged[key] = alert["id"]
            return
        time.sleep(0.3)
