"""The scenes that come with Bearwatch: the demo's three cameras, and any number of busy ones for load tests."""

from __future__ import annotations

from simulation.cameras.painting.canvas import Lens
from simulation.cameras.scene import Disturbance, Light, Place, Scene, StagedVisit
from simulation.cameras.subjects import SUBJECTS

LENS = Lens()
DEMO_LOOP_S = 132


def walk(
    kind: str, start_s: float, duration_s: float, row: float, *, to_left: bool = False, pause_s: float = 0.0
) -> StagedVisit:
    """Cross the whole picture with the feet in ``row`` (0-1), as tall as perspective makes the subject there."""
    height = LENS.height(row, SUBJECTS[kind].tall_m)
    margin = height * SUBJECTS[kind].aspect * 9 / 16 / 2
    ends = ((-margin, row), (1 + margin, row + 0.01))
    path = (ends[1], ends[0]) if to_left else ends
    return StagedVisit(kind, start_s, duration_s, path, round(height, 3), pause_s)


def demo_scenes(width: int = 640, height: int = 360, fps: int = 15) -> tuple[Scene, ...]:
    """Three cameras at two campsites.

    A bear starts to walk every 44 s on one of them, so that a watcher who comes late waits no longer than that; deer,
    dog, person, wind and cloud shadow are spread between.
    """
    creek = Scene(
        "upper-creek", width, height, fps, "day", "creek", DEMO_LOOP_S,
        visits=(
            walk("person", 15, 9, 0.74),
            walk("bear", 28, 13, 0.80),
            walk("deer", 56, 10, 0.70, to_left=True),
            walk("dog", 88, 8, 0.84),
            walk("elk", 114, 12, 0.64, to_left=True),
        ),
        disturbances=(
            Disturbance("branches", 3, 10, 0.8),
            Disturbance("cloud_shadow", 42, 12, 0.6),
            Disturbance("exposure_step", 72, 6, 0.4),
            Disturbance("rain", 98, 14, 0.6),
        ),
        seed=7,
    )  # fmt: skip
    trail = Scene(
        "upper-trail", width, height, fps, "infrared", "trail", DEMO_LOOP_S,
        visits=(
            walk("fox", 8, 8, 0.78, to_left=True),
            walk("deer", 42, 11, 0.72),
            walk("bear", 72, 13, 0.78, to_left=True),
            walk("person", 94, 9, 0.76),
            walk("boar", 112, 11, 0.80),
        ),
        disturbances=(
            Disturbance("headlights", 22, 7, 0.7),
            Disturbance("branches", 56, 12, 0.7),
            Disturbance("flash", 88, 1, 0.8),
        ),
        seed=7,
    )  # fmt: skip
    meadow = Scene(
        "lower-meadow", width, height, fps, "day", "meadow", DEMO_LOOP_S,
        visits=(
            walk("dog", 18, 8, 0.82, to_left=True),
            walk("deer", 34, 11, 0.68),
            walk("person", 62, 10, 0.72, to_left=True),
            walk("fox", 92, 8, 0.80),
            walk("bear", 116, 14, 0.51),
        ),
        disturbances=(
            Disturbance("cloud_shadow", 4, 13, 0.7),
            Disturbance("branches", 48, 12, 0.9),
            Disturbance("rain", 76, 12, 0.4),
        ),
        seed=7,
    )  # fmt: skip
    return creek, trail, meadow


def moving_scene(index: int, fps: int = 15, width: int = 640, height: int = 360) -> Scene:
    """A camera on which somebody is always walking, for load tests; ``index`` makes each one different.

    Four visitors follow one another without a gap, among them exactly one bear.
    """
    order = ("bear", "deer", "person", "dog")
    kinds = order[index % 4 :] + order[: index % 4]
    rows = (0.80, 0.72, 0.74, 0.84)
    visits = tuple(
        _from_edge_to_edge(walk(kind, 6.0 * turn, 6.0, rows[(turn + index) % 4], to_left=(turn + index) % 2 == 1))
        for turn, kind in enumerate(kinds)
    )
    places: tuple[Place, ...] = ("creek", "meadow", "trail")
    light: Light = "infrared" if index % 4 == 3 else "day"
    return Scene(
        f"load-{index + 1}", width, height, fps, light, places[index % 3], 24, visits=visits, seed=100 + index
    )  # fmt: skip


def load_test_scenes(cameras: int, fps: int = 15, width: int = 640, height: int = 360) -> tuple[Scene, ...]:
    """``cameras`` different scenes of ``moving_scene``."""
    return tuple(moving_scene(index, fps, width, height) for index in range(cameras))


def _from_edge_to_edge(visit: StagedVisit) -> StagedVisit:
    """Start and end half inside the picture, so that no moment is without motion."""
    (x0, y0), (x1, y1) = visit.path
    inner = (0.03, 0.97) if x0 < x1 else (0.97, 0.03)
    return StagedVisit(visit.kind, visit.start_s, visit.duration_s, ((inner[0], y0), (inner[1], y1)), visit.height)
