"""What one picture becomes: the step that live cameras and replayed recordings share."""

from __future__ import annotations

import cv2
import numpy as np

from core.config import Camera, Motion
from core.messages import Frame
from ingest.scene.motion import MotionGate
from ingest.scene.picture import Bgr, Jpeg, Picture, encode, fit
from ingest.scene.sampler import EmitDecision, Sampler

THUMBNAIL_WIDTH = 320
THUMBNAIL_HEIGHT = 180


class FrameMaker:
    """Gate, sampler and JPEG of one camera. Not safe for several threads."""

    def __init__(self, name: str, camera: Camera, settings: Motion) -> None:
        self.name = name
        self.gate = MotionGate(settings, camera.masks)
        self._sampler = Sampler(settings)
        self._source_size: tuple[int, ...] = ()
        self._sequence = 0

    def frames_of(self, picture: Picture, captured_at: float, steady_at: float | None = None) -> list[Frame]:
        """The frames to send of one picture; usually none or one. ``steady_at`` is when it came by a clock that nobody
        sets (``captured_at`` where there is none): by it the gate and the sampler measure how much time has passed.

        1. Another size of the source is another view: the gate forgets what it knew.
        2. The gate says what moved, the sampler what is worth sending.
        3. Only then the picture is converted to colours and compressed, once for all frames of the same size.
        """
        source_size = picture.luma.shape
        if self._source_size and source_size != self._source_size:
            self.gate.forget()
        self._source_size = source_size
        at = captured_at if steady_at is None else steady_at
        motion = self.gate.feed(picture.small, at)
        decisions = self._sampler.decide(motion, at)
        if not decisions:
            return []
        bgr = picture.bgr()
        return [self._frame(decision, _jpeg(decision, bgr), captured_at) for decision in decisions]

    def _frame(self, decision: EmitDecision, jpeg: Jpeg, captured_at: float) -> Frame:
        sequence = self._sequence
        self._sequence += 1
        return Frame(
            camera=self.name,
            captured_at=captured_at,
            sequence=sequence,
            digest=jpeg.digest,
            boxes=decision.boxes,
            reason=decision.reason,
            width=jpeg.width,
            height=jpeg.height,
            jpeg=jpeg.data,
        )


def _jpeg(decision: EmitDecision, bgr: Bgr) -> Jpeg:
    if not decision.thumbnail:
        return encode(bgr)
    height, width = bgr.shape[:2]
    size = fit(width, height, THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT)
    return encode(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False))
