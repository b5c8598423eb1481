"""From the lens to the ranger: eight moving cameras, three agreeing frames, every hop, and the memory of all of it."""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil
import redis
from sqlalchemy import select

from bearwatch.local_site import embedded_redis, prepare_database, supervisor
from bearwatch.supervisor import Supervisor
from bench.tables import Row, percentile, show
from core.config_file import load_config
from core.messages import Frame, FrameScores
from core.redis_client import connect
from core.settings import Settings
from core.streams import entries_of
from db.models import Alert, Encounter
from db.session import Database

PASSWORD = "bench-bench-bench"
SETTLE_S = 12.0
"""Cameras connect, the gate learns the background, the network loads; what happens meanwhile does not count."""
CONFIG = """\
regions: {{bench-region: {{timezone: UTC}}}}
campsites: {{bench: {{region: bench-region}}}}
cameras:
{cameras}
detector: {{quiet_gap_s: 4, sprint: {sprint}}}
"""


@dataclass
class Taps:
    """When each frame was seen where, by camera and capture time. Times are seconds since 1970."""

    queued_at: dict[tuple[str, float], float] = field(default_factory=dict)
    scored_at: dict[tuple[str, float], float] = field(default_factory=dict)
    published_at: dict[tuple[str, float], float] = field(default_factory=dict)
    on_page_at: dict[int, float] = field(default_factory=dict)


def listen_to_streams(client: redis.Redis, taps: Taps, stop: threading.Event) -> None:
    """Read both streams beside their consumers; a stream entry's id is the server's clock in milliseconds."""
    last: dict[Any, Any] = {"frames:0": "$", "scores:0": "$"}
    while not stop.is_set():
        for entry in entries_of(client.xread(last, count=200, block=200)):
            last[entry.stream] = entry.id
            _note(taps, entry.stream, int(entry.id.split("-")[0]) / 1000, entry.fields)


def _note(taps: Taps, stream: str, at: float, fields: Mapping[bytes, bytes]) -> None:
    if stream == "frames:0":
        frame = Frame.unpack(fields)
        taps.queued_at[(frame.camera, frame.captured_at)] = at
        return
    scores = FrameScores.unpack(fields)
    key = (scores.frame.camera, scores.frame.captured_at)
    taps.scored_at[key] = scores.scored_at
    taps.published_at[key] = at


def listen_as_a_page(address: str, taps: Taps, stop: threading.Event) -> None:
    """Log in and follow the live events, as an open page does."""
    with httpx.Client(base_url=address, headers={"Origin": address}, timeout=10) as browser:
        browser.post("/login", data={"name": "ranger", "password": PASSWORD})
        with browser.stream("GET", "/api/v1/events", timeout=None) as events:
            for line in events.iter_lines():
                if stop.is_set():
                    return
                if line.startswith("data:") and '"alert.raised"' in line:
                    subject = json.loads(line.removeprefix("data:"))["subject"]
                    taps.on_page_at[int(subject.partition(":")[2])] = time.time()


