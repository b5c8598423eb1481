"""A hundred open pages and fifty alerts a second: how long until every page has heard, and until a decision is taken.

The server, the pages and the writer are three processes, as in life; they share this machine's cores. A page is a
connection to the live stream over real HTTP; what it fetches afterwards is not counted, but for the first paint, which
a real browser measures with `--paint`.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import multiprocessing
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select

from bearwatch.embedded import EmbeddedRedis
from bench.tables import Row, percentile, show
from core.config import Config
from core.redis_client import connect
from core.settings import Settings
from core.telemetry import Telemetry
from db.migrate import upgrade
from db.models import Alert, Encounter, User
from db.places import sync_places
from db.session import Database
from review_ui.app import create_app
from review_ui.security import open_session
from review_ui.server import Server
from rollout.alerts import raise_alert
from rollout.outward import Outward

LATE_S = 5.0
"""How long after the last alert the pages go on listening."""
DECIDE_EVERY_S = 0.25
CONFIG = Config.model_validate(
    {
        "regions": {"bench": {"timezone": "UTC"}},
        "campsites": {f"camp-{n}": {"region": "bench"} for n in range(4)},
        "cameras": {f"camera-{n}": {"campsite": f"camp-{n % 4}", "url": "rtsp://127.0.0.1:1/x"} for n in range(20)},
    }
)


@dataclass
class Heard:
    """When each page heard of each alert, by the machine's monotonic clock."""

    arrivals: dict[int, list[float]] = field(default_factory=dict)
    pages: int = 0
    cut_off: int = 0


