"""A file that can be read and can hardly be meant so is not called good."""

from __future__ import annotations

from typing import Any

import pytest

from core.config import Camera, Config, Detector
from core.config_warnings import config_warnings, rate_problem, watched_share

WHOLE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]


def warnings(**cameras: dict[str, object]) -> list[tuple[str, str]]:
    """Keys and messages."""
    config = Config.model_validate(
        {
            "regions": {"r": {"timezone": "UTC"}},
            "campsites": {"a": {"region": "r"}, "b": {"region": "r"}},
            "cameras": {name: {"campsite": "a", **camera} for name, camera in cameras.items()},
        }
    )
    return [(".".join(each.key), each.message) for each in config_warnings(config)]


def test_a_sensible_file_has_none() -> None:
    assert warnings(one={"url": "rtsp://h/1", "masks": [[[0, 0], [1, 0], [1, 0.5]]]}, two={"url": "rtsp://h/2"}) == []


@pytest.mark.parametrize(
    "other",
    ["rtsp://192.0.2.10/sub", "rtsp://192.0.2.10:554/sub", "RTSP://192.0.2.10/sub/", "rtsp://viewer@192.0.2.10/sub"],
)
def test_one_camera_at_two_campsites_is_told(other: str) -> None:
    ((key, message),) = warnings(one={"url": "rtsp://192.0.2.10/sub"}, two={"url": other, "campsite": "b"})
    assert key == "cameras.one.url"
    assert "also that of two" in message
    assert "at 2 campsites" in message


def test_a_camera_that_is_switched_off_is_nobodys_double() -> None:
    assert warnings(one={"url": "rtsp://h/1"}, two={"url": "rtsp://h/1", "enabled": False}) == []


def test_masks_that_leave_nothing_are_told() -> None:
    left, right = [[0, 0], [0.52, 0], [0.52, 1], [0, 1]], [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]
    assert [key for key, _ in warnings(one={"url": "a", "masks": [WHOLE]})] == ["cameras.one.masks"]
    assert [key for key, _ in warnings(one={"url": "a", "masks": [left, right]})] == ["cameras.one.masks"]
    assert warnings(one={"url": "a", "masks": [left]}) == []
    assert watched_share([]) == 1.0


def test_a_camera_that_gives_fewer_pictures_than_any_alert_needs_is_told_with_the_rate_it_needs() -> None:
    def problem(gives: float, written: float = 5.0, **detector: Any) -> str | None:
        return rate_problem(gives, Camera(campsite="c", url="a", fps=written), Detector.model_validate(detector))

    assert problem(1.0) is None
    said = problem(0.05)
    assert said is not None
    assert "it gives 0.05 pictures a second" in said
    needed = float(said.partition("needs ")[2].partition(" at least")[0])
    assert 0.05 < needed < 0.5
    assert problem(0.05, written=0.05) is None  # its real rate makes the rule wait longer
    assert problem(0.3) is None
    assert problem(0.3, min_hits=60) is not None
