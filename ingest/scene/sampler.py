"""Which pictures are sent, and why."""

from __future__ import annotations

from dataclasses import dataclass

from core.config import Motion
from core.messages import Box, Reason
from ingest.scene.motion import MotionResult

HANG_OVER_S = 1.0
"""A subject that halts is still there: so long after the last motion its last boxes are sent on."""
KEEPALIVE_FRAMES = 3
"""A keepalive is so many pictures in a row: one encounter needs several agreeing frames, from a sitting bear too."""
KEEPALIVE_APART_S = 0.15
"""And so far apart at least: on a camera with thirty pictures a second three in a row say no more than one."""
UNDISTURBED_S = 2.0
"""No keepalive in the first seconds of a visit: its motion boxes come first."""
BUSY_FACTOR = 3.0
"""While something moves, keepalives are so much rarer: each costs as much as ten moving crops, and eight busy cameras
on two cores would otherwise make every alert wait."""
GLOBAL_CHANGE_EVERY_S = 3.0
"""A picture that changes as a whole again and again (a flickering lamp) is sent whole at most this often."""


@dataclass(frozen=True, slots=True)
class EmitDecision:
    """One picture to send. ``thumbnail``: small, for the contact sheet."""

    reason: Reason
    boxes: tuple[Box, ...]
    thumbnail: bool = False


class Sampler:
    """Decides for one camera, picture by picture. Times are seconds of a steady clock; where they run back all the same
    everything is due anew: a keepalive that waits for an hour to come round again is a blind hour.
    """

    def __init__(self, settings: Motion) -> None:
        self._keepalive_s = settings.keepalive_s
        self._audit_s = settings.audit_s
        self._boxes: tuple[Box, ...] = ()
        self._moving_since: float | None = None
        self._moved_at: float | None = None
        self._keepalive_at: float | None = None
        self._keepalives_left = 0
        self._next_keepalive_at = 0.0
        self._audit_at: float | None = None
        self._decided_at: float | None = None

    def decide(self, motion: MotionResult, at: float) -> tuple[EmitDecision, ...]:
        """What to send of the picture taken at ``at``: nothing, one sending, or an audit thumbnail besides.

        1. Boxes are those of this picture, or the last ones while the hang-over lasts.
        2. Every ``keepalive_s`` (three times that while something moves), from the very first picture on and at once
           after a change of the whole picture, ``KEEPALIVE_FRAMES`` pictures are keepalives, ``KEEPALIVE_APART_S``
           apart: they are looked at everywhere, and at the boxes if there are any. So a bear that sits is found even
           while branches move.
        3. Otherwise a picture with boxes is sent as motion, and one without is not sent.
        4. Every ``audit_s`` a thumbnail is sent as well.
        """
        if self._decided_at is not None and at < self._decided_at:
            self._keepalive_at = self._audit_at = self._moving_since = self._moved_at = None
        self._decided_at = at
        boxes = self._current_boxes(motion, at)
        if self._keepalive_due(motion, at):
            self._keepalive_at = at
            self._keepalives_left = KEEPALIVE_FRAMES
            self._next_keepalive_at = at
        decisions = []
        if self._keepalives_left and at >= self._next_keepalive_at:
            self._keepalives_left -= 1
            self._next_keepalive_at = at + KEEPALIVE_APART_S
            decisions.append(EmitDecision(Reason.KEEPALIVE, boxes))
        elif boxes:
            decisions.append(EmitDecision(Reason.MOTION, boxes))
        if self._audit_at is None or at - self._audit_at >= self._audit_s:
            self._audit_at = at
            decisions.append(EmitDecision(Reason.AUDIT, (), thumbnail=True))
        return tuple(decisions)

    def _current_boxes(self, motion: MotionResult, at: float) -> tuple[Box, ...]:
        if motion.moved:
            self._boxes = motion.boxes
            self._moved_at = at
            if self._moving_since is None:
                self._moving_since = at
        elif motion.global_change or self._moved_at is None or at - self._moved_at > HANG_OVER_S:
            self._boxes = ()
            self._moving_since = None
        return self._boxes

    def _keepalive_due(self, motion: MotionResult, at: float) -> bool:
        if self._keepalive_at is None:
            return True
        since_s = at - self._keepalive_at
        if motion.global_change:
            return since_s >= GLOBAL_CHANGE_EVERY_S
        if self._moving_since is None:
            return since_s >= self._keepalive_s
        undisturbed = at - self._moving_since < UNDISTURBED_S
        return not undisturbed and since_s >= BUSY_FACTOR * self._keepalive_s
