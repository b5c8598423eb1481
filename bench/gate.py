"""The motion gate against the usual background subtractors, on staged scenes whose truth is known.

    python -m bench.gate [--json]

Every method sees the same pictures and draws its boxes in the same way; only what it calls moving differs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np

from bench.tables import Row, show
from core.config import Motion
from core.messages import Box
from ingest.scene.blobs import moving_boxes
from ingest.scene.motion import WARM_UP_S, MotionGate
from ingest.scene.picture import Luma, small_luma
from simulation.cameras.builtin import demo_scenes, walk
from simulation.cameras.render import SceneRenderer
from simulation.cameras.scene import Disturbance, DisturbanceKind, Light, Place, Scene, Seen, truth

ANALYSED_FPS = 5
WEATHER: tuple[DisturbanceKind, ...] = ("branches", "cloud_shadow", "rain", "headlights", "exposure_step")
PLACES: tuple[tuple[Place, Light], ...] = (("creek", "day"), ("trail", "infrared"))
SEEN_FROM = 0.3
"""Overlap (intersection over union) of a box with the bear from which the bear counts as seen."""
MOSTLY_INSIDE = 0.5


class Method(Protocol):
    """Something that boxes what moves."""

    def boxes(self, small: Luma, at: float) -> tuple[Box, ...]:
        """Boxes of one picture."""


class GateCost:
    """The gate of Bearwatch."""

    def __init__(self) -> None:
        self._gate = MotionGate(Motion())

    def boxes(self, small: Luma, at: float) -> tuple[Box, ...]:
        """Boxes of one picture."""
        return self._gate.feed(small, at).boxes


class Subtractor:
    """A background subtractor of OpenCV, with the gate's boxes."""

    def __init__(self, subtractor: cv2.BackgroundSubtractor) -> None:
        self._subtractor = subtractor
        self._started_at: float | None = None

    def boxes(self, small: Luma, at: float) -> tuple[Box, ...]:
        """Boxes of one picture."""
        if self._started_at is None:
            self._started_at = at
        moving = self._subtractor.apply(cv2.blur(small, (3, 3))) > 0
        if at - self._started_at < WARM_UP_S:
            return ()
        return moving_boxes(moving, np.ones(small.shape, np.float32), Motion().min_area * small.size)


METHODS: dict[str, Callable[[], Method]] = {
    "this gate": GateCost,
    "MOG2": lambda: Subtractor(cv2.createBackgroundSubtractorMOG2(600, 16, False)),
    "KNN": lambda: Subtractor(cv2.createBackgroundSubtractorKNN(600, 400.0, False)),
}


def scenes() -> Iterator[Scene]:
    """The demo's cameras, and bears walking through every kind of weather by day and by night."""
    yield from demo_scenes()
    for place, light in PLACES:
        for kind in WEATHER:
            yield Scene(
                f"{place}-{kind}".replace("_", "-"), light=light, place=place, loop_s=50, seed=3,
                visits=(
                    walk("black_bear", 8, 11, 0.80),
                    walk("bear", 22, 12, 0.62, to_left=True),
                    walk("bear", 36, 12, 0.90, pause_s=4),
                ),
                disturbances=(Disturbance(kind, 4, 44, 0.7),),
            )  # fmt: skip


@dataclass
class Score:
    """What one method made of all scenes."""

    overlaps: list[float] = field(default_factory=list)
    empty: int = 0
    false: int = 0
    pictures: int = 0
    cpu_s: float = 0.0

    def row(self, name: str) -> Row:
        """As a row of the table."""
        seen = sum(overlap >= SEEN_FROM for overlap in self.overlaps)
        return {
            "method": name,
            "bear pictures": len(self.overlaps),
            "seen, %": 100 * seen / len(self.overlaps),
            "mean overlap": float(np.mean(self.overlaps)),
            "motion in empty pictures, %": 100 * self.false / self.empty,
            "CPU-ms per picture": 1000 * self.cpu_s / self.pictures,
        }


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    both = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def watch(scene: Scene, methods: dict[str, tuple[Method, Score]]) -> None:
    """Show one scene to fresh methods and add to their scores."""
    renderer = SceneRenderer(scene)
    for number in range(0, scene.frame_count, scene.fps // ANALYSED_FPS):
        at = number / scene.fps
        small = small_luma(renderer.frame(number)[: scene.height])
        present = truth(scene, at)
        for method, score in methods.values():
            before = time.thread_time()
            boxes = method.boxes(small, at)
            score.cpu_s += time.thread_time() - before
            score.pictures += 1
            _judge(score, boxes, present)


def _judge(score: Score, boxes: tuple[Box, ...], present: tuple[Seen, ...]) -> None:
    if not present:
        score.empty += 1
        score.false += bool(boxes)
    for seen in present:
        if seen.is_bear and seen.inside >= MOSTLY_INSIDE:
            box = (seen.box.left, seen.box.top, seen.box.right, seen.box.bottom)
            score.overlaps.append(max((overlap(found, box) for found in boxes), default=0.0))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    scores = {name: Score() for name in METHODS}
    for scene in scenes():
        watch(scene, {name: (make(), scores[name]) for name, make in METHODS.items()})
    show("Motion gate", [score.row(name) for name, score in scores.items()], arguments.json)


if __name__ == "__main__":
    main()
