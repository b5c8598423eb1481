"""A painting surface that knows how far away everything on it is.

Colour alone cannot become a night picture: an infra-red lamp beside the lens lights a near tent and leaves the far
trees black. So every brush stroke writes colour and depth, and light and haze are laid on at the end, from the depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.float32]
"""(rows, columns, 3) BGR, 0-255."""
Plane = npt.NDArray[np.float32]
"""(rows, columns), any unit."""
Colour = tuple[float, float, float]
"""Blue, green, red, 0-255."""

FAR_M = 400.0


@dataclass(frozen=True)
class Lens:
    """Where the camera stands: everything on the ground follows from these three numbers.

    ``horizon`` is the row of the horizon (0-1 from the top), ``mount_m`` the height of the lens above the ground,
    ``focal`` the height in the picture (0-1) of one metre seen from one metre away.
    """

    horizon: float = 0.30
    mount_m: float = 1.75
    focal: float = 1.1

    def row(self, z_m: float, up_m: float = 0.0) -> float:
        """Row (0-1) of a point ``up_m`` above the ground at distance ``z_m``."""
        return self.horizon + self.focal * (self.mount_m - up_m) / z_m

    def distance_m(self, row: float) -> float:
        """Distance of the ground seen in ``row`` (0-1), which must lie below the horizon."""
        return self.focal * self.mount_m / max(row - self.horizon, 1e-3)

    def height(self, row: float, tall_m: float) -> float:
        """Height in the picture (0-1) of something ``tall_m`` tall whose feet are in ``row``."""
        return max(row - self.horizon, 1e-3) * tall_m / self.mount_m


@dataclass
class Canvas:
    """Colour (BGR, float) and depth (metres) of one picture, and the lens it is seen through."""

    width_px: int
    height_px: int
    lens: Lens
    rng: np.random.Generator
    colour: Picture = field(init=False)
    depth_m: Plane = field(init=False)

    def __post_init__(self) -> None:
        self.colour = np.zeros((self.height_px, self.width_px, 3), np.float32)
        self.depth_m = np.full((self.height_px, self.width_px), FAR_M, np.float32)

    def project(self, x_m: float, up_m: float, z_m: float) -> tuple[float, float]:
        """Pixel of a point: metres to the right of the axis, above the ground, away from the lens."""
        x_px = self.width_px / 2 + self.lens.focal * x_m / z_m * self.height_px
        return x_px, self.lens.row(z_m, up_m) * self.height_px

    def scale_px(self, z_m: float) -> float:
        """Pixels per metre at distance ``z_m``."""
        return self.lens.focal * self.height_px / z_m

    def cover(self, alpha: Plane, paint: Picture | Colour, z_m: float | Plane) -> None:
        """Lay ``paint`` over the whole canvas where ``alpha`` (0-1) says so."""
        self.cover_at(alpha, paint, z_m, 0, 0)

    def cover_at(self, alpha: Plane, paint: Picture | Colour, z_m: float | Plane, left: int, top: int) -> None:
        """Lay a patch with its corner at (``left``, ``top``) px; parts outside the canvas are cut off."""
        rows, columns = alpha.shape
        y0, x0 = max(top, 0), max(left, 0)
        y1, x1 = min(top + rows, self.height_px), min(left + columns, self.width_px)
        if y0 >= y1 or x0 >= x1:
            return
        patch = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        here = (slice(y0, y1), slice(x0, x1))
        opacity = alpha[patch]
        over = paint[patch] if isinstance(paint, np.ndarray) else np.array(paint, np.float32)
        self.colour[here] += (over - self.colour[here]) * opacity[..., None]
        depth = z_m[patch] if isinstance(z_m, np.ndarray) else z_m
        self.depth_m[here] = np.where(opacity > 0.5, depth, self.depth_m[here])

    def polygon(
        self, points_px: Sequence[tuple[float, float]], paint: Picture | Colour, z_m: float, soft_px: float = 0.0
    ) -> None:
        """Fill a polygon; a picture as paint is laid over the polygon's bounding box."""
        corners = np.array(points_px, np.float64)
        pad = int(np.ceil(soft_px * 3)) + 1
        left, top = (int(v) - pad for v in np.floor(corners.min(axis=0)))
        right, bottom = (int(v) + pad for v in np.ceil(corners.max(axis=0)))
        mask = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
        shifted = np.round((corners - (left, top)) * 16).astype(np.int32)
        cv2.fillPoly(mask, [shifted], 255, lineType=cv2.LINE_AA, shift=4)
        alpha = np.asarray(mask, np.float32) / np.float32(255)
        if soft_px:
            alpha = blur(alpha, soft_px)
        if isinstance(paint, np.ndarray):
            paint = cv2.resize(paint, (alpha.shape[1], alpha.shape[0])).astype(np.float32)
        self.cover_at(alpha, paint, z_m, left, top)

    def shade(self, centre_px: tuple[float, float], radii_px: tuple[float, float], strength: float) -> None:
        """Darken the ground in a soft ellipse: the contact shadow that keeps things from floating."""
        reach_x, reach_y = int(radii_px[0] * 2) + 2, int(radii_px[1] * 2) + 2
        patch = soft_ellipse(reach_x, reach_y, radii_px)
        left, top = int(centre_px[0]) - reach_x, int(centre_px[1]) - reach_y
        y0, x0 = max(top, 0), max(left, 0)
        y1, x1 = min(top + patch.shape[0], self.height_px), min(left + patch.shape[1], self.width_px)
        if y0 < y1 and x0 < x1:
            self.colour[y0:y1, x0:x1] *= 1 - strength * patch[y0 - top : y1 - top, x0 - left : x1 - left, None]


def soft_ellipse(reach_x: int, reach_y: int, radii_px: tuple[float, float]) -> Plane:
    """A bell of 1 in the middle, (2*reach_y+1, 2*reach_x+1)."""
    x = np.arange(-reach_x, reach_x + 1, dtype=np.float32) / max(radii_px[0], 0.5)
    y = np.arange(-reach_y, reach_y + 1, dtype=np.float32) / max(radii_px[1], 0.5)
    return np.exp(-1.2 * (x[None, :] ** 2 + y[:, None] ** 2)).astype(np.float32)


def blur(plane: npt.NDArray[np.float32], sigma_px: float) -> npt.NDArray[np.float32]:
    """Gaussian blur of a plane or picture."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), max(sigma_px, 0.1)), np.float32)


def clouds(
    rng: np.random.Generator, rows: int, columns: int, cell_px: float, octaves: int = 5, stretch: float = 1.0
) -> Plane:
    """Fractal noise, 0-1 with mean near 0.5; ``cell_px`` is the size of its largest blobs, ``stretch`` widens them."""
    total = np.zeros((rows, columns), np.float32)
    weight, weights = 1.0, 0.0
    for _ in range(octaves):
        if cell_px < 1:
            break
        grid = (max(2, round(columns / (cell_px * stretch))) + 1, max(2, round(rows / cell_px)) + 1)
        coarse = rng.random((grid[1], grid[0]), dtype=np.float32)
        total += weight * np.asarray(cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC), np.float32)
        weights += weight
        weight, cell_px = weight * 0.55, cell_px / 2
    return np.asarray(np.clip(0.5 + (total / weights - 0.5) * 1.6, 0, 1), np.float32)


def mix(low: Colour, high: Colour, share: Plane) -> Picture:
    """Blend two colours, pixel by pixel."""
    a, b = np.array(low, np.float32), np.array(high, np.float32)
    return np.asarray(a + (b - a) * share[..., None], np.float32)
