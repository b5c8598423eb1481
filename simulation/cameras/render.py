"""Draws the frames of a scene, in the encoder's own format (I420), so that nothing is converted on the way."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from simulation.cameras.painting import weather_effects
from simulation.cameras.painting.canvas import Canvas, blur
from simulation.cameras.painting.cutout import STEPS, CutOut, figure, margin_px
from simulation.cameras.painting.foliage import Sprite, leafy_branch
from simulation.cameras.painting.landscape import LENS, SUPERSAMPLE, by_day, by_infrared, paint_place, vignette
from simulation.cameras.scene import Light, Scene, StagedVisit, whole_box

Frame = npt.NDArray[np.uint8]
"""(1.5 h, w): the luma plane, then the two half-size chroma planes (I420)."""

NOISE_SIGMA = {"day": 1.5, "infrared": 2.0}
BLOTCH_SIGMA, BLOTCH_PX = 1.5, 4.0
"""Coarse noise outlives the encoder where fine noise is smoothed away: no two decoded frames are alike."""
NOISE_SHEETS = 4


class SceneRenderer:
    """Paints a scene's background once, then draws any frame of its loop.

    ``frame`` depends only on the scene and the frame's number: it may be called from several threads and in any order.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        canvas = paint_place(scene.place, scene.width, scene.height, scene.seed)
        self._depth_m, self._ground_m = _depths(canvas, scene)
        self._still = self._painted(canvas)
        self._branch = self._drawn_branch()
        self._lamp = vignette(scene.height, scene.width, 0.62)
        self._noise = _noise_sheets(scene)
        self._wind = weather_effects.Wind(self._depth_m, self._ground_m, scene.seed)
        self._cloud = weather_effects.CloudShadow(scene.height, scene.width, scene.seed)
        self._rain = weather_effects.Rain(scene.height, scene.width, scene.seed)
        self._headlights = weather_effects.Headlights(scene.height, scene.width)
        self._figure = lru_cache(maxsize=4 * STEPS)(figure)
        self._shadow = lru_cache(maxsize=4 * STEPS)(_cast_shadow)

    def frame(self, index: int) -> Frame:
        """Draw frame ``index`` of the loop.

        1. The painted place, leaves moved by the wind, the near branch in front of it.
        2. Everybody in view, the farthest first, with their shadows, hidden by what stands nearer.
        3. Cloud shadow, headlights, rain, exposure.
        4. Sensor noise, never the same in two frames; then the label.
        """
        scene = self.scene
        loop_s = index / scene.fps
        rng = np.random.default_rng([scene.seed, 5, index])
        wind = self._force("branches", loop_s)
        frame = self._still.copy()
        if wind > 0:
            self._wind.blow(frame, wind, loop_s)
        for visit in sorted(scene.visits, key=lambda v: v.path[0][1]):
            self._walk_in(frame, visit, loop_s)
        self._hang_branch(frame, wind, loop_s)
        self._weather(frame, loop_s, rng)
        self._expose(frame[: scene.height], loop_s)
        self._grain(frame[: scene.height], rng)
        self._label(frame[: scene.height], loop_s)
        return frame

    def bgr(self, index: int) -> npt.NDArray[np.uint8]:
        """The same frame as (h, w, 3) BGR."""
        return np.asarray(cv2.cvtColor(self.frame(index), cv2.COLOR_YUV2BGR_I420), np.uint8)

    def _painted(self, canvas: Canvas) -> Frame:
        if self.scene.light == "day":
            return np.asarray(cv2.cvtColor(by_day(canvas), cv2.COLOR_BGR2YUV_I420), np.uint8)
        still = np.full((self.scene.height * 3 // 2, self.scene.width), 128, np.uint8)
        still[: self.scene.height] = by_infrared(canvas)
        return still

    def _drawn_branch(self) -> Sprite:
        rng = np.random.default_rng([self.scene.seed, 6])
        rows, columns = round(self.scene.height * 0.34), round(self.scene.width * 0.40)
        return leafy_branch(rng, rows, columns, (26, 46, 36), (74, 140, 112))

    def _force(self, kind: str, loop_s: float) -> float:
        return max((weather_effects.force(d, loop_s) for d in self.scene.disturbances if d.kind == kind), default=0.0)

    def _walk_in(self, frame: Frame, visit: StagedVisit, loop_s: float) -> None:
        box = whole_box(self.scene, visit, loop_s)
        if box is None:
            return
        rows, columns = self.scene.height, self.scene.width
        height_px = max(8, round(visit.height * rows))
        to_right = visit.path[1][0] >= visit.path[0][0]
        phase = self._phase(visit, loop_s)
        sprite = self._figure(visit.kind, height_px, to_right, int(phase * STEPS) % STEPS, self.scene.light)
        bob = 0.008 * height_px * np.sin(4 * np.pi * phase)
        left = round(box.left * columns) - sprite.pad_px
        top = round(box.bottom * rows - height_px + bob) - sprite.pad_px
        distance_m = LENS.distance_m(box.bottom)
        shadow = self._shadow(visit.kind, height_px, to_right, int(phase * STEPS) % STEPS, self.scene.light)
        self._darken(frame, shadow, left - shadow_room_px(height_px), top, distance_m)
        self._lay(frame, sprite, left, top, distance_m)

    def _phase(self, visit: StagedVisit, loop_s: float) -> float:
        """Step cycles since the start, from the way walked: who stands still does not step."""
        (x0, y0), (x1, y1) = visit.path
        aspect = self.scene.width / self.scene.height
        way = float(np.hypot((x1 - x0) * aspect, y1 - y0)) * visit.progress(loop_s)
        stride = visit.height * visit.subject.stride_m / visit.subject.tall_m
        return way / stride

    def _darken(self, frame: Frame, shadow: npt.NDArray[np.float32], left: int, top: int, distance_m: float) -> None:
        """Shadow takes light, and with it colour, from the ground and from what stands on it no nearer."""
        rows, columns = self.scene.height, self.scene.width
        cut = _overlap(shadow.shape, left, top, rows, columns)
        if cut is None:
            return
        here, patch = cut
        luma = frame[:rows][here]
        falls = shadow[patch] * (self._depth_m[here] >= distance_m * 0.9)
        strength = 0.5 if self.scene.light == "day" else 0.35
        luma[:] = (16 + (luma.astype(np.float32) - 16) * (1 - strength * falls)).astype(np.uint8)
        half = _overlap(shadow[::2, ::2].shape, left // 2, top // 2, rows // 2, columns // 2)
        if self.scene.light == "infrared" or half is None:
            return
        here, patch = half
        for plane in frame[rows:].reshape(2, rows // 2, columns // 2):
            falls = shadow[::2, ::2][patch] * (self._depth_m[::2, ::2][here] >= distance_m * 0.9)
            grey = 0.8 * strength * falls
            plane[here] = np.round(plane[here] + (128.0 - plane[here]) * grey).astype(np.uint8)

    def _lay(self, frame: Frame, sprite: CutOut, left: int, top: int, distance_m: float) -> None:
        rows, columns = self.scene.height, self.scene.width
        cut = _overlap(sprite.alpha.shape, left, top, rows, columns)
        if cut is None:
            return
        here, patch = cut
        hidden = self._depth_m[here] < distance_m * 0.9
        alpha = np.where(hidden, 0.0, sprite.alpha[patch]).astype(np.float32)
        luma = sprite.luma[patch]
        if self.scene.light == "infrared":
            reach = float(np.clip(1.35 * np.exp(-distance_m / 13.0), 0.1, 1.0))
            luma = 20 + (luma - 20) * reach * self._lamp[here]
        _blend(frame[:rows][here], luma, alpha)
        if self.scene.light == "infrared":
            return
        half = _overlap(sprite.alpha_half.shape, left // 2, top // 2, rows // 2, columns // 2)
        if half is None:
            return
        here, patch = half
        hidden = self._depth_m[::2, ::2][here] < distance_m * 0.9
        alpha = np.where(hidden, 0.0, sprite.alpha_half[patch]).astype(np.float32)
        for plane, chroma in zip(frame[rows:].reshape(2, rows // 2, columns // 2), sprite.chroma, strict=True):
            _blend(plane[here], chroma[patch], alpha)

    def _hang_branch(self, frame: Frame, wind: float, loop_s: float) -> None:
        """The near branch swings about its upper left corner."""
        scene = self.scene
        rows, columns = self._branch.shape[:2]
        swing = wind * (3.2 * np.sin(2.6 * loop_s) + 1.4 * np.sin(6.1 * loop_s + 1))
        branch = self._branch
        if wind > 0:
            turn = cv2.getRotationMatrix2D((0.0, 0.0), float(swing), 1.0)
            branch = np.asarray(cv2.warpAffine(branch, turn, (columns, rows), flags=cv2.INTER_LINEAR), np.float32)
        alpha = branch[..., 3]
        if scene.light == "infrared":
            _blend(frame[:rows, :columns], 20 + branch[..., :3] @ np.array((0.2, 0.75, 0.5), np.float32), alpha)
            return
        luma = 16 + branch[..., :3] @ np.array((0.098, 0.504, 0.257), np.float32)
        _blend(frame[:rows, :columns], np.asarray(luma, np.float32), alpha)
        small = np.asarray(cv2.resize(branch, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA), np.float32)
        u = 128 + small[..., :3] @ np.array((0.439, -0.291, -0.148), np.float32)
        v = 128 + small[..., :3] @ np.array((-0.071, -0.368, 0.439), np.float32)
        planes = frame[scene.height :].reshape(2, scene.height // 2, scene.width // 2)
        for plane, chroma in zip(planes, (u, v), strict=True):
            _blend(plane[: rows // 2, : columns // 2], np.asarray(chroma, np.float32), small[..., 3])

    def _weather(self, frame: Frame, loop_s: float, rng: np.random.Generator) -> None:
        luma = frame[: self.scene.height]
        for disturbance in self.scene.disturbances:
            if disturbance.kind == "cloud_shadow":
                self._cloud.fall(frame, disturbance, loop_s)
            elif disturbance.kind == "headlights":
                self._headlights.sweep(luma, disturbance, loop_s)
        rain = self._force("rain", loop_s)
        if rain > 0:
            self._rain.fall(luma, rain, rng)

    def _expose(self, luma: Frame, loop_s: float) -> None:
        gain, lift = 1.0, 0.0
        for disturbance in self.scene.disturbances:
            more, up = weather_effects.exposure(disturbance, loop_s)
            gain, lift = gain * more, lift + up
        if gain != 1.0 or lift:
            cv2.convertScaleAbs(luma, dst=luma, alpha=gain, beta=lift)

    def _grain(self, luma: Frame, rng: np.random.Generator) -> None:
        rows, columns = luma.shape
        sheet = self._noise[int(rng.integers(NOISE_SHEETS))]
        top, left = int(rng.integers(64)), int(rng.integers(64))
        grain = sheet[top : top + rows, left : left + columns]
        if rng.random() < 0.5:
            grain = grain[:, ::-1]
        cv2.add(luma, grain, dst=luma, dtype=cv2.CV_8U)

    def _label(self, luma: Frame, loop_s: float) -> None:
        """Nobody may take this for real footage."""
        size = max(0.28, luma.shape[0] / 360 * 0.36)
        text = f"STAGED {self.scene.name} {int(loop_s) // 60:02d}:{int(loop_s) % 60:02d}"
        where = (round(luma.shape[1] * 0.012), round(luma.shape[0] * 0.975))
        cv2.putText(luma, text, (where[0] + 1, where[1] + 1), cv2.FONT_HERSHEY_SIMPLEX, size, 30, 1, cv2.LINE_AA)
        cv2.putText(luma, text, where, cv2.FONT_HERSHEY_SIMPLEX, size, 205, 1, cv2.LINE_AA)


def _depths(canvas: Canvas, scene: Scene) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Distance of everything standing in the picture and of the bare ground, (h, w) in metres."""
    depth_m = canvas.depth_m[::SUPERSAMPLE, ::SUPERSAMPLE].copy()
    rows = np.arange(scene.height, dtype=np.float32) / scene.height
    ground = np.array([LENS.distance_m(float(row)) if row > LENS.horizon else 400.0 for row in rows], np.float32)
    return depth_m, np.broadcast_to(ground[:, None], depth_m.shape)


def _noise_sheets(scene: Scene) -> list[npt.NDArray[np.int16]]:
    rng = np.random.default_rng([scene.seed, 7])
    shape = (scene.height + 64, scene.width + 64)
    sheets = []
    for _ in range(NOISE_SHEETS):
        fine = rng.standard_normal(shape, dtype=np.float32)
        grain = (fine * 0.7 + blur(fine, 0.8) * 1.3) * NOISE_SIGMA[scene.light]
        blotches = blur(rng.standard_normal(shape, dtype=np.float32), BLOTCH_PX)
        grain += blotches * (BLOTCH_SIGMA / blotches.std())
        sheets.append(np.round(grain).astype(np.int16))
    return sheets


def shadow_room_px(height_px: int) -> int:
    """Space on either side of a figure for its shadow; even, like the figure's own margin."""
    return 2 * round(height_px * 0.2)


def _cast_shadow(kind: str, height_px: int, to_right: bool, step: int, light: Light) -> npt.NDArray[np.float32]:
    """The subject's shadow: its outline thrown flat on the ground, away from the sun or straight from the lamp."""
    alpha = figure(kind, height_px, to_right, step, light).alpha
    room = shadow_room_px(height_px)
    alpha = np.asarray(cv2.copyMakeBorder(alpha, 0, 0, room, room, cv2.BORDER_CONSTANT, value=0), np.float32)
    squash, lean = (0.2, 0.3) if light == "day" else (0.07, 0.0)
    foot = alpha.shape[0] - margin_px(height_px) - 1
    flat = np.array([[1, -lean, lean * foot], [0, squash, foot * (1 - squash)]], np.float32)
    thrown = cv2.warpAffine(alpha, flat, (alpha.shape[1], alpha.shape[0]), flags=cv2.INTER_LINEAR)
    return blur(np.asarray(thrown, np.float32), max(1.0, height_px * 0.02))


def _blend(target: Frame, paint: npt.NDArray[np.float32], alpha: npt.NDArray[np.float32]) -> None:
    target[:] = np.clip(target + (paint - target) * alpha + 0.5, 0, 255).astype(np.uint8)


Cut = tuple[slice, slice]


def _overlap(shape: tuple[int, ...], left: int, top: int, rows: int, columns: int) -> tuple[Cut, Cut] | None:
    """The part of the picture a patch covers, and the part of the patch inside the picture."""
    y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + shape[0], rows), min(left + shape[1], columns)
    if y0 >= y1 or x0 >= x1:
        return None
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
