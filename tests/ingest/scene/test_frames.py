"""From a picture to the frames that are sent."""

from __future__ import annotations

import cv2
import numpy as np

from core.config import Camera, Motion
from core.messages import Frame, Reason, content_digest
from ingest.scene.frames import FrameMaker
from ingest.scene.picture import ImagePicture, Luma, fit, small_luma
from tests.support.drawn_scenes import colour, ground, noisy, walk, with_animal

CAMERA = Camera(campsite="upper-pines", url="x.mp4")


def make(maker: FrameMaker, picture: Luma, at: float, camera: Camera = CAMERA) -> list[Frame]:
    """Frames of a grey picture."""
    return maker.frames_of(ImagePicture(colour(picture), camera.width, camera.height), at)


def test_a_frame_says_when_it_was_captured_and_holds_a_real_jpeg() -> None:
    maker = FrameMaker("creek", CAMERA, Motion())
    (keepalive, audit) = make(maker, ground(width=640, height=360), 1_800_000_000.25)
    assert (keepalive.camera, keepalive.captured_at) == ("creek", 1_800_000_000.25)
    assert keepalive.reason is Reason.KEEPALIVE
    assert keepalive.digest == content_digest(keepalive.jpeg)
    decoded = cv2.imdecode(np.frombuffer(keepalive.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (keepalive.height, keepalive.width, 3) == (360, 640, 3)
    assert audit.reason is Reason.AUDIT
    assert (audit.width, audit.height) == (320, 180)


def test_sequence_numbers_have_no_gaps() -> None:
    maker = FrameMaker("creek", CAMERA, Motion())
    sent = [frame for at, picture, _ in walk(8.0) for frame in make(maker, picture, at)]
    assert [frame.sequence for frame in sent] == list(range(len(sent)))
    assert {frame.reason for frame in sent} == {Reason.MOTION, Reason.KEEPALIVE, Reason.AUDIT}
    assert len({frame.key for frame in sent}) == len(sent)


def test_a_still_picture_is_neither_converted_nor_sent() -> None:
    maker = FrameMaker("creek", CAMERA, Motion())
    sent = [make(maker, noisy(ground(), number), number / 5) for number in range(40)]
    assert not any(sent[3:])


def test_another_resolution_of_the_same_shape_is_another_view() -> None:
    maker = FrameMaker("creek", CAMERA, Motion())
    for number in range(20):
        make(maker, noisy(ground(), number), number / 5)
    other = cv2.resize(with_animal(ground(seed=8), 100), (640, 360)).astype(np.uint8)
    frames = [frame for number in range(20, 30) for frame in make(maker, noisy(other, number), number / 5)]
    assert not any(frame.reason is Reason.MOTION for frame in frames)


def test_large_pictures_are_scaled_down_with_their_shape_and_small_ones_stay() -> None:
    assert fit(1920, 1080, 640, 360) == (640, 360)
    assert fit(1280, 960, 640, 360) == (480, 360)
    assert fit(1080, 1920, 640, 360) == (202, 360)
    assert fit(320, 240, 640, 360) == (320, 240)


def test_the_gate_gets_about_the_same_number_of_pixels_of_any_camera() -> None:
    for height, width in ((360, 640), (1080, 1920), (960, 1280), (1920, 1080)):
        small = small_luma(np.zeros((height, width), np.uint8))
        assert abs(small.size - 320 * 180) < 600
        assert abs(small.shape[1] / small.shape[0] - width / height) < 0.02
    assert small_luma(np.zeros((120, 160), np.uint8)).shape == (120, 160)
