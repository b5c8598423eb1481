"""Trees, grass and leaves, painted stroke by stroke from a seed."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from simulation.cameras.painting.canvas import Canvas, Colour, Picture, Plane, blur, clouds, mix

Sprite = npt.NDArray[np.float32]
"""(rows, columns, 4): BGR 0-255 and alpha 0-1."""

BARK: Colour = (52, 66, 84)


def conifer(rng: np.random.Generator, tall_px: int, dark: Colour, bright: Colour) -> Sprite:
    """One spruce: drooping branches on a trunk, lit from the upper left."""
    wide = int(tall_px * rng.uniform(0.36, 0.46))
    colour = np.zeros((tall_px, wide, 3), np.float32)
    mask = np.zeros((tall_px, wide), np.float32)
    middle = wide / 2
    top, foot = (int(middle), int(tall_px * 0.03)), (int(middle), tall_px)
    stroke(colour, mask, top, foot, BARK, max(2, tall_px // 55))
    for level in np.linspace(0.02, 0.93, max(20, tall_px // 6)):
        reach = (0.05 + 0.95 * level**0.9) * middle * rng.uniform(0.62, 1.0)
        for side in np.concatenate([rng.uniform(-1, 1, 6), (-1.0, 1.0)]) * rng.uniform(0.75, 1.0, 8):
            tip = (middle + side * reach, level * tall_px + abs(side) * reach * rng.uniform(0.25, 0.45))
            light = float(np.clip(0.36 - 0.42 * side - 0.3 * (1 - abs(side)) + rng.normal(0, 0.16), 0, 1))
            paint = blend(dark, bright, light)
            stroke(colour, mask, (middle, level * tall_px - 2), tip, paint, max(1, tall_px // 170))
            twigs(rng, colour, mask, (middle, level * tall_px), tip, paint, tall_px)
    return np.dstack([colour, blur(mask, 0.7)])


def blend(dark: Colour, bright: Colour, light: float) -> tuple[float, ...]:
    """A colour between two, 0 the dark one."""
    return tuple(d + (b - d) * light for d, b in zip(dark, bright, strict=True))


def stroke(
    colour: Picture,
    mask: Plane,
    start: tuple[float, float],
    end: tuple[float, float],
    paint: tuple[float, ...],
    thick: int,
) -> None:
    """One line on a colour plane and its mask."""
    a, b = (round(start[0]), round(start[1])), (round(end[0]), round(end[1]))
    cv2.line(colour, a, b, paint, thick)
    cv2.line(mask, a, b, 1.0, thick)


def twigs(
    rng: np.random.Generator,
    colour: Picture,
    mask: Plane,
    start: tuple[float, float],
    end: tuple[float, float],
    paint: tuple[float, ...],
    tall_px: int,
) -> None:
    """Needles hanging from a branch."""
    length = max(2.0, tall_px / 44)
    for share in rng.uniform(0.15, 1.0, 7):
        x, y = start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share
        tint = tuple(min(c * rng.uniform(0.75, 1.2), 255.0) for c in paint)
        tip = (x + rng.normal(0, length * 0.5), y + length * rng.uniform(0.5, 1.3))
        stroke(colour, mask, (x, y), tip, tint, max(1, tall_px // 220))


def plant(canvas: Canvas, sprite: Sprite, x_m: float, z_m: float, tall_m: float, mirrored: bool) -> None:
    """Stand a sprite on the ground."""
    tall_px = tall_m * canvas.scale_px(z_m)
    scale = tall_px / sprite.shape[0]
    size = (max(2, round(sprite.shape[1] * scale)), max(2, round(tall_px)))
    held = sprite[:, ::-1] if mirrored else sprite
    premultiplied = np.dstack([held[..., :3] * held[..., 3:], held[..., 3]])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    shrunk = np.asarray(cv2.resize(premultiplied, size, interpolation=method), np.float32)
    alpha = shrunk[..., 3]
    paint = np.asarray(shrunk[..., :3] / np.maximum(alpha, 1e-3)[..., None], np.float32)
    foot_x, foot_y = canvas.project(x_m, 0, z_m)
    canvas.cover_at(alpha, paint, z_m, round(foot_x - size[0] / 2), round(foot_y - size[1] + 0.01 * size[1]))


def trunk(canvas: Canvas, x_m: float, z_m: float, wide_m: float, bark: Colour) -> None:
    """A near trunk that leaves the picture at the top."""
    rng = canvas.rng
    foot_x, foot_y = canvas.project(x_m, 0, z_m)
    wide, tall = max(4, round(wide_m * canvas.scale_px(z_m))), round(foot_y)
    if tall < 4:
        return
    across = np.linspace(-1, 1, wide, dtype=np.float32)[None, :]
    grain = clouds(rng, tall, wide, max(wide / 3, 3), 5, stretch=0.28)
    cracks = np.clip((np.abs(grain - 0.5) - 0.02) * 9, 0, 1)
    round_light = np.clip(0.95 - 0.55 * (across + 0.35) ** 2, 0.2, 1)
    moss = np.clip(clouds(rng, tall, wide, wide, 3) * 2 - 1.1, 0, 1) * (across < 0)
    paint = np.array(bark, np.float32) * (0.55 + 0.75 * grain[..., None]) * (0.55 + 0.45 * cracks[..., None])
    paint = paint + (np.array((45, 95, 85), np.float32) - paint) * (0.5 * moss[..., None])
    paint = (paint * round_light[..., None]).astype(np.float32)
    flare = 1 + 0.35 * np.exp(-np.arange(tall, 0, -1, dtype=np.float32) / (wide * 0.6))
    alpha = np.clip((1 - np.abs(across) * (1.35 / flare[:, None])) * wide / 2, 0, 1).astype(np.float32)
    canvas.shade((foot_x + wide * 0.5, foot_y), (wide * 1.5, wide * 0.22), 0.6)
    canvas.cover_at(alpha, paint, z_m, round(foot_x - wide / 2), 0)


def grass(canvas: Canvas, count: int, dark: Colour, bright: Colour, patchy: Plane, tall_m: float = 0.13) -> None:
    """Blades of grass, far ones first, hidden behind what stands nearer.

    ``count`` is for a picture of 360 rows; ``patchy`` (canvas shape, 0-1) says where they like to grow.
    """
    rng = canvas.rng
    lowest, highest = canvas.lens.horizon + 0.035, 1.06
    blades = np.zeros_like(canvas.colour)
    mask, depth_m = np.zeros(canvas.depth_m.shape, np.float32), np.zeros(canvas.depth_m.shape, np.float32)
    for row in np.sort(lowest + (highest - lowest) * rng.random(_scaled(canvas, count)) ** 1.25):
        x, y = rng.random() * canvas.width_px, row * canvas.height_px
        grows = patchy[min(int(y), canvas.height_px - 1), min(int(x), canvas.width_px - 1)]
        if rng.random() > grows:
            continue
        tall = canvas.lens.height(row, tall_m) * canvas.height_px * rng.uniform(0.5, 1.4)
        paint = blend(dark, bright, rng.random())
        thick = 1 if tall < 26 else 2
        foot, tip = (round(x), round(y)), (round(x + rng.normal(0, tall * 0.4)), round(y - tall))
        stroke(blades, mask, foot, tip, paint, thick)
        cv2.line(depth_m, foot, tip, canvas.lens.distance_m(row), thick)
    in_front = depth_m < canvas.depth_m * 1.06 + 0.15
    canvas.cover(np.asarray(mask * in_front * 0.85, np.float32), blades, canvas.depth_m.copy())


def _scaled(canvas: Canvas, count: int) -> int:
    """Fewer strokes on a small picture: blades thinner than a pixel are only noise."""
    return round(count * min(1.0, canvas.height_px / 720))


def litter(canvas: Canvas, count: int) -> None:
    """Needles, twigs and small stones on the ground."""
    rng = canvas.rng
    scraps = np.zeros_like(canvas.colour)
    mask = np.zeros(canvas.depth_m.shape, np.float32)
    lowest = canvas.lens.horizon + 0.05
    for row in lowest + (1 - lowest) * rng.random(_scaled(canvas, count)) ** 0.8:
        x, y = rng.random() * canvas.width_px, row * canvas.height_px
        long = canvas.lens.height(row, rng.uniform(0.02, 0.12)) * canvas.height_px
        turn, flat = rng.uniform(0, np.pi), 0.4
        end = (x + np.cos(turn) * long, y + np.sin(turn) * long * flat)
        paint = blend((30, 40, 50), (140, 158, 172), rng.random() ** 1.6)
        stroke(scraps, mask, (x, y), end, paint, 1 if row < 0.75 else 2)
    canvas.cover(blur(mask, 0.5) * 0.6, scraps, canvas.depth_m.copy())


def bush(canvas: Canvas, x_m: float, z_m: float, wide_m: float, dark: Colour, bright: Colour) -> None:
    """A low shrub of many small leaves."""
    rng = canvas.rng
    wide = max(10, round(wide_m * canvas.scale_px(z_m)))
    tall = max(8, round(wide * rng.uniform(0.5, 0.7)))
    colour, mask = np.zeros((tall, wide, 3), np.float32), np.zeros((tall, wide), np.float32)
    leaf = max(1, round(wide / 42))
    for layer in np.linspace(0, 1, 340):
        angle, radius = rng.uniform(0, np.pi), np.sqrt(rng.random()) * (0.97 - 0.1 * layer)
        x = wide / 2 + np.cos(angle) * radius * wide / 2
        y = tall - np.sin(angle) * radius * tall * 0.95
        light = float(np.clip(0.2 + 0.75 * layer * (1 - y / tall) + rng.normal(0, 0.16), 0, 1))
        paint = blend(dark, bright, light)
        axes = (max(1, round(leaf * rng.uniform(0.8, 2))), leaf)
        turn = rng.uniform(0, 180)
        cv2.ellipse(colour, (int(x), int(y)), axes, turn, 0, 360, paint, -1)
        cv2.ellipse(mask, (int(x), int(y)), axes, turn, 0, 360, 1.0, -1)
    foot_x, foot_y = canvas.project(x_m, 0, z_m)
    canvas.shade((foot_x + wide * 0.1, foot_y), (wide * 0.55, wide * 0.09), 0.6)
    canvas.cover_at(blur(mask, 0.7), colour, z_m, round(foot_x - wide / 2), round(foot_y - tall + leaf))


def leafy_branch(rng: np.random.Generator, rows: int, columns: int, dark: Colour, bright: Colour) -> Sprite:
    """A branch hanging into the picture from the upper left corner, out of focus because it is near."""
    big = 2
    colour = np.zeros((rows * big, columns * big, 3), np.float32)
    mask = np.zeros(colour.shape[:2], np.float32)
    leaf = max(2.0, rows * big / 34)
    for start_y in (-0.06, 0.12, 0.34, -0.2):
        points = _hanging_curve(rng, rows * big, columns * big, start_y)
        for here, there in pairwise(points):
            stroke(colour, mask, here, there, BARK, max(1, rows * big // 90))
        for x, y in points[1:]:
            for _ in range(11):
                length, turn = leaf * rng.uniform(0.7, 1.5), rng.normal(62, 30)
                centre = (int(x + rng.normal(0, leaf * 1.9)), int(y + rng.normal(leaf * 0.7, leaf * 1.6)))
                axes = (round(length), max(1, round(length * rng.uniform(0.2, 0.4))))
                paint = blend(dark, bright, rng.random() ** 1.7)
                cv2.ellipse(colour, centre, axes, turn, 0, 360, paint, -1)
                cv2.ellipse(mask, centre, axes, turn, 0, 360, 1.0, -1)
    soft = max(1.2, rows * big / 110)
    alpha = blur(mask, soft)
    spread = blur(colour * mask[..., None], soft) / np.maximum(alpha, 1e-3)[..., None]
    sharp = np.dstack([spread, np.clip(alpha, 0, 1)]).astype(np.float32)
    return np.asarray(cv2.resize(sharp, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _hanging_curve(rng: np.random.Generator, rows: int, columns: int, start: float) -> list[tuple[float, float]]:
    steps = np.linspace(0, 1, 16)
    droop = rng.uniform(0.25, 0.5)
    reach = rng.uniform(0.7, 0.95)
    return [(float(s * reach * columns), float(rows * (start + droop * s**1.7 + 0.02 * rng.normal()))) for s in steps]


def leaf_texture(rng: np.random.Generator, rows: int, columns: int, dark: Colour, bright: Colour) -> Picture:
    """Mottled green for undergrowth."""
    fine = clouds(rng, rows, columns, 9, 4)
    coarse = clouds(rng, rows, columns, 60, 3)
    return mix(dark, bright, np.clip(fine * 0.7 + coarse * 0.5 - 0.15, 0, 1).astype(np.float32))
