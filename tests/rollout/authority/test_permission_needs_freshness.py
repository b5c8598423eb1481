"""Whatever stops on a camera's path, its warnings are paused within what is promised, and come back by themselves.

A real Redis, detector, tracker and controller; only the cameras are played.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from sqlalchemy import select

import detector.self_test
import detector.tracking.track_worker
import rollout.control.controller
from bearwatch.embedded import EmbeddedRedis
from core.clock import now_s
from core.config import Config, Detector
from core.media import MediaStore
from core.messages import Reason
from core.redis_client import RedisDown, connect
from core.streams import FrameStreams
from core.telemetry import Telemetry
from db.models import FreshnessGap, LedgerEntry, Mode, User
from db.session import Database
from detector.engines.choose import choose_engine
from detector.engines.engine import Engine
from detector.tracking.track_worker import TrackWorker
from detector.worker import DetectorWorker
from rollout.authority.authority import authority, granted
from rollout.breakers import open_trips
from rollout.control.controller import Controller
from rollout.control.service import perform
from rollout.stages import commands as c
from rollout.stages.event_store import load
from rollout.stages.plan_watcher import PlanWatcher
from tests.support.factories import frame
from tests.support.rollout.breaker_site import camera_status
from tests.support.rollout.rollout_plans import DAY_S, EVERYBODY, LEAD, ON_CALL, OPERATOR, OWNER, gate_results
from tests.support.waiting import wait_for

CREEK, TRAIL = "upper-creek", "upper-trail"
WITHIN_S, BACK_S = 10.0, 1.0
SOON_S = 60.0
"""Long enough for a loaded machine; what is promised is far shorter."""


@dataclass
class Network:
    """The built-in model, until somebody breaks it."""

    engine: Engine
    broken: bool = False

    def __post_init__(self) -> None:
        self.name, self.device, self.input_px = self.engine.name, self.engine.device, self.engine.input_px
        self.bundle, self.threads, self.runtime = self.engine.bundle, self.engine.threads, self.engine.runtime

    def infer(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Its answers, or nothing but zeros."""
        logits = self.engine.infer(crops)
        return np.zeros_like(logits) if self.broken else logits


@dataclass
class Site:
    """Two cameras of a live campsite, and everything behind them."""

    database: Database
    redis: EmbeddedRedis
    network: Network
    filming: set[str] = field(default_factory=lambda: {CREEK, TRAIL})

    def film(self, stop: threading.Event) -> None:
        """Send a quiet picture of each camera that films, a few times a second."""
        client = connect(self.redis.url)
        road, telemetry, number = FrameStreams(client), Telemetry(client), 0
        while not stop.wait(0.25):
            number += 1
            try:
                road.send_frames([frame(name, now_s(), number, Reason.MOTION) for name in sorted(self.filming)])
                telemetry.report_cameras([camera_status(name, now_s()) for name in (CREEK, TRAIL)])
            except RedisDown:
                continue
        client.close()

    def live(self) -> set[str]:
        """The cameras that have authority at this moment."""
        with self.database.read() as session:
            return {x for x in (CREEK, TRAIL) if authority(session, "upper-pines", now_s(), x) is Mode.ASSISTED}

    def takes(self, wanted: set[str], within_s: float) -> float:
        """Seconds until exactly these cameras have authority; fails when that takes too long."""
        began = time.monotonic()
        wait_for(lambda: self.live() == wanted, within_s)
        return time.monotonic() - began

    def causes(self) -> set[str]:
        """What the controller has written down as causes."""
        with self.database.read() as session:
            return set(session.scalars(select(FreshnessGap.why)))

    def all_is_said(self) -> bool:
        """Whether the controller has seen all cameras come back."""
        with self.database.read() as session:
            return set(session.scalars(select(FreshnessGap.over))) == {"sight"}

    def ledger(self) -> set[str]:
        """The kinds of what the ledger holds."""
        with self.database.read() as session:
            return set(session.scalars(select(LedgerEntry.kind)))

    def nothing_is_latched(self) -> bool:
        """No breaker is open, nobody was paged, and the lease stands as it did."""
        with self.database.read() as session:
            state = load(session)
            stands = granted(session, "upper-pines", now_s()) is Mode.ASSISTED
            return stands and not (state.latches or state.handovers or open_trips(session))


