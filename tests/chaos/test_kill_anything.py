"""Kill any process at any instant, for minutes: what was acknowledged is there, once, and the watch goes on."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from bearwatch.camera_sim.builtin import load_test_scenes
from bearwatch.camera_sim.server import StagedCameras
from bearwatch.embedded import EmbeddedRedis
from bearwatch.site import embedded_redis, prepare_database, supervisor
from bearwatch.supervisor import Supervisor
from core.config_file import load_config
from core.settings import Settings
from db.ledger import verify
from db.models import Alert, Delivery, Encounter, Review
from db.session import Database

CHAOS_S = 120.0
CALM_S = 45.0
QUIET_GAP_S = 4.0
PASSWORD = "chaos-chaos-chaos"


@dataclass
class Site:
    """A whole site, and what its ranger was told."""

    settings: Settings
    supervisor: Supervisor
    redis: EmbeddedRedis
    stop: threading.Event = field(default_factory=threading.Event)
    acknowledged: dict[str, int] = field(default_factory=dict)
    """Idempotency keys of decisions that were answered with success, with their alert."""

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.settings.bearwatch_ui_port}"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Three moving cameras and every process, with an embedded Redis and SQLite."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    scenes = load_test_scenes(3)
    with StagedCameras(scenes) as cameras:
        file = tmp_path / "bearwatch.yaml"
        lines = [f"  {name}: {{campsite: c, url: {json.dumps(cameras.url(name))}}}" for name in cameras.names]
        file.write_text(
            "regions: {r: {timezone: UTC}}\ncampsites: {c: {region: r}}\ncameras:\n"
            + "\n".join(lines)
            + f"\ndetector: {{quiet_gap_s: {QUIET_GAP_S}}}\n"
        )
        settings = Settings(
            bearwatch_data=tmp_path, bearwatch_ui_port=port, bearwatch_log="ERROR", bearwatch_admin_password=PASSWORD
        )
        prepare_database(settings, load_config(file))
        with embedded_redis(settings) as redis:
            running = Site(settings, supervisor(settings, file, redis), redis)
            thread = threading.Thread(target=running.supervisor.run)
            thread.start()
            yield running
            running.stop.set()
            running.supervisor.request_stop()
            thread.join()


def kill_something(site: Site, dice: random.Random) -> str:
    """Kill one process, whichever the dice choose."""
    victims = {**site.supervisor.pids(), "redis": site.redis.pid}
    name = dice.choice(sorted(victims))
    os.kill(victims[name], signal.SIGKILL)
    return name


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


def newest_alert(database: Database) -> int:
    """The highest alert number so far."""
    with database.read() as session:
        return max(session.scalars(select(Alert.id)), default=0)


@pytest.mark.chaos
def test_whatever_is_killed_nothing_acknowledged_is_lost_or_doubled(site: Site) -> None:
    dice = random.Random(7)
    ranger = threading.Thread(target=be_a_ranger, args=(site,))
    ranger.start()
    killed: list[str] = []
    until = time.monotonic() + CHAOS_S
    while time.monotonic() < until:
        time.sleep(dice.uniform(2.0, 6.0))
        killed.append(kill_something(site, dice))
    database = Database(site.settings.database)
    before = newest_alert(database)
    time.sleep(CALM_S)
    after = newest_alert(database)
    site.stop.set()
    ranger.join()
    print(
        f"killed {len(killed)}: {killed}; {before} alerts, {after} after the calm, {len(site.acknowledged)} decisions"
    )

    assert len(set(killed)) >= 5
    assert after > before, "the watch did not go on"
    assert len(site.acknowledged) >= 3
    with database.read() as session:
        reviews = session.scalars(select(Review)).all()
        by_key = {review.idempotency_key: review.alert_id for review in reviews}
        assert site.acknowledged.items() <= by_key.items()
        assert len(by_key) == len(reviews)
        assert verify(session).broken_at is None
        assert session.scalars(select(Delivery)).all() == []
        alerts = session.scalars(select(Alert)).all()
        encounters = session.scalars(select(Encounter).order_by(Encounter.camera_id, Encounter.first_at)).all()
        assert sorted(alert.encounter_id for alert in alerts) == sorted(e.id for e in encounters)
        for first, second in pairwise(encounters):
            if first.camera_id == second.camera_id:
                assert second.first_at - first.last_at > QUIET_GAP_S, (first.id, second.id)
    database.close()
