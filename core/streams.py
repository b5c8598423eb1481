"""The frame streams: Redis Streams with consumer groups.

``frames:<shard>`` carries frames from the readers to the detectors, ``late:<shard>`` those that waited out an outage
(taken only when nothing fresh waits), ``scores:<shard>`` carries scored frames to the tracker, ``dead:<shard>`` what
could not be processed. An entry is acknowledged only after its result is published, in the same MULTI; so a worker
that dies loses nothing, and a frame may come twice. Streams are bounded; whatever is dropped is counted by reason.

A box (:mod:`core.boxes`) has streams of its own, ``frames:<shard>:<box>`` and ``late:<shard>:<box>``, which nobody else
may write; detectors read them beside the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import redis

from core.boxes.box_keys import frames_of, late_of
from core.boxes.frame_signature import BoxIdentity
from core.messages import Frame, FrameScores

MAX_FRAMES = 500
"""Bound of ``frames``: about 26 MB of pictures, more than ten seconds of eight busy cameras."""
MAX_LATE = 4_000
"""Bound of ``late``: a minute's outage of a dozen busy cameras."""
MAX_SCORES = 2_000
"""Bound of ``scores``; the tracker also re-reads its newest minute when it starts."""
MAX_DEAD = 200
MAX_BOX_FRAMES, MAX_BOX_LATE = 250, 1_000
"""Bounds of a box's own streams: it reads a few cameras."""

DETECTORS = "detectors"
TRACKER = "tracker"


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """One stream entry as read by a consumer."""

    stream: str
    id: str
    fields: Mapping[bytes, bytes]


def frames_stream(shard: int) -> str:
    """Stream of fresh frames."""
    return f"frames:{shard}"


def late_stream(shard: int) -> str:
    """Stream of frames that waited out an outage."""
    return f"late:{shard}"


def scores_stream(shard: int) -> str:
    """Stream of scored frames."""
    return f"scores:{shard}"


def dead_stream(shard: int) -> str:
    """Stream of entries that could not be processed."""
    return f"dead:{shard}"


