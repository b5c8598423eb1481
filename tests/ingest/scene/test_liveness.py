"""Blind is judged by content, never by the connection."""

from __future__ import annotations

import numpy as np
import pytest

from core.messages import CameraHealth
from ingest.scene.liveness import CONVINCING, REMEMBERED, Content, Liveness, content_of
from ingest.scene.picture import ImagePicture
from tests.support.drawn_scenes import colour, ground, noisy

T0 = 1_800_000_000.0
BLIND_AFTER_S = 10.0


@pytest.fixture
def liveness() -> Liveness:
    """A camera whose reader has just started."""
    return Liveness(BLIND_AFTER_S, T0)


def show(
    liveness: Liveness, start: float, seconds: float, *, first: int = 0, frozen: bool = False, contrast: float = 60.0
) -> float:
    """Five pictures a second for so long; returns the time of the last one."""
    at = start
    for number in range(int(seconds * 5)):
        at = T0 + start + number / 5
        liveness.saw(Content(first if frozen else first + number, contrast), at)
    return at - T0


def test_a_camera_is_starting_until_it_has_shown_a_few_pictures(liveness: Liveness) -> None:
    assert liveness.verdict(T0 + 1.0).health is CameraHealth.STARTING
    liveness.saw(Content(1, 60.0), T0 + 1.0)
    assert liveness.verdict(T0 + 1.1).health is CameraHealth.STARTING
    liveness.saw(Content(2, 60.0), T0 + 1.2)
    liveness.saw(Content(3, 60.0), T0 + 1.4)
    verdict = liveness.verdict(T0 + 1.5)
    assert verdict.health is CameraHealth.LIVE
    assert verdict.content_at == T0 + 1.4


def test_a_camera_that_never_shows_anything_is_blind(liveness: Liveness) -> None:
    verdict = liveness.verdict(T0 + BLIND_AFTER_S + 1)
    assert verdict.health is CameraHealth.BLIND
    assert verdict.content_at is None
    assert verdict.detail == "no picture since its reader started 11 s ago"


def test_a_camera_that_cannot_be_reached_says_why(liveness: Liveness) -> None:
    liveness.lost("connection refused")
    assert liveness.verdict(T0 + 1.0).detail == "no connection: connection refused"
    verdict = liveness.verdict(T0 + BLIND_AFTER_S + 1)
    assert (verdict.health, verdict.detail) == (CameraHealth.BLIND, "no connection: connection refused")


def test_a_frozen_picture_with_a_healthy_stream_is_blind(liveness: Liveness) -> None:
    show(liveness, 0.0, 20.0)
    show(liveness, 20.0, 9.0, first=999, frozen=True)
    assert liveness.verdict(T0 + 28.8).health is CameraHealth.LIVE
    show(liveness, 29.0, 6.0, first=999, frozen=True)
    verdict = liveness.verdict(T0 + 34.8)
    assert verdict.health is CameraHealth.BLIND
    assert verdict.detail == "picture frozen for 15 s"
    assert verdict.content_at == pytest.approx(T0 + 20.0)


def test_a_source_that_repeats_its_last_seconds_is_frozen_too(liveness: Liveness) -> None:
    show(liveness, 0.0, 20.0)
    for number in range(100):
        liveness.saw(Content(5_000 + number % (REMEMBERED - 2), 60.0), T0 + 20.0 + number / 5)
    assert liveness.verdict(T0 + 39.8).health is CameraHealth.BLIND


def test_only_pictures_that_were_not_there_before_are_worth_scoring(liveness: Liveness) -> None:
    new = [liveness.saw(Content(digest, 60.0), T0 + at) for at, digest in enumerate((1, 2, 2, 3, 1, 4))]
    assert new == [True, True, False, True, False, True]


def test_a_file_that_plays_in_a_short_loop_is_not_frozen() -> None:
    liveness = Liveness(BLIND_AFTER_S, T0, remembered=1)
    for number in range(300):
        liveness.saw(Content(number % 10, 60.0), T0 + number / 5)
    assert liveness.verdict(T0 + 60.0).health is CameraHealth.LIVE


def test_a_covered_lens_is_blind_however_much_its_sensor_rustles(liveness: Liveness) -> None:
    show(liveness, 0.0, 20.0)
    last = show(liveness, 20.0, 15.0, first=700, contrast=1.0)
    verdict = liveness.verdict(T0 + last)
    assert verdict.health is CameraHealth.BLIND
    assert verdict.detail == "covered or black for 15 s"


def test_pictures_that_stop_coming_are_told_apart_from_a_frozen_one(liveness: Liveness) -> None:
    show(liveness, 0.0, 20.0)
    verdict = liveness.verdict(T0 + 40.0)
    assert (verdict.health, verdict.detail) == (CameraHealth.BLIND, "no picture for 20 s, though it is connected")


def test_a_single_new_picture_does_not_make_a_blind_camera_live(liveness: Liveness) -> None:
    show(liveness, 0.0, 20.0)
    show(liveness, 20.0, 30.0, first=999, frozen=True)
    for new in range(CONVINCING - 1):
        liveness.saw(Content(2_000 + new, 60.0), T0 + 50.0 + new / 5)
    liveness.saw(Content(999, 60.0), T0 + 50.6)
    assert liveness.verdict(T0 + 50.7).health is CameraHealth.BLIND


def test_real_new_content_makes_a_blind_camera_live_within_a_second(liveness: Liveness) -> None:
    show(liveness, 0.0, 20.0)
    show(liveness, 20.0, 30.0, first=999, frozen=True)
    last = show(liveness, 50.0, 1.0, first=3_000)
    assert liveness.verdict(T0 + last).health is CameraHealth.LIVE


def test_a_connection_that_comes_back_no_longer_shows_its_old_failure(liveness: Liveness) -> None:
    liveness.lost("no answer")
    show(liveness, 3.0, 2.0)
    assert liveness.verdict(T0 + 5.0).detail == "new pictures arrive"


def test_a_short_break_does_not_make_a_camera_blind(liveness: Liveness) -> None:
    show(liveness, 0.0, 20.0)
    liveness.lost("no data for 5 s")
    assert liveness.verdict(T0 + 25.0).health is CameraHealth.LIVE


def content(picture: np.ndarray) -> Content:
    """Of a grey picture."""
    return content_of(ImagePicture(colour(picture), 640, 360))


def test_equal_pictures_have_equal_digests_and_noise_changes_them() -> None:
    assert content(ground()) == content(ground().copy())
    assert content(noisy(ground(), 1)).digest != content(noisy(ground(), 2)).digest


def test_noise_alone_is_no_contrast() -> None:
    black = np.full((180, 320), 12, np.uint8)
    assert content(noisy(black, 1, sigma=6.0)).contrast < 4.0
    assert content(ground()).contrast > 20.0


def test_a_clock_on_a_black_picture_is_no_contrast() -> None:
    covered = np.full((180, 320), 16, np.uint8)
    covered[4:14, 8:110] = 235
    assert content(covered).contrast < 6.0