@contextmanager
def cameras(count: int) -> Iterator[dict[str, str]]:
    """Staged cameras in a process of their own; yields their addresses."""
    command = [sys.executable, "-m", "bearwatch", "camera-sim", "--scene", f"load:{count}", "--json"]
    command += ["--rtsp-port", "0", "--control-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        yield json.loads(line)["cameras"]
    finally:
        process.terminate()
        process.wait()


def memory_mb(root: psutil.Process) -> float:
    """Memory of a process and all below it, shared pages counted once (PSS)."""
    return sum(p.memory_full_info().pss for p in [root, *root.children(recursive=True)]) / 1e6


def measure(camera_count: int, seconds: float, sprint: bool = True) -> list[Row]:
    """Run the whole site for a while and read off when things happened."""
    with TemporaryDirectory() as directory, cameras(camera_count) as urls:
        data = Path(directory)
        file = data / "bearwatch.yaml"
        lines = [f"  {name}: {{campsite: bench, url: {json.dumps(url)}}}" for name, url in urls.items()]
        file.write_text(CONFIG.format(cameras="\n".join(lines), sprint=str(sprint).lower()))
        chosen = Settings(
            bearwatch_data=data, bearwatch_ui_port=8765, bearwatch_log="ERROR", bearwatch_admin_password=PASSWORD
        )
        prepare_database(chosen, load_config(file))
        with embedded_redis(chosen) as server:
            site = supervisor(chosen, file, server)
            return _watch(site, chosen, connect(server.url), seconds)


def _watch(site: Supervisor, chosen: Settings, client: redis.Redis, seconds: float) -> list[Row]:
    taps, stop = Taps(), threading.Event()
    address = f"http://127.0.0.1:{chosen.bearwatch_ui_port}"
    threads = [
        threading.Thread(target=site.run),
        threading.Thread(target=listen_to_streams, args=(client, taps, stop)),
    ]
    for thread in threads:
        thread.start()
    try:
        _wait_for_page(address)
        page = threading.Thread(target=listen_as_a_page, args=(address, taps, stop), daemon=True)
        page.start()
        time.sleep(SETTLE_S)
        began = time.time()
        cpu = sum(psutil.cpu_times()[:3])
        time.sleep(seconds)
        busy = (sum(psutil.cpu_times()[:3]) - cpu) / seconds
        memory = memory_mb(psutil.Process())
    finally:
        stop.set()
        site.request_stop()
        for thread in threads:
            thread.join()
    return _rows(taps, chosen, began, memory, busy)


def _wait_for_page(address: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{address}/healthz")
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError("the page did not come up within a minute")


def _rows(taps: Taps, chosen: Settings, began: float, memory: float, busy: float) -> list[Row]:
    hops: dict[str, list[float]] = {name: [] for name in HOPS}
    database = Database(chosen.database)
    with database.read() as session:
        for alert, encounter in session.execute(select(Alert, Encounter).join(Encounter)):
            key = (encounter.camera_id, encounter.decided_at)
            if encounter.first_at < began or alert.id not in taps.on_page_at or key not in taps.queued_at:
                continue
            on_page = taps.on_page_at[alert.id]
            hops["camera to stream"].append(taps.queued_at[key] - encounter.decided_at)
            hops["stream to scored"].append(taps.scored_at[key] - taps.queued_at[key])
            hops["scored to alert row"].append(alert.created_at - taps.scored_at[key])
            hops["alert row to page"].append(on_page - alert.created_at)
            hops["deciding frame to page"].append(on_page - encounter.decided_at)
            hops["first agreeing frame to page"].append(on_page - encounter.first_at)
    database.close()
    rows: list[Row] = [
        {
            "hop": name,
            "p50 ms": 1000 * percentile(values, 0.5),
            "p95 ms": 1000 * percentile(values, 0.95),
            "p99 ms": 1000 * percentile(values, 0.99),
            "n": len(values),
            "to reach": HOPS[name],
        }
        for name, values in hops.items()
    ]
    frames = len(taps.scored_at)
    return [
        *rows,
        {"hop": "frames scored", "n": frames},
        {"hop": f"busy cores (of {psutil.cpu_count()})", "n": round(busy, 2)},
        {"hop": "memory of all processes, MB", "n": round(memory), "to reach": "≤ 2500"},
    ]


HOPS = {
    "camera to stream": "",
    "stream to scored": "",
    "scored to alert row": "",
    "alert row to page": "",
    "deciding frame to page": "",
    "first agreeing frame to page": "p50 ≤ 900, p99 ≤ 1500",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--no-sprint", action="store_true", help="keep every camera at its own rate")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    rows = measure(arguments.cameras, arguments.seconds, not arguments.no_sprint)
    show(f"Latency, {arguments.cameras} moving cameras", rows, arguments.json)


if __name__ == "__main__":
    main()
