"""Small makers of messages for tests: real JPEGs, plain times."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from core.messages import Box, CropScore, Frame, FrameScores, Reason, content_digest

T0 = 1_800_000_000.0
"""A moment in 2027, so that tests do not depend on the clock."""


@lru_cache
def jpeg(shade: int = 90, width: int = 64, height: int = 36) -> bytes:
    """A small real JPEG of one shade."""
    encoded, buffer = cv2.imencode(".jpg", np.full((height, width, 3), shade, np.uint8))
    assert encoded
    return buffer.tobytes()


def frame(
    camera: str = "upper-creek",
    at: float = T0,
    sequence: int | None = None,
    reason: Reason = Reason.MOTION,
    boxes: tuple[Box, ...] = ((0.4, 0.4, 0.6, 0.8),),
    picture: bytes | None = None,
) -> Frame:
    """A frame; its sequence follows from its time unless given."""
    content = picture if picture is not None else jpeg()
    number = round((at - T0) * 1000) if sequence is None else sequence
    return Frame(camera, at, number, content_digest(content), boxes, reason, 64, 36, content)


def scored(
    bear: float,
    camera: str = "upper-creek",
    at: float = T0,
    reason: Reason = Reason.MOTION,
    unknown: float | None = None,
    threshold: float = 0.5,
) -> FrameScores:
    """A frame with one crop of the given bear score; ``unknown`` is how strange its animal is, None for a known one."""
    label = "bear" if bear >= 0.5 else "other" if unknown is None else "other_animal"
    crop = CropScore((0.3, 0.3, 0.7, 0.9), bear, label, max(bear, 1 - bear), unknown is not None, unknown or 0.0)
    return FrameScores(frame(camera, at, reason=reason), (crop,), "test-model", at + 0.05, False, threshold)


def strange(at: float = T0, unknown: float = 5.0, camera: str = "upper-creek") -> FrameScores:
    """A frame with an animal that the model does not know."""
    return scored(0.02, camera, at, unknown=unknown)
