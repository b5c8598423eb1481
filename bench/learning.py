"""A learning night: how long it takes and how much memory, by stage, for the built-in model; and for 2,000 labels."""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bench.tables import Row, show
from detector.engines.torch_engine import TorchEngine
from detector.evaluate.manifest import LabelledPicture
from detector.learn.recipe import NIGHT_RECIPE
from detector.learn.warm_start import Lesson, bear_scores, fine_tune
from detector.models.bundle import ModelBundle
from detector.nightly.curriculum import NightDraws, curriculum
from detector.nightly.label_pictures import label_pictures
from simulation.learning.staged_nights import StagedNights

WANTED = 2000
JUDGED_EACH = 1000
"""Golden and rolling pictures of a site that has answered 2,000 times; champion and anchor are asked about them too."""


@dataclass
class Spent:
    """Processor and wall-clock seconds of a stage that handled so many pictures."""

    stage: str
    pictures: int
    cpu_s: float = 0.0
    wall_s: float = 0.0

    def of(self, work: Callable[[], Any]) -> Any:
        """Do it, and measure."""
        cpu, wall = time.process_time(), time.monotonic()
        done = work()
        self.cpu_s, self.wall_s = time.process_time() - cpu, time.monotonic() - wall
        return done

    @property
    def row(self) -> Row:
        """For the table."""
        each = 1000 * self.cpu_s / max(1, self.pictures)
        return {"stage": self.stage, "pictures": self.pictures, "CPU s": round(self.cpu_s, 1),
                "wall s": round(self.wall_s, 1), "CPU-ms each": round(each, 1)}  # fmt: skip


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=120, help="new labels of the night (120)")
    parser.add_argument("--steps", type=int, default=8, help="of training that are measured (8)")
    parser.add_argument("--threads", type=int, default=1, help="processor cores that training may take (1)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        stages = measure(Path(folder), arguments.labels, arguments.steps, arguments.threads)
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    asked, trained, judged = (each.cpu_s / each.pictures for each in stages)
    drawn = 2 * WANTED
    cpu = drawn * (asked + trained) + 3 * 2 * JUDGED_EACH * judged
    rows = [each.row for each in stages]
    rows.append({"stage": f"a night of {WANTED} labels, computed", "pictures": drawn, "CPU s": round(cpu), "wall s": "",
                 "CPU-ms each": ""})  # fmt: skip
    show(f"A learning night of {arguments.labels} labels, {peak} MB at the most", rows, arguments.json)


def measure(folder: Path, labels: int, steps: int, threads: int) -> list[Spent]:
    """The champion asked, training, judging; half of what is drawn is replay."""
    staged = StagedNights(folder, 1, 0, 0, history=6)
    found = [each.label for number in range(-6, 3) for each in staged.night(number)]
    newest = sorted(found, key=lambda each: each.captured_at)[-labels].captured_at
    sites = {each.campsite: 1.0 for each in found}
    plan = NightDraws(labels=labels, batch=NIGHT_RECIPE.batch, new_since=newest)
    laid_out = curriculum(found, {name: 1 / len(sites) for name in sites}, plan)
    pictures = label_pictures(laid_out.labels, folder).pictures
    order = laid_out.order[: steps * NIGHT_RECIPE.batch]
    lesson = Lesson(pictures, np.ones(len(pictures), np.float32), order)
    champion = ModelBundle.open("built-in")

    def engine(of: ModelBundle) -> TorchEngine:
        return TorchEngine(of, "cpu", threads)

    asking = Spent("champion asked", len(np.unique(order)))
    training = Spent("training", len(order))
    judging = Spent("judging", min(60, len(pictures)))
    judging.of(lambda: bear_scores(engine(champion), pictures[: judging.pictures]))
    asking.of(lambda: _asked(champion, pictures, asking.pictures, engine))
    whole = Spent("both", 0)
    whole.of(lambda: fine_tune(champion, lesson, NIGHT_RECIPE, folder / "work", engine, threads))
    training.cpu_s, training.wall_s = whole.cpu_s - asking.cpu_s, whole.wall_s - asking.wall_s
    return [asking, training, judging]


def _asked(
    champion: ModelBundle,
    pictures: tuple[LabelledPicture, ...],
    count: int,
    engine: Callable[[ModelBundle], TorchEngine],
) -> None:
    bear_scores(engine(champion), pictures[:count])


if __name__ == "__main__":
    main()
