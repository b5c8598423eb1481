"""A cut-out animal in a real scene, as a camera with an infra-red lamp would have seen it there.

Real bears at night are few, and rare animals on camera traps are learned well from pasted ones where the scene is real
(Beery et al., "Synthetic examples improve generalization for rare classes", WACV 2020). What such cameras do to an
animal is imitated here: no colours, fur that reflects infra-red unlike daylight, a lamp whose light falls off, shine in
the eyes, blur of whatever moves, trunks and grass in front, an animal cut by the frame's edge, from very near to a
fiftieth of the picture. Bears and all other labels go through the same steps with the same chances.

All randomness comes from torch's global generator, as in :mod:`detector.learn.augmentations`.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import v2

from detector.learn.chance import between, chance

SMALLEST, LARGEST = 0.2, 1.15
"""Longer side of the animal, as a share of the picture's side."""
TRUNKS, GRASS, EYES, MOVED, CUT, TINTED = 0.25, 0.3, 0.3, 0.25, 0.25, 0.25
"""Share of the animals that get each."""

Plane = NDArray[np.float32]


def at_night(cutout: NDArray[np.uint8], scene: Tensor, size_px: int) -> Tensor:
    """(3, size_px, size_px) uint8 RGB without colours, or with a slight tint.

    ``cutout`` is (h, w, 4) BGR and alpha, ``scene`` (3, h, w) uint8 RGB, by night or by day, without an animal: a
    cougar in it would be taught as a bear wherever the bear beside it is hard to see.
    """
    place = v2.RandomResizedCrop(size_px, scale=(0.3, 1.0), ratio=(0.6, 1.67), antialias=True)(scene)
    ground = _grey(place.permute(1, 2, 0).numpy())
    if ground.mean() > 90 or chance(0.3):  # a daylight scene has to become night first
        ground = ground * between(0.35, 0.9) * lamp(size_px, between(0.2, 1.4))
    animal, alpha = _placed(cutout, size_px)
    fur = _fur(animal, alpha, ground)
    if chance(EYES):
        _shine(fur, alpha)
    if chance(MOVED):
        fur, alpha = _moved(fur, alpha)
    if chance(TRUNKS):
        alpha = alpha * _between_trunks(size_px)
    if chance(GRASS):
        alpha = alpha * _in_grass(alpha)
    seen = ground * (1 - alpha) + fur * alpha
    return _as_rgb(_haze(seen))


def lamp(size_px: int, fall: float) -> Plane:
    """(size_px, size_px): how much light falls where, brightest somewhere near the middle."""
    rows = np.linspace(-1, 1, size_px, dtype=np.float32)[:, None] - between(-0.4, 0.5)
    columns = np.linspace(-1, 1, size_px, dtype=np.float32)[None] - between(-0.4, 0.4)
    return np.asarray(np.exp(-fall * (rows**2 + columns**2)), dtype=np.float32)


def _grey(bgr_or_rgb: NDArray[np.uint8]) -> Plane:
    return np.asarray(bgr_or_rgb.astype(np.float32).mean(axis=2), dtype=np.float32)


def _placed(cutout: NDArray[np.uint8], size_px: int) -> tuple[Plane, Plane]:
    """The animal's grey levels and its alpha (0-1), both (size_px, size_px), somewhere in the picture."""
    longer = size_px * math.exp(between(math.log(SMALLEST), math.log(LARGEST)))
    scale = longer / max(cutout.shape[:2])
    turned = cutout[:, ::-1] if chance(0.5) else cutout
    wide, high = (max(4, round(side * scale * between(0.9, 1.1))) for side in (cutout.shape[1], cutout.shape[0]))
    small = cv2.resize(np.ascontiguousarray(turned), (wide, high), interpolation=cv2.INTER_AREA)
    lean = cv2.getRotationMatrix2D((wide / 2, high / 2), between(-8, 8), 1.0)
    left, top = _corner(wide, high, size_px)
    lean[:, 2] += np.array([left, top])
    # The middle squeezes: fur and mask have to be moved by the same map.
    moved = cv2.warpAffine(small, lean, (size_px, size_px), flags=cv2.INTER_LINEAR)
    fur = _reflectance(np.asarray(moved[:, :, :3], dtype=np.uint8))
    alpha = cv2.GaussianBlur(moved[:, :, 3].astype(np.float32) / 255, (0, 0), between(0.4, 1.2))
    return fur, np.asarray(alpha, dtype=np.float32)


def _corner(wide: int, high: int, size_px: int) -> tuple[float, float]:
    """Where the animal's upper left corner comes to lie: inside, on its lower half mostly, or cut by an edge."""
    beyond_x, beyond_y = (0.45 * wide, 0.3 * high) if chance(CUT) else (0.0, 0.0)
    left = between(min(-beyond_x, size_px - wide), max(size_px - wide + beyond_x, 0.0))
    lowest = max(size_px - high + beyond_y, 0.0)
    top = between(min(-beyond_y, size_px - high, lowest), lowest)
    return left, top


