"""Messages survive the journey, and what is not a message is said to be none."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from core.messages import (
    OLD_THRESHOLD,
    CameraHealth,
    CameraStatus,
    EncounterKind,
    Frame,
    FrameScores,
    MalformedMessage,
)
from tests.support.factories import T0, frame, scored


def packed(message: Frame | FrameScores) -> dict[bytes, bytes]:
    """Fields as Redis gives them back."""
    return {key.encode(): value for key, value in message.pack().items()}


def test_a_frame_survives_the_journey() -> None:
    assert Frame.unpack(packed(frame())) == frame()


def test_scores_survive_the_journey() -> None:
    assert FrameScores.unpack(packed(scored(0.7))) == scored(0.7)
    night = replace(scored(0.2, unknown=3.5, threshold=0.21), infrared=True)
    assert FrameScores.unpack(packed(night)) == night


def test_scores_of_a_detector_that_knew_neither_light_nor_unknown_animals_are_read() -> None:
    fields = packed(scored(0.4))
    header = json.loads(fields[b"h"])
    for key in ("unknown", "infrared", "threshold"):
        del header[key]
    old = FrameScores.unpack({**fields, b"h": json.dumps(header).encode()})
    assert (old.bear, old.threshold, old.infrared, old.unknown, old.is_bear) == (0.4, OLD_THRESHOLD, False, False, True)


def test_a_tracker_of_the_release_before_finds_what_it_knows_where_it_was() -> None:
    header = json.loads(scored(0.4, unknown=2.0).pack()["h"])
    assert header["crops"] == [[[0.3, 0.3, 0.7, 0.9], 0.4, "other_animal", 0.6]]


@pytest.mark.parametrize("unknown", ["nonsense", [[True]], [[False, 0.0], [False, 0.0]]])
def test_scores_whose_parts_do_not_fit_together_are_none(unknown: object) -> None:
    fields = packed(scored(0.4))
    broken = json.dumps({**json.loads(fields[b"h"]), "unknown": unknown}).encode()
    with pytest.raises(MalformedMessage):
        FrameScores.unpack({**fields, b"h": broken})


def test_a_frame_is_unknown_only_when_it_is_no_bear() -> None:
    assert scored(0.2, unknown=1.0).unknown
    assert not scored(0.8, unknown=1.0).unknown
    assert scored(0.8).shows(EncounterKind.UNKNOWN_ANIMAL)
    assert not scored(0.2, unknown=1.0).shows(EncounterKind.BEAR)


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


def status(health: CameraHealth = CameraHealth.LIVE, reported: float = T0, content: float | None = T0) -> CameraStatus:
    """A camera's status."""
    return CameraStatus("c", health, "no connection", reported, content, 640, 360, 15.0, 5.0, 0, {}, {})


def test_a_healthy_connection_with_old_content_is_blind() -> None:
    assert status(content=T0 - 60).blind_reason(T0, 15.0) == "no new content"


def test_a_dead_reader_makes_its_cameras_blind() -> None:
    reason = status(reported=T0 - 60, content=T0 - 60).blind_reason(T0, 15.0)
    assert reason is not None
    assert "has not reported" in reason


def test_a_reader_that_says_blind_is_believed() -> None:
    assert status(CameraHealth.BLIND).blind_reason(T0, 15.0) == "no connection"


def test_a_camera_with_new_content_sees() -> None:
    assert status().blind_reason(T0 + 5, 15.0) is None
    assert CameraStatus.unpack(status().pack()) == status()