class FrameStreams:
    """The streams of one shard. All methods raise redis-py's errors when the server is away."""

    def __init__(self, client: redis.Redis, shard: int = 0, box: str | None = None) -> None:
        """``box``: those of its frames; scores are everybody's."""
        self.client = client
        self.shard = shard
        self.box = box
        self.frames = frames_stream(shard) if box is None else frames_of(shard, box)
        self.late = late_stream(shard) if box is None else late_of(shard, box)
        self.scores = scores_stream(shard)
        self.dead = dead_stream(shard)

    @property
    def bounds(self) -> tuple[int, int]:
        """How many fresh frames, and late ones, may wait."""
        return (MAX_FRAMES, MAX_LATE) if self.box is None else (MAX_BOX_FRAMES, MAX_BOX_LATE)

    # Readers -------------------------------------------------------------------------------------------------

    def send_frames(self, frames: Sequence[Frame], *, late: bool = False, by: BoxIdentity | None = None) -> int:
        """Append frames, signed where a box sends them; returns how many old ones fell off the bounded stream's other
        end."""
        stream, bound = (self.late, self.bounds[1]) if late else (self.frames, self.bounds[0])
        pipe = self.client.pipeline(transaction=False)
        for frame in frames:
            pipe.xadd(stream, cast(Any, frame.pack() if by is None else by.signed(frame.pack())))
        pipe.xtrim(stream, maxlen=bound, approximate=False)
        return int(pipe.execute()[-1])

    # Detectors -----------------------------------------------------------------------------------------------

    def hold_bounds(self) -> int:
        """Cut the streams to their bounds, in case whoever writes them does not; returns how many entries fell off."""
        return sum(
            int(cast(Any, self.client.xtrim(stream, maxlen=bound, approximate=False)))
            for stream, bound in zip((self.frames, self.late), self.bounds, strict=True)
        )

    def ensure_group(self, stream: str, group: str) -> None:
        """Create a consumer group at the stream's beginning if it is missing (a new or emptied server)."""
        try:
            self.client.xgroup_create(stream, group, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def read(self, stream: str, group: str, consumer: str, count: int, block_ms: int | None) -> list[StreamEntry]:
        """Take up to ``count`` new entries; wait up to ``block_ms`` for the first (None: do not wait)."""
        try:
            answer = self.client.xreadgroup(group, consumer, {stream: ">"}, count=count, block=block_ms)
        except redis.ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            self.ensure_group(stream, group)  # the server lost its memory: start over with the same road
            return []
        return entries_of(answer)

    def claim(self, stream: str, group: str, consumer: str, idle_ms: int, count: int) -> list[tuple[StreamEntry, int]]:
        """Take entries that another consumer has held for ``idle_ms`` without acknowledging.

        Returns entries with how many times each has been delivered, this time included. Entries trimmed from the
        stream while pending are acknowledged by the server itself.
        """
        try:
            answer = self.client.xautoclaim(stream, group, consumer, idle_ms, start_id="0-0", count=count)
        except redis.ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            self.ensure_group(stream, group)
            return []
        claimed = [StreamEntry(stream, _text(id_), fields) for id_, fields in cast(Any, answer)[1] if fields]
        if not claimed:
            return []
        pending = cast(
            Any,
            self.client.xpending_range(
                stream, group, min=claimed[0].id, max=claimed[-1].id, count=10 * count, consumername=consumer
            ),
        )
        deliveries = {_text(row["message_id"]): int(row["times_delivered"]) for row in pending}
        return [(entry, deliveries.get(entry.id, 1)) for entry in claimed]

    def publish_scores(self, group: str, scored: Iterable[tuple[StreamEntry, FrameScores]]) -> None:
        """Publish scores and acknowledge their frames, all or nothing."""
        pipe = self.client.pipeline(transaction=True)
        for entry, scores in scored:
            pipe.xadd(self.scores, cast(Any, scores.pack()), maxlen=MAX_SCORES, approximate=True)
            _acknowledge_and_delete(pipe, entry, group)
        pipe.execute()

    def discard(self, group: str, entries: Sequence[StreamEntry]) -> None:
        """Acknowledge and delete entries that will not be processed; the caller counts them."""
        pipe = self.client.pipeline(transaction=True)
        for entry in entries:
            _acknowledge_and_delete(pipe, entry, group)
        pipe.execute()

    def dead_letter(self, group: str, entry: StreamEntry, why: str) -> None:
        """Move an entry to the dead-letter stream, with the reason."""
        pipe = self.client.pipeline(transaction=True)
        pipe.xadd(
            self.dead,
            cast(Any, {**entry.fields, b"why": why.encode(), b"from": entry.stream.encode()}),
            maxlen=MAX_DEAD,
            approximate=True,
        )
        _acknowledge_and_delete(pipe, entry, group)
        pipe.execute()

    # Tracker -------------------------------------------------------------------------------------------------

    def acknowledge(self, stream: str, group: str, ids: Sequence[str]) -> None:
        """Say that these entries' effects are durable. They stay readable until the bound trims them."""
        if ids:
            self.client.xack(stream, group, *ids)

    def pending(self, stream: str, group: str, consumer: str) -> list[StreamEntry]:
        """Entries that this consumer has read and not acknowledged, oldest first."""
        return entries_of(self.client.xreadgroup(group, consumer, {stream: "0"}, count=MAX_SCORES))

    def acked(self, stream: str, group: str, consumer: str, count: int) -> list[StreamEntry]:
        """Those of the newest ``count`` entries that the group has read and acknowledged, oldest first."""
        last = self._group(stream, group).get("last-delivered-id", b"0-0")
        pending = {entry.id for entry in self.pending(stream, group, consumer)}
        return [
            entry
            for entry in self.newest(stream, count)
            if entry.id not in pending and _order(entry.id) <= _order(_text(last))
        ]

    def newest(self, stream: str, count: int) -> list[StreamEntry]:
        """The newest ``count`` entries, oldest first, whoever has read them."""
        answer = cast(Any, self.client.xrevrange(stream, count=count))
        return [StreamEntry(stream, _text(id_), fields) for id_, fields in reversed(answer)]

    # Everyone ------------------------------------------------------------------------------------------------

    def waiting(self, stream: str, group: str) -> tuple[int, int]:
        """``(not yet read, read but not acknowledged)`` of a group; zeros when nothing exists yet."""
        row = self._group(stream, group)
        return (int(row.get("lag") or 0), int(row.get("pending", 0)))

    def _group(self, stream: str, group: str) -> dict[str, Any]:
        try:
            groups = cast(Any, self.client.xinfo_groups(stream))
        except redis.ResponseError:
            return {}  # no such stream yet
        return next((row for row in groups if _text(row["name"]) == group), {})


def read_first(
    client: redis.Redis, streams: Sequence[str], group: str, consumer: str, count: int, block_ms: int
) -> list[StreamEntry] | None:
    """Wait for the first new entries of any of several streams. None: one of them has no such group (any more)."""
    try:
        return entries_of(client.xreadgroup(group, consumer, dict.fromkeys(streams, ">"), count=count, block=block_ms))
    except redis.ResponseError as error:
        if "NOGROUP" not in str(error):
            raise
        return None


def _acknowledge_and_delete(pipe: Any, entry: StreamEntry, group: str) -> None:
    pipe.xack(entry.stream, group, entry.id)
    pipe.xdel(entry.stream, entry.id)


def entries_of(answer: Any) -> list[StreamEntry]:
    """The entries of an XREAD or XREADGROUP answer, in whichever shape redis-py gives it."""
    if not answer:
        return []
    streams = answer.items() if isinstance(answer, dict) else answer
    found: list[StreamEntry] = []
    for name, rows in streams:
        # RESP3 answers nest one list deeper than RESP2.
        flat = (
            rows[0]
            if rows and isinstance(rows[0], list) and rows[0] and isinstance(rows[0][0], (list, tuple))
            else rows
        )
        found.extend(StreamEntry(_text(name), _text(id_), fields) for id_, fields in flat if fields)
    return found


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