def _reflectance(bgr: NDArray[np.uint8]) -> Plane:
    """What infra-red light makes of coloured fur: mostly its red, and less contrast than daylight shows."""
    red = between(0.3, 0.9)
    weights = np.array([(1 - red) * 0.3, (1 - red) * 0.7, red], dtype=np.float32)
    return np.asarray(bgr.astype(np.float32) @ weights, dtype=np.float32)


def _fur(animal: Plane, alpha: Plane, ground: Plane) -> Plane:
    """The animal in the light of the scene around it: darker than the ground, as bright, or drowned in the lamp."""
    inside = alpha > 0.5
    if not inside.any():
        return ground
    around = cv2.dilate(inside.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    level = max(float(ground[around].mean()), 12.0)
    shape = (animal - animal[inside].mean()) / max(float(animal[inside].std()), 4.0)
    # Never quite as bright as the ground: an animal that nobody could see would teach that the scene is the animal.
    ratio = between(0.25, 0.7) if chance(0.7) else between(1.4, 2.2)
    brightness = level * ratio if level > 30 or ratio > 1 else level + between(15, 50)
    contrast = min(brightness, 90.0) * between(0.2, 0.6)
    lit = (brightness + shape * contrast) * (0.6 + 0.5 * lamp(animal.shape[0], between(0.1, 0.8)))
    if chance(0.08):  # close to the lamp
        lit = lit + between(60, 140)
    return np.asarray(lit.clip(0, 255), dtype=np.float32)


def _shine(fur: Plane, alpha: Plane) -> None:
    """One or two eyes that send the lamp's light back, in the animal's upper half. In place."""
    rows, columns = np.nonzero(alpha > 0.8)
    if len(rows) < 30:
        return
    upper = np.flatnonzero(rows <= np.quantile(rows, 0.4))
    chosen = upper[int(between(0, len(upper) - 0.01))]
    span = float(np.ptp(columns)) + 1
    radius = max(0.6, span * between(0.01, 0.03))
    apart = span * between(0.04, 0.12)
    for number in range(1 if chance(0.4) else 2):
        x, y = columns[chosen] + number * apart, rows[chosen] + between(-1, 1)
        lines, across = np.ogrid[: fur.shape[0], : fur.shape[1]]
        fur += between(120, 255) * np.exp(-((lines - y) ** 2 + (across - x) ** 2) / (2 * radius**2)).astype(np.float32)
    fur.clip(0, 255, out=fur)


def _moved(fur: Plane, alpha: Plane) -> tuple[Plane, Plane]:
    """Smeared sideways with what it covers, as an animal that walked while the shutter was open."""
    length = int(between(3, 12))
    kernel = np.zeros((length, length), dtype=np.float32)
    kernel[length // 2] = 1 / length
    weighted = cv2.filter2D(fur * alpha, -1, kernel)
    spread = cv2.filter2D(alpha, -1, kernel)
    return np.asarray(weighted / np.maximum(spread, 1e-3), dtype=np.float32), np.asarray(spread, dtype=np.float32)


def _between_trunks(size_px: int) -> Plane:
    """(1 or size_px, size_px): 0 where something upright of the scene stands in front."""
    free = np.ones((size_px, size_px), dtype=np.float32)
    for _ in range(int(between(1, 4))):
        wide, at = max(2, int(size_px * between(0.02, 0.08))), between(0, size_px)
        lean = between(-0.15, 0.15)
        edge = at + lean * np.arange(size_px)[:, None] - np.arange(size_px)[None]
        free[np.abs(edge) < wide / 2] = 0
    return np.asarray(cv2.GaussianBlur(free, (0, 0), 0.8), dtype=np.float32)


def _in_grass(alpha: Plane) -> Plane:
    """0 where grass and snow hide the animal's feet: a ragged line above its lowest row."""
    rows = np.flatnonzero(alpha.max(axis=1) > 0.5)
    if not len(rows):
        return alpha
    size_px = alpha.shape[0]
    high = (rows[-1] - rows[0]) * between(0.05, 0.35)
    few = torch.rand(max(4, size_px // 4)).numpy()
    ragged = cv2.resize(few[None], (size_px, 1), interpolation=cv2.INTER_LINEAR)[0]
    line = rows[-1] - high * (0.4 + 0.9 * ragged)
    return np.asarray((np.arange(size_px)[:, None] < line[None]).astype(np.float32), dtype=np.float32)


def _haze(seen: Plane) -> Plane:
    """Mist, a fogged lens, or a sensor at its end: less contrast."""
    if chance(0.25):
        seen = seen.mean() + (seen - seen.mean()) * between(0.45, 0.85) + between(-5, 30)
    return np.asarray(seen.clip(0, 255), dtype=np.float32)


def _as_rgb(seen: Plane) -> Tensor:
    tint = 1 + 0.05 * torch.randn(3, 1, 1) if chance(TINTED) else torch.ones(3, 1, 1)
    shown: Tensor = (torch.from_numpy(seen)[None] * tint).clamp(0, 255).to(torch.uint8)
    return shown
