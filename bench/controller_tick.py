"""The rollout at the size of a state: a controller's tick for 1,000 cameras after a year of events, what `authority()`
costs, and how long a stop takes until it holds everywhere.

python -m bench.controller_tick [--cameras 1000] [--days 365] [--json]
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import redis
import yaml

from bearwatch.embedded import EmbeddedRedis
from bench.tables import percentile, show
from core.config import Config
from core.messages import CameraHealth, CameraStatus
from core.redis_client import connect
from core.telemetry import Telemetry
from db.migrate import upgrade
from db.models import Mode, User
from db.places import sync_places
from db.session import Database
from rollout.authority.authority import authority
from rollout.authority.freshness import Watermark, store_watermarks
from rollout.authority.leases import write_leases
from rollout.control.controller import SETTLE_IN_SHADOW_S, Controller
from rollout.control.service import perform
from rollout.stages import commands as c
from rollout.stages.event_store import append, load
from rollout.stages.gates import GateOutcome, GateResult
from rollout.stages.in_memory import InMemoryRollout
from rollout.stages.plan import RolloutPlan
from rollout.stages.plan_watcher import PlanWatcher
from rollout.stages.promotion import analysis_opens_at
from rollout.stages.state import State

PER_CAMPSITE = 4
START = 1_800_000_000.0
MODEL = "bench-model"
LEAD = c.Person("lena", ("lead_ranger",))
OWNER = c.Person("omar", ("model_owner",))
RANGER = c.Person("rosa", ("ranger",))
TRIPS_A_DAY = 8


def configuration(cameras: int) -> dict[str, Any]:
    """So many cameras, four at each campsite, in one region."""
    sites = [f"site-{number:03d}" for number in range(cameras // PER_CAMPSITE)]
    return {
        "regions": {"state": {"timezone": "America/Los_Angeles"}},
        "campsites": {site: {"region": "state"} for site in sites},
        "cameras": {
            f"{site}-{number}": {"campsite": site, "url": "rtsp://127.0.0.1:1/x"}
            for site in sites
            for number in range(PER_CAMPSITE)
        },
        "rollout": {"on_call": {"duty": {"user": "rosa", "contact": ["json://127.0.0.1:9/rosa"]}}},
    }


class Year:
    """A year in the rollout, decided by the real code: promoted to everywhere, and every day some cameras go blind."""

    def __init__(self, plan: RolloutPlan) -> None:
        self.rollout, self.now = InMemoryRollout(plan), START

    @property
    def state(self) -> State:
        return self.rollout.state

    def give(self, command: c.Command) -> None:
        self.rollout.give(command, self.now)

    def promote(self) -> None:
        self.now = max(self.now, analysis_opens_at(self.rollout.plan, self.state))
        for by in (LEAD, OWNER):
            self.give(c.Approve(by=by))
        gates = tuple(
            GateResult(str(gate), gate.metric, GateOutcome.PASSED)
            for gate in self.rollout.plan.stages[self.state.stage].gates
        )
        self.give(c.Promote(by=RANGER, gates=gates, able=("rosa",)))

    def live(self, days: int) -> None:
        for _ in range(4):
            self.promote()
        sites = self.state.granted
        for day in range(days):
            for trip in range(TRIPS_A_DAY):
                self.now += 86400 / TRIPS_A_DAY
                self.blink(sites[(day * TRIPS_A_DAY + trip) % len(sites)].campsite)
            if self.state.deadline_at is not None and self.now >= analysis_opens_at(self.rollout.plan, self.state):
                self.promote()
            self.give(c.Tick())

    def blink(self, site: str) -> None:
        camera = f"{site}-0"
        unit = f"camera:{camera}"
        reason = "camera_silent_s > 120: 130 at " + unit
        self.give(
            c.BreakerTripped(breaker="camera_loss", unit=unit, reason=reason, campsites=(site,), cameras=(camera,))
        )
        self.give(c.WatchAck(by=RANGER))
        for by in (LEAD, OWNER):
            self.give(c.BreakerReset(by=by, latch=f"camera_loss@{unit}", cause="the cable was cut and is mended"))


def report(client: redis.Redis, config: Config, now: float) -> None:
    """Everything is well, as every process would say it."""
    telemetry = Telemetry(client)
    for process in ("detector:bench", "tracker:0", "ingest", "jobs"):
        telemetry.beat(process, now, {"model": MODEL})
    telemetry.beat("machine:bench", now, {"load": 0.2, "memory_used": 0.3, "disk_free": 0.8})
    telemetry.report_cameras(
        [CameraStatus(name, CameraHealth.LIVE, "", now, now, 640, 360, 15.0, 5.0, 0, {}, {}) for name in config.cameras]
    )


def ticks(folder: Path, database: Database, watcher: PlanWatcher, days: int, count: int = 20) -> list[dict[str, Any]]:
    """A controller that starts after the year, and then works."""
    year = Year(watcher.plan)
    year.give(c.PlanChanged())
    year.give(c.ModelChanged(MODEL))
    year.live(days)
    with database.write() as session:
        sync_places(session, watcher.config)
        for each in (LEAD, OWNER, RANGER):
            session.add(User(name=each.name, password_hash="!", role=each.roles[0], created_at=START))
        append(session, State(), year.rollout.history, [event.by for event in year.rollout.history])
        write_leases(session, year.state, year.now, watcher.plan.lease_ttl_s, watcher.plan.defaults.freshness)
        seen = Watermark(year.now + 600.0, START)  # the tracker would renew it: the ticks are all before that
        store_watermarks(session, dict.fromkeys(watcher.config.cameras, seen))
    with EmbeddedRedis(folder) as server:
        client = connect(server.url)
        fresh = Database(str(database.url))
        controller = Controller(watcher, fresh, client)
        controller.began_at = year.now - SETTLE_IN_SHADOW_S
        took, cpu = [], []
        for number in range(count + 1):
            now = year.now + 5.0 * (number + 1)
            report(client, watcher.config, now)
            began, worked = time.perf_counter(), time.thread_time()
            controller.tick(now)
            took.append(time.perf_counter() - began)
            cpu.append(time.thread_time() - worked)
        fresh.close()
        client.close()
    first = f"first tick: replay of {len(year.rollout.history)} events"
    return [
        {"what": first, "p50 s": took[0], "p99 s": took[0], "p50 cpu s": cpu[0]},
        {
            "what": f"tick, {len(watcher.config.cameras)} cameras",
            "p50 s": percentile(took[1:], 0.5),
            "p99 s": max(took[1:]),
            "p50 cpu s": percentile(cpu[1:], 0.5),
        },
    ]


def cost_of_authority(database: Database, site: str, now: float, count: int = 5000) -> list[dict[str, Any]]:
    """Asked again and again inside one transaction, as whoever acts asks it."""
    with database.write() as session:
        authority(session, site, now)
        took = []
        for _ in range(count):
            began = time.perf_counter()
            authority(session, site, now, f"{site}-1")
            took.append(time.perf_counter() - began)
    return [
        {"what": "authority()", "p50 us": percentile(took, 0.5) * 1e6, "p99 us": percentile(took, 0.99) * 1e6},
    ]


def stop_to_effect(database: Database, plan: RolloutPlan, site: str, count: int = 10) -> list[dict[str, Any]]:
    """From the command to the moment when another process reads shadow."""
    other, took, now = Database(str(database.url)), [], 0.0
    for _ in range(count):
        with database.write() as session:
            state = load(session)
            now = state.at + 1
            gates = tuple(GateResult(str(g), g.metric, GateOutcome.PASSED) for g in plan.stages[state.stage].gates)
        now = max(now, analysis_opens_at(plan, state))
        for command in (c.WatchAck(by=RANGER), c.Approve(by=LEAD), c.Approve(by=OWNER)):
            _try(database, plan, command, now)
        _try(database, plan, c.Promote(by=RANGER, gates=gates, able=("rosa",)), now)
        took.append(_stop(database, other, plan, site, now))
        _try(database, plan, c.WatchAck(by=RANGER), now)
        for by in (LEAD, OWNER):
            _try(database, plan, c.BreakerReset(by=by, latch="kill", cause="only a measurement"), now)
    other.close()
    return [{"what": "stop to effect in another process", "p50 s": percentile(took, 0.5), "p99 s": max(took)}]


def _stop(database: Database, other: Database, plan: RolloutPlan, site: str, now: float) -> float:
    ended: list[float] = []

    def read_status() -> None:
        while not ended:
            with other.read() as session:
                if authority(session, site, now) is Mode.SHADOW:
                    ended.append(time.perf_counter())

    with other.read() as session:
        assert authority(session, site, now) is not Mode.SHADOW, "nothing is live that could be stopped"
    reader = threading.Thread(target=read_status)
    reader.start()
    began = time.perf_counter()
    perform(database, plan, c.EmergencyStop(by=RANGER), now)
    reader.join()
    return ended[0] - began


def _try(database: Database, plan: RolloutPlan, command: c.Command, now: float) -> None:
    try:
        perform(database, plan, command, now)
    except c.Refused:
        return


def main() -> int:
    """Measure, and print a table each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=1000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "bearwatch.yaml"
        file.write_text(yaml.safe_dump(configuration(arguments.cameras), sort_keys=False))
        watcher = PlanWatcher.load(file)
        database = Database(f"sqlite:///{folder / 'plan.sqlite3'}")
        upgrade(database)
        rows = ticks(folder, database, watcher, arguments.days)
        site = next(iter(watcher.config.campsites))
        with database.read() as session:
            now = load(session).at
        rows += stop_to_effect(database, watcher.plan, site)
        rows += cost_of_authority(database, site, now)
        database.close()
    show("The rollout", rows, arguments.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
