"""A closer look: the main stream's pixels of what is too small in the stream that is analysed, before an alert opens.

A bear that is 20 pixels high in 640x360 is 60 in the main stream of the same camera. For a crop with something small in
it, or nearly a bear's, the main stream is asked for the same place at the same moment; what it shows is scored, and the
better of the two answers counts. Nobody waits for it: frames of which a closer look is out are held for
:data:`WAIT_S` at the most while other frames are scored, and then go on with what is known of them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import redis
from numpy.typing import NDArray

from core.clock import now_s
from core.messages import Box, Frame, Reason, canary_camera
from core.pictures.reader_requests import MOST_BOXES, PictureRequest, ReaderAnswer, ask_reader, new_id, take_answers
from core.streams import FrameStreams, StreamEntry
from core.telemetry import counter
from core.visit_evidence import level_of
from detector.classify import ScoredFrame, Seen
from detector.jpeg import UndecodableFrame, decode_jpeg

LOOKS: Final = "bearwatch_closer_looks_total"
SMALL_PX: Final = 64
"""A subject whose shorter side is less, in the stream that is analysed, is looked at closer."""
WAIT_S: Final = 0.6
"""So long a frame is held for it. A picture of a main stream of 1080p takes a tenth of that to decode."""
UNANSWERED_PAUSE_S: Final = 10.0
"""A camera whose reader has not answered in time is not asked again for so long."""
BURST: Final = 10
"""Looks that one visit may have at once, of a camera."""
REFILL_PER_S: Final = 1.0
"""And so many more a second while leaves move; a look that finds a bear costs nothing."""
MOST_HELD: Final = 3
"""Frames of one camera that are held at the same time: as many as its reader takes in."""
FAR_OFF_S: Final = 1.0
"""A picture further from the frame than this shows another moment: a main stream whose key frames are rare."""


@dataclass(frozen=True, slots=True)
class HeldFrame:
    """A scored frame that waits for its closer look. ``subjects`` is what moved inside each of ``boxes``."""

    streams: FrameStreams
    entry: StreamEntry
    frame: Frame
    scored: ScoredFrame
    boxes: tuple[Box, ...]
    subjects: tuple[Box, ...]
    give_up_at: float


@dataclass
class LookBudget:
    """How many more looks at a camera may be asked for. Times are of one steady clock."""

    left: float = BURST
    at: float = float("-inf")

    def take(self, now: float) -> bool:
        """Take one; false when none is left."""
        self.left = min(BURST, self.left + (now - self.at) * REFILL_PER_S)
        self.at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True

    def give_back(self) -> None:
        """The look was worth it."""
        self.left = min(BURST, self.left + 1.0)


class CloserLook:
    """Asks for the main stream's pixels and holds the frames meanwhile. Belongs to the detector's loop."""

    def __init__(self, client: redis.Redis, consumer: str) -> None:
        self._client = client
        self._reply_to = f"closer-look:{consumer}"
        self._cameras: Collection[str] = ()
        self._held: dict[str, HeldFrame] = {}
        self._budgets: dict[str, LookBudget] = {}
        self._paused_until: dict[str, float] = {}
        self.counts: Counter[str] = Counter()

    def watch(self, cameras: Collection[str]) -> None:
        """These cameras have a main stream that comes now."""
        self._cameras = cameras

    @property
    def held(self) -> set[str]:
        """The stream entries of frames that are held."""
        return {each.entry.id for each in self._held.values()}

    def start_over(self) -> None:
        """Forget what is held: it is still pending on the server."""
        self._held.clear()

    def hold(self, streams: FrameStreams, entry: StreamEntry, frame: Frame, scored: ScoredFrame, busy: bool) -> bool:
        """Ask for a closer look at a frame that needs one; false when it is to go on as it is."""
        if frame.camera not in self._cameras or canary_camera(frame.camera) is not None:
            return False
        doubtful = doubtful_crops(frame, scored)
        if not doubtful or not self._may_ask(frame.camera, busy):
            return False
        request = PictureRequest(
            new_id(), frame.camera, frame.captured_at, tuple(box for box, _subject in doubtful), self._reply_to,
            now_s() + WAIT_S,
        )  # fmt: skip
        if not ask_reader(self._client, request):
            self._count(frame.camera, "unheard")
            return False
        self._held[request.id] = HeldFrame(
            streams, entry, frame, scored, request.boxes, tuple(subject for _box, subject in doubtful),
            time.monotonic() + WAIT_S,
        )  # fmt: skip
        return True

    def _may_ask(self, camera: str, busy: bool) -> bool:
        now = time.monotonic()
        if now < self._paused_until.get(camera, 0.0):
            return False
        if busy:
            self._count(camera, "overloaded")
            return False
        if sum(each.frame.camera == camera for each in self._held.values()) >= MOST_HELD:
            self._count(camera, "busy")
            return False
        if not self._budgets.setdefault(camera, LookBudget()).take(now):
            self._count(camera, "budget")
            return False
        return True

    def take(self) -> list[tuple[HeldFrame, ReaderAnswer | None]]:
        """Held frames that have their answer, and those that wait no longer (None)."""
        if not self._held:
            return []
        found: list[tuple[HeldFrame, ReaderAnswer | None]] = []
        for answer in take_answers(self._client, self._reply_to):
            held = self._held.pop(answer.id, None)
            if held is not None:
                found.append((held, answer))
        now = time.monotonic()
        for key in [key for key, held in self._held.items() if now >= held.give_up_at]:
            held = self._held.pop(key)
            self._paused_until[held.frame.camera] = now + UNANSWERED_PAUSE_S
            self._count(held.frame.camera, "late")
            found.append((held, None))
        return found

    def parts_of(self, held: HeldFrame, answer: ReaderAnswer | None) -> list[Seen]:
        """What there is to score of an answer, one part for each box; empty when it shows nothing of that moment."""
        if answer is None:
            return []
        outcome = "away"
        if not answer.why and len(answer.parts) == len(held.boxes):
            outcome = "far_off" if abs(answer.taken_at - held.frame.captured_at) > FAR_OFF_S else ""
        images = [] if outcome else [_decoded(part) for part in answer.parts]
        whole = [image for image in images if image is not None]
        if outcome or len(whole) != len(images):
            self._count(held.frame.camera, outcome or "away")
            return []
        return [
            (image, [_within(box, subject)], Reason.MOTION)
            for image, box, subject in zip(whole, held.boxes, held.subjects, strict=True)
        ]

    def judged(self, held: HeldFrame, parts: Sequence[ScoredFrame]) -> ScoredFrame:
        """The frame with what the main stream shows beside what its own crops do; as it was without ``parts``."""
        if not parts:
            return held.scored
        seen = [
            replace(crop, box=_outside(box, crop.box))
            for box, part in zip(held.boxes, parts, strict=True)
            for crop in part.crops
        ]
        before = max((crop.bear for crop in held.scored.crops), default=0.0)
        best = max((crop.bear for crop in seen), default=0.0)
        raised = best >= held.scored.threshold > before
        self._count(held.frame.camera, "raised" if raised else "same")
        if best >= held.scored.threshold:
            self._budgets.setdefault(held.frame.camera, LookBudget()).give_back()
        return ScoredFrame((*held.scored.crops, *seen), held.scored.infrared, held.scored.threshold)

    def _count(self, camera: str, outcome: str) -> None:
        self.counts[counter(LOOKS, camera_name=camera, outcome=outcome)] += 1


def doubtful_crops(frame: Frame, scored: ScoredFrame) -> list[tuple[Box, Box]]:
    """The crops of a frame that deserve a closer look, each with what moved in it.

    Only what moved: a still frame's tiles are as small for the network in any resolution. A crop that is a bear's
    already needs none; one that is nearly a bear's does, however large, and any other whose subject is small. The
    likeliest come first.
    """
    if frame.reason is not Reason.MOTION:
        return []
    found = []
    for crop in sorted(scored.crops, key=lambda each: -each.bear):
        subject = _moved_in(crop.box, frame.boxes)
        if subject is None or crop.bear >= scored.threshold:
            continue
        shorter_px = min((subject[2] - subject[0]) * frame.width, (subject[3] - subject[1]) * frame.height)
        if shorter_px < SMALL_PX or level_of(crop.bear, scored.threshold) > 0.0:
            found.append((crop.box, subject))
    return found[:MOST_BOXES]


def _moved_in(crop: Box, boxes: Sequence[Box]) -> Box | None:
    inside = [box for box in boxes if _holds(crop, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2)]
    if not inside:
        return None
    return (
        max(crop[0], min(box[0] for box in inside)),
        max(crop[1], min(box[1] for box in inside)),
        min(crop[2], max(box[2] for box in inside)),
        min(crop[3], max(box[3] for box in inside)),
    )


def _holds(crop: Box, x: float, y: float) -> bool:
    return crop[0] <= x <= crop[2] and crop[1] <= y <= crop[3]


def _within(box: Box, inner: Box) -> Box:
    """A box of the frame in coordinates of a part of it."""
    across, down = box[2] - box[0], box[3] - box[1]
    return (
        (inner[0] - box[0]) / across,
        (inner[1] - box[1]) / down,
        (inner[2] - box[0]) / across,
        (inner[3] - box[1]) / down,
    )


def _outside(box: Box, inner: Box) -> Box:
    """A box of a part in coordinates of the frame."""
    across, down = box[2] - box[0], box[3] - box[1]
    return (
        box[0] + inner[0] * across,
        box[1] + inner[1] * down,
        box[0] + inner[2] * across,
        box[1] + inner[3] * down,
    )


def _decoded(jpeg: bytes) -> NDArray[np.uint8] | None:
    try:
        return decode_jpeg(jpeg)
    except UndecodableFrame:
        return None
