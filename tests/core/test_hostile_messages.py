"""Whatever lies in a stream, reading it ends in a message or in :class:`MalformedMessage`, and in nothing else."""

from __future__ import annotations

import json
import logging
import math
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from core.clock import now_s
from core.logs import OneLine
from core.message_fields import MAX_HEADER_BYTES, MAX_JPEG_BYTES, MAX_PARTS
from core.messages import CameraHealth, CameraStatus, Frame, FrameScores, MalformedMessage
from core.telemetry import COUNTERS_KEY, HEARTBEATS_KEY, Telemetry, counter
from tests.support.factories import T0, frame, jpeg, scored

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from([10**30, 1e300])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


def header(message: Frame | FrameScores) -> dict[str, Any]:
    """The header of a message."""
    found: dict[str, Any] = json.loads(message.pack()["h"])
    return found


def fields(said: dict[str, Any] | bytes, picture: bytes | None = None) -> dict[bytes, bytes]:
    """Fields of an entry with this header."""
    raw = said if isinstance(said, bytes) else json.dumps(said).encode()
    return {b"h": raw, b"j": jpeg() if picture is None else picture}


WRONG_FRAMES: list[dict[str, Any]] = [
    {"captured_at": math.nan},
    {"captured_at": math.inf},
    {"captured_at": -1.0},
    {"captured_at": 1e300},
    {"captured_at": 1e13},
    {"captured_at": "1"},
    {"captured_at": True},
    {"captured_at": None},
    {"captured_at": 10**400},
    {"sequence": 10**30},
    {"sequence": -(10**30)},
    {"sequence": 1.5},
    {"sequence": True},
    {"width": 10**20},
    {"width": 0},
    {"height": "36"},
    {"boxes": [[0, 0, 1, math.nan]]},
    {"boxes": [[0, 0, 1]]},
    {"boxes": [[0, 0, 1e9, 1]]},
    {"boxes": [[0.9, 0, 0.1, 1]]},
    {"boxes": [[0, 0, 1, "1"]]},
    {"boxes": [[0, 0, 1, 1]] * (MAX_PARTS + 1)},
    {"boxes": {"0": 1}},
    {"boxes": None},
    {"reason": "magic"},
    {"reason": ["motion"]},
    {"camera": "creek\n12:00:00 controller all is well"},
    {"camera": 'x"} 1\nbearwatch_camera_blind{camera_name="creek'},
    {"camera": "../etc"},
    {"camera": "a" * 64},
    {"camera": 7},
    {"digest": "x" * 1000},
    {"digest": None},
]
WRONG_SCORES: list[dict[str, Any]] = [
    {"crops": [[[0, 0, 1, 1], math.nan, "bear", 0.9]]},
    {"crops": [[[0, 0, 1, 1], 1.5, "bear", 0.9]]},
    {"crops": [[[0, 0, 1, 1], -0.1, "bear", 0.9]]},
    {"crops": [[[0, 0, 1, 1], 0.9, "bear", math.inf]]},
    {"crops": [[[0, 0, 1, 1], 0.9, "b" * 400, 0.9]]},
    {"crops": [[[0, 0, 1, 1], 0.9, "bear\n", 0.9]]},
    {"crops": [[[0, 0, 1, 1], 0.9, "bear"]]},
    {"crops": [[[0, 0, 1, 1], 0.9, "bear", 0.9]] * (MAX_PARTS + 1)},
    {"crops": "nonsense"},
    {"unknown": [[True, math.inf]]},
    {"unknown": [[1, 0.5]]},
    {"scored_at": math.nan},
    {"scored_at": 1e300},
    {"threshold": math.nan},
    {"threshold": -1},
    {"infrared": "no"},
    {"proven": 1},
    {"model": "m" * 1000},
    {"model": None},
]


@pytest.mark.parametrize("wrong", WRONG_FRAMES, ids=lambda wrong: f"{wrong}"[:40])
def test_a_frame_with_a_value_that_nothing_can_hold_is_no_frame(wrong: dict[str, Any]) -> None:
    kinds: tuple[tuple[Frame | FrameScores, type[Frame] | type[FrameScores]], ...] = (
        (frame(), Frame),
        (scored(0.9), FrameScores),
    )
    for message, kind in kinds:
        with pytest.raises(MalformedMessage):
            kind.unpack(fields(header(message) | wrong))


@pytest.mark.parametrize("wrong", WRONG_SCORES, ids=lambda wrong: f"{wrong}"[:40])
def test_scores_with_a_value_that_nothing_can_hold_are_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessage):
        FrameScores.unpack(fields(header(scored(0.9)) | wrong))


LATER = {"unknown", "infrared", "threshold", "proven", "features"}
"""What older senders do not say."""


