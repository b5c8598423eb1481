"""What processes say about themselves in Redis: camera status, counters, gauges, heartbeats, and the wake-up channel.

Nothing here is needed for a decision that must survive: it is what the pages, the breakers and `/metrics` look at.

A box writes hashes of its own (``cameras:<box>``, …). They are read beside the site's, and believed only of what is its
own: its cameras, the counters of its frames, its process and its machine, named after it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, cast

import redis

from core.boxes.box_keys import BOXES_KEY, REFUSED_KEY, hash_of
from core.message_fields import MAX_COUNT, MAX_LABEL, camera, header_of, moment, parts, text_in, whole
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
    "bearwatch_frames_refused_total": "frames of boxes that were dropped unseen, by box and reason (forged, …)",
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


BOX_COUNTERS: Final = frozenset(
    {"bearwatch_frames_sent_total", "bearwatch_frames_dropped_total", "bearwatch_frames_overflowed_total"}
)
"""What a box counts."""
BOX_PROCESSES: Final = ("ingest", "machine")
"""Under which names a box reports: its process, and its machine."""
MOST_BOX_COUNTERS: Final = 64
"""For each camera of a box: more reasons than there are."""
MOST_FACTS: Final = 40


class Telemetry:
    """Reads and writes what processes say about themselves. Methods raise redis-py's errors.

    With ``box`` it is that box's: it writes the box's own hashes.
    """

    def __init__(self, client: redis.Redis, box: str | None = None) -> None:
        self.client = client
        self.box = box
        own = [key if box is None else hash_of(key, box) for key in (CAMERAS_KEY, COUNTERS_KEY, HEARTBEATS_KEY)]
        self._cameras, self._counters, self._heartbeats = own

    def report_cameras(self, statuses: list[CameraStatus]) -> None:
        """Replace the status of these cameras."""
        if statuses:
            self.client.hset(self._cameras, mapping=cast(Any, {s.camera: s.pack() for s in statuses}))

    def cameras(self) -> dict[str, CameraStatus]:
        """The last status of each camera that ever reported; of a box's camera only what that box says."""
        boxes = self.boxes()
        elsewhere = {each for box in boxes.values() for each in box.cameras}
        found = {
            status.camera: status
            for status in map(_status, cast(Any, self.client.hvals(CAMERAS_KEY)))
            if status is not None and status.camera not in elsewhere
        }
        for name, box in boxes.items():
            values = cast(Any, self.client.hmget(hash_of(CAMERAS_KEY, name), box.cameras)) if box.cameras else []
            for own, raw in zip(box.cameras, values, strict=True):
                status = _status(raw) if raw is not None else None
                if status is not None and status.camera == own:
                    found[own] = status
        return found

    def boxes(self) -> dict[str, SaidOfBox]:
        """The boxes of the site, by name, as :func:`core.boxes.redis_access.keep_access` wrote them. One that cannot be
        read is none: nothing of it is heard."""
        found = {}
        for name, raw in cast(Any, self.client.hgetall(BOXES_KEY)).items():
            with suppress(ValueError):
                found[text_in(name.decode(), "a box")] = SaidOfBox.unpack(raw)
        return found

    def refuse(self, box: str, at: float, why: str) -> None:
        """Say that frames of a box were refused, and why."""
        self.client.hset(REFUSED_KEY, box, json.dumps({"at": at, "why": why}))

    def refused(self) -> dict[str, tuple[float, str]]:
        """When frames of a box were last refused, and why, by box."""
        found = {}
        for name, raw in cast(Any, self.client.hgetall(REFUSED_KEY)).items():
            try:
                said = header_of(raw)
                found[text_in(name.decode(), "a box")] = (moment(said, "at"), text_in(said.get("why"), "why"))
            except ValueError:
                continue  # nothing that can be shown
        return found

    def forget_camera(self, camera: str) -> None:
        """Drop the status of a camera that is no longer configured."""
        self.client.hdel(self._cameras, camera)

    def count(self, counts: Mapping[str, int]) -> None:
        """Add to counters, named ``name{label="value"}`` as Prometheus prints them."""
        pipe = self.client.pipeline(transaction=False)
        for name, amount in counts.items():
            if amount:
                pipe.hincrby(self._counters, name, amount)
        pipe.execute()

    def counters(self) -> dict[str, int]:
        """All counters; what is no counter of :data:`COUNTERS` is passed over."""
        found = self._counters_in(COUNTERS_KEY)
        for name, box in self.boxes().items():
            key = hash_of(COUNTERS_KEY, name)
            if int(cast(Any, self.client.hlen(key))) > MOST_BOX_COUNTERS * (len(box.cameras) + 1):
                continue  # no box of ours counts so much
            for each, value in self._counters_in(key).items():
                if _of_box(each, box):
                    found[each] = found.get(each, 0) + value
        return found

    def _counters_in(self, key: str) -> dict[str, int]:
        rows = cast(Any, self.client.hgetall(key)).items()
        return {name.decode(): int(value) for name, value in rows if _COUNTER.fullmatch(name) and _is_count(value)}

    def beat(self, process: str, at: float, facts: Mapping[str, Any]) -> None:
        """Say that a process lives, with a few facts (model, load, latency)."""
        self.client.hset(self._heartbeats, process, json.dumps({"at": at, **facts}))

    def heartbeats(self) -> dict[str, dict[str, Any]]:
        """The last heartbeat of each process, by name; of a box's ``ingest:<box>`` and ``machine:<box>``. One that
        cannot be read is none."""
        rows = cast(Any, self.client.hgetall(HEARTBEATS_KEY))
        beats = ((name, _heartbeat(name, value)) for name, value in rows.items())
        found = {name.decode(): facts for name, facts in beats if facts is not None}
        for name, box in self.boxes().items():
            values = cast(Any, self.client.hmget(hash_of(HEARTBEATS_KEY, name), BOX_PROCESSES))
            for process, raw in zip(BOX_PROCESSES, values, strict=True):
                facts = _heartbeat(process.encode(), raw) if raw is not None else None
                if facts is not None:
                    found[f"{process}:{name}"] = {**_plain(facts), "shards": list(box.shards)}
        return found

    def own_heartbeat(self, process: str) -> dict[str, Any]:
        """What a process said last, of those that report where this does; nothing when it never has."""
        raw = cast(Any, self.client.hget(self._heartbeats, process))
        return (_heartbeat(process.encode(), raw) or {}) if raw is not None else {}

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


