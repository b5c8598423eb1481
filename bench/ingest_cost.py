"""Cameras per core: what one ingest process needs for staged cameras on which somebody is always walking.

    python -m bench.ingest_cost --cameras 8 --seconds 20 [--troubles] [--json]

Cameras and Redis run in processes of their own and are not counted. ``--troubles`` also measures how soon a camera in
trouble counts as blind, and how soon it sees again once healed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import psutil
import redis

from bearwatch.embedded import EmbeddedRedis
from bench.tables import Row, show
from core.config import Config, Motion
from core.messages import CameraHealth
from core.redis_client import connect
from core.settings import Settings
from core.telemetry import Telemetry
from ingest.scene.motion import MotionGate
from ingest.scene.picture import small_luma
from simulation.cameras.builtin import load_test_scenes
from simulation.cameras.fault_injection import CameraFault
from simulation.cameras.render import SceneRenderer
from simulation.cameras.staged_server import StagedCameras

FPS = 15
WARM_UP_S = 5.0
SUFFER_S = 10.0
BLIND_AFTER_S = 4.0
HEAL_WITHIN_S = 60.0


def configuration(cameras: StagedCameras, blind_after_s: float = 15.0) -> Config:
    """All staged cameras at one campsite."""
    return Config.model_validate(
        {
            "regions": {"bench-county": {"timezone": "UTC"}},
            "campsites": {"bench": {"region": "bench-county"}},
            "cameras": {name: {"campsite": "bench", "url": cameras.url(name)} for name in cameras.names},
            "blind_after_s": blind_after_s,
        }
    )


def work(config_json: str, redis_url: str) -> None:
    """The measured process."""
    from ingest.ingest_process import run

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    run(Config.model_validate_json(config_json), Settings(redis_url=redis_url), stop)


@contextmanager
def ingest_process(config: Config, redis_url: str) -> Iterator[BaseProcess]:
    """Ingest in a process of its own."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=work, args=(config.model_dump_json(), redis_url))
    process.start()
    try:
        yield process
    finally:
        process.terminate()
        process.join(5.0)


def until_live(client: redis.Redis, count: int) -> None:
    """Wait until so many cameras are live."""
    deadline = time.monotonic() + HEAL_WITHIN_S
    while sum(status.health is CameraHealth.LIVE for status in Telemetry(client).cameras().values()) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"not all of {count} cameras became live: {json.dumps(Telemetry(client).heartbeats())}")
        time.sleep(0.1)


def load(cameras: StagedCameras, redis_url: str, seconds: float) -> list[Row]:
    """What the process needs while it watches."""
    client = connect(redis_url)
    with ingest_process(configuration(cameras), redis_url) as process:
        until_live(client, len(cameras.names))
        time.sleep(WARM_UP_S)
        measured = psutil.Process(process.pid)
        before, sent_before, began = measured.cpu_times(), _sent(client), time.monotonic()
        time.sleep(seconds)
        after, sent, wall_s = measured.cpu_times(), _sent(client) - sent_before, time.monotonic() - began
        memory_mb = measured.memory_info().rss / 1e6
        statuses = Telemetry(client).cameras().values()
    client.close()
    cores = (after.user + after.system - before.user - before.system) / wall_s
    source_fps = sum(status.source_fps for status in statuses)
    return [
        {"what": "cameras, 640x360 at 15 frames/s", "value": len(cameras.names)},
        {"what": "cores in use", "value": cores},
        {"what": "cameras per core", "value": len(cameras.names) / cores},
        {"what": "CPU-ms per source frame", "value": 1000 * cores / source_fps},
        {"what": "frames arriving per second", "value": source_fps},
        {"what": "frames analysed per second", "value": sum(status.analysed_fps for status in statuses)},
        {"what": "frames sent per second", "value": sent / wall_s},
        {"what": "frames dropped", "value": sum(sum(status.dropped.values()) for status in statuses)},
        {"what": "resident memory, MB", "value": memory_mb},
    ]


def gate_ms(cameras: int = 1) -> Row:
    """CPU-milliseconds of the gate alone for one picture with somebody in it."""
    cv2.setNumThreads(1)
    scene = load_test_scenes(cameras, FPS)[0]
    renderer = SceneRenderer(scene)
    pictures = [small_luma(renderer.frame(number)[: scene.height]) for number in range(0, 180, 3)]
    gate = MotionGate(Motion())
    for number, picture in enumerate(pictures):
        gate.feed(picture, number / 5)
    began = time.thread_time()
    for number, picture in enumerate(pictures):
        gate.feed(picture, 12.0 + number / 5)
    return {
        "what": "motion gate alone, CPU-ms per picture",
        "value": 1000 * (time.thread_time() - began) / len(pictures),
    }


def troubles(directory: Path, redis_url: str) -> list[Row]:
    """How soon trouble shows, and how soon a camera sees again after it."""
    kinds = [fault for fault in CameraFault if fault is not CameraFault.NONE]
    scenes = load_test_scenes(len(kinds), FPS, 320, 180)
    client = connect(redis_url)
    client.flushall()
    with StagedCameras(scenes, cache_dir=directory) as cameras:
        names = dict(zip(kinds, cameras.names, strict=True))
        with ingest_process(configuration(cameras, BLIND_AFTER_S), redis_url):
            until_live(client, len(kinds))
            time.sleep(2.0)
            for kind, name in names.items():
                cameras.fault(name, kind)
            blind = _first(client, CameraHealth.BLIND, SUFFER_S, set())
            for name in names.values():
                cameras.fault(name, CameraFault.NONE)
            healed = _first(client, CameraHealth.LIVE, HEAL_WITHIN_S, set(blind))
    client.close()
    return [
        {
            "what": f"{kind.value} for {SUFFER_S:.0f} s",
            "blind after, s": blind.get(name, "never"),
            "sees again after, s": healed.get(name, "not yet") if name in blind else "it always saw",
        }
        for kind, name in names.items()
    ]


def _first(client: redis.Redis, health: CameraHealth, seconds: float, wanted: set[str]) -> dict[str, float]:
    """When each camera first reported this health; ends early once all of ``wanted`` have."""
    began, found = time.time(), dict[str, float]()
    while time.time() - began < seconds and not (wanted and wanted <= set(found)):
        for name, status in Telemetry(client).cameras().items():
            if status.health is health and status.reported_at > began:
                found.setdefault(name, status.reported_at - began)
        time.sleep(0.05)
    return found


def _sent(client: redis.Redis) -> int:
    return sum(count for name, count in Telemetry(client).counters().items() if "sent_total" in name)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--troubles", action="store_true", help="also measure blindness and recovery")
    parser.add_argument("--cache", type=Path, default=None, help="where staged loops are kept")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with TemporaryDirectory() as directory, EmbeddedRedis(Path(directory)) as server:
        scenes = load_test_scenes(arguments.cameras, FPS)
        with StagedCameras(scenes, cache_dir=arguments.cache) as cameras:
            rows = [*load(cameras, server.url, arguments.seconds), gate_ms()]
        show("Ingest", rows, arguments.json)
        if arguments.troubles:
            show("Ingest, cameras in trouble", troubles(Path(directory) / "loops", server.url), arguments.json)


if __name__ == "__main__":
    main()
