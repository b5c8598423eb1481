"""Which engine is faster here: each answers the same pictures, and its CPU time counts.

Torch is tried in a process of its own, ``python -m detector.engines.benchmark``: merely importing it takes seconds and
hundreds of megabytes, which a machine that serves the exported graph would carry for ever. CPU time, because a busy
neighbour disturbs it least, and because every chunk keeps exactly one core busy.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detector.engines.engine import Engine
from detector.engines.equivalence import PICTURES, TOLERANCE, farthest, reference_pictures
from detector.models.bundle import ModelBundle

log = logging.getLogger(__name__)

REPEATS = 2
ROUNDS = 3
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One engine's best round: CPU-milliseconds a picture; ``logits`` (PICTURES, outputs) of the reference pictures."""

    cpu_ms: float
    logits: NDArray[np.float32]


def try_engine(engine: Engine) -> Trial:
    """Try an engine in this process, which should do nothing else meanwhile."""
    pictures = np.concatenate([reference_pictures(engine.input_px)] * REPEATS)
    logits = engine.infer(pictures)[:PICTURES]
    best_s = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        engine.infer(pictures)
        best_s = min(best_s, time.process_time() - began)
    return Trial(1000 * best_s / len(pictures), logits)


def try_torch_apart(bundle: ModelBundle, threads: int | None) -> Trial | None:
    """Try torch on a bundle in a process of its own; None when it fails or takes too long."""
    command = [sys.executable, "-m", __name__, str(bundle.directory), "--input-px", str(bundle.input_px)]
    command += ["--threads", str(threads)] if threads else []
    root = Path(str(files("detector"))).parent
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
        found = json.loads(done.stdout)
        return Trial(found["cpu_ms"], np.asarray(found["logits"], dtype=np.float32))
    except (subprocess.SubprocessError, OSError, ValueError, KeyError) as error:
        said = (getattr(error, "stderr", "") or "").strip().splitlines()[-1:]
        log.warning("torch could not be tried (%s) %s", error, *said or [""])
        return None


def decide(torch: Trial | None, graph: Trial) -> tuple[Literal["torch", "onnx"], str]:
    """Which of torch and the exported graph runs the model, and why. Torch is right where they disagree."""
    if torch is None:
        return "onnx", "torch could not be tried"
    apart = farthest(graph.logits, torch.logits)
    if not apart <= TOLERANCE:
        return "torch", f"ONNX Runtime is {apart:.2g} off, at most {TOLERANCE:g} is allowed"
    said = f"{torch.cpu_ms:.1f} CPU-ms a picture in torch, {graph.cpu_ms:.1f} in ONNX Runtime"
    return ("torch" if torch.cpu_ms < graph.cpu_ms else "onnx"), f"chosen by measurement: {said}"


def main() -> None:
    """Try torch on a bundle and print the trial."""
    parser = argparse.ArgumentParser(prog="python -m detector.engines.benchmark", description=main.__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--input-px", type=int, required=True)
    parser.add_argument("--threads", type=int, default=None)
    arguments = parser.parse_args()
    from detector.engines.torch_engine import TorchEngine

    bundle = ModelBundle.load(arguments.bundle)
    if bundle.input_px != arguments.input_px:
        bundle = bundle.at_size(arguments.input_px)
    found = try_engine(TorchEngine(bundle, "cpu", arguments.threads))
    print(json.dumps({"cpu_ms": found.cpu_ms, "logits": found.logits.tolist()}))


if __name__ == "__main__":
    main()