@dataclass(frozen=True, slots=True)
class SaidOfBox:
    """Whose cameras a box reads, and on which shards."""

    cameras: tuple[str, ...]
    shards: tuple[int, ...]

    @classmethod
    def unpack(cls, raw: bytes) -> SaidOfBox:
        """From JSON; raises :class:`MalformedMessage`."""
        said = header_of(raw)
        cameras = tuple(camera({"camera": each}) for each in parts(said, "cameras"))
        return cls(cameras, tuple(whole({"shard": each}, "shard") for each in parts(said, "shards")))


def counter(name: str, **labels: str) -> str:
    """A counter's name with its labels, as Prometheus prints it."""
    inner = ",".join(f'{key}="{_escaped(value)}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inner}}}" if inner else name


_VALUE: Final = rb'"(?:[^"\\\n]|\\["\\n]){0,200}"'
_COUNTER: Final = re.compile(rb"[a-z0-9_]{1,100}_total(\{[a-z_]+=" + _VALUE + rb"(,[a-z_]+=" + _VALUE + rb")*\})?")
"""A counter's name as :func:`counter` makes it of words; anything else could forge lines of `/metrics`."""


def _status(raw: bytes) -> CameraStatus | None:
    """None for what was written by another version: as good as no report, and so blind."""
    try:
        return CameraStatus.unpack(raw)
    except MalformedMessage:
        return None


def _of_box(name: str, box: SaidOfBox) -> bool:
    """Whether a counter is one of a box's frames, of one of its cameras."""
    kind, _, labels = name.partition("{")
    found = re.search(r'camera_name="([^"]*)"', labels)
    return kind in BOX_COUNTERS and (found is None if not labels else found is not None and found[1] in box.cameras)


def _is_count(value: bytes) -> bool:
    return value.isdigit() and len(value) <= 16


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of a box that are numbers or short words: pages show them."""
    kept = list(facts.items())[:MOST_FACTS]
    return {
        name: value
        for name, value in kept
        if value is None
        or (isinstance(value, bool | int | float) and abs(value) <= MAX_COUNT)
        or (isinstance(value, str) and len(value) <= MAX_LABEL and value.isprintable())
    }


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
