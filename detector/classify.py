"""From decoded frames to a score for each of their crops: one pass of the engine for the frames of all cameras."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.messages import Box, CropScore, Reason
from detector.crops import DEFAULT_POLICY, CropPolicy, crops_for, cut
from detector.engine import Engine
from detector.jpeg import UndecodableFrame, decode_jpeg
from detector.labels import Prediction

__all__ = ["MAX_BATCH", "Seen", "UndecodableFrame", "classify", "decode_jpeg"]

MAX_BATCH = 256
"""Most crops handed to the engine at once: 256 crops of 224 px are 39 MB."""

Seen = tuple[NDArray[np.uint8], Sequence[Box], Reason]
"""A decoded frame (height, width, 3) BGR, the boxes in which something moved, and why it was sent."""


def classify(
    engine: Engine,
    frames: Sequence[Seen],
    policy: CropPolicy = DEFAULT_POLICY,
    max_batch: int = MAX_BATCH,
) -> list[list[CropScore]]:
    """Score every crop of every frame; one list per frame, in order, never empty.

    A frame's bear score is that of its best crop (:attr:`core.messages.FrameScores.bear`).
    """
    boxes = [crops_for(reason, moving, image.shape[1], image.shape[0], policy) for image, moving, reason in frames]
    if not boxes:
        return []
    crops = np.concatenate(
        [cut(seen[0], of_frame, engine.input_px) for seen, of_frame in zip(frames, boxes, strict=True)]
    )
    logits = np.empty((len(crops), engine.labels.outputs), dtype=np.float32)
    for start in range(0, len(crops), max_batch):
        logits[start : start + max_batch] = engine.infer(crops[start : start + max_batch])
    said = iter(engine.labels.predictions(logits))
    return [[_score(box, next(said)) for box in of_frame] for of_frame in boxes]


def _score(box: Box, said: Prediction) -> CropScore:
    return CropScore(box, said.bear, said.label, said.label_probability)
