"""The door at which a box's frames are looked at, before anything in them is decoded.

A stream belongs to one box; Redis lets nobody else write it. What comes over it must be signed by that box and show one
of its cameras. What comes over the site's own stream must not show a box's camera: whoever has got hold of the site's
Redis has still not got the keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.boxes.box_list import BoxList
from core.boxes.frame_signature import SIGNATURE, BoxIdentity, is_signed_by
from core.messages import Frame, canary_camera
from core.streams import StreamEntry


class RefusalReason(StrEnum):
    """Why a box's frame is not looked at."""

    UNSIGNED = "unsigned"
    FORGED = "forged"
    ANOTHERS_CAMERA = "anothers_camera"
    SITES_STREAM = "sites_stream"
    TOO_MUCH = "too_much"


WORDS: Final[Mapping[str, str]] = {
    RefusalReason.UNSIGNED: "frames without a signature",
    RefusalReason.FORGED: "frames with a wrong signature",
    RefusalReason.ANOTHERS_CAMERA: "frames of cameras that are not its own",
    RefusalReason.SITES_STREAM: "frames of its cameras over the site's own stream",
    RefusalReason.TOO_MUCH: "more frames than can be looked at",
}


class RefusedFrame(Exception):
    """A frame that is dropped unseen; ``box`` is whose stream it came over, or whose camera it claims to show."""

    def __init__(self, box: str, why: RefusalReason) -> None:
        super().__init__(f"box {box}: {WORDS[why]}")
        self.box = box
        self.why = why


@dataclass(slots=True)
class Refusals:
    """What was refused since it was last told: ``counts`` by box and reason."""

    counts: Counter[tuple[str, RefusalReason]]

    def note(self, box: str, why: RefusalReason, amount: int = 1) -> None:
        """So many more."""
        self.counts[box, why] += amount

    def take(self) -> Counter[tuple[str, RefusalReason]]:
        """All of it, once."""
        found, self.counts = self.counts, Counter()
        return found


class BoxDoor:
    """Admits frames, or raises :class:`RefusedFrame`."""

    def __init__(self, boxes: BoxList | None) -> None:
        """None: there are no boxes, and every frame is the site's own."""
        self._boxes = boxes
        self.refusals = Refusals(Counter())

    def check_signature(self, entry: StreamEntry) -> None:
        """The first question to an entry that has come over a box's own stream; it costs no parsing."""
        name = box_of(entry.stream)
        if name is None:
            return
        box = self._boxes.boxes.get(name) if self._boxes is not None else None
        if SIGNATURE not in entry.fields:
            raise RefusedFrame(name, RefusalReason.UNSIGNED)
        if box is None or not is_signed_by(BoxIdentity(name, box.secret), entry.fields):
            raise RefusedFrame(name, RefusalReason.FORGED)

    def check_camera(self, entry: StreamEntry, frame: Frame) -> None:
        """Whether its camera is one whose frames may come this way."""
        sender = box_of(entry.stream)
        owner = self._boxes.owner(frame.camera) if self._boxes is not None else None
        if sender is not None and owner != sender:
            raise RefusedFrame(sender, RefusalReason.ANOTHERS_CAMERA)
        if sender is None and owner is not None and canary_camera(frame.camera) is None:
            raise RefusedFrame(owner, RefusalReason.SITES_STREAM)


def box_of(stream: str) -> str | None:
    """The box that a stream of frames belongs to; None for the site's own."""
    parts = stream.split(":")
    return parts[2] if len(parts) == 3 else None
