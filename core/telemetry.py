"""What processes say about themselves in Redis: camera status, counters, gauges, heartbeats, and the wake-up channel.

Nothing here is needed for a decision that must survive: it is what the pages, the breakers and `/metrics` look at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, cast

import redis

from core.message_fields import header_of, moment, text_in
from core.messages import CameraStatus, MalformedMessage

CAMERAS_KEY = "cameras"
COUNTERS_KEY = "counters"
HEARTBEATS_KEY = "heartbeats"
WAKE_UP_CHANNEL = "bell"
PROBE_PREFIX = "probe:"
PROBE_KEPT_S = 3600

COUNTERS: Final = {
    "bearwatch_frames_sent_total": "frames put on the stream, by camera and reason",
    "bearwatch_frames_dropped_total": "frames that gave way, by camera and reason (stale, spool_full, redis_full, …)",
    "bearwatch_frames_overflowed_total": "frames that a full stream let go unread; it does not say whose they were",
    "bearwatch_frames_scored_total": "frames scored by the network, by camera",
    "bearwatch_crops_scored_total": "crops scored by the network",
    "bearwatch_undecodable_frames_total": "tries at pictures that could not be decoded, by camera",
    "bearwatch_test_clip_frames_total": "frames of test clips, by the camera on whose path they came and by outcome",
    "bearwatch_dead_letters_total": "stream entries given up after three tries, by stream",
    "bearwatch_frames_unknown_total": "scored frames with an animal that the model does not know, by camera",
    "bearwatch_encounters_total": "encounters that have begun, by kind; one that turns out to be a bear's counts again",
    "bearwatch_encounters_held_total": "unknown animals' encounters without an alert of their own, by camera",
    "bearwatch_main_stream_answers_total": "questions about a camera's main stream, by camera and what came of it "
    "(picture, clip, away, busy, late, nothing, none)",
    "bearwatch_main_stream_dropped_total": "pictures of a main stream that were too large to be kept, by camera",
    "bearwatch_sprints_total": "moments of more pictures that were asked for, by camera and what came of it (asked, "
    "started, too_soon, overloaded, unheard)",
    "bearwatch_closer_looks_total": "small or doubtful animals to look at in the main stream, by camera and "
    "outcome (raised, same, late, away, far_off, busy, budget, overloaded, unheard)",
    "bearwatch_recordings_total": "alerts of cameras with a main stream, by camera and what was kept of it "
    "(kept, partly, missing)",
    "bearwatch_outside_pings_total": "calls to the service elsewhere, by what was said and the result",
    "bearwatch_photos_total": "photos looked at that somebody handed in",
    "bearwatch_photos_ended_total": "of these, photos that ended the process that looked at them",
}
"""What processes count in Redis, and what it means. A camera's label is ``camera_name``."""


class Telemetry:
    """Reads and writes what processes say about themselves. Methods raise redis-py's errors."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client

    def report_cameras(self, statuses: list[CameraStatus]) -> None:
        """Replace the status of these cameras."""
        if statuses:
            self.client.hset(CAMERAS_KEY, mapping=cast(Any, {s.camera: s.pack() for s in statuses}))

    def cameras(self) -> dict[str, CameraStatus]:
        """The last status of each camera that ever reported."""
        found = {}
        for raw in cast(Any, self.client.hvals(CAMERAS_KEY)):
            try:
                status = CameraStatus.unpack(raw)
            except MalformedMessage:
                continue  # written by another version: as good as no report, and so blind
            found[status.camera] = status
        return found

    def forget_camera(self, camera: str) -> None:
        """Drop the status of a camera that is no longer configured."""
        self.client.hdel(CAMERAS_KEY, camera)

    def count(self, counts: Mapping[str, int]) -> None:
        """Add to counters, named ``name{label="value"}`` as Prometheus prints them."""
        pipe = self.client.pipeline(transaction=False)
        for name, amount in counts.items():
            if amount:
                pipe.hincrby(COUNTERS_KEY, name, amount)
        pipe.execute()

    def counters(self) -> dict[str, int]:
        """All counters; what is no counter of :data:`COUNTERS` is passed over."""
        rows = cast(Any, self.client.hgetall(COUNTERS_KEY)).items()
        return {name.decode(): int(value) for name, value in rows if _COUNTER.fullmatch(name) and value.isdigit()}

    def beat(self, process: str, at: float, facts: Mapping[str, Any]) -> None:
        """Say that a process lives, with a few facts (model, load, latency)."""
        self.client.hset(HEARTBEATS_KEY, process, json.dumps({"at": at, **facts}))

    def heartbeats(self) -> dict[str, dict[str, Any]]:
        """The last heartbeat of each process, by name. One that cannot be read is none."""
        rows = cast(Any, self.client.hgetall(HEARTBEATS_KEY))
        beats = ((name, _heartbeat(name, value)) for name, value in rows.items())
        return {name.decode(): facts for name, facts in beats if facts is not None}

    def forget_silent(self, before: float) -> int:
        """Drop the heartbeats of processes that last said something before ``before``; returns how many."""
        rows = cast(Any, self.client.hgetall(HEARTBEATS_KEY))
        beats = {name: _heartbeat(name, value) for name, value in rows.items()}
        silent = [name for name, facts in beats.items() if facts is None or facts["at"] < before]
        if silent:
            self.client.hdel(HEARTBEATS_KEY, *silent)
        return len(silent)

    def report_probe(self, camera: str, facts: Mapping[str, Any]) -> None:
        """Say what a test of a camera has shown, or that one was asked for. It is forgotten after an hour."""
        self.client.set(f"{PROBE_PREFIX}{camera}", json.dumps(facts), ex=PROBE_KEPT_S)

    def probe(self, camera: str) -> dict[str, Any] | None:
        """What the last test of a camera has shown; None when there was none lately."""
        raw = cast(Any, self.client.get(f"{PROBE_PREFIX}{camera}"))
        try:
            return header_of(raw) if raw else None
        except MalformedMessage:
            return None  # as good as no test

    def publish_wake_up(self) -> None:
        """Wake whoever shows live pages: the database has something new."""
        self.client.publish(WAKE_UP_CHANNEL, b"1")


def counter(name: str, **labels: str) -> str:
    """A counter's name with its labels, as Prometheus prints it."""
    inner = ",".join(f'{key}="{_escaped(value)}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inner}}}" if inner else name


_VALUE: Final = rb'"(?:[^"\\\n]|\\["\\n]){0,200}"'
_COUNTER: Final = re.compile(rb"[a-z0-9_]{1,100}_total(\{[a-z_]+=" + _VALUE + rb"(,[a-z_]+=" + _VALUE + rb")*\})?")
"""A counter's name as :func:`counter` makes it of words; anything else could forge lines of `/metrics`."""


def _heartbeat(name: bytes, raw: bytes) -> dict[str, Any] | None:
    """What a process said; None for what is no heartbeat."""
    try:
        text_in(name.decode(), "a process's name")
        facts = header_of(raw)
        return {**facts, "at": moment(facts, "at")}
    except ValueError:
        return None


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
