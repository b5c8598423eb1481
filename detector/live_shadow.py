"""A challenger beside the champion: the same frames, the same crops, counted and never alerting.

It looks after the champion's scores are published, at one frame in so many, and not at all while frames wait: no alert
is a millisecond later for it. A challenger that raises, or whose scores are no numbers, is left out from then on.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

from core.bundles.challenger_counts import (
    BOTH,
    CHALLENGER_ONLY,
    CHAMPION_ONLY,
    DIFFERENCE,
    FRAMES,
    NEITHER,
    Beside,
)
from core.messages import Frame, canary_camera
from detector.bundle_loader import LoadedModel
from detector.classify import PreparedFrames, ScoredFrame, Seen, how_cut, prepare_frames, score_prepared

log = logging.getLogger(__name__)

HOUR_S: Final = 3600
_WHAT: Final = {
    (True, True): BOTH,
    (False, False): NEITHER,
    (True, False): CHAMPION_ONLY,
    (False, True): CHALLENGER_ONLY,
}
"""By whether the champion and the challenger saw a bear."""


class LiveShadow:
    """One challenger of one worker. ``every``: it looks at one frame in so many."""

    def __init__(self, challenger: LoadedModel, threshold: float | None, every: int) -> None:
        self.digest = challenger.digest
        self.every = every
        self.why = ""
        """Why it is left out; empty while it is not."""
        self._engine, self._threshold = challenger.engine, threshold
        self._seen = 0
        self._counts: Counter[tuple[Beside, str]] = Counter()

    def look(
        self,
        frames: Sequence[tuple[Frame, Seen]],
        prepared: PreparedFrames,
        champion: Sequence[ScoredFrame],
        champion_digest: str,
    ) -> None:
        """Score its share of a batch and count how far both agree. Never raises."""
        chosen = self._chosen(frames)
        if not chosen or self.why:
            return
        try:
            said = score_prepared(self._engine, self._cut(frames, prepared, chosen), self._threshold)
        except Exception as error:  # noqa: BLE001  # whatever a challenger does, the champion goes on
            return self._leave_out(f"it cannot score: {error}")
        for place, mine in zip(chosen, said, strict=True):
            if not math.isfinite(_best(mine)):
                return self._leave_out("its scores are no numbers")
            self._count(frames[place][0], champion[place], mine, champion_digest)

    def take_counts(self) -> dict[tuple[Beside, str], int]:
        """What was counted since it was asked last."""
        counts, self._counts = self._counts, Counter()
        return dict(counts)

    def _chosen(self, frames: Sequence[tuple[Frame, Seen]]) -> list[int]:
        chosen = []
        for place, (frame, _seen) in enumerate(frames):
            if canary_camera(frame.camera) is None:
                self._seen += 1
                if self._seen % self.every == 0:
                    chosen.append(place)
        return chosen

    def _cut(self, frames: Sequence[tuple[Frame, Seen]], prepared: PreparedFrames, chosen: list[int]) -> PreparedFrames:
        """The champion's crops, where both cut alike; the pictures are decoded once in any case."""
        if how_cut(self._engine) == prepared.cut_as:
            return prepared.only(chosen)
        return prepare_frames(self._engine, [frames[place][1] for place in chosen])

    def _count(self, frame: Frame, champion: ScoredFrame, mine: ScoredFrame, champion_digest: str) -> None:
        beside = Beside(
            self.digest, champion_digest, frame.camera, champion.infrared, int(frame.captured_at // HOUR_S * HOUR_S)
        )
        theirs, ours = _best(champion), _best(mine)
        seen = (theirs >= champion.threshold, ours >= mine.threshold)
        self._counts[beside, FRAMES] += 1
        self._counts[beside, _WHAT[seen]] += 1
        self._counts[beside, DIFFERENCE] += round(1e6 * abs(theirs - ours))

    def _leave_out(self, why: str) -> None:
        self.why = why
        log.error("the challenger %s is left out: %s", self.digest[:12], why)


def _best(scored: ScoredFrame) -> float:
    """The highest bear score of a frame; one that is no number is found."""
    scores = [crop.bear for crop in scored.crops]
    return math.nan if any(math.isnan(score) for score in scores) else max(scores, default=0.0)
