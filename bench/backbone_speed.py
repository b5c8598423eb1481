"""Speed and recall of the pretrained networks on this machine: what the default backbone was chosen by.

    python -m bench.backbone_speed                                          # speed only
    python -m bench.backbone_speed --manifest images/manifest.csv --root images

A manifest is a CSV with the columns ``file`` and ``label`` (``bear``, ``empty``, anything else) and, if there, slice
columns such as ``day_night``. Three tables:

1. speed: images/s and CPU-milliseconds per image, batch 1 and 8, one and two threads, beside plain torch;
2. whole pictures of the manifest: bears against everything else;
3. staged frames: cut-outs pasted on the manifest's ``empty`` pictures, seen through motion crops.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from bench.score_figures import RecallFigures, recall_figures
from bench.staged import frame_shaped, stage
from core.messages import WHOLE_FRAME, Reason
from detector.classify import classify
from detector.engines.engine import Engine
from detector.engines.network import load_network
from detector.engines.torch_engine import TorchEngine
from detector.models.bundle import ModelBundle
from detector.models.crops import CropPolicy, cut
from detector.models.imagenet_labels import bear_scores

CANDIDATES = ("lite0@224", "lite0@288", "lite0@320", "lite2@224", "lite2@260", "lite2@320")
THREADS = (1, 2)
BATCHES = (1, 8)
ROUNDS = 10
CHUNK = 32
THRESHOLDS = (0.1, 0.2, 0.3, 0.5)


class PlainTorch:
    """The network as it was trained, run the obvious way: the yardstick."""

    device, runtime = "cpu", "torch"

    def __init__(self, bundle: ModelBundle, threads: int) -> None:
        self.bundle = bundle
        self.threads = threads
        self.name = f"{bundle.label} plain torch"
        self.input_px = bundle.input_px
        self.network = load_network(bundle)

    @torch.inference_mode()
    def infer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As :meth:`detector.engines.engine.Engine.infer`."""
        torch.set_num_threads(self.threads)
        normalised = (torch.from_numpy(images).permute(0, 3, 1, 2).float() - self.bundle.mean) / self.bundle.std
        return np.asarray(self.network(normalised).numpy(), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Speed:
    """Best of several rounds."""

    images_per_s: float
    cpu_ms_per_image: float


@dataclass(frozen=True, slots=True)
class BenchPicture:
    """One row of the manifest."""

    path: Path
    label: str
    slice: str


def measure_speed(engines: Mapping[str, Engine], batch: int, rounds: int) -> dict[str, Speed]:
    """Interleaved, so that a busy neighbour disturbs all alike; the best round counts."""
    random = np.random.default_rng(1)
    best: dict[str, tuple[float, float]] = dict.fromkeys(engines, (float("inf"), float("inf")))
    for number in range(rounds + 1):
        for name, engine in engines.items():
            images = random.integers(0, 256, (batch, engine.input_px, engine.input_px, 3), dtype=np.uint8)
            wall_s, cpu_s = _timed(lambda: engine.infer(images))  # noqa: B023 - called at once
            if number:  # the first round only warms up
                best[name] = (min(best[name][0], wall_s), min(best[name][1], cpu_s))
    return {name: Speed(batch / wall_s, 1000 * cpu_s / batch) for name, (wall_s, cpu_s) in best.items()}


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def print_speed(labels: Sequence[str], rounds: int) -> None:
    """Table 1."""
    print("\nspeed            threads batch   images/s  CPU-ms/image  against plain torch")
    for threads in THREADS:
        plain = PlainTorch(ModelBundle.generic(labels[0]), threads)
        engines: dict[str, Engine] = {plain.name: plain}
        engines |= {label: TorchEngine(ModelBundle.generic(label), "cpu", threads) for label in labels}
        for batch in BATCHES:
            speeds = measure_speed(engines, batch, rounds)
            base = speeds[plain.name].images_per_s
            for name, speed in speeds.items():
                print(
                    f"{name:24s} {threads:d} {batch:5d} {speed.images_per_s:10.1f} {speed.cpu_ms_per_image:13.1f} "
                    f"{speed.images_per_s / base:10.2f}x"
                )


def read_manifest(manifest: Path, root: Path, slice_column: str) -> list[BenchPicture]:
    """Rows of the manifest whose file exists."""
    with manifest.open(newline="", encoding="utf-8") as file:
        rows = [
            BenchPicture(root / row["file"], row["label"], row.get(slice_column) or "-") for row in csv.DictReader(file)
        ]
    found = [row for row in rows if row.path.is_file()]
    if len(found) < len(rows):
        print(f"{len(rows) - len(found)} of {len(rows)} files of {manifest} are missing under {root}")
    return found


def whole_scores(engine: Engine, pictures: Sequence[BenchPicture]) -> NDArray[np.float32]:
    """Bear scores of whole pictures."""
    scores = []
    for start in range(0, len(pictures), CHUNK):
        images = [_read(picture.path) for picture in pictures[start : start + CHUNK]]
        crops = np.concatenate(
            [cut(image, [WHOLE_FRAME], engine.input_px, engine.bundle.model.lift) for image in images]
        )
        scores.append(bear_scores(engine.infer(crops)))
    return np.concatenate(scores)


def print_whole(labels: Sequence[str], pictures: Sequence[BenchPicture]) -> None:
    """Table 2: one line per backbone and slice."""
    is_bear = np.array([picture.label == "bear" for picture in pictures])
    slices = {"all": np.ones(len(pictures), dtype=bool)}
    slices |= {name: np.array([p.slice == name for p in pictures]) for name in sorted({p.slice for p in pictures})}
    print("\nwhole pictures" + _SIGHT_HEADER)
    for label in labels:
        scores = whole_scores(TorchEngine(ModelBundle.generic(label), "cpu"), pictures)
        for name, inside in slices.items():
            print_recall(f"{label} {name}", scores[inside], is_bear[inside])


def print_staged(labels: Sequence[str], pictures: Sequence[BenchPicture], margins: Sequence[float]) -> None:
    """Table 3: one line per backbone and margin, then by night, then for animals under a fifth of the frame."""
    backgrounds = [frame_shaped(_read(picture.path)) for picture in pictures if picture.label == "empty"]
    if not backgrounds:
        print("\nno picture of the manifest has the label 'empty': no staged frames")
        return
    frames = stage(backgrounds, bears=192, others=252, seed=7)
    is_bear = np.array([frame.is_bear for frame in frames])
    night, small = np.array([f.night for f in frames]), np.array([f.height < 0.2 for f in frames])
    print("\nstaged frames, motion crops" + _SIGHT_HEADER)
    for label in labels:
        engine = TorchEngine(ModelBundle.generic(label), "cpu")
        for margin in margins:
            seen = [(frame.image, [frame.box], Reason.MOTION) for frame in frames]
            scores = np.array([crops[0].bear for crops in classify(engine, seen, CropPolicy(margin=margin), CHUNK)])
            print_recall(f"{label} margin {margin}", scores, is_bear)
            print_recall("   night", scores[night], is_bear[night])
            print_recall("   small", scores[small], is_bear[small])


_SIGHT_HEADER = "                  bears others   AUC   recall at 2% / 5% FP (threshold)   recall/FP at " + " ".join(
    f"{threshold:11}" for threshold in THRESHOLDS
)


def print_recall(title: str, scores: NDArray[np.float32], is_bear: NDArray[np.bool_]) -> None:
    """One line of figures."""
    found: RecallFigures | None = recall_figures(scores, is_bear)
    if found is None:
        print(f"{title:30s} {int(is_bear.sum()):5d} {int((~is_bear).sum()):6d}   -")
        return
    at = " ".join(f"{(scores[is_bear] > t).mean():.2f}/{(scores[~is_bear] > t).mean():.4f}" for t in THRESHOLDS)
    print(
        f"{title:30s} {found.bears:5d} {found.others:6d} {found.auc:6.3f}   "
        + " / ".join(f"{found.recall[rate]:.2f} ({found.threshold[rate]:.3f})" for rate in found.recall)
        + f"              {at}",
        flush=True,
    )


def _read(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SystemExit(f"{path} is not a readable picture; remove its row from the manifest")
    return np.asarray(image, dtype=np.uint8)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.backbone_speed", description=__doc__.partition("\n")[0])
    parser.add_argument("--manifest", type=Path, help="CSV with the columns file and label")
    parser.add_argument("--root", type=Path, help="folder of the files (the manifest's own if not given)")
    parser.add_argument("--slice", default="day_night", help="column to slice by (%(default)s)")
    parser.add_argument("--backbones", nargs="+", default=CANDIDATES, metavar="NAME@PX", help="candidates")
    parser.add_argument("--margins", nargs="+", type=float, default=(0.0, 0.1, 0.2, 0.35), help="crop margins to try")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of the speed table, 0 for none")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    if options.rounds:
        print_speed(options.backbones, options.rounds)
    if options.manifest:
        pictures = read_manifest(options.manifest, options.root or options.manifest.parent, options.slice)
        print_whole(options.backbones, pictures)
        print_staged(options.backbones, pictures, options.margins)


if __name__ == "__main__":
    main()
