"""Messages survive the journey, and what is not a message is said to be none."""

from __future__ import annotations

import pytest

from core.messages import CameraStatus, Frame, FrameScores, MalformedMessage, Sight
from tests.factories import T0, frame, scored


def packed(message: Frame | FrameScores) -> dict[bytes, bytes]:
    """Fields as Redis gives them back."""
    return {key.encode(): value for key, value in message.pack().items()}


def test_a_frame_survives_the_journey() -> None:
    assert Frame.unpack(packed(frame())) == frame()


def test_scores_survive_the_journey() -> None:
    assert FrameScores.unpack(packed(scored(0.7))) == scored(0.7)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {b"h": b"{", b"j": b""},
        {b"h": b"[]", b"j": b""},
        {b"h": b"{}", b"j": b""},
        {b"h": frame().pack()["h"].replace(b'"motion"', b'"magic"'), b"j": b""},
    ],
)
def test_what_is_not_a_message_is_said_to_be_none(fields: dict[bytes, bytes]) -> None:
    with pytest.raises(MalformedMessage):
        Frame.unpack(fields)


def status(sight: Sight = Sight.LIVE, reported: float = T0, content: float | None = T0) -> CameraStatus:
    """A camera's status."""
    return CameraStatus("c", sight, "no connection", reported, content, 640, 360, 15.0, 5.0, 0, {}, {})


def test_a_healthy_connection_with_old_content_is_blind() -> None:
    assert status(content=T0 - 60).blind_reason(T0, 15.0) == "no new content"


def test_a_dead_reader_makes_its_cameras_blind() -> None:
    reason = status(reported=T0 - 60, content=T0 - 60).blind_reason(T0, 15.0)
    assert reason is not None
    assert "has not reported" in reason


def test_a_reader_that_says_blind_is_believed() -> None:
    assert status(Sight.BLIND).blind_reason(T0, 15.0) == "no connection"


def test_a_camera_with_new_content_sees() -> None:
    assert status().blind_reason(T0 + 5, 15.0) is None
    assert CameraStatus.unpack(status().pack()) == status()
