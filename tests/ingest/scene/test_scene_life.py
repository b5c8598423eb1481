"""A frozen sensor is found out though its encoder goes on printing the time; a quiet scene is not taken for one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import cache
from typing import cast

import av
import cv2
import numpy as np
import pytest

from core.messages import CameraHealth
from ingest.scene.liveness import Content, Liveness
from ingest.scene.picture import Luma, small_luma
from ingest.scene.scene_life import SceneLife
from tests.support.drawn_scenes import colour, ground, noisy

BLIND_AFTER_S = 15.0
FPS = 5
SCENE = ground(width=640, height=360)


def h264(pictures: Iterable[Luma], gop: int = 10, crf: int = 26) -> Iterator[Luma]:
    """Pictures as a camera's encoder leaves them."""
    encoder, decoder = av.CodecContext.create("libx264", "w"), av.CodecContext.create("h264", "r")
    assert isinstance(encoder, av.VideoCodecContext)
    assert isinstance(decoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 640, 360, "yuv420p"
    encoder.time_base = Fraction(1, FPS)
    encoder.thread_count = decoder.thread_count = 1
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": str(crf), "g": str(gop)}
    for number, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(colour(picture), format="bgr24")
        coded = frame.reformat(format="yuv420p")
        coded.pts = number
        for packet in encoder.encode(coded):
            for decoded in decoder.decode(packet):
                yield decoded.to_ndarray(format="gray").astype(np.uint8, copy=False)


def mjpeg(pictures: Iterable[Luma], qualities: tuple[int, ...] = (80,)) -> Iterator[Luma]:
    """The same of a camera that sends JPEGs, of these qualities in turn."""
    for number, picture in enumerate(pictures):
        options = [cv2.IMWRITE_JPEG_QUALITY, qualities[number % len(qualities)]]
        decoded = cv2.imdecode(cv2.imencode(".jpg", picture, options)[1], cv2.IMREAD_GRAYSCALE)
        assert decoded is not None
        yield decoded.astype(np.uint8, copy=False)


def printed(picture: Luma, number: int, x: int = 0, y: int = 0) -> Luma:
    """The picture with a clock in a box."""
    shown = picture.copy()
    cv2.rectangle(shown, (x, y), (x + 230, y + 26), 0, -1)
    text = f"2026-11-30 22:{number // FPS // 60:02d}:{number // FPS % 60:02d}"
    cv2.putText(shown, text, (x + 6, y + 18), cv2.FONT_HERSHEY_SIMPLEX, 0.55, 255, 1)
    return shown


def dot(number: int) -> Luma:
    """A recording dot that blinks."""
    shown = SCENE.copy()
    if number // FPS % 2:
        cv2.circle(shown, (620, 20), 8, 255, -1)
    return shown


def scrolling(number: int) -> Luma:
    """A line of text that runs through the picture."""
    shown = SCENE.copy()
    cv2.putText(shown, "ELM CREEK NORTH " * 6, (-(number * 6) % 300 - 300, 340), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)
    return shown


def regulated(number: int) -> Luma:
    """A clock in a picture whose gain goes slowly up and down by a tenth."""
    gain = 1 + 0.1 * np.sin(number / 40)
    return cast(Luma, np.clip(printed(SCENE, number) * gain, 0, 255).astype(np.uint8))


def blind_after(before: Iterable[Luma], after: Iterable[Luma]) -> float | None:
    """Seconds from the begin of ``after`` until the camera is blind; None when it stays live."""
    scene, liveness, at = SceneLife(), Liveness(BLIND_AFTER_S, 0.0), 0.0
    began: float | None = None
    for part, pictures in enumerate((before, after)):
        for number, luma in enumerate(pictures):
            at += 1 / FPS
            if part and not number:
                began = at
            small = small_luma(luma)
            liveness.saw(Content(hash(luma.tobytes()), 100.0), at, scene.look(small, at))
            if began is not None and liveness.verdict(at).health is CameraHealth.BLIND:
                return at - began
    return None


@cache
def seen(number: int, sigma: float) -> Luma:
    """The still scene, as a sensor sees it the ``number``-th time."""
    return noisy(SCENE, number, sigma)


@cache
def seen_by_night(number: int) -> Luma:
    """The same with a third of the light: the noise stays."""
    return noisy((SCENE * 0.3).astype(np.uint8), number)


def live(seconds: float, sigma: float = 2.0) -> Iterator[Luma]:
    """A still scene, as a sensor sees it."""
    return (seen(number % 47, sigma) for number in range(int(seconds * FPS)))


FROZEN: dict[str, Callable[[int], Luma]] = {
    "clock, top left": lambda n: printed(SCENE, n),
    "clock, bottom right": lambda n: printed(SCENE, n, 405, 330),
    "clock that moves about": lambda n: printed(SCENE, n, n * 7 % 400, n * 3 % 330),
    "blinking dot": dot,
    "scrolling text": scrolling,
    "automatic gain": regulated,
}


NEEDS_A_KNOWN_CAMERA = ("clock that moves about", "automatic gain")
"""These are found by how much stiller the picture is than this camera's ever was: for that it must have been live."""


@pytest.mark.parametrize("name", FROZEN)
@pytest.mark.parametrize("gop", [10, 50])
def test_a_frozen_sensor_is_blind_whatever_its_encoder_prints(name: str, gop: int) -> None:
    frozen = (FROZEN[name](number) for number in range(35 * FPS))
    known_s = 75 if name in NEEDS_A_KNOWN_CAMERA else 8
    delay = blind_after(h264(live(known_s), gop), h264(frozen, gop))
    assert delay is not None
    assert delay <= BLIND_AFTER_S + 12.0


def test_a_sensor_that_was_frozen_from_the_start_is_never_live() -> None:
    scene, liveness = SceneLife(), Liveness(BLIND_AFTER_S, 0.0)
    for number, luma in enumerate(h264(printed(SCENE, number) for number in range(40 * FPS))):
        liveness.saw(Content(hash(luma.tobytes()), 100.0), number / FPS, scene.look(small_luma(luma), number / FPS))
    verdict = liveness.verdict(40.0)
    assert verdict.health is CameraHealth.BLIND
    assert "the scene is frozen for" in verdict.detail


def test_a_few_variants_of_one_dead_picture_are_no_life() -> None:
    frozen = (printed(SCENE, number) for number in range(40 * FPS))
    assert blind_after(mjpeg(live(5)), mjpeg(frozen, (70, 75, 80))) is not None


@pytest.mark.parametrize(
    "pictures",
    [
        lambda: h264(live(60)),
        lambda: h264(live(60), gop=50, crf=32),
        lambda: h264((seen_by_night(number % 47) for number in range(60 * FPS)), gop=25),
        lambda: mjpeg(live(60, 1.0)),
        lambda: mjpeg(noisy(SCENE, number // 4) for number in range(60 * FPS)),
    ],
    ids=["H.264", "few bits and key frames", "night", "little noise", "each picture four times"],
)
def test_a_quiet_scene_is_alive(pictures: Callable[[], Iterator[Luma]]) -> None:
    assert blind_after(h264(live(4)), pictures()) is None


def test_a_windy_day_does_not_make_the_calm_after_it_blind() -> None:
    rng = np.random.default_rng(2)
    wind = (np.roll(picture, int(rng.integers(-3, 4)), axis=1) for picture in live(80))
    assert blind_after(mjpeg(wind), mjpeg(live(40))) is None
