"""The same on a GPU: images a second, and how many cameras that feeds. Without a GPU it says so and ends.

python -m bench.gpu [--json]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from bearwatch.embedded import EmbeddedRedis
from bench.detector_worker import worker_pace
from bench.load import FPS, at_load
from bench.served import served_bundle
from bench.tables import Row, percentile, show
from detector.engines.network import load_network
from detector.engines.torch_engine import TorchEngine
from detector.models.bundle import ModelBundle

BATCHES = (1, 8, 64, 256, 1024)
WORKER_BATCH = 64


def best_per_s(count: int, work: Callable[[], object], rounds: int) -> float:
    """Pictures a second in the best of the rounds; the first three only warm up."""
    best_s = float("inf")
    for number in range(rounds + 3):
        began = time.perf_counter()
        work()
        if number >= 3:
            best_s = min(best_s, time.perf_counter() - began)
    return count / best_s


def eager_per_s(bundle: ModelBundle, batch: int, rounds: int) -> float:
    """The plain network on the same card, single precision, channels first."""
    network = load_network(bundle).to("cuda")
    pictures = torch.zeros((batch, 3, bundle.input_px, bundle.input_px), device="cuda")

    @torch.inference_mode()
    def run() -> None:
        network(pictures).cpu()

    return best_per_s(batch, run, rounds)


def measure(directory: Path, rounds: int, frames: int) -> list[Row]:
    """Engine, plain network, and the worker; each as images a second and as cameras in constant motion."""
    bundle = ModelBundle.load(directory)
    engine = TorchEngine(bundle, "cuda")
    rows: list[Row] = []
    for batch in BATCHES:
        pictures = np.random.default_rng(1).integers(0, 256, (batch, engine.input_px, engine.input_px, 3), np.uint8)
        rows.append(_row(f"engine, batch {batch}", best_per_s(batch, lambda: engine.infer(pictures), rounds)))  # noqa: B023 - called at once
    rows.append(_row("plain network in eager torch, batch 256", eager_per_s(bundle, 256, rounds)))
    with TemporaryDirectory() as folder, EmbeddedRedis(Path(folder)) as server:
        worker_pace(engine, server.url, frames, WORKER_BATCH)
        pace = max(worker_pace(engine, server.url, frames, WORKER_BATCH).per_s for _ in range(3))
        rows.append(_row("one worker from Redis to scores", pace))
        cameras = max(1, int(2 * pace / FPS))
        seen = at_load(engine, server.url, cameras, 10.0, WORKER_BATCH)
        rows.append({"what": "p99 latency of a worker at twice its capacity, ms", "value": _p99_ms(seen.latencies_s)})
    if engine.device != "cuda":
        raise RuntimeError("the GPU failed while it was measured; the log says why")
    return rows


def _p99_ms(latencies_s: list[float]) -> float:
    return 1000 * percentile(latencies_s, 0.99)


def _row(what: str, per_s: float) -> Row:
    return {"what": what, "images/s": per_s, f"cameras in constant motion, {FPS:g} frames/s": int(per_s / FPS)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--frames", type=int, default=2000, help="frames for the worker")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if not torch.cuda.is_available():
        why = "no GPU that torch can use: nothing measured"
        print(json.dumps({"benchmark": "GPU", "rows": [], "note": why}) if given.json else f"GPU: {why}")
        return
    with served_bundle() as directory:
        card = torch.cuda.get_device_name()
        show(f"GPU: {card}", measure(directory, given.rounds, given.frames), given.json)


if __name__ == "__main__":
    main()
