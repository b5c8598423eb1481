"""Cut-outs that walk: a photograph scaled to size, its legs swung step by step, its light fitted to the scene."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from simulation.cameras.painting.canvas import blur
from simulation.cameras.painting.foliage import Sprite
from simulation.cameras.painting.landscape import photographed
from simulation.cameras.scene import Light
from simulation.cameras.subjects import SUBJECTS, Subject

STEPS = 12
"""Pictures in one step cycle."""

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True)
class CutOut:
    """One picture of a subject, ready to be laid on a frame.

    ``luma`` and ``alpha`` are (rows, columns), ``chroma`` (2, rows/2, columns/2) with ``alpha_half`` beside it; luma
    and chroma are 0-255 in the frame's own scale, alpha 0-1. ``pad_px`` is the margin around the subject's box.
    """

    luma: Plane
    alpha: Plane
    chroma: Plane
    alpha_half: Plane
    pad_px: int


def _walked(sprite: Sprite, subject: Subject, phase: float, faces_right: bool) -> Sprite:
    """Swing the legs: rows below the belly slide to and fro, neighbouring legs against each other."""
    rows, columns = sprite.shape[:2]
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    leg = np.clip((y / rows - subject.belly) / (1 - subject.belly), 0, 1)
    turn = 2 * np.pi * (phase + 1.6 * x / columns)
    swing, lift = 0.075 * rows * leg * np.sin(turn), 0.03 * rows * leg**2 * np.maximum(np.cos(turn), 0)
    ahead = x / columns if faces_right else 1 - x / columns
    nod = 0.018 * rows * np.clip(ahead - 0.55, 0, 1) * np.sin(4 * np.pi * phase)
    moved = cv2.remap(
        sprite,
        np.asarray(x + swing, np.float32),
        np.asarray(y + lift + nod, np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return np.asarray(moved, np.float32)


@lru_cache(maxsize=16)
def _scaled(kind: str, height_px: int, to_right: bool) -> Sprite:
    """The cut-out at its final height, premultiplied, with an empty margin for swinging legs."""
    subject = SUBJECTS[kind]
    sprite = photographed(subject.asset)
    if subject.faces_right != to_right:
        sprite = sprite[:, ::-1]
    size = (max(2, round(height_px * subject.aspect)), max(2, height_px))
    premultiplied = np.dstack([sprite[..., :3] * sprite[..., 3:], sprite[..., 3]])
    method = cv2.INTER_AREA if height_px < sprite.shape[0] else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(premultiplied, size, interpolation=method), np.float32)
    pad = margin_px(height_px)
    return np.asarray(
        cv2.copyMakeBorder(small, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0)), np.float32
    )


def margin_px(height_px: int) -> int:
    """Empty rim around a figure; even, so that the half-size colour planes stay aligned."""
    return 2 * round(height_px * 0.045 + 1)


def figure(kind: str, height_px: int, to_right: bool, step: int, light: Light) -> CutOut:
    """Draw a subject in one of ``STEPS`` moments of its walk, for daylight or infra-red."""
    subject = SUBJECTS[kind]
    sprite = _scaled(kind, height_px, to_right)
    sprite = _walked(sprite, subject, step / STEPS, to_right)
    alpha = np.clip(sprite[..., 3], 0, 1)
    colour = np.clip(sprite[..., :3] / np.maximum(alpha, 1e-3)[..., None], 0, 255)
    alpha = blur(np.clip(alpha * 1.25 - 0.2, 0, 1).astype(np.float32), 0.6)
    pad = margin_px(height_px)
    if light == "infrared":
        grey = colour @ np.array((0.15, 0.45, 0.4), np.float32)
        luma = np.asarray(26 + 0.86 * grey, np.float32)
        _shine(luma, alpha, subject, to_right, pad)
        chroma = np.full((2, *_half(alpha).shape), 128, np.float32)
    else:
        dull = colour.mean(axis=2, keepdims=True)
        colour = np.clip((dull + (colour - dull) * 0.9) * 0.92 + 6, 0, 255)
        luma, chroma = _planes(colour.astype(np.float32))
    return CutOut(luma.astype(np.float32), alpha, chroma, _half(alpha), pad)


def _half(plane: Plane) -> Plane:
    size = ((plane.shape[1] + 1) // 2, (plane.shape[0] + 1) // 2)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def _planes(colour: Plane) -> tuple[Plane, Plane]:
    """BGR to video-range luma and half-size chroma, BT.601."""
    blue, green, red = colour[..., 0], colour[..., 1], colour[..., 2]
    luma = 16 + 0.098 * blue + 0.504 * green + 0.257 * red
    u = 128 + 0.439 * blue - 0.291 * green - 0.148 * red
    v = 128 - 0.071 * blue - 0.368 * green + 0.439 * red
    return luma, np.stack([_half(u), _half(v)])


def _shine(luma: Plane, alpha: Plane, subject: Subject, to_right: bool, pad: int) -> None:
    """Eyes throw the lamp's light back."""
    rows, columns = luma.shape[0] - 2 * pad, luma.shape[1] - 2 * pad
    y, x = np.mgrid[0 : luma.shape[0], 0 : luma.shape[1]].astype(np.float32)
    for eye_x, eye_y in subject.eyes:
        across = eye_x if subject.faces_right == to_right else 1 - eye_x
        centre_x, centre_y = pad + across * columns, pad + eye_y * rows
        size = max(0.7, rows * 0.011)
        glow = np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (2 * size**2))
        luma += 190 * glow * alpha
