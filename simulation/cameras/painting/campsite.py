"""What campers leave standing about: tents, a picnic table, a fire ring, rocks, logs."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from simulation.cameras.painting.canvas import Canvas, Colour, Picture, clouds

Point = tuple[float, float, float]
"""Metres: right of the axis, above the ground, away from the lens."""

CANVAS_ORANGE: Colour = (62, 112, 196)
CANVAS_GREEN: Colour = (78, 112, 84)
CANVAS_BLUE: Colour = (150, 116, 70)
PLANK: Colour = (92, 124, 152)


def fabric(canvas: Canvas, rows: int, columns: int, base: Colour, light: float) -> Picture:
    """Tent cloth: soft folds, darker towards the ground."""
    folds = clouds(canvas.rng, rows, columns, max(rows, columns) / 3, 4, stretch=0.6)
    fall = np.linspace(1.12, 0.78, rows, dtype=np.float32)[:, None]
    return np.asarray(np.array(base, np.float32) * ((0.8 + 0.4 * folds) * fall * light)[..., None], np.float32)


def face(canvas: Canvas, corners: list[Point], base: Colour, light: float, cloth: bool = True) -> None:
    """A flat panel in space."""
    pixels = [canvas.project(*corner) for corner in corners]
    z_m = float(np.mean([corner[2] for corner in corners]))
    xs, ys = [p[0] for p in pixels], [p[1] for p in pixels]
    rows, columns = max(4, round(max(ys) - min(ys))), max(4, round(max(xs) - min(xs)))
    paint = fabric(canvas, rows, columns, base, light) if cloth else wood(canvas, rows, columns, base, light)
    canvas.polygon(pixels, paint, z_m)


def wood(canvas: Canvas, rows: int, columns: int, base: Colour, light: float) -> Picture:
    """Planed, weathered boards."""
    grain = clouds(canvas.rng, rows, columns, max(rows / 2, 3), 4, stretch=6)
    return np.asarray(np.array(base, np.float32) * ((0.72 + 0.5 * grain) * light)[..., None], np.float32)


def ridge_tent(canvas: Canvas, x_m: float, z_m: float, base: Colour, turn: float = 0.5) -> None:
    """A ridge tent seen at an angle: front with a door, one long side."""
    half, tall, long = 0.95, 1.25, 2.3
    back_x, back_z = x_m + long * turn, z_m + long * (1 - 0.35 * turn)
    left, right, top = (x_m - half, 0.0, z_m), (x_m + half, 0.0, z_m + 0.35), (x_m, tall, z_m + 0.15)
    back_right, back_top = (back_x + half, 0.0, back_z + 0.35), (back_x, tall * 0.94, back_z + 0.15)
    foot = canvas.project(x_m + 0.6 * long * turn, 0, z_m + 0.2)
    canvas.shade((foot[0], foot[1]), (2.0 * canvas.scale_px(z_m), 0.3 * canvas.scale_px(z_m)), 0.62)
    face(canvas, [right, top, back_top, back_right], base, 0.72)
    face(canvas, [left, top, right], base, 1.08)
    face(canvas, [(x_m - 0.42, 0, z_m + 0.08), (x_m, tall * 0.82, z_m + 0.12), (x_m + 0.2, 0, z_m + 0.2)], base, 0.33)
    seam(canvas, top, (x_m + 0.02, 0, z_m + 0.15), 0.5)
    seam(canvas, top, back_top, 1.25)
    for peg in ((x_m - half - 0.5, 0.0, z_m - 0.25), (back_x + half + 0.6, 0.0, back_z)):
        seam(canvas, top if peg[0] < x_m else back_top, peg, 1.5)


def dome_tent(canvas: Canvas, x_m: float, z_m: float, base: Colour) -> None:
    """A dome tent: three panels between bent poles."""
    wide, tall = 1.25, 1.25
    arch = [_bow(x_m, z_m, wide, tall, share) for share in np.linspace(0, 1, 25)]
    pole: list[Point] = [
        (x_m - 0.15 * (1 - up) - 0.3 * float(np.sin(np.pi * up)), tall * up, z_m)
        for up in np.linspace(1, 0, 9).tolist()
    ]
    door: list[Point] = [
        (x_m - 0.05 + 0.56 * float(np.sin(down * 1.9)), tall * 0.82 * (1 - down), z_m)
        for down in np.linspace(0, 1, 9).tolist()
    ]
    foot = canvas.project(x_m + 0.25, 0, z_m)
    canvas.shade(foot, (1.8 * canvas.scale_px(z_m), 0.24 * canvas.scale_px(z_m)), 0.62)
    face(canvas, arch, base, 0.86)
    face(canvas, [*arch[:13], *pole], base, 1.16)
    face(canvas, [*door, (x_m - 0.05, 0.0, z_m)], base, 0.4)
    for here, there in pairwise(pole):
        seam(canvas, here, there, 0.55)


def _bow(x_m: float, z_m: float, wide: float, tall: float, share: float) -> Point:
    angle = share * np.pi
    return x_m - wide * float(np.cos(angle)), tall * float(np.sin(angle)) ** 0.8, z_m


def seam(canvas: Canvas, start: Point, end: Point, gain: float) -> None:
    """A thin line in space, lighter or darker than what is behind it."""
    a, b = canvas.project(*start), canvas.project(*end)
    mask = np.zeros(canvas.depth_m.shape, np.float32)
    thick = max(1, round(0.015 * canvas.scale_px(start[2])))
    cv2.line(mask, (round(a[0]), round(a[1])), (round(b[0]), round(b[1])), 0.55, thick, cv2.LINE_AA)
    canvas.colour *= 1 + (gain - 1) * mask[..., None]


def picnic_table(canvas: Canvas, x_m: float, z_m: float) -> None:
    """Top, two benches and trestle legs."""
    half = 0.95
    foot = canvas.project(x_m, 0, z_m + 0.4)
    canvas.shade((foot[0] + 8, foot[1]), (1.5 * canvas.scale_px(z_m), 0.28 * canvas.scale_px(z_m)), 0.6)
    slab(canvas, x_m, 0.45, z_m + 0.95, half, 0.26)
    for side in (-0.7, 0.7):
        leg(canvas, x_m + side * half, z_m + 0.75, z_m + 0.35)
        leg(canvas, x_m + side * half, z_m - 0.05, z_m + 0.35)
    slab(canvas, x_m, 0.75, z_m, half, 0.7)
    slab(canvas, x_m, 0.45, z_m - 0.4, half, 0.26)


def slab(canvas: Canvas, x_m: float, up_m: float, z_m: float, half_m: float, deep_m: float) -> None:
    """One board lying flat, with the edge the camera sees."""
    near, far = z_m, z_m + deep_m
    top: list[Point] = [
        (x_m - half_m, up_m, near),
        (x_m + half_m, up_m, near),
        (x_m + half_m, up_m, far),
        (x_m - half_m, up_m, far),
    ]
    face(canvas, top, PLANK, 1.15, cloth=False)
    edge: list[Point] = [
        (x_m - half_m, up_m, near),
        (x_m + half_m, up_m, near),
        (x_m + half_m, up_m - 0.06, near),
        (x_m - half_m, up_m - 0.06, near),
    ]
    face(canvas, edge, PLANK, 0.55, cloth=False)


def leg(canvas: Canvas, x_m: float, foot_z_m: float, top_z_m: float) -> None:
    """A slanted plank under the table."""
    corners: list[Point] = [
        (x_m - 0.05, 0, foot_z_m),
        (x_m + 0.05, 0, foot_z_m),
        (x_m + 0.05, 0.72, top_z_m),
        (x_m - 0.05, 0.72, top_z_m),
    ]
    face(canvas, corners, PLANK, 0.5, cloth=False)


def rock(canvas: Canvas, x_m: float, z_m: float, wide_m: float, base: Colour = (128, 134, 138)) -> None:
    """A weathered stone, lit from the upper left."""
    rng = canvas.rng
    wide = max(6, round(wide_m * canvas.scale_px(z_m)))
    tall = max(4, round(wide * rng.uniform(0.5, 0.72)))
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    radii = rng.uniform(0.8, 1.0, 14)
    foot_x, foot_y = canvas.project(x_m, 0, z_m)
    outline = [
        (foot_x + np.cos(a) * r * wide / 2, foot_y - tall * 0.42 + np.sin(a) * r * tall / 2)
        for a, r in zip(angles, radii, strict=True)
    ]
    across, down = np.meshgrid(np.linspace(-1, 1, wide), np.linspace(-1, 1, tall))
    light = np.clip(0.86 - 0.33 * across * 0.7 - 0.42 * down, 0.25, 1.25)
    rough = 0.75 + 0.5 * clouds(rng, tall, wide, max(wide / 3, 2), 4)
    paint = np.asarray(np.array(base, np.float32) * (light * rough)[..., None], np.float32)
    canvas.shade((foot_x + wide * 0.12, foot_y), (wide * 0.62, tall * 0.22), 0.6)
    canvas.polygon(outline, paint, z_m)


def fire_ring(canvas: Canvas, x_m: float, z_m: float) -> None:
    """Stones around ash and two charred logs."""
    scale = canvas.scale_px(z_m)
    centre = canvas.project(x_m, 0, z_m)
    flat = canvas.lens.mount_m / z_m
    canvas.shade(centre, (0.75 * scale, 0.75 * scale * flat), 0.75)
    for angle in sorted(np.linspace(0, 2 * np.pi, 13, endpoint=False), key=np.sin, reverse=True):
        if abs(np.sin(angle)) < 0.05 and np.cos(angle) > 0:
            _charred_logs(canvas, x_m, z_m)
        stone = canvas.rng.uniform(0.2, 0.29)
        rock(canvas, x_m + 0.55 * np.cos(angle), z_m + 0.55 * np.sin(angle), stone, (118, 122, 126))


def _charred_logs(canvas: Canvas, x_m: float, z_m: float) -> None:
    for lean in (-0.3, 0.25):
        face(
            canvas,
            [
                (x_m - 0.4, 0.05, z_m + lean),
                (x_m + 0.38, 0.12, z_m - lean),
                (x_m + 0.38, 0.22, z_m - lean),
                (x_m - 0.4, 0.15, z_m + lean),
            ],
            (44, 46, 50),
            1.0,
            cloth=False,
        )


def fallen_log(canvas: Canvas, x_m: float, z_m: float, long_m: float) -> None:
    """A log on the ground with a pale sawn end."""
    thick = 0.32
    start, end = (x_m - long_m / 2, z_m), (x_m + long_m / 2, z_m + 0.1)
    middle = canvas.project(x_m, 0, z_m + 0.15)
    canvas.shade(middle, (long_m * 0.62 * canvas.scale_px(z_m), 0.16 * canvas.scale_px(z_m)), 0.6)
    for low, light in ((0.0, 0.5), (0.5, 0.95), (0.85, 1.2)):
        face(
            canvas,
            [
                (start[0], low * thick, start[1]),
                (end[0], low * thick, end[1]),
                (end[0], thick, end[1]),
                (start[0], thick, start[1]),
            ],
            (70, 88, 108),
            light,
            cloth=False,
        )
    rock(canvas, start[0], start[1] - 0.02, thick * 0.95, (120, 160, 190))
