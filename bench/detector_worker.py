"""The detector worker from Redis to scores, against the bare engine on the same crops."""

from __future__ import annotations

import argparse
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from bearwatch.embedded import EmbeddedRedis
from bench.served import served_bundle
from bench.tables import Row, show
from core.config import Detector
from core.messages import Frame, Reason, content_digest
from core.redis_client import connect
from core.streams import DETECTORS, FrameStreams
from detector.engines.choose import choose_engine
from detector.engines.engine import Device, Engine
from detector.models.crops import crops_for, cut
from detector.worker import DetectorWorker

BOX = (0.4, 0.4, 0.55, 0.75)
BATCH = 8


def picture() -> bytes:
    """A noisy 640x360 JPEG, as a night camera makes them."""
    noise = np.random.default_rng(0).normal(96, 20, (360, 640, 3)).clip(0, 255).astype(np.uint8)
    encoded, data = cv2.imencode(".jpg", cv2.GaussianBlur(noise, (5, 5), 0), [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not encoded:
        raise RuntimeError("the picture could not be compressed")
    return data.tobytes()


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast crops went: by the clock, and in CPU time of this process."""

    per_s: float
    cpu_ms: float


def bare_pace(engine: Engine, crops: int) -> Pace:
    """The engine alone, in batches."""
    image = cv2.imdecode(np.frombuffer(picture(), np.uint8), cv2.IMREAD_COLOR)
    batch = np.concatenate([cut(image, [BOX], engine.input_px, engine.bundle.model.lift) for _ in range(BATCH)])  # type: ignore[arg-type]
    engine.infer(batch)
    cpu, began = time.process_time(), time.perf_counter()
    for _ in range(crops // BATCH):
        engine.infer(batch)
    return Pace(crops / (time.perf_counter() - began), 1000 * (time.process_time() - cpu) / crops)


def worker_pace(engine: Engine, url: str, frames: int, max_batch: int = BATCH) -> Pace:
    """A worker from Redis to published scores, decoding included; one crop a frame."""
    client = connect(url)
    client.flushall()
    streams = FrameStreams(client)
    jpeg = picture()
    digest = content_digest(jpeg)
    now = time.time()
    # All of one moment, so that no frame gives way to a newer one.
    sent = [Frame(f"c{n}", now + 1e6, n, digest, (BOX,), Reason.MOTION, 640, 360, jpeg) for n in range(frames)]
    for start in range(0, frames, 50):
        streams.send_frames(sent[start : start + 50])
    stop = threading.Event()
    worker = DetectorWorker(engine, Detector(max_batch=max_batch), client, [0])
    thread = threading.Thread(target=worker.run, args=(stop,))
    cpu, began = time.process_time(), time.perf_counter()
    thread.start()
    while client.xlen(streams.scores) < frames:
        time.sleep(0.03)  # asking costs CPU time too
    elapsed_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    stop.set()
    thread.join()
    pending = streams.waiting(streams.frames, DETECTORS)
    client.close()
    if pending != (0, 0):
        raise RuntimeError(f"the worker left {pending} frames unfinished")
    crops = frames * len(crops_for(Reason.MOTION, [BOX], 640, 360))
    return Pace(crops / elapsed_s, 1000 * cpu_s / crops)


def measure(frames: int, rounds: int, threads: int | None, device: Device) -> list[Row]:
    """Interleaved, the best of the rounds of each."""
    with served_bundle() as bundle, TemporaryDirectory() as directory, EmbeddedRedis(Path(directory)) as server:
        engine = choose_engine(device, str(bundle), threads)
        pairs = [(bare_pace(engine, frames), worker_pace(engine, server.url, frames)) for _ in range(rounds)]
    bare_per_s, worker_per_s = (max(pair[which].per_s for pair in pairs) for which in (0, 1))
    bare_ms, worker_ms = (min(pair[which].cpu_ms for pair in pairs) for which in (0, 1))
    return [
        {"what": f"bare engine, crops/s ({engine.name}, {engine.device})", "value": bare_per_s, "to reach": ""},
        {"what": "worker from Redis to scores, crops/s", "value": worker_per_s, "to reach": ""},
        {"what": "ratio worker : bare, by the clock", "value": worker_per_s / bare_per_s, "to reach": "≥ 0.85"},
        {"what": "bare engine, CPU-ms a crop", "value": bare_ms, "to reach": ""},
        {"what": "worker, CPU-ms a crop", "value": worker_ms, "to reach": ""},
        {"what": "ratio bare : worker, in CPU time", "value": bare_ms / worker_ms, "to reach": "≥ 0.85"},
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=None, help="threads of the engine (all cores)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = measure(arguments.frames, arguments.rounds, arguments.threads, arguments.device)
    show("Worker", rows, arguments.json)


if __name__ == "__main__":
    main()
