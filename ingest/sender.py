"""Takes frames from the spool to Redis, fresh ones first, and holds on to them while Redis is unreachable."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from threading import Event

import redis

from core.boxes.frame_signature import BoxIdentity
from core.clock import now_s
from core.messages import Frame
from core.streams import FrameStreams
from ingest.spool import Batch, Spool
from ingest.tally import REDIS_FULL, SPOOL_FULL, FrameCounters

log = logging.getLogger(__name__)

MOST_PER_BATCH = 16
"""Few enough that fresh frames never wait long behind a batch of late ones."""
IDLE_WAIT_S = 0.25
RETRY_S = 0.5


class FrameSender:
    """Sends on the caller's thread until ``stop`` is set."""

    def __init__(
        self,
        client: redis.Redis,
        shard_of: Callable[[str], int],
        spool: Spool,
        counters: FrameCounters,
        stop: Event,
        box: BoxIdentity | None = None,
    ) -> None:
        """``box``: who signs the frames; None where this is the site itself."""
        self._client = client
        self._box = box
        self._shard_of = shard_of
        self._spool = spool
        self._counters = counters
        self._stop = stop
        self._streams: dict[int, FrameStreams] = {}
        self._away = False

    def run(self) -> None:
        """Send whatever comes; when stopping, send what is there if Redis answers."""
        while not self._stop.is_set():
            self._spool.wait(IDLE_WAIT_S)
            if not self.send_next() and self._away:
                self._stop.wait(RETRY_S)
        while self.send_next():
            pass

    def send_next(self) -> bool:
        """Send one batch; false when there is none or Redis is unreachable.

        1. Frames go by shard; what was not sent when Redis failed returns to the spool.
        2. Frames that Redis refuses for want of memory are dropped and counted: to wait would only make it worse.
        3. Old frames that fell off the bounded stream are counted.
        """
        batch = self._spool.take(now_s(), MOST_PER_BATCH)
        if batch is None:
            return False
        by_shard: dict[int, list[Frame]] = {}
        for frame in batch.frames:
            by_shard.setdefault(self._shard_of(frame.camera), []).append(frame)
        try:
            self._send(by_shard, batch.late)
        except redis.RedisError as error:
            self._keep(batch, by_shard, error)
            return False
        if self._away:
            self._away = False
            log.info("Redis is back; %d frames wait to be sent late", self._spool.load()[0])
        return True

    def _send(self, by_shard: dict[int, list[Frame]], late: bool) -> None:
        """Send each shard's frames and remove them from ``by_shard``."""
        for shard in list(by_shard):
            frames = by_shard[shard]
            try:
                overflow = self._streams_of(shard).send_frames(frames, late=late, by=self._box)
            except redis.OutOfMemoryError:
                for frame in frames:
                    self._counters.dropped(frame.camera, REDIS_FULL)
            else:
                for frame in frames:
                    self._counters.sent(frame.camera, frame.reason)
                if overflow:
                    self._counters.overflowed(overflow)
            del by_shard[shard]

    def _keep(self, batch: Batch, unsent: Mapping[int, list[Frame]], error: redis.RedisError) -> None:
        keys = {frame.key for frames in unsent.values() for frame in frames}
        for lost in self._spool.put_back(batch, [frame for frame in batch.frames if frame.key in keys]):
            self._counters.dropped(lost.camera, SPOOL_FULL)
        if not self._away:
            self._away = True
            log.warning("Redis refused frames (%s); they are spooled in memory", error)

    def _streams_of(self, shard: int) -> FrameStreams:
        return self._streams.setdefault(shard, FrameStreams(self._client, shard, self._box.name if self._box else None))
