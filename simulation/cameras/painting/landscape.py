"""Paints the campsite a staged camera looks at: the place first, then the light that falls on it."""

from __future__ import annotations

from importlib.resources import files

import cv2
import numpy as np
import numpy.typing as npt

from simulation.cameras.painting import campsite as camp
from simulation.cameras.painting.canvas import Canvas, Colour, Lens, Picture, Plane, blur, clouds, mix
from simulation.cameras.painting.foliage import Sprite, bush, conifer, grass, litter, plant, trunk
from simulation.cameras.scene import Place

LENS = Lens()
SUPERSAMPLE = 2
HAZE: Colour = (206, 204, 192)


def paint_place(place: Place, width_px: int, height_px: int, seed: int) -> Canvas:
    """Paint a place without any light of its own, at twice the asked size.

    Returns the canvas: colour (2h, 2w, 3) BGR and depth (2h, 2w) in metres.
    """
    rng = np.random.default_rng([seed, 1])
    canvas = Canvas(width_px * SUPERSAMPLE, height_px * SUPERSAMPLE, LENS, rng)
    _sky(canvas)
    _hills(canvas)
    patchy = _ground(canvas, place)
    litter(canvas, 5000)
    _far_forest(canvas, open_sky=place == "meadow")
    {"creek": _creek_side, "trail": _trail_side, "meadow": _meadow_side}[place](canvas, patchy)
    return canvas


def by_day(canvas: Canvas) -> npt.NDArray[np.uint8]:
    """Daylight: haze with distance, lens softness, slightly dull colours. (h, w, 3) BGR."""
    haze = 1 - np.exp(-canvas.depth_m / 150.0)
    picture = canvas.colour + (np.array(HAZE, np.float32) - canvas.colour) * (0.85 * haze[..., None])
    picture = _developed(canvas, picture)
    grey = picture.mean(axis=2, keepdims=True)
    picture = grey + (picture - grey) * 0.92
    corner = vignette(picture.shape[0], picture.shape[1], 0.22)
    return np.asarray(np.clip(picture * corner[..., None] * 1.06 + 4, 0, 255), np.uint8)


def by_infrared(canvas: Canvas) -> npt.NDArray[np.uint8]:
    """Night: grey, leaves bright in infra-red, a lamp that fades with distance and towards the corners. (h, w)."""
    grey = canvas.colour @ np.array((0.1, 0.5, 0.4), np.float32)
    reach = np.clip(1.25 * np.exp(-canvas.depth_m / 13.0), 0.0, 1.0)
    lit = (grey * reach)[..., None]
    picture = _developed(canvas, np.asarray(lit, np.float32).repeat(3, axis=2))[..., 0]
    spot = vignette(picture.shape[0], picture.shape[1], 0.62)
    return np.asarray(np.clip(22 + picture * spot * 1.02, 0, 255), np.uint8)


def vignette(rows: int, columns: int, strength: float) -> Plane:
    """Gain that falls off towards the corners."""
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    return np.asarray(1 - strength * np.clip((x**2 + (y * 0.9) ** 2) / 1.9, 0, 1) ** 1.2, np.float32)