@pytest.mark.parametrize("missing", sorted(header(scored(0.9)).keys() - LATER))
def test_a_field_that_is_missing_is_named(missing: str) -> None:
    said = header(scored(0.9))
    del said[missing]
    with pytest.raises(MalformedMessage, match=missing):
        FrameScores.unpack(fields(said))


@pytest.mark.parametrize(
    "raw", [b"[" * 100_000, b"{" + b" " * MAX_HEADER_BYTES + b"}", b'{"a":' * 50_000, b"\xff\xfe", b"null", b"1" * 5000]
)
def test_a_header_that_is_no_header_of_ours_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedMessage):
        Frame.unpack(fields(raw))


def test_a_picture_larger_than_any_cameras_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="picture"):
        Frame.unpack(fields(header(frame()), b"\xff\xd8\xff" + bytes(MAX_JPEG_BYTES)))


def test_a_frame_of_a_clock_that_is_ahead_is_refused_and_one_of_a_slightly_wrong_clock_is_not() -> None:
    now = now_s()
    frame(at=now + 4.0).refuse_future(now)
    with pytest.raises(MalformedMessage, match="3600 s ahead"):
        frame(at=now + 3600.0).refuse_future(now)


@given(st.dictionaries(st.sampled_from(sorted(header(scored(0.9)))), ANYTHING, max_size=4), st.binary(max_size=8))
def test_any_header_is_a_message_or_malformed(changed: dict[str, Any], picture: bytes) -> None:
    for message, kind in ((frame(), Frame), (scored(0.9), FrameScores)):
        try:
            found = kind.unpack(fields(header(message) | changed, picture))
        except MalformedMessage:
            continue
        inside = found.frame if isinstance(found, FrameScores) else found
        assert 0 <= inside.captured_at <= 4.2e9
        assert abs(inside.sequence) < 2**53
        assert all(math.isfinite(corner) for box in inside.boxes for corner in box)
        assert inside.camera.isprintable()


@given(st.binary(max_size=200) | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_message_or_malformed(raw: bytes) -> None:
    for kind in (Frame, FrameScores):
        with pytest.raises(MalformedMessage):
            kind.unpack({b"h": raw, b"j": raw})


STATUS = CameraStatus("creek", CameraHealth.LIVE, "", T0, T0, 640, 360, 15.0, 5.0, 0, {"motion": 3}, {})


@given(st.dictionaries(st.sampled_from(sorted(json.loads(STATUS.pack()))), ANYTHING, max_size=3))
def test_any_status_of_a_camera_is_one_or_malformed(changed: dict[str, Any]) -> None:
    try:
        status = CameraStatus.unpack(json.dumps(json.loads(STATUS.pack()) | changed).encode())
    except MalformedMessage:
        return
    assert status.blind_reason(T0 + 1, 15.0) is None or status.blind_reason(T0 + 1, 15.0)
    assert CameraStatus.unpack(status.pack()) == status


@pytest.mark.parametrize(
    "raw", [b"garbage", b"[]", b"{}", b'{"at": NaN}', b'{"at": "now"}', b'{"at": 1e300}', b"\xff", b"[" * 100_000]
)
def test_a_heartbeat_that_is_none_leaves_its_process_silent_and_no_reader_dead(
    redis_client: redis.Redis, raw: bytes
) -> None:
    telemetry = Telemetry(redis_client)
    telemetry.beat("jobs", T0, {})
    redis_client.hset(HEARTBEATS_KEY, "controller", raw)
    assert set(telemetry.heartbeats()) == {"jobs"}
    assert telemetry.forget_silent(T0 - 1) == 1
    assert redis_client.hkeys(HEARTBEATS_KEY) == [b"jobs"]


def test_counters_that_nobody_here_writes_are_passed_over(redis_client: redis.Redis) -> None:
    telemetry = Telemetry(redis_client)
    good = counter("bearwatch_frames_scored_total", camera_name="creek")
    telemetry.count({good: 2, "bearwatch_crops_scored_total": 5})
    redis_client.hset(COUNTERS_KEY, 'x"} 1\nbearwatch_camera_blind{camera_name="creek"} 0', "1")
    redis_client.hset(COUNTERS_KEY, "bearwatch_camera_blind", "1")
    redis_client.hset(COUNTERS_KEY, "bearwatch_undecodable_frames_total", "many")
    assert telemetry.counters() == {good: 2, "bearwatch_crops_scored_total": 5}


def test_what_a_camera_is_called_forges_no_line_of_the_log() -> None:
    record = logging.LogRecord(
        "x", logging.WARNING, "x", 1, "camera %s", ("creek\n12:00:00 all is well\x1b[2J\r",), None
    )
    line = OneLine("%(levelname)s %(message)s").format(record)
    assert line == "WARNING camera creek\n    12:00:00 all is well\\x1b[2J\\r"
