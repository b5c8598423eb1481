"""What a staged camera shows, second by second: the ground truth that tests and the demo rely on.

A scene is a loop of whole seconds. Visits and disturbances are placed in it by their start; ``truth`` answers who is in
view at any moment since the camera started, for ever.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

from simulation.cameras.subjects import SUBJECTS, Subject

Point = tuple[float, float]
"""Fraction of the width from the left, of the height from the top; outside 0-1 is outside the picture."""

Light = Literal["day", "infrared"]
Place = Literal["creek", "trail", "meadow"]
DisturbanceKind = Literal["branches", "cloud_shadow", "rain", "headlights", "flash", "exposure_step"]

LEAST_IN_VIEW = 0.10
"""A subject counts as in view once this share of its box is inside the picture."""


@dataclass(frozen=True)
class Box:
    """A rectangle in fractions of the picture, 0-1 from the upper left corner."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    def clipped(self) -> Box:
        """The part inside the picture."""
        return Box(max(self.left, 0.0), max(self.top, 0.0), min(self.right, 1.0), min(self.bottom, 1.0))


@dataclass(frozen=True)
class StagedVisit:
    """One subject walking along a straight path.

    ``path`` holds where its feet are at the start and at the end, ``height`` its height as a fraction of the picture's,
    ``pause_s`` how long it stands still halfway.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kind: str
    start_s: float
    duration_s: float
    path: tuple[Point, Point]
    height: float
    pause_s: float = 0.0

    def __post_init__(self) -> None:
        _require(self.kind in SUBJECTS, f"kind is {self.kind!r}; known kinds: {', '.join(SUBJECTS)}")
        _require(self.start_s >= 0, f"start_s is {self.start_s}; it must not be negative")
        _require(self.duration_s > 0, f"duration_s is {self.duration_s}; it must be above 0")
        _require(0.02 <= self.height <= 2, f"height is {self.height}; it must be 0.02-2 of the picture's height")
        _require(
            0 <= self.pause_s < self.duration_s,
            f"pause_s is {self.pause_s}; it must be at least 0 and shorter than duration_s ({self.duration_s})",
        )
        for x, y in self.path:
            _require(-2 <= x <= 3 and -2 <= y <= 3, f"path has ({x}, {y}); coordinates are fractions, -2 to 3")

    @property
    def subject(self) -> Subject:
        return SUBJECTS[self.kind]

    @property
    def end_s(self) -> float:
        return self.start_s + self.duration_s

    def feet(self, loop_s: float) -> Point | None:
        """Where the feet are at ``loop_s`` seconds into the loop; None before the start and after the end."""
        if not self.start_s <= loop_s < self.end_s:
            return None
        share = self.progress(loop_s)
        (x0, y0), (x1, y1) = self.path
        return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share

    def progress(self, loop_s: float) -> float:
        """Share of the path walked, 0-1: even pace, with the pause in the middle."""
        walking_s = self.duration_s - self.pause_s
        passed_s = min(max(loop_s - self.start_s, 0.0), self.duration_s)
        if passed_s > walking_s / 2:
            passed_s = max(walking_s / 2, passed_s - self.pause_s)
        return passed_s / walking_s


@dataclass(frozen=True)
class Disturbance:
    """Weather or light that moves the picture without anybody being there; ``strength`` 0-1."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kind: DisturbanceKind
    start_s: float
    duration_s: float
    strength: float = 0.6

    def __post_init__(self) -> None:
        _require(self.start_s >= 0, f"start_s is {self.start_s}; it must not be negative")
        _require(self.duration_s > 0, f"duration_s is {self.duration_s}; it must be above 0")
        _require(0 < self.strength <= 1, f"strength is {self.strength}; it must be above 0 and at most 1")

    @property
    def end_s(self) -> float:
        return self.start_s + self.duration_s


@dataclass(frozen=True)
class Scene:
    """One camera's loop: size, light, place, and everything that happens in it.

    ``gop`` is the number of frames from one key frame to the next, 0 for as many as a second has; a viewer that joins
    waits for the next one.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    width: int = 640
    height: int = 360
    fps: int = 15
    light: Light = "day"
    place: Place = "meadow"
    loop_s: int = 60
    visits: tuple[StagedVisit, ...] = ()
    disturbances: tuple[Disturbance, ...] = ()
    seed: int = 1
    gop: int = 0

    def __post_init__(self) -> None:
        _require(
            re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", self.name) is not None,
            f"name is {self.name!r}; it goes into the camera's address: small letters, digits and '-', at most 63",
        )
        for key, size in (("width", self.width), ("height", self.height)):
            _require(64 <= size <= 3840 and size % 2 == 0, f"{key} is {size}; it must be even, 64-3840 pixels")
        _require(1 <= self.fps <= 60, f"fps is {self.fps}; it must be 1-60 frames per second")
        _require(1 <= self.loop_s <= 3600, f"loop_s is {self.loop_s}; it must be 1-3600 whole seconds")
        _require(
            self.gop >= 0 and self.frame_count % self.key_interval == 0,
            f"gop is {self.gop}; it must be 0 or divide the loop's {self.frame_count} frames evenly",
        )
        _require(self.seed >= 0, f"seed is {self.seed}; it must not be negative")
        ends = [(part.kind, part.start_s, part.end_s) for part in self.visits]
        ends += [(part.kind, part.start_s, part.end_s) for part in self.disturbances]
        for kind, start_s, end_s in ends:
            _require(
                end_s <= self.loop_s,
                f"the {kind} of {start_s:g} s ends at {end_s:g} s, after the loop of {self.loop_s} s; "
                "start it earlier, shorten it or lengthen loop_s",
            )

    @property
    def frame_count(self) -> int:
        """Frames in one loop."""
        return self.loop_s * self.fps

    @property
    def key_interval(self) -> int:
        """Frames from one key frame to the next."""
        return self.gop or self.fps


@dataclass(frozen=True)
class Seen:
    """One subject in view: its whole box clipped to the picture, and how much of it the picture holds (0-1)."""

    kind: str
    is_bear: bool
    box: Box
    inside: float


def whole_box(scene: Scene, visit: StagedVisit, loop_s: float) -> Box | None:
    """The subject's box, not clipped; None when the visit is not on."""
    feet = visit.feet(loop_s)
    if feet is None:
        return None
    half = visit.height * visit.subject.aspect * scene.height / scene.width / 2
    return Box(feet[0] - half, feet[1] - visit.height, feet[0] + half, feet[1])


def truth(scene: Scene, t: float) -> tuple[Seen, ...]:
    """Who is in view ``t`` seconds after the camera started, in the order of the scene's visits.

    The box is where the subject is drawn, legs and bobbing head within about 3% of its height. Somebody behind a tree
    still counts: the box says where they are, not how much of them the tree leaves.
    """
    loop_s = t % scene.loop_s
    seen = []
    for visit in scene.visits:
        box = whole_box(scene, visit, loop_s)
        if box is None:
            continue
        clipped = box.clipped()
        inside = clipped.area / box.area
        if inside >= LEAST_IN_VIEW:
            seen.append(Seen(visit.kind, visit.subject.is_bear, clipped, inside))
    return tuple(seen)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
