"""A hundred open pages and fifty alerts a second: how long until every page has heard, and until a decision is taken.

The server, the pages and the writer are three processes, as in life; they share this machine's cores. A page is a
connection to the live stream over real HTTP, each of another person. With `--fetch` it also fetches the watch page's
part when it has heard something, as its script does; the first paint a real browser measures with `--paint`.

A clock says little on a busy machine: so every process's CPU time is told, and how busy others kept the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select

from bearwatch.embedded import EmbeddedRedis
from bench.busy import CpuSeconds, Meter
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
from review_ui.auth.accounts import open_session
from review_ui.server import Server
from rollout.alerting.alerts import raise_alert
from rollout.alerting.recipients import Recipients

LATE_S = 5.0
"""How long after the last alert the pages go on listening."""
SETTLE_S = 2.0
"""How long the open pages are left alone before the first alert."""
DECIDE_EVERY_S = 0.25
FRAGMENT = "/fragments/watch"
REFRESH_EVERY_S = 1.0
REST_FACTOR = 3.0
"""As in ``static/js/refresh.js``: a page refreshes once a second at most, and less often where answers take long."""
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
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
    fetched_s: list[float] = field(default_factory=list)
    """How long each refresh of the watch page's part took."""


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


def listen(port: int, cookies: Sequence[str], fetch: bool, told: Connection) -> None:
    """The pages' process: opens the streams, says so, listens until it is told to stop, and says what it heard."""
    told.send(asyncio.run(_listen(port, cookies, fetch, told)))


async def _listen(port: int, cookies: Sequence[str], fetch: bool, told: Connection) -> Heard:
    heard = Heard()
    tasks = []
    for cookie in cookies:
        news = asyncio.Event()
        tasks.append(asyncio.create_task(_page(port, cookie, heard, news)))
        if fetch:
            tasks.append(asyncio.create_task(_refresh(port, cookie, heard, news)))
    while heard.pages < len(cookies):
        await asyncio.sleep(0.02)
        for task in tasks:
            if task.done():
                task.result()  # says why a page could not be opened
    told.send("open")
    await asyncio.to_thread(told.recv)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return heard


def _request(path: str, port: int, cookie: str, *more: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Cookie: bearwatch={cookie}", *more, "", ""]
    return "\r\n".join(lines).encode()


async def _page(port: int, cookie: str, heard: Heard, news: asyncio.Event) -> None:
    last, opened = 0, False
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_request("/api/v1/events", port, cookie, *([f"Last-Event-ID: {last}"] if opened else [])))
        try:
            async for line in reader:
                if line.startswith(b"event: cameras") and not opened:
                    opened = True
                    heard.pages += 1
                elif line.startswith(b"id: "):
                    last = int(line[4:])
                elif line.startswith(b"data: ") and b'"alert.raised"' in line:
                    number = int(json.loads(line[6:])["subject"].partition(":")[2])
                    heard.arrivals.setdefault(number, []).append(time.monotonic())
                    news.set()
        finally:
            writer.close()
        heard.cut_off += 1  # a page that lagged behind is cut off, comes back, and catches up


