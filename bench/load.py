"""Latency against load: from capture to score at 0.25 to 2 times of what the worker can do.

    python -m bench.load [--seconds 10] [--json]

Every camera sends five frames a second with one moving crop each; how many cameras there are makes the load. What can
be done is measured first, with a full queue. Under overload, frames must be given up, and the newest must be kept:

- *latency*: from a frame's capture to its score, of those that were scored;
- *age of the newest*: how old the newest scored picture of a camera is, sampled ten times a second and camera. With
  five frames a second it cannot be less than the latency, nor than 0 to 200 ms more.
"""

from __future__ import annotations

import argparse
import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import redis

from bearwatch.embedded import EmbeddedRedis
from bench.detector_worker import BOX, picture, worker_pace
from bench.served import served_bundle
from bench.tables import Row, percentile, show
from core.config import Detector
from core.messages import Frame, FrameScores, Reason, content_digest
from core.redis_client import connect
from core.streams import FrameStreams, entries_of
from detector.engines.choose import choose_engine
from detector.engines.engine import Device, Engine
from detector.worker import DetectorWorker

LOADS = (0.25, 0.5, 1.0, 1.5, 2.0)
FPS = 5.0
SETTLE_S, DRAIN_S = 2.0, 1.5
SAMPLE_EVERY_S = 0.1
P99_MS = 2500


@dataclass
class SeenAlert:
    """What happened: latencies of scored frames, ages of the newest picture of each camera, and how many were sent."""

    latencies_s: list[float] = field(default_factory=list)
    ages_s: list[float] = field(default_factory=list)
    newest: dict[str, float] = field(default_factory=dict)
    sent: int = 0


def send(streams: FrameStreams, cameras: int, until: float, seen: SeenAlert) -> None:
    """Frames of all cameras, evenly spread over time."""
    jpeg = picture()
    digest = content_digest(jpeg)
    began, number = time.time(), 0
    while (due := began + number / (cameras * FPS)) < until:
        time.sleep(max(0.0, due - time.time()))
        camera = f"c{number % cameras}"
        streams.send_frames([Frame(camera, time.time(), number, digest, (BOX,), Reason.MOTION, 640, 360, jpeg)])
        number += 1
    seen.sent = number


def listen(
    client: redis.Redis, scores: str, counts_from: float, until: float, stop: threading.Event, seen: SeenAlert
) -> None:
    """Read the scores as they come, and sample how old the newest of each camera is."""
    last: dict[Any, Any] = {scores: "0"}
    sample_at = counts_from
    while not stop.is_set():
        for entry in entries_of(client.xread(last, count=200, block=50)):
            last[scores] = entry.id
            _note(FrameScores.unpack(entry.fields), counts_from, seen)
        now = time.time()
        if sample_at <= now < until and seen.newest:
            sample_at = now + SAMPLE_EVERY_S
            seen.ages_s += [now - captured_at for captured_at in seen.newest.values()]


def _note(scores: FrameScores, counts_from: float, seen: SeenAlert) -> None:
    frame = scores.frame
    seen.newest[frame.camera] = max(frame.captured_at, seen.newest.get(frame.camera, 0.0))
    if frame.captured_at >= counts_from:
        seen.latencies_s.append(scores.scored_at - frame.captured_at)


def at_load(engine: Engine, url: str, cameras: int, seconds: float, max_batch: int) -> SeenAlert:
    """A worker, the cameras and a listener for a while; the first seconds do not count."""
    clients = [connect(url) for _ in range(3)]
    clients[0].flushall()
    streams, seen, stop = FrameStreams(clients[0]), SeenAlert(), threading.Event()
    worker = DetectorWorker(engine, Detector(max_batch=max_batch), clients[1], [0])
    began = time.time()
    until = began + SETTLE_S + seconds
    threads = [
        threading.Thread(target=worker.run, args=(stop,)),
        threading.Thread(target=listen, args=(clients[2], streams.scores, began + SETTLE_S, until, stop, seen)),
    ]
    for thread in threads:
        thread.start()
    send(streams, cameras, until, seen)
    time.sleep(DRAIN_S)
    stop.set()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()
    return seen


def measure(device: Device, threads: int | None, seconds: float, max_batch: int, frames: int) -> list[Row]:
    """What the worker can do, then one row for each load."""
    with served_bundle() as bundle, TemporaryDirectory() as directory, EmbeddedRedis(Path(directory)) as server:
        engine = choose_engine(device, str(bundle), threads)
        worker_pace(engine, server.url, frames // 4)
        capacity = max(worker_pace(engine, server.url, frames).per_s for _ in range(2))
        rows: list[Row] = []
        for load in LOADS:
            cameras = max(1, round(load * capacity / FPS))
            rows.append(_row(load, cameras, capacity, at_load(engine, server.url, cameras, seconds, max_batch)))
    return rows


def _row(load: float, cameras: int, capacity: float, seen: SeenAlert) -> Row:
    counted = len(seen.latencies_s)
    sent = seen.sent * (1 - SETTLE_S * cameras * FPS / seen.sent) if seen.sent else 0.0
    return {
        "load": load,
        "cameras": cameras,
        "frames/s sent": cameras * FPS,
        "capacity, frames/s": capacity,
        "p50 ms": 1000 * percentile(seen.latencies_s, 0.5),
        "p99 ms": 1000 * percentile(seen.latencies_s, 0.99),
        "given up, %": 100 * max(0.0, 1 - counted / sent) if sent else 0.0,
        "age of newest p50 ms": 1000 * percentile(seen.ages_s, 0.5),
        "age of newest p99 ms": 1000 * percentile(seen.ages_s, 0.99),
        "to reach": f"p99 ≤ {P99_MS}",
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--frames", type=int, default=400, help="frames that tell what can be done")
    parser.add_argument("--max-batch", type=int, default=Detector().max_batch)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    rows = measure(given.device, given.threads, given.seconds, given.max_batch, given.frames)
    show("Latency against load", rows, given.json)


if __name__ == "__main__":
    main()
