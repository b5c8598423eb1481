"""From decoded frames to scores for each of their crops: one pass of the engine for the frames of all cameras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.messages import Box, CropScore, Frame, FrameScores, Reason
from detector.engines.engine import Engine
from detector.jpeg import UndecodableFrame, decode_jpeg
from detector.models.crop_features import crop_features
from detector.models.crops import CropPolicy, crops_for, cut
from detector.models.infrared import is_infrared
from detector.models.model import Model
from detector.models.prediction import verdict_of
from detector.parallel_map import side_by_side

__all__ = [
    "MAX_BATCH", "PreparedFrames", "ScoredFrame", "Seen", "UndecodableFrame", "classify", "decode_jpeg", "how_cut",
    "prepare_frames", "score_frames", "score_prepared",
]  # fmt: skip

MAX_BATCH = 256
"""Most crops handed to the engine at once: 256 crops of 224 px are 39 MB."""

_TOLD_FROM = 0.5
"""Features are told of crops from this share of the threshold on: a camera's own may be lower than the model's."""

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


@dataclass(frozen=True, slots=True)
class PreparedFrames:
    """Frames cut for the network, so that two models may look at the same crops.

    ``crops`` are RGB pictures (n, input_px, input_px, 3) of all frames in order, ``boxes`` those of each frame,
    ``infrared`` its light, ``moved`` whether it was sent because something moved. ``cut_as`` says how they were cut.
    """

    crops: NDArray[np.uint8]
    boxes: tuple[tuple[Box, ...], ...]
    infrared: tuple[bool, ...]
    moved: tuple[bool, ...]
    cut_as: tuple[CropPolicy, int, float]

    def only(self, places: Sequence[int]) -> PreparedFrames:
        """Some of the frames, by their places in order."""
        ends = np.cumsum([len(each) for each in self.boxes])
        parts = [self.crops[ends[place] - len(self.boxes[place]) : ends[place]] for place in places]
        return PreparedFrames(
            np.concatenate(parts) if parts else self.crops[:0],
            tuple(self.boxes[place] for place in places),
            tuple(self.infrared[place] for place in places),
            tuple(self.moved[place] for place in places),
            self.cut_as,
        )


def how_cut(engine: Engine, policy: CropPolicy | None = None) -> tuple[CropPolicy, int, float]:
    """How a model's crops are cut: its policy, the side of its pictures, its lift of dark ones."""
    model = engine.bundle.model
    return policy or model.crops, engine.input_px, model.lift


def prepare_frames(engine: Engine, frames: Sequence[Seen], policy: CropPolicy | None = None) -> PreparedFrames:
    """Cut the crops of every frame, by the model's policy unless another one is given."""
    cut_as = how_cut(engine, policy)
    boxes = [crops_for(reason, moving, image.shape[1], image.shape[0], cut_as[0]) for image, moving, reason in frames]

    def prepare(place: int) -> tuple[NDArray[np.uint8], bool]:
        image = frames[place][0]
        return cut(image, boxes[place], cut_as[1], cut_as[2]), is_infrared(image)

    prepared = side_by_side(prepare, range(len(frames)), engine.threads)
    nothing = np.empty((0, cut_as[1], cut_as[1], 3), dtype=np.uint8)
    return PreparedFrames(
        np.concatenate([crops for crops, _dark in prepared]) if prepared else nothing,
        tuple(map(tuple, boxes)),
        tuple(dark for _crops, dark in prepared),
        tuple(reason is Reason.MOTION for _image, _moving, reason in frames),
        cut_as,
    )


def score_prepared(
    engine: Engine, prepared: PreparedFrames, threshold: float | None = None, max_batch: int = MAX_BATCH
) -> list[ScoredFrame]:
    """Score frames that were cut before, as this model cuts them: see :func:`score_frames`."""
    bundle = engine.bundle
    if not prepared.boxes:
        return []
    logits = np.empty((len(prepared.crops), bundle.labels.outputs), dtype=np.float32)
    for start in range(0, len(prepared.crops), max_batch):
        logits[start : start + max_batch] = engine.infer(prepared.crops[start : start + max_batch])
    shares = bundle.labels.probabilities(logits)
    answers = zip(shares, bundle.unknown_scores(logits).tolist(), crop_features(bundle, logits), strict=True)
    return [
        _scored_frame(bundle.model, [(box, next(answers)) for box in of_frame], dark, threshold, moved)
        for of_frame, dark, moved in zip(prepared.boxes, prepared.infrared, prepared.moved, strict=True)
    ]


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
    return score_prepared(engine, prepare_frames(engine, frames, policy), threshold, max_batch)


def classify(
    engine: Engine, frames: Sequence[Seen], policy: CropPolicy | None = None, max_batch: int = MAX_BATCH
) -> list[list[CropScore]]:
    """:func:`score_frames`, for those who want nothing but the crops: one list per frame, in order, never empty."""
    return [list(scored.crops) for scored in score_frames(engine, frames, None, policy, max_batch)]


def _scored_frame(
    model: Model,
    answers: Sequence[tuple[Box, tuple[NDArray[np.float32], float, NDArray[np.int8]]]],
    infrared: bool,
    threshold: float | None,
    moved: bool,
) -> ScoredFrame:
    """``answers``: each crop's box with its probabilities (labels,), its unknown score and its features."""
    bear_from = model.thresholds.bear(infrared) if threshold is None else threshold
    crops = []
    for box, (shares, strange, features) in answers:
        said = verdict_of(model, shares, strange, infrared, bear_from)
        unknown = moved and said.unknown
        told = features.tobytes() if unknown or said.bear >= _TOLD_FROM * bear_from else b""
        crops.append(CropScore(box, said.bear, said.label, said.probability, unknown, strange, told))
    return ScoredFrame(tuple(crops), infrared, bear_from)
