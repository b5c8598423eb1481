"""What it costs that somebody looks at cameras: CPU of reader and page with one open page of live pictures and without.

    python -m bench.live_view --cameras 4 --seconds 20 [--json]

Cameras, Redis and whoever looks run in processes of their own and are not counted.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from bearwatch.embedded import EmbeddedRedis
from bench.ingest_cost import FPS, configuration, ingest_process, until_live
from bench.tables import Row, percentile, show
from core.config import Config
from core.redis_client import connect
from core.settings import Settings
from db.migrate import upgrade
from db.models import Role, User
from db.places import sync_places
from db.session import Database
from review_ui.auth.accounts import open_session
from simulation.cameras.builtin import load_test_scenes
from simulation.cameras.staged_server import StagedCameras

WARM_UP_S = 4.0


def work(config_json: str, redis_url: str, data: str, port: int) -> None:
    """The page."""
    from review_ui.app import create_app
    from review_ui.server import Server

    config = Config.model_validate_json(config_json)
    database = Database(f"sqlite:///{data}/bearwatch.sqlite3")
    server = Server(
        create_app(Settings(redis_url=redis_url, bearwatch_data=Path(data)), config, database), "127.0.0.1", port
    )
    signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
    server.run()


@contextmanager
def page_process(config: Config, redis_url: str, data: Path, port: int) -> Iterator[int]:
    """The page in a process of its own; yields its number once it answers."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=work, args=(config.model_dump_json(), redis_url, str(data), port))
    process.start()
    try:
        _until_up(port)
        yield process.pid or 0
    finally:
        process.terminate()
        process.join(10.0)


def session_of(config: Config, data: Path) -> str:
    """A new site's database with one person in it; their session."""
    database = Database(f"sqlite:///{data}/bearwatch.sqlite3")
    upgrade(database)
    with database.write() as session:
        sync_places(session, config)
        user = User(name="bench", password_hash="", role=Role.RANGER, active=True, created_at=time.time())
        session.add(user)
        session.flush()
        token = open_session(session, user, time.time()).token
    database.close()
    return token


class Looking:
    """One open page: reads the stream on a thread until it is told to stop."""

    def __init__(self, port: int, token: str, cameras: list[str]) -> None:
        asked = "&".join(f"camera={name}" for name in cameras)
        address = f"http://127.0.0.1:{port}/cameras/live?{asked}"
        self.request = urllib.request.Request(address, headers={"Cookie": f"bearwatch={token}"})
        self.ages: list[float] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        with urllib.request.urlopen(self.request) as answer:  # an address of this file's own
            while not self.stop.is_set():
                line = json.loads(answer.readline())
                if line["size"]:
                    answer.read(line["size"])
                    self.ages.append(line["age_s"])


def measure(cameras: int, seconds: float, directory: Path, redis_url: str) -> list[Row]:
    """Both states, one after the other, in one run."""
    client = connect(redis_url)
    with StagedCameras(load_test_scenes(cameras, FPS)) as staged:
        config = configuration(staged)
        token, port = session_of(config, directory), _free_port()
        with ingest_process(config, redis_url) as ingest, page_process(config, redis_url, directory, port) as page:
            until_live(client, cameras)
            time.sleep(WARM_UP_S)
            processes = [psutil.Process(ingest.pid), psutil.Process(page)]
            alone = _cores(processes, seconds)
            looking = Looking(port, token, list(staged.names))
            looking.thread.start()
            time.sleep(WARM_UP_S)
            looking.ages.clear()
            looked_at = _cores(processes, seconds)
            pictures = len(looking.ages)
            looking.stop.set()
            looking.thread.join(5.0)
    client.close()
    return [
        {"what": "cameras that are looked at", "value": cameras},
        {"what": "cores of reader and page, nobody looks", "value": alone},
        {"what": "cores of reader and page, one page looks", "value": looked_at},
        {"what": "cost of looking, cores", "value": looked_at - alone},
        {"what": "pictures a second and camera", "value": pictures / seconds / cameras},
        {"what": "age of a picture as it is sent, p50 / p99 s", "value": _ages(looking.ages)},
    ]


def _ages(ages: list[float]) -> str:
    return f"{percentile(ages, 0.5):.2f} / {percentile(ages, 0.99):.2f}"


def _cores(processes: list[psutil.Process], seconds: float) -> float:
    def spent() -> float:
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    before, began = spent(), time.monotonic()
    time.sleep(seconds)
    return (spent() - before) / (time.monotonic() - began)


def _until_up(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the page did not answer within a minute")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with TemporaryDirectory() as directory, EmbeddedRedis(Path(directory) / "redis") as server:
        rows = measure(arguments.cameras, arguments.seconds, Path(directory), server.url)
    show("Live view", rows, arguments.json)


if __name__ == "__main__":
    main()
