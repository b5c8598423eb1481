"""From decoded frames to scores for each of their crops: one pass of the engine for the frames of all cameras."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.messages import Box, CropScore, Frame, FrameScores, Reason
from detector.bundle import ModelBundle
from detector.crops import CropPolicy, crops_for, cut
from detector.engine import Engine
from detector.jpeg import UndecodableFrame, decode_jpeg
from detector.labels import NO_ANIMALS
from detector.light import is_infrared
from detector.side_by_side import side_by_side
from detector.verdict import Verdict, read

__all__ = ["MAX_BATCH", "Looked", "Seen", "UndecodableFrame", "bundle_of", "classify", "decode_jpeg", "look"]

MAX_BATCH = 256
"""Most crops handed to the engine at once: 256 crops of 224 px are 39 MB."""

SURELY_AN_ANIMAL = 0.7
"""Only a crop that is an animal with at least this probability can be an *unknown animal*: a branch or a tent is like
nothing that the model knows too, and nobody should get up at night for it. The pretrained network, which has never seen
a raccoon, is so sure of 93% of them (96% at 0.5), and of 2 to 5% of pictures without an animal (8 to 14% at 0.5)."""

Seen = tuple[NDArray[np.uint8], Sequence[Box], Reason]
"""A decoded frame (height, width, 3) BGR, the boxes in which something moved, and why it was sent."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What the model says of one frame; ``verdicts`` are those of its ``crops``, in the same order.

    ``threshold`` is the bear score from which a frame of its light agrees, ``infrared`` that light.
    """

    crops: tuple[CropScore, ...]
    verdicts: tuple[Verdict, ...]
    infrared: bool
    threshold: float

    def scores(self, frame: Frame, model: str, scored_at: float) -> FrameScores:
        """As the message to the tracker."""
        return FrameScores(frame, self.crops, model, scored_at, self.infrared, self.threshold)


def look(
    engine: Engine,
    bundle: ModelBundle,
    frames: Sequence[Seen],
    threshold: float | None = None,
    policy: CropPolicy | None = None,
    max_batch: int = MAX_BATCH,
) -> list[Looked]:
    """Score every crop of every frame; one answer per frame, in order, none without crops.

    1. The crops are cut by the model's policy, unless another ``policy`` is given.
    2. ``threshold`` is the bear score from which a frame agrees; None: the model's own for the light of the frame.
    3. An animal below it that the model does not know is marked as unknown, when it is one surely enough and moved:
       an animal in a still frame had to move to get there, and its many crops show scenery more often than animals.
    """
    policy = policy or bundle.model.crops
    boxes = [crops_for(reason, moving, image.shape[1], image.shape[0], policy) for image, moving, reason in frames]
    if not boxes:
        return []

    def prepare(place: int) -> tuple[NDArray[np.uint8], bool]:
        image = frames[place][0]
        return cut(image, boxes[place], engine.input_px), is_infrared(image)

    prepared = side_by_side(prepare, range(len(frames)), getattr(engine, "threads", None))
    crops = np.concatenate([crops for crops, _dark in prepared])
    logits = np.empty((len(crops), bundle.labels.outputs), dtype=np.float32)
    for start in range(0, len(crops), max_batch):
        logits[start : start + max_batch] = engine.infer(crops[start : start + max_batch])
    infrared = [dark for _crops, dark in prepared]
    of_crop = [dark for dark, of_frame in zip(infrared, boxes, strict=True) for _box in of_frame]
    verdicts = iter(read(bundle, logits, of_crop))
    return [
        _looked(bundle, of_frame, verdicts, dark, threshold, reason is Reason.MOTION)
        for of_frame, dark, (_image, _moving, reason) in zip(boxes, infrared, frames, strict=True)
    ]


def classify(
    engine: Engine, frames: Sequence[Seen], policy: CropPolicy | None = None, max_batch: int = MAX_BATCH
) -> list[list[CropScore]]:
    """:func:`look`, for those who want nothing but the crops: one list per frame, in order, never empty."""
    return [list(looked.crops) for looked in look(engine, bundle_of(engine), frames, None, policy, max_batch)]


def bundle_of(engine: Engine) -> ModelBundle:
    """The model that an engine runs: its labels, thresholds and crop policy."""
    found = getattr(engine, "bundle", None) or getattr(engine, "backbone", None)
    if isinstance(found, ModelBundle):
        return found
    return ModelBundle.generic(engine.name.partition(":")[0])


def animal_share_of(probabilities: Mapping[str, float]) -> float:
    """The probability, by label, that a picture shows an animal, a bear included."""
    return sum(share for label, share in probabilities.items() if label not in NO_ANIMALS)


def _looked(
    bundle: ModelBundle,
    boxes: Sequence[Box],
    verdicts: Iterator[Verdict],
    infrared: bool,
    threshold: float | None,
    moved: bool,
) -> Looked:
    wanted = bundle.model.thresholds.bear(infrared) if threshold is None else threshold
    said = tuple(next(verdicts) for _box in boxes)
    crops = tuple(
        _score(box, one, moved and _is_unknown(bundle, one, infrared, wanted))
        for box, one in zip(boxes, said, strict=True)
    )
    return Looked(crops, said, infrared, wanted)


def _is_unknown(bundle: ModelBundle, said: Verdict, infrared: bool, threshold: float) -> bool:
    strange = said.unknown or bundle.model.thresholds.is_unknown(said.unknown_score, infrared)
    if not strange or said.bear >= threshold:
        return False
    return animal_share_of(dict(zip(bundle.labels.names, said.probabilities.tolist(), strict=True))) >= SURELY_AN_ANIMAL


def _score(box: Box, said: Verdict, unknown: bool) -> CropScore:
    return CropScore(box, said.bear, said.label, said.probability, unknown, said.unknown_score)
