"""A detector proves itself: does it still recognise a known bear, and see none where there is none?

Two small painted pictures of this package go through the real decoder, crops and network every half minute. A network
that answers with a constant, with nothing or with nonsense is found out by them within seconds, whatever the cameras
show; what it says until then does not count as watched (:mod:`detector.tracking.watermarks`).
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.messages import Box, Reason
from detector.classify import decode_jpeg, score_frames
from detector.engines.engine import Engine

log = logging.getLogger(__name__)

PICTURES: Final = Path(__file__).parent / "known_pictures"
BEAR_BOX: Final[Box] = (0.362, 0.461, 0.602, 0.82)
"""Where the bear stands, and where the empty picture is looked at as well."""
EVERY_S: Final = 30.0
AGAIN_AFTER_S: Final = 5.0
"""After a failure it is tried again this soon: twice in a row is no accident."""


@dataclass(frozen=True, slots=True)
class SelfTestResult:
    """What one try has shown: the bear scores of both pictures, and how often in a row it has failed by now."""

    bear: float
    empty: float
    failed: int
    why: str = ""

    @property
    def ok(self) -> bool:
        """Whether the detector may be believed."""
        return self.failed == 0

    def facts(self) -> dict[str, Any]:
        """For the heartbeat. A score that is no number is told as None."""
        scores = {"bear": self.bear, "empty": self.empty}
        told = {name: round(score, 4) if math.isfinite(score) else None for name, score in scores.items()}
        return {"ok": self.ok, "failed": self.failed, "why": self.why, **told}


NOT_TESTED: Final = SelfTestResult(math.nan, math.nan, 1, "it has not been tried yet")


class SelfTest:
    """The proof of one worker, renewed by :meth:`renew` when it is due."""

    def __init__(self, engine: Engine, threshold: float | None) -> None:
        self._engine, self._threshold = engine, threshold
        self.last = NOT_TESTED
        self._due_at = -math.inf

    def run_if_due(self, steady_s: float) -> SelfTestResult:
        """Try again if it is time, on a clock that only goes forward. An engine that raises has failed."""
        if steady_s < self._due_at:
            return self.last
        bear, empty, why = self._try()
        first = self.last is NOT_TESTED
        failed = 0 if not why else (0 if first else self.last.failed) + 1
        if first or bool(why) != bool(self.last.why):
            log.log(logging.ERROR if why else logging.INFO, "self-test: %s", why or "passed")
        self.last = SelfTestResult(bear, empty, failed, why)
        self._due_at = steady_s + (AGAIN_AFTER_S if why else EVERY_S)
        return self.last

    def _try(self) -> tuple[float, float, str]:
        try:
            bear, empty = score_frames(self._engine, list(_known()), self._threshold)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with the network is what this is about
            return math.nan, math.nan, f"the known pictures cannot be scored: {error}"
        scores = [max((crop.bear for crop in scored.crops), default=math.nan) for scored in (bear, empty)]
        return scores[0], scores[1], _judge(scores[0], scores[1], bear.threshold)


def _judge(bear: float, empty: float, threshold: float) -> str:
    """What is wrong; nothing when all is well."""
    if not (math.isfinite(bear) and math.isfinite(empty)):
        return "its scores are no numbers"
    if bear < threshold:
        return f"it does not see the known bear ({bear:.3f}, from {threshold:.3f} on it would)"
    if empty >= threshold:
        return f"it sees a bear in the known empty picture ({empty:.3f}, from {threshold:.3f} on)"
    return ""


@lru_cache(maxsize=1)
def _files() -> tuple[bytes, bytes]:
    return (PICTURES / "bear.jpg").read_bytes(), (PICTURES / "empty.jpg").read_bytes()


def _known() -> tuple[tuple[NDArray[np.uint8], tuple[Box, ...], Reason], ...]:
    """Decoded anew each time: the decoder is part of what is tried."""
    return tuple((decode_jpeg(jpeg), (BEAR_BOX,), Reason.MOTION) for jpeg in _files())
