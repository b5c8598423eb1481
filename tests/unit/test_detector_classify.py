"""The crops of many frames go through the engine together and come back to their frames."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.messages import WHOLE_FRAME, Reason
from detector.classify import classify
from detector.labels import GENERIC, Label


class BrightnessEngine:
    """An engine that can be calculated by hand: the brighter the crop, the surer it is of a brown bear."""

    name = "brightness@32:00000000"
    input_px = 32
    device = "cpu"
    labels = GENERIC

    def __init__(self) -> None:
        self.batches: list[int] = []

    def infer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.batches.append(len(images))
        logits = np.zeros((len(images), 1000), dtype=np.float32)
        logits[:, 294] = images.mean(axis=(1, 2, 3)) / 10
        return logits


def grey(level: int) -> NDArray[np.uint8]:
    return np.full((90, 160, 3), level, dtype=np.uint8)


SMALL = (0.4, 0.4, 0.5, 0.5)
ELSEWHERE = (0.8, 0.1, 0.9, 0.2)


def test_all_cameras_share_one_batch() -> None:
    engine = BrightnessEngine()
    classify(engine, [(grey(1), [SMALL], Reason.MOTION), (grey(2), [SMALL], Reason.MOTION)])
    assert engine.batches == [2]


def test_each_frame_gets_the_scores_of_its_own_crops() -> None:
    image = grey(0)
    image[:45, 80:] = 255
    dark, half_bright = classify(
        BrightnessEngine(), [(grey(0), [SMALL], Reason.MOTION), (image, [SMALL, ELSEWHERE], Reason.MOTION)]
    )
    assert len(dark) == 1
    assert len(half_bright) == 2
    assert dark[0].bear < 0.01
    assert max(half_bright, key=lambda crop: crop.bear).box[2] == pytest.approx(1.0)
    assert max(crop.bear for crop in half_bright) > 0.99


def test_a_score_names_its_box_its_label_and_both_probabilities() -> None:
    ((crop,),) = classify(BrightnessEngine(), [(grey(255), [SMALL], Reason.MOTION)])
    assert crop.label == Label.BEAR
    assert crop.bear == pytest.approx(crop.label_probability)
    assert crop.box[0] < SMALL[0] < SMALL[2] < crop.box[2]


def test_a_still_frame_is_scored_whole_and_in_tiles() -> None:
    (crops,) = classify(BrightnessEngine(), [(grey(1), [], Reason.KEEPALIVE)])
    assert crops[0].box == WHOLE_FRAME
    assert len(crops) > 4


def test_a_batch_larger_than_the_engine_may_get_is_split_and_nothing_is_lost() -> None:
    engine = BrightnessEngine()
    frames = [(grey(level * 20), [SMALL], Reason.MOTION) for level in range(7)]
    split = classify(engine, frames, max_batch=3)
    assert engine.batches == [3, 3, 1]
    assert split == classify(BrightnessEngine(), frames)


def test_no_frames_need_no_engine() -> None:
    engine = BrightnessEngine()
    assert classify(engine, []) == []
    assert engine.batches == []