async def _refresh(port: int, cookie: str, heard: Heard, news: asyncio.Event) -> None:
    """Fetch what changed, with the pauses of ``static/js/refresh.js``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        await news.wait()
        news.clear()
        began = time.monotonic()
        writer.write(_request(FRAGMENT, port, cookie, "Accept-Encoding: gzip"))
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{FRAGMENT} was answered with {head[:40]!r}")
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
        took_s = time.monotonic() - began
        heard.fetched_s.append(took_s)
        await asyncio.sleep(max(REFRESH_EVERY_S - took_s, REST_FACTOR * took_s))


def write_alerts(database: Database, settings: Settings, rate: float, seconds: float) -> tuple[dict[int, float], float]:
    """Write alerts at a steady rate, each in its own transaction; returns when each was committed, and the CPU-s."""
    telemetry = Telemetry(connect(settings.redis))
    recipients = Recipients.of(CONFIG)
    committed: dict[int, float] = {}
    began, cpu = time.monotonic(), time.thread_time()
    for number in range(int(rate * seconds)):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        with database.write() as session:
            alert = raise_alert(session, _encounter(session, number), time.time(), recipients)
        committed[alert.id] = time.monotonic()
        telemetry.publish_wake_up()
    return committed, time.thread_time() - cpu


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
    from tests.support.browser.chromium import PHONE, launched

    rows: list[Row] = []
    with launched() as browser:
        context = browser.new_context(base_url=f"http://127.0.0.1:{port}", viewport=PHONE)
        context.add_cookies([{"name": "bearwatch", "value": cookie, "url": f"http://127.0.0.1:{port}"}])
        for what in ("first paint, cold", "first paint, warm"):
            seen = []
            for _ in range(1 if "cold" in what else 5):
                page = context.new_page()
                page.goto("/")
                while (at := page.evaluate(FIRST_PAINT)) is None:
                    page.wait_for_timeout(20)
                seen.append(at)
                page.close()
            rows.append(_row(what, [each / 1000 for each in seen], 500))
    return rows


@dataclass
class PageRun:
    """What one run has shown."""

    committed: dict[int, float]
    heard: Heard
    decided_s: list[float]
    wrote_s: float
    writer_cpu_s: float
    spent: CpuSeconds


def measure(pages: int, rate: float, seconds: float, *, with_paint: bool, fetch: bool) -> dict[str, list[Row]]:
    """Everything, once; tables by their titles."""
    with TemporaryDirectory() as directory, EmbeddedRedis(Path(directory) / "redis") as valkey:
        settings = Settings(redis_url=valkey.url, bearwatch_data=Path(directory))
        with closing(Database(settings.database)) as database:
            upgrade(database)
            cookies = _people(database, pages + 1)
            with _process(serve, settings) as (server, to_server):
                port = int(to_server.recv())
                painted = paint(port, cookies[0]) if with_paint else []
                with _process(listen, port, cookies[1:], fetch) as (listeners, to_pages):
                    to_pages.recv()
                    time.sleep(SETTLE_S)
                    pids = {"server": server, "pages": listeners, "writer and ranger": os.getpid()}
                    run = _run(database, settings, port, cookies[0], to_pages, pids, rate, seconds)
                to_server.send("stop")
    return _tables(run, pages, painted)


def _run(
    database: Database,
    settings: Settings,
    port: int,
    cookie: str,
    to_pages: Connection,
    pids: dict[str, int],
    rate: float,
    seconds: float,
) -> PageRun:
    stop, decided_s = threading.Event(), list[float]()
    ranger = threading.Thread(target=decide, args=(database, port, cookie, stop, decided_s))
    meter = Meter(pids)
    ranger.start()
    began = time.monotonic()
    committed, cpu_s = write_alerts(database, settings, rate, seconds)
    wrote_s = time.monotonic() - began
    stop.set()
    ranger.join()
    time.sleep(LATE_S)
    spent = meter.read()
    to_pages.send("stop")
    return PageRun(committed, to_pages.recv(), decided_s, wrote_s, cpu_s, spent)


def _people(database: Database, count: int) -> list[str]:
    """Add rangers, and log each in; returns their cookies."""
    with database.write() as session:
        sync_places(session, CONFIG)
        now = time.time()
        users = [
            User(name=f"ranger-{n}", password_hash="!", role="ranger", active=True, created_at=now)
            for n in range(count)
        ]
        session.add_all(users)
        session.flush()
        return [open_session(session, user, now).token for user in users]


@contextmanager
def _process(function: Callable[..., None], *arguments: Any) -> Iterator[tuple[int, Connection]]:
    """A process and the line to it, which breaks when the process dies."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=function, args=(*arguments, theirs))
    process.start()
    theirs.close()
    try:
        yield process.pid or 0, ours
        process.join()
    finally:
        process.terminate()


def _tables(run: PageRun, pages: int, painted: Sequence[Row]) -> dict[str, list[Row]]:
    alerts, arrivals = len(run.committed), run.heard.arrivals
    waits = [at - run.committed[number] for number, ats in arrivals.items() for at in ats if number in run.committed]
    rows = [_row("alert committed to page told", waits, 1000), _row("decision acknowledged", run.decided_s, 100)]
    if run.heard.fetched_s:
        rows.append(_row("watch page's part fetched", run.heard.fetched_s, None))
    held = {"alerts": alerts, "alerts/s": alerts / run.wrote_s, "pages": pages}
    held |= {"lost": alerts * pages - len(waits), "cut off": run.heard.cut_off}
    spent = {**run.spent.cpu_s, "of it the writer": run.writer_cpu_s}
    cpu: list[Row] = [
        {"process": name, "CPU-s": s, "ms an alert": 1e3 * s / alerts, "µs an alert and page": 1e6 * s / alerts / pages}
        for name, s in spent.items()
    ]
    return {
        "Live pages": [*rows, *painted],
        "What they were told": [held],
        "CPU time": cpu,
        "The machine": [run.spent.row()],
    }


def _row(what: str, waits_s: Sequence[float], goal_ms: float | None) -> dict[str, Any]:
    at = {share: 1000 * percentile(waits_s, share) for share in (0.5, 0.99)}
    row: dict[str, Any] = {"what": what, "n": len(waits_s), "p50 ms": at[0.5], "p99 ms": at[0.99]}
    return row if goal_ms is None else {**row, "to reach ms": goal_ms}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--rate", type=float, default=50.0, help="alerts a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--paint", action="store_true", help="also the first paint, in Chromium")
    parser.add_argument("--fetch", action="store_true", help="pages also fetch what has changed")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    tables = measure(wanted.pages, wanted.rate, wanted.seconds, with_paint=wanted.paint, fetch=wanted.fetch)
    if wanted.json:
        show("Live pages", [row for rows in tables.values() for row in rows], True)
        return
    for title, rows in tables.items():
        show(title, rows, False)


if __name__ == "__main__":
    main()
