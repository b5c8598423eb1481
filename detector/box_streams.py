"""The streams of the boxes as a detector reads them: which there are, what is refused at the door, their bounds."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import redis

from core.boxes.box_door import WORDS, BoxDoor, RefusalReason
from core.boxes.box_list import BadBoxList, BoxList
from core.streams import FrameStreams
from core.telemetry import Telemetry, counter

log = logging.getLogger(__name__)

REFUSED: Final = "bearwatch_frames_refused_total"
SETTLES_WITHIN_S: Final = 30.0
"""So long after a box was added the site's own reader may have sent frames of its cameras."""


class BoxStreams:
    """For one worker. Without the site's data folder there are no boxes."""

    def __init__(self, client: redis.Redis, shards: Sequence[int], data: Path | None = None) -> None:
        self._client = client
        self._telemetry = Telemetry(client)
        self._shards = frozenset(shards)
        self._list = BoxList(data) if data is not None else None
        self._told_bad = ""
        self._known: dict[str, tuple[int, ...]] = {}
        self.door = BoxDoor(self._list)
        self.streams: list[FrameStreams] = []

    def refresh(self) -> bool:
        """Whether other streams are to be read from now on. A list that cannot be read leaves those of before."""
        if self._list is None:
            return False
        try:
            self._list.refresh()
            known = {name: said.shards for name, said in self._telemetry.boxes().items() if name in self._list.boxes}
        except BadBoxList as error:
            if str(error) != self._told_bad:
                self._told_bad = str(error)
                log.error("which boxes there are cannot be read, those of before stay: %s", error)
            return False
        if known == self._known:
            return False
        self._known = known
        self.streams = [
            FrameStreams(self._client, shard, name)
            for name, shards in sorted(known.items())
            for shard in shards
            if shard in self._shards
        ]
        log.info("frames of these boxes are scored here: %s", ", ".join(sorted(known)) or "none")
        return True

    def report(self, now: float) -> Counter[str]:
        """Cut the streams to their bounds, say which boxes had frames refused, and return what is to be counted."""
        for streams in self.streams:
            self.door.refusals.note(str(streams.box), RefusalReason.TOO_MUCH, streams.hold_bounds())
        counts: Counter[str] = Counter()
        for (box, why), amount in self.door.refusals.take().items():
            if not amount:
                continue
            if not (why is RefusalReason.SITES_STREAM and self._is_new(box, now)):
                log.warning("box %s: %d frames were refused: %s", box, amount, WORDS[why])
                self._telemetry.refuse(box, now, WORDS[why])
            counts[counter(REFUSED, box=box, reason=why)] += amount
        return counts

    def _is_new(self, box: str, now: float) -> bool:
        """Whether the site itself may still have been reading its cameras a moment ago."""
        known = self._list.boxes.get(box) if self._list is not None else None
        return known is not None and now - known.added_at < SETTLES_WITHIN_S
