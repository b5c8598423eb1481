"""From decoded frames to scores for each of their crops: one pass of the engine for the frames of all cameras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.messages import Box, CropScore, Frame, FrameScores, Reason
from detector.engines.engine import Engine
from detector.jpeg import UndecodableFrame, decode_jpeg
from detector.models.crops import CropPolicy, crops_for, cut
from detector.models.infrared import is_infrared
from detector.models.model import Model
from detector.models.prediction import verdict_of
from detector.parallel_map import side_by_side

__all__ = ["MAX_BATCH", "ScoredFrame", "Seen", "UndecodableFrame", "classify", "decode_jpeg", "score_frames"]

MAX_BATCH = 256
"""Most crops handed to the engine at once: 256 crops of 224 px are 39 MB."""

Seen = tuple[NDArray[np.uint8], Sequence[Box], Reason]
"""A decoded frame (height, width, 3) BGR, the boxes in which something moved, and why it was sent."""


@dataclass(frozen=True, slots=True)
class ScoredFrame:
    """What the model says of one frame.

    ``threshold`` is the bear score from which a frame of its light agrees, ``infrared`` that light.
    """

    crops: tuple[CropScore, ...]
    infrared: bool
    threshold: float

    def scores(self, frame: Frame, model: str, scored_at: float) -> FrameScores:
        """As the message to the tracker."""
        return FrameScores(frame, self.crops, model, scored_at, self.infrared, self.threshold)


def score_frames(
    engine: Engine,
    frames: Sequence[Seen],
    threshold: float | None = None,
    policy: CropPolicy | None = None,
    max_batch: int = MAX_BATCH,
) -> list[ScoredFrame]:
    """Score every crop of every frame; one answer per frame, in order, none without crops.

    1. The crops are cut by the model's policy, unless another ``policy`` is given.
    2. ``threshold`` is the bear score from which a frame agrees; None: the model's own for the light of the frame.
    3. Each crop gets a verdict by the one rule (:func:`detector.models.prediction.verdict_of`). An unknown animal is
       marked when it moved: one in a still frame had to move to get there, and its many crops show scenery more often
       than animals.
    """
    bundle = engine.bundle
    policy = policy or bundle.model.crops
    boxes = [crops_for(reason, moving, image.shape[1], image.shape[0], policy) for image, moving, reason in frames]
    if not boxes:
        return []

    def prepare(place: int) -> tuple[NDArray[np.uint8], bool]:
        image = frames[place][0]
        return cut(image, boxes[place], engine.input_px, bundle.model.lift), is_infrared(image)

    prepared = side_by_side(prepare, range(len(frames)), engine.threads)
    crops = np.concatenate([crops for crops, _dark in prepared])
    logits = np.empty((len(crops), bundle.labels.outputs), dtype=np.float32)
    for start in range(0, len(crops), max_batch):
        logits[start : start + max_batch] = engine.infer(crops[start : start + max_batch])
    answers = zip(bundle.labels.probabilities(logits), bundle.unknown_scores(logits).tolist(), strict=True)
    return [
        _scored_frame(
            bundle.model, [(box, next(answers)) for box in of_frame], dark, threshold, reason is Reason.MOTION
        )
        for of_frame, (_crops, dark), (_image, _moving, reason) in zip(boxes, prepared, frames, strict=True)
    ]


def classify(
    engine: Engine, frames: Sequence[Seen], policy: CropPolicy | None = None, max_batch: int = MAX_BATCH
) -> list[list[CropScore]]:
    """:func:`score_frames`, for those who want nothing but the crops: one list per frame, in order, never empty."""
    return [list(scored.crops) for scored in score_frames(engine, frames, None, policy, max_batch)]


def _scored_frame(
    model: Model,
    answers: Sequence[tuple[Box, tuple[NDArray[np.float32], float]]],
    infrared: bool,
    threshold: float | None,
    moved: bool,
) -> ScoredFrame:
    """``answers``: each crop's box with its probabilities (labels,) and its unknown score."""
    bear_from = model.thresholds.bear(infrared) if threshold is None else threshold
    crops = []
    for box, (shares, strange) in answers:
        said = verdict_of(model, shares, strange, infrared, bear_from)
        crops.append(CropScore(box, said.bear, said.label, said.probability, moved and said.unknown, strange))
    return ScoredFrame(tuple(crops), infrared, bear_from)