def _developed(canvas: Canvas, picture: Picture) -> Picture:
    """Blur what is far, then shrink to the final size."""
    distant = np.clip((canvas.depth_m - 14) / 40, 0, 1)[..., None]
    picture = np.asarray(picture + (blur(picture, 1.8) - picture) * distant, np.float32)
    size = (canvas.width_px // SUPERSAMPLE, canvas.height_px // SUPERSAMPLE)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def photographed(name: str) -> Sprite:
    """A cut-out from the assets folder, BGR 0-255 and alpha 0-1."""
    raw = np.frombuffer(files("simulation.cameras").joinpath("assets", name).read_bytes(), np.uint8)
    picture = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3 or picture.shape[2] != 4:
        raise ValueError(f"assets/{name}: expected a picture with transparency; reinstall bearwatch")
    sprite = picture.astype(np.float32)
    sprite[..., 3] /= 255
    return sprite


def _sky(canvas: Canvas) -> None:
    rows, columns = canvas.height_px, canvas.width_px
    down = np.linspace(0, 1, rows, dtype=np.float32)[:, None].repeat(columns, axis=1)
    canvas.colour[:] = mix((214, 190, 160), (232, 228, 220), np.clip(down * 3, 0, 1).astype(np.float32))
    puffs = np.clip(clouds(canvas.rng, rows, columns, rows / 3, 5, stretch=2.2) * 2.4 - 1.0, 0, 1)
    canvas.cover(np.asarray(puffs * 0.75, np.float32), (240, 240, 238), 400.0)


def _hills(canvas: Canvas) -> None:
    columns = np.arange(canvas.width_px)
    for rise, z_m, paint in ((0.14, 260.0, (150, 138, 118)), (0.08, 170.0, (104, 110, 92))):
        line = clouds(canvas.rng, 1, canvas.width_px, canvas.width_px / 3, 7)[0]
        top = (canvas.lens.horizon + 0.02 - rise * (0.25 + 1.1 * line)) * canvas.height_px
        inside = np.arange(canvas.height_px)[:, None] > top[None, columns]
        canvas.cover(inside.astype(np.float32), paint, z_m)


def _far_forest(canvas: Canvas, open_sky: bool) -> None:
    rng = canvas.rng
    trees = [conifer(rng, 150 * canvas.height_px // 360, (30, 44, 34), (74, 106, 84)) for _ in range(5)]
    rows = [(75.0, 46), (52.0, 36), (36.0, 24)] if open_sky else [(70.0, 44), (46.0, 40), (31.0, 30), (22.0, 19)]
    for z_m, count in rows:
        half_m = 0.95 / canvas.lens.focal * z_m
        for x_m in np.linspace(-half_m, half_m, count) + rng.normal(0, half_m / count, count):
            if open_sky and z_m < 50 and abs(x_m) < half_m * 0.45:
                continue
            tree = trees[int(rng.integers(len(trees)))] * np.array([*[rng.uniform(0.8, 1.15)] * 3, 1], np.float32)
            plant(canvas, tree, float(x_m), z_m * rng.uniform(0.94, 1.06), rng.uniform(9, 17), rng.random() < 0.5)


def _ground(canvas: Canvas, place: Place) -> Plane:
    """Earth, needles and turf in perspective. Returns where grass likes to grow (0-1, canvas shape)."""
    rows, columns = canvas.height_px, canvas.width_px
    row = np.arange(rows, dtype=np.float32)[:, None] / rows
    column = np.arange(columns, dtype=np.float32)[None, :]
    away = canvas.lens.focal * canvas.lens.mount_m / np.maximum(row - canvas.lens.horizon, 4e-3)
    x_m = np.asarray((column - columns / 2) / rows / canvas.lens.focal * away, np.float32)
    z_m = np.asarray(np.broadcast_to(away, x_m.shape), np.float32)
    edge = np.clip((row - canvas.lens.horizon - 0.012) * rows / 3, 0, 1)
    rng = canvas.rng
    turf = _in_perspective(clouds(rng, 1024, 1024, 220, 6), x_m, z_m, 34.0)
    fine = _in_perspective(clouds(rng, 1024, 1024, 26, 5), x_m, z_m, 40.0)
    grit = _in_perspective(rng.random((1024, 1024), dtype=np.float32), x_m, z_m, 120.0)
    near = np.clip(12 / z_m, 0.12, 1)
    greens: dict[Place, tuple[Colour, Colour]] = {
        "creek": ((38, 60, 56), (72, 118, 104)),
        "trail": ((48, 66, 78), (88, 112, 122)),
        "meadow": ((44, 78, 66), (96, 150, 136)),
    }
    grassy = mix(*greens[place], np.clip(turf * 0.6 + fine * 0.55 - 0.08, 0, 1).astype(np.float32))
    earth = mix((72, 94, 114), (106, 130, 150), np.clip(fine * 0.8 + turf * 0.2, 0, 1).astype(np.float32))
    bare = np.clip((turf - {"creek": 0.5, "trail": 0.36, "meadow": 0.66}[place]) * 5, 0, 1) * 0.8
    bare = np.maximum(bare, _worn_path(place, x_m, z_m, turf))
    picture = grassy + (earth - grassy) * bare[..., None]
    picture = picture * (1 + (grit - 0.5) * 0.35 * near + (fine - 0.5) * 0.3 * near)[..., None]
    canvas.cover(np.asarray(np.broadcast_to(edge, x_m.shape), np.float32), np.asarray(picture, np.float32), z_m)
    return np.asarray(np.clip(1.05 - bare * 1.3, 0, 1), np.float32)


def _in_perspective(texture: Plane, x_m: Plane, z_m: Plane, px_per_m: float) -> Plane:
    """Lay a square texture on the ground; it is mirrored at its edges, so that no seam shows."""
    last = texture.shape[0] - 1
    u, v = (np.abs(np.mod(m * px_per_m + 0.37 * last, 2 * last) - last).astype(np.float32) for m in (x_m, z_m))
    return np.asarray(cv2.remap(texture, u, v, cv2.INTER_LINEAR), np.float32)


def _worn_path(place: Place, x_m: Plane, z_m: Plane, turf: Plane) -> Plane:
    """The trodden way between the tents."""
    middle = {
        "creek": 0.6 + 0.9 * np.sin(z_m / 4.5),
        "trail": -0.2 + 1.1 * np.sin(z_m / 5.5),
        "meadow": 1.0 - z_m * 0.16,
    }
    half_m = {"creek": 0.55, "trail": 0.85, "meadow": 0.5}[place]
    away = np.abs(x_m - middle[place]) + (turf - 0.5) * 0.9
    return np.asarray(np.clip(1.6 - away / half_m, 0, 1) * 0.9, np.float32)


def _creek_side(canvas: Canvas, patchy: Plane) -> None:
    _water(canvas)
    leaf_dark, leaf_bright = (26, 52, 42), (70, 132, 112)
    camp.ridge_tent(canvas, -4.1, 10.5, camp.CANVAS_ORANGE, 0.55)
    camp.picnic_table(canvas, 3.7, 8.6)
    trunk(canvas, 5.9, 12.0, 0.55, (70, 84, 102))
    trunk(canvas, -7.2, 12.5, 0.5, (66, 80, 98))
    camp.fire_ring(canvas, 0.2, 8.8)
    for x_m, z_m, wide in ((-6.1, 12.0, 1.8), (6.9, 11.0, 1.6), (-0.9, 14.5, 1.2), (2.2, 15.0, 1.3)):
        bush(canvas, x_m, z_m, wide, leaf_dark, leaf_bright)
    grass(canvas, 9000, (34, 66, 58), (96, 156, 138), patchy)
    trunk(canvas, 3.15, 4.2, 0.42, (64, 78, 96))


def _trail_side(canvas: Canvas, patchy: Plane) -> None:
    plant(canvas, photographed("birch.png"), 2.6, 15.0, 8.0, False)
    plant(canvas, photographed("birch.png"), -5.2, 19.0, 9.0, True)
    for x_m, z_m, wide in ((-3.6, 10.5, 0.45), (4.2, 11.5, 0.5), (-7.4, 15.0, 0.5), (1.2, 18.0, 0.4), (6.6, 14.0, 0.4)):
        trunk(canvas, x_m, z_m, wide, (84, 98, 112))
    camp.dome_tent(canvas, 4.3, 9.4, camp.CANVAS_GREEN)
    camp.fallen_log(canvas, -3.4, 7.6, 2.6)
    for x_m, z_m, wide in ((-5.2, 9.5, 1.5), (6.8, 9.0, 1.7), (-1.6, 13.5, 1.2), (1.9, 13.0, 0.9)):
        bush(canvas, x_m, z_m, wide, (40, 62, 56), (120, 160, 146))
    grass(canvas, 7000, (60, 90, 84), (140, 176, 164), patchy)
    trunk(canvas, -2.75, 3.9, 0.36, (84, 98, 112))


def _meadow_side(canvas: Canvas, patchy: Plane) -> None:
    oak = photographed("oak.png") * np.array((0.78, 0.86, 0.8, 1), np.float32)
    canvas.shade(canvas.project(7.4, 0, 20.0), (3.2 * canvas.scale_px(20), 0.5 * canvas.scale_px(20)), 0.55)
    plant(canvas, oak, 7.2, 20.0, 7.2, False)
    plant(canvas, oak, -13.0, 30.0, 8.0, True)
    camp.dome_tent(canvas, -3.9, 11.0, camp.CANVAS_BLUE)
    camp.ridge_tent(canvas, -8.2, 15.0, camp.CANVAS_GREEN, 0.4)
    camp.picnic_table(canvas, 4.6, 11.5)
    camp.fire_ring(canvas, 0.9, 10.5)
    for x_m, z_m, wide in ((-1.8, 16.5, 0.9), (7.2, 9.2, 0.7), (-5.2, 7.4, 0.5)):
        camp.rock(canvas, x_m, z_m, wide)
    for x_m, z_m, wide in ((8.3, 14.0, 2.0), (-6.3, 10.4, 1.0)):
        bush(canvas, x_m, z_m, wide, (30, 60, 48), (84, 146, 122))
    grass(canvas, 12000, (44, 90, 76), (120, 184, 168), patchy, tall_m=0.17)


def _water(canvas: Canvas) -> None:
    """The creek behind the camp: pale sky and dark banks in it."""
    rows, columns = canvas.height_px, canvas.width_px
    row, column = np.arange(rows, dtype=np.float32)[:, None], np.arange(columns, dtype=np.float32)[None, :]
    bend = canvas.lens.row(17.0) * rows + 0.012 * rows * np.sin(column / columns * 5 + 0.6)
    near_bank = bend + rows * (0.030 + 0.012 * np.sin(column / columns * 7))
    inside = np.clip(np.minimum(row - bend, near_bank - row) / 2 + 0.5, 0, 1)
    ripples = clouds(canvas.rng, rows, columns, rows / 60, 4, stretch=7)
    water = mix((92, 96, 82), (206, 200, 186), np.clip(ripples * 1.7 - 0.45, 0, 1).astype(np.float32))
    banks = np.exp(-(((row - near_bank) / (rows * 0.006)) ** 2)) + np.exp(-(((row - bend) / (rows * 0.005)) ** 2))
    canvas.colour *= (1 - 0.45 * np.clip(banks, 0, 1)).astype(np.float32)[..., None]
    canvas.cover(np.asarray(inside, np.float32), water, canvas.depth_m.copy())
    for x_m in np.linspace(-8, 8, 15) + canvas.rng.normal(0, 0.5, 15):
        camp.rock(canvas, float(x_m), 14.4 + float(canvas.rng.uniform(-0.5, 0.6)), canvas.rng.uniform(0.25, 0.6))
