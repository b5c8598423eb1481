"""How far a thumbnail is from the mean picture of its camera."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.messages import Frame, FrameScores, Reason
from detector.tracking.camera_hours import HourTally
from detector.tracking.mean_picture import WARM, Scenes, small


def _jpeg(rng: np.random.Generator, bear: bool = False, brightness: float = 0.0) -> bytes:
    """A thumbnail of a clearing, 320 by 180 with noise; a bear is dark and a tenth as wide as the picture."""
    rows = np.linspace(60, 160, 180)[:, None]
    image: NDArray[np.float64] = np.repeat(rows, 320, axis=1) + rng.normal(0, 6, (180, 320)) + brightness
    if bear:
        image[90:115, 150:182] = 20 + brightness
    return bytes(cv2.imencode(".jpg", np.clip(image, 0, 255).astype(np.uint8))[1])


@pytest.fixture
def warm() -> Scenes:
    """A camera whose mean picture is just made."""
    scenes, rng = Scenes(), np.random.default_rng(1)
    assert [scenes.compare("creek", False, _jpeg(rng)) for _ in range(WARM)] == [None] * WARM
    return scenes


def test_a_bear_differs_from_the_mean_picture_and_clouds_hardly_do(warm: Scenes) -> None:
    rng = np.random.default_rng(2)
    usual = [warm.compare("creek", False, _jpeg(rng, brightness=shift)) or 0.0 for shift in (0, 10, -10, 20)]
    bear = warm.compare("creek", False, _jpeg(rng, bear=True))
    assert bear is not None
    assert bear > 4 * max(usual)
    again = warm.compare("creek", False, _jpeg(rng)) or 0.0
    assert again < bear / 4  # one bear does not change the mean picture


def test_each_camera_and_each_light_has_its_own(warm: Scenes) -> None:
    rng = np.random.default_rng(3)
    assert warm.compare("creek", True, _jpeg(rng)) is None
    assert warm.compare("trail", False, _jpeg(rng)) is None
    assert warm.compare("creek", False, _jpeg(rng)) is not None


def test_what_is_no_picture_changes_nothing(warm: Scenes) -> None:
    assert small(b"no picture") is None
    assert warm.compare("creek", False, b"") is None
    assert warm.compare("creek", False, _jpeg(np.random.default_rng(4))) is not None


def test_a_camera_hour_keeps_its_most_different_thumbnail() -> None:
    frame = Frame("creek", 1_800_000_000.0, 1, "digest", (), Reason.AUDIT, 640, 360, b"")
    scores = FrameScores(frame, (), "model", frame.captured_at)
    tally = HourTally()
    for gap in (None, 3.0, 9.0, None, 4.0):
        tally.add(scores, "key", gap)
    assert tally.scene_gap == 9.0