def serve(settings: Settings, told: Connection) -> None:
    """The server's process: says its port, and serves until it is ended."""
    server = Server(create_app(settings, CONFIG), "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)
    told.send(int(server.address.rpartition(":")[2]))
    told.recv()
    server.should_exit = True
    thread.join()


def listen(port: int, cookie: str, pages: int, told: Connection) -> None:
    """The pages' process: opens the streams, says so, listens until it is told to stop, and says what it heard."""
    told.send(asyncio.run(_listen(port, cookie, pages, told)))


async def _listen(port: int, cookie: str, pages: int, told: Connection) -> Heard:
    heard = Heard()
    tasks = [asyncio.create_task(_page(port, cookie, heard)) for _ in range(pages)]
    while heard.pages < pages:
        await asyncio.sleep(0.02)
    told.send("open")
    await asyncio.to_thread(told.recv)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return heard


async def _page(port: int, cookie: str, heard: Heard) -> None:
    last, opened = 0, False
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = ["GET /api/v1/events HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Cookie: bearwatch={cookie}"]
        lines += [f"Last-Event-ID: {last}"] if opened else []
        writer.write("\r\n".join([*lines, "", ""]).encode())
        try:
            async for line in reader:
                if line.startswith(b"event: hello") and not opened:
                    opened = True
                    heard.pages += 1
                elif line.startswith(b"id: "):
                    last = int(line[4:])
                elif line.startswith(b"data: ") and b'"alert.raised"' in line:
                    number = int(json.loads(line[6:])["subject"].partition(":")[2])
                    heard.arrivals.setdefault(number, []).append(time.monotonic())
        finally:
            writer.close()
        heard.cut_off += 1  # a page that lagged behind is cut off, comes back, and catches up


def write_alerts(database: Database, settings: Settings, rate: float, seconds: float) -> dict[int, float]:
    """Write alerts at a steady rate; returns when each was committed."""
    telemetry = Telemetry(connect(settings.redis))
    outward = Outward.of(CONFIG)
    committed: dict[int, float] = {}
    began = time.monotonic()
    for number in range(int(rate * seconds)):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        with database.write() as session:
            alert = raise_alert(session, _encounter(session, number), time.time(), outward)
        committed[alert.id] = time.monotonic()
        telemetry.ring()
    return committed


def _encounter(session: Any, number: int) -> Encounter:
    at = time.time()
    encounter = Encounter(
        camera_id=f"camera-{number % 20}", kind="bear", first_at=at - 1, last_at=at, decided_at=at, hits=3,
        peak_score=0.9, peak_box=(0.1, 0.1, 0.4, 0.4), cover=None, label="bear", zones=[], model="m", late=False,
    )  # fmt: skip
    session.add(encounter)
    session.flush()
    return encounter


def decide(database: Database, port: int, cookie: str, stop: threading.Event, took_s: list[float]) -> None:
    """A ranger who decides meanwhile, over real HTTP; how long each decision took to be acknowledged."""
    line = http.client.HTTPConnection("127.0.0.1", port)
    done = 0
    while not stop.wait(DECIDE_EVERY_S):
        with database.read() as session:
            number = session.scalar(select(Alert.id).where(Alert.id > done).order_by(Alert.id).limit(1))
        if number is None:
            continue
        done = number
        body = json.dumps({"verdict": "not_a_bear", "seen_version": 1, "idempotency_key": f"bench-decision-{number}"})
        headers = {"Cookie": f"bearwatch={cookie}", "Content-Type": "application/json"}
        began = time.perf_counter()
        line.request("POST", f"/api/v1/alerts/{number}/decisions", body, headers)
        answer = line.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the decision about alert {number} was answered with {answer.status}")
        took_s.append(time.perf_counter() - began)


def paint(port: int, cookie: str) -> list[Row]:
    """First paint of the watch page in a real browser, warm and cold."""
    from tests.browser.chromium import PHONE, launched

    rows: list[Row] = []
    with launched() as browser:
        context = browser.new_context(base_url=f"http://127.0.0.1:{port}", viewport=PHONE)
        context.add_cookies([{"name": "bearwatch", "value": cookie, "url": f"http://127.0.0.1:{port}"}])
        for what in ("first paint, cold", "first paint, warm"):
            seen = []
            for _ in range(1 if "cold" in what else 5):
                page = context.new_page()
                page.goto("/")
                page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
                seen.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
                page.close()
            rows.append(_row(what, [each / 1000 for each in seen], 500))
    return rows


def measure(pages: int, rate: float, seconds: float, with_paint: bool) -> list[Row]:
    """Everything, once."""
    with TemporaryDirectory() as directory, EmbeddedRedis(Path(directory) / "redis") as valkey:
        settings = Settings(redis_url=valkey.url, bearwatch_data=Path(directory))
        database = Database(settings.database)
        upgrade(database)
        with database.write() as session:
            sync_places(session, CONFIG)
            user = User(name="ranger", password_hash="!", role="ranger", active=True, created_at=time.time())
            session.add(user)
            session.flush()
            cookie = open_session(session, user, time.time()).token
        spawn = multiprocessing.get_context("spawn")
        to_server, at_server = spawn.Pipe()
        server = spawn.Process(target=serve, args=(settings, at_server))
        server.start()
        port = int(to_server.recv())
        painted = paint(port, cookie) if with_paint else []
        to_pages, at_pages = spawn.Pipe()
        listeners = spawn.Process(target=listen, args=(port, cookie, pages, at_pages))
        listeners.start()
        to_pages.recv()
        stop, took_s = threading.Event(), list[float]()
        ranger = threading.Thread(target=decide, args=(database, port, cookie, stop, took_s))
        ranger.start()
        began = time.monotonic()
        committed = write_alerts(database, settings, rate, seconds)
        wrote_s = time.monotonic() - began
        stop.set()
        ranger.join()
        time.sleep(LATE_S)
        to_pages.send("stop")
        heard: Heard = to_pages.recv()
        listeners.join()
        to_server.send("stop")
        server.join()
        database.close()
    waits = [at - committed[number] for number, ats in heard.arrivals.items() for at in ats if number in committed]
    lost = len(committed) * pages - len(waits)
    told = {**_row("alert committed to page told", waits, 1000), "of": f"{len(committed)} alerts, {pages} pages"}
    told |= {"lost": lost, "cut off": heard.cut_off, "alerts/s": len(committed) / wrote_s}
    return [told, _row("decision acknowledged", took_s, 100), *painted]


def _row(what: str, waits_s: Sequence[float], goal_ms: float) -> dict[str, Any]:
    at = {share: 1000 * percentile(waits_s, share) for share in (0.5, 0.99)}
    return {"what": what, "n": len(waits_s), "p50 ms": at[0.5], "p99 ms": at[0.99], "to reach ms": goal_ms}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--rate", type=float, default=50.0, help="alerts a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--paint", action="store_true", help="also the first paint, in Chromium")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    rows = measure(wanted.pages, wanted.rate, wanted.seconds, wanted.paint)
    show("Live pages", rows, wanted.json)


if __name__ == "__main__":
    main()
