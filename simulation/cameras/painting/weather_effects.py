"""Wind, clouds, rain and lights: what moves a picture when nobody is there. All of it works on the luma plane."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from simulation.cameras.painting.canvas import clouds
from simulation.cameras.scene import Disturbance

Luma = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]


def force(disturbance: Disturbance, loop_s: float, ramp_s: float = 1.5) -> float:
    """How strong it is now, 0 to its strength: it swells and fades over ``ramp_s``."""
    if not disturbance.start_s <= loop_s < disturbance.end_s:
        return 0.0
    ramp_s = min(ramp_s, disturbance.duration_s / 2)
    edge_s = min(loop_s - disturbance.start_s, disturbance.end_s - loop_s)
    return disturbance.strength * min(1.0, edge_s / ramp_s)


class CloudShadow:
    """A soft-edged shadow that crosses the picture from left to right."""

    def __init__(self, rows: int, columns: int, seed: int) -> None:
        self._size = (columns, rows)
        rng = np.random.default_rng([seed, 2])
        field = clouds(rng, 45, 160, 60, 3)
        across = np.linspace(-1, 1, 160, dtype=np.float32)[None, :]
        self._shadow = np.clip((1 - np.abs(across) * 1.7) * 3 + (field - 0.5) * 2.2, 0, 1).astype(np.float32)

    def fall(self, frame: Luma, disturbance: Disturbance, loop_s: float) -> None:
        """Darken an I420 frame (1.5 h, w) in place; colour fades with the light."""
        share = (loop_s - disturbance.start_s) / disturbance.duration_s
        if not 0 <= share < 1:
            return
        columns, rows = self._size
        move = np.array([[1, 0, -160 + share * 240], [0, 1, 0]], np.float32)
        window = cv2.warpAffine(self._shadow, move, (80, 45), flags=cv2.INTER_LINEAR)
        gain = np.asarray(255 * (1 - 0.62 * disturbance.strength * window), np.uint8)
        wide = cv2.resize(gain, self._size, interpolation=cv2.INTER_LINEAR)
        cv2.multiply(frame[:rows], wide, dst=frame[:rows], scale=1 / 255)
        small = cv2.resize(gain, (columns // 2, rows // 2), interpolation=cv2.INTER_LINEAR)
        for plane in frame[rows:].reshape(2, rows // 2, columns // 2):
            grey = np.full_like(plane, 128)
            plane[:] = cv2.blendLinear(plane, grey, small / np.float32(255), 1 - small / np.float32(255))


class Rain:
    """Slanting streaks, new ones in every frame, under a grey veil."""

    def __init__(self, rows: int, columns: int, seed: int) -> None:
        rng = np.random.default_rng([seed, 3])
        self._sheet = np.zeros((rows * 2, columns * 2), np.uint8)
        for _ in range(rows * columns // 480):
            x, y = int(rng.integers(columns * 2)), int(rng.integers(rows * 2))
            long = int(rows * rng.uniform(0.03, 0.085))
            cv2.line(self._sheet, (x, y), (x - long // 5, y + long), int(rng.uniform(18, 75)), 1, cv2.LINE_AA)
        self._rows, self._columns = rows, columns

    def fall(self, luma: Luma, strength: float, rng: np.random.Generator) -> None:
        """Rain on ``luma`` in place."""
        top, left = int(rng.integers(self._rows)), int(rng.integers(self._columns))
        streaks = self._sheet[top : top + self._rows, left : left + self._columns]
        cv2.addWeighted(luma, 1 - 0.22 * strength, streaks, strength, 24 * strength, dst=luma)


class Headlights:
    """Two beams sweeping along the horizon, and the glare they leave."""

    def __init__(self, rows: int, columns: int) -> None:
        y, x = np.mgrid[-1:1:90j, -2:2:320j].astype(np.float32)
        lamps = sum(np.exp(-(((x - dx) / 0.035) ** 2) - ((y - 0.02) / 0.05) ** 2) for dx in (-0.07, 0.07))
        beam = 0.5 * np.exp(-((x / 0.55) ** 2) - ((y - 0.1) / 0.28) ** 2)
        self._glow = np.clip(255 * (lamps + beam), 0, 255).astype(np.float32)
        self._size, self._row = (columns, rows), 0.34

    def sweep(self, luma: Luma, disturbance: Disturbance, loop_s: float) -> None:
        """Add the beams to ``luma`` in place."""
        power = force(disturbance, loop_s)
        if power <= 0:
            return
        share = (loop_s - disturbance.start_s) / disturbance.duration_s
        move = np.array([[1, 0, -80 + (share - 0.5) * 150], [0, 1, (self._row - 0.5) * 90]], np.float32)
        window = cv2.warpAffine(self._glow, move, (160, 90), flags=cv2.INTER_LINEAR)
        wide = cv2.resize(np.asarray(window * power, np.uint8), self._size, interpolation=cv2.INTER_LINEAR)
        cv2.add(luma, wide, dst=luma)


def exposure(disturbance: Disturbance, loop_s: float) -> tuple[float, float]:
    """Gain and lift of the whole picture.

    ``exposure_step`` jumps brighter at its start and settles back; ``flash`` is one bright burst that fades within a
    few tenths of a second.
    """
    passed_s = loop_s - disturbance.start_s
    if not 0 <= passed_s < disturbance.duration_s:
        return 1.0, 0.0
    if disturbance.kind == "exposure_step":
        return 1 + disturbance.strength * float(np.exp(-3 * passed_s / disturbance.duration_s)), 0.0
    if disturbance.kind == "flash":
        fade = float(np.exp(-passed_s / 0.12))
        return 1 + disturbance.strength * fade, 90 * disturbance.strength * fade
    return 1.0, 0.0


class Wind:
    """Leaves that move and trunks that do not: a displacement field with a weight for every pixel."""

    def __init__(self, depth_m: Plane, ground_m: Plane, seed: int) -> None:
        rows, columns = depth_m.shape
        rng = np.random.default_rng([seed, 4])
        standing = depth_m < ground_m * 0.94
        crowns = np.clip((depth_m - 18) / 10, 0, 1) * (depth_m < 390)
        row = np.arange(rows, dtype=np.float32)[:, None] / rows
        blades = np.clip((row - 0.6) / 0.4, 0, 1) * ~standing
        weight = cv2.GaussianBlur((crowns * 0.8 + blades).astype(np.float32), (0, 0), 2)
        self._weight = np.asarray(weight * rows / 180, np.float32)
        self._phase = np.asarray(clouds(rng, rows, columns, rows / 4, 3) * 9, np.float32)
        y, self._x = np.mgrid[0:rows, 0:columns].astype(np.float32)
        self._y = y
        self._half_grid = np.mgrid[0 : rows // 2, 0 : columns // 2].astype(np.float32)

    def blow(self, frame: Luma, power: float, t: float) -> None:
        """Move the leaves of an I420 frame (1.5 h, w) in place."""
        rows, columns = self._weight.shape
        shift = self._weight * (power * 1.6) * np.sin(self._phase + 5.2 * t)
        luma = frame[:rows]
        luma[:] = cv2.remap(luma, self._x + shift, self._y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        small = shift[::2, ::2] / 2
        for plane in frame[rows:].reshape(2, rows // 2, columns // 2):
            plane[:] = cv2.remap(
                plane, self._half_grid[1] + small, self._half_grid[0], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
