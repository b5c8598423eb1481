"""The detector worker from Redis to scores, against the bare engine on the same crops."""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from bearwatch.embedded import EmbeddedRedis
from bench.tables import Row, show
from core.config import Detector
from core.messages import Frame, Reason, content_digest
from core.redis_client import connect
from core.streams import DETECTORS, FrameRoad
from detector.crops import crops_for, cut
from detector.engine import Engine, choose_engine
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


def bare_crops_per_s(engine: Engine, crops: int) -> float:
    """Crops a second that the engine scores, in batches."""
    image = cv2.imdecode(np.frombuffer(picture(), np.uint8), cv2.IMREAD_COLOR)
    batch = np.concatenate([cut(image, [BOX], engine.input_px) for _ in range(BATCH)])  # type: ignore[arg-type]
    engine.infer(batch)
    began = time.perf_counter()
    for _ in range(crops // BATCH):
        engine.infer(batch)
    return crops / (time.perf_counter() - began)


def worker_crops_per_s(engine: Engine, url: str, frames: int) -> float:
    """Crops a second that a worker publishes scores for, decoding included."""
    client = connect(url)
    client.flushall()
    road = FrameRoad(client)
    jpeg = picture()
    digest = content_digest(jpeg)
    now = time.time()
    # All of one moment, so that no frame gives way to a newer one.
    sent = [Frame(f"c{n}", now + 1e6, n, digest, (BOX,), Reason.MOTION, 640, 360, jpeg) for n in range(frames)]
    for start in range(0, frames, 50):
        road.send_frames(sent[start : start + 50])
    stop = threading.Event()
    worker = DetectorWorker(engine, Detector(max_batch=BATCH), client, [0])
    thread = threading.Thread(target=worker.run, args=(stop,))
    began = time.perf_counter()
    thread.start()
    while client.xlen(road.scores) < frames:
        time.sleep(0.002)
    elapsed = time.perf_counter() - began
    stop.set()
    thread.join()
    pending = road.waiting(road.frames, DETECTORS)
    client.close()
    if pending != (0, 0):
        raise RuntimeError(f"the worker left {pending} frames unfinished")
    crops = len(crops_for(Reason.MOTION, [BOX], 640, 360))
    return frames * crops / elapsed


def measure(frames: int) -> list[Row]:
    """Interleaved, best of three of each."""
    engine = choose_engine("auto")
    with TemporaryDirectory() as directory, EmbeddedRedis(Path(directory)) as server:
        rounds = [(bare_crops_per_s(engine, frames), worker_crops_per_s(engine, server.url, frames)) for _ in range(3)]
    bare, worker = max(bare for bare, _ in rounds), max(worker for _, worker in rounds)
    return [
        {"what": f"bare engine, crops/s ({engine.name}, {engine.device})", "value": bare, "to reach": ""},
        {"what": "worker from Redis to scores, crops/s", "value": worker, "to reach": ""},
        {"what": "ratio worker : bare", "value": worker / bare, "to reach": ""},
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    show("Worker", measure(arguments.frames), arguments.json)


if __name__ == "__main__":
    main()
