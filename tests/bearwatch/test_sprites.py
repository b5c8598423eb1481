"""The bear that is shown to a detector is in the package, and is the staged cameras' own."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np

import simulation
from bearwatch import canary_injector
from bearwatch.sprites import ASPECT, bear, meadow, pad_px
from bearwatch.sprites import _read as stored
from simulation.cameras import sprites as painter
from simulation.cameras.sprites import pictures


def test_the_files_are_what_the_staged_cameras_would_draw() -> None:
    for name, drawn in pictures():
        there = stored(name)
        assert there.shape == drawn.shape, name
        seen = drawn[..., 3] > 0 if drawn.shape[2] == 4 else np.ones(drawn.shape[:2], bool)
        assert np.abs(there[seen].astype(float) - drawn[seen]).mean() < 4, f"{name}: draw the pictures anew"


def test_a_bear_has_the_height_that_was_asked_for() -> None:
    for tall_px in (16, 130, 384, 500):
        sprite, pad = bear("day", 3, tall_px), pad_px(tall_px)
        assert sprite.shape == (tall_px + 2 * pad, round(tall_px * ASPECT) + 2 * pad, 4)
        rows = np.flatnonzero(sprite[..., 3].max(axis=1) > 0.5)
        assert abs(int(rows[-1] - rows[0]) + 1 - tall_px) <= max(3, 0.08 * tall_px)


def test_by_infra_red_it_has_no_colour_and_its_eyes_shine() -> None:
    sprite = bear("infrared", 0, 384)
    solid = sprite[..., 3] > 0.99
    assert np.ptp(sprite[solid][:, :3], axis=1).max() < 6
    assert sprite[solid][:, 0].max() > 200


def test_the_meadow_fits_every_camera() -> None:
    for width, height in ((640, 480), (1920, 1080), (704, 576), (321, 777)):
        assert meadow(width, height).shape == (height, width, 3)
    assert cv2.Laplacian(meadow(640, 360), cv2.CV_64F).var() > 50, "it is a picture, not one colour"


def _painters_loaded_by(module: str) -> list[str]:
    """Modules of the staged cameras that a fresh process has loaded once it has imported ``module``."""
    code = f"import sys, {module}; print(*(m for m in sys.modules if m.split('.')[0] == {simulation.__name__!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    return done.stdout.split()


def test_planting_clips_needs_no_painter() -> None:
    assert _painters_loaded_by(canary_injector.__name__) == []


def test_a_painter_would_be_noticed() -> None:
    assert painter.__name__ in _painters_loaded_by(painter.__name__)