@pytest.fixture
def site(sqlite_database: Database, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The first live stage runs at Upper Pines. Times are shorter than on site, the rules are the same."""
    monkeypatch.setattr(detector.self_test, "EVERY_S", 0.5)
    monkeypatch.setattr(detector.self_test, "AGAIN_AFTER_S", 0.5)
    monkeypatch.setattr(detector.tracking.track_worker, "FLUSH_EVERY_S", 0.2)
    monkeypatch.setattr(rollout.control.controller, "TICK_S", 1.5)
    freshness = {"within": f"{WITHIN_S:g}s", "back_after": f"{BACK_S:g}s"}
    written = config.model_dump(mode="json", exclude_unset=True) | {
        "motion": {"keepalive_s": 1},
        "rollout": {"on_call": ON_CALL, "defaults": {"freshness": freshness}},
    }
    file = tmp_path / "bearwatch.yaml"
    file.write_text(yaml.safe_dump(written, sort_keys=False))
    watcher = PlanWatcher.load(file)
    network = Network(choose_engine("cpu", "built-in", threads=1, runtime="onnx"))
    _go_live(sqlite_database, watcher, network.name)
    with EmbeddedRedis(tmp_path / "redis") as server:
        made = Site(sqlite_database, server, network)
        stop = threading.Event()
        clients = [connect(server.url) for _ in range(3)]
        controller = Controller(watcher, sqlite_database, clients[0])
        controller.began_at = now_s() - 60  # it has been here all along: its breakers are asked
        tracker = TrackWorker(watcher.config, sqlite_database, clients[1], MediaStore(tmp_path / "media"), 0)
        worker = DetectorWorker(made.network, Detector(), clients[2], [0])
        work: list[Callable[[threading.Event], None]] = [made.film, controller.run, tracker.run, worker.run]
        threads = [threading.Thread(target=each, args=(stop,)) for each in work]
        for thread in threads:
            thread.start()
        try:
            yield made
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            for client in clients:
                client.close()


def _go_live(database: Database, watcher: PlanWatcher, model: str) -> None:
    """Two weeks in shadow, then two people and a third."""
    now = now_s()
    with database.write() as session:
        for person in EVERYBODY:
            session.add(User(name=person.name, password_hash="!", role=person.roles[0], created_at=now - 30 * DAY_S))
    for command in (c.PlanChanged(), c.ModelChanged(model)):
        perform(database, watcher.plan, command, now - 20 * DAY_S)
    for by in (LEAD, OWNER):
        perform(database, watcher.plan, c.Approve(by=by), now)
    with database.read() as session:
        gates = gate_results(watcher.plan, load(session))
    assert perform(database, watcher.plan, c.Promote(by=OPERATOR, gates=gates, able=("rosa",)), now).started


@pytest.mark.timeout(600)
def test_authority_rests_wherever_a_path_is_broken_and_is_given_back_with_nothing_latched(site: Site) -> None:
    site.takes({CREEK, TRAIL}, SOON_S + WITHIN_S)

    site.filming.remove(CREEK)
    assert site.takes({TRAIL}, WITHIN_S + 2.0) > 1.0
    wait_for(lambda: "its pictures do not arrive" in site.causes(), SOON_S)

    site.redis.stop()
    site.takes(set(), WITHIN_S - 1.0)
    wait_for(lambda: "Redis does not answer" in site.causes(), SOON_S)
    site.filming.add(CREEK)
    site.redis.start()
    site.takes({CREEK, TRAIL}, SOON_S + WITHIN_S)
    wait_for(site.all_is_said, SOON_S)
    assert site.nothing_is_latched()
    assert {"sight.lost", "sight.returned"} <= site.ledger()
    assert "rollout.handover_began" not in site.ledger()

    site.network.broken = True
    site.takes(set(), WITHIN_S - 1.0)
    wait_for(lambda: "rollout.handover_began" in site.ledger(), SOON_S)
    with site.database.read() as session:
        assert [trip.breaker for trip in open_trips(session)] == ["self_proof"]
