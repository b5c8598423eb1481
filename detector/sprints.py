"""After the first suspicious picture of a camera: ask its reader for more pictures for a moment."""

from __future__ import annotations

from core.messages import Frame, Reason, canary_camera
from core.visit_evidence import level_of
from detector.classify import ScoredFrame

QUIET_S = 10.0
"""A visit is worth one sprint: the next needs so long without anything suspicious."""


class Sprints:
    """Remembers of each camera when it last showed something suspicious. Times are capture times."""

    def __init__(self) -> None:
        self._suspicious_at: dict[str, float] = {}

    def due(self, frame: Frame, scored: ScoredFrame) -> bool:
        """Whether this frame is the first suspicious one after a while.

        Suspicious is what speaks for a bear (:func:`core.visit_evidence.level_of`), or is an animal that the model does
        not know.
        """
        if frame.reason is Reason.AUDIT or canary_camera(frame.camera) is not None:
            return False
        bear = max((crop.bear for crop in scored.crops), default=0.0)
        if level_of(bear, scored.threshold) <= 0.0 and not any(crop.unknown for crop in scored.crops):
            return False
        before = self._suspicious_at.get(frame.camera, float("-inf"))
        self._suspicious_at[frame.camera] = max(before, frame.captured_at)
        return frame.captured_at - before > QUIET_S
