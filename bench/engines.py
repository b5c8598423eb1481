"""The CPU engines against the plain network, run the obvious way: timm's module in eager torch.

    python -m bench.engines [--json]

Engines take turns and the best round of each counts. CPU time is the better measure on a machine with other work: with
two threads the plain network waits at a barrier after every layer, and a neighbour makes it look far worse than it is.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from bench.served import served_bundle
from bench.tables import Row, show
from detector.engines.network import load_network
from detector.engines.onnx_engine import OnnxEngine
from detector.engines.torch_engine import TorchEngine
from detector.models.bundle import ModelBundle

BATCHES = (1, 8)
TO_REACH = 1.5


class _Runs(Protocol):
    def infer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]: ...


class EagerTorch:
    """The network as timm builds it, channels-first, nothing folded."""

    def __init__(self, bundle: ModelBundle, threads: int) -> None:
        self.bundle, self.threads = bundle, threads
        self.network = load_network(bundle)

    @torch.inference_mode()
    def infer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As every engine."""
        torch.set_num_threads(self.threads)
        pictures = (torch.from_numpy(images).permute(0, 3, 1, 2).float() - self.bundle.mean) / self.bundle.std
        return np.asarray(self.network(pictures).numpy(), dtype=np.float32)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def measure(directory: Path, threads: Sequence[int], rounds: int) -> list[Row]:
    """One row for each engine, number of threads and batch size."""
    bundle = ModelBundle.load(directory)
    rows: list[Row] = []
    for count in threads:
        engines: dict[str, _Runs] = {
            "eager torch": EagerTorch(bundle, count),
            "torch, folded and mirrored": TorchEngine(bundle, "cpu", count),
            "ONNX Runtime": OnnxEngine(bundle, count),
        }
        for batch in BATCHES:
            rows += _compare(engines, bundle.input_px, count, batch, rounds)
    return rows


def _compare(engines: dict[str, _Runs], input_px: int, threads: int, batch: int, rounds: int) -> list[Row]:
    pictures = np.random.default_rng(1).integers(0, 256, (batch, input_px, input_px, 3), dtype=np.uint8)
    best = dict.fromkeys(engines, (float("inf"), float("inf")))
    for number in range(rounds + 1):
        for name, engine in engines.items():
            cpu_s, wall_s = _timed(lambda: engine.infer(pictures))  # noqa: B023 - called at once
            if number:  # the first round warms up
                best[name] = (min(best[name][0], cpu_s), min(best[name][1], wall_s))
    base_cpu_s, base_wall_s = best["eager torch"]
    return [
        {
            "engine": name,
            "threads": threads,
            "batch": batch,
            "CPU-ms an image": 1000 * cpu_s / batch,
            "images/s": batch / wall_s,
            "against eager (CPU)": base_cpu_s / cpu_s,
            "against eager (clock)": base_wall_s / wall_s,
            "to reach": f"≥ {TO_REACH}" if name == "ONNX Runtime" else "",
        }
        for name, (cpu_s, wall_s) in best.items()
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with served_bundle() as directory:
        show("Engines on the CPU", measure(directory, arguments.threads, arguments.rounds), arguments.json)


if __name__ == "__main__":
    main()
