"""The crops of many frames go through the engine together and come back to their frames."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.messages import WHOLE_FRAME, Reason
from detector.classify import Seen, classify, score_frames
from detector.models.bundle import ModelBundle
from detector.models.crops import CropPolicy
from detector.models.imagenet_labels import ImagenetLabel, LabelMap
from detector.models.model import Model, Provenance, Thresholds
from tests.support.factories import T0, frame


class BrightnessEngine:
    """An engine that can be calculated by hand: the brighter the crop, the surer it is of a brown bear."""

    name = "brightness@32:00000000"
    input_px = 32
    device, threads, runtime = "cpu", 1, "by hand"

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.bundle = ModelBundle.generic("lite0@64")

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
    assert crop.label == ImagenetLabel.BEAR
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


LABELS = LabelMap(("bear", "other_animal", "empty"), (0, 1, 2))
ANIMALS = ModelBundle(
    Model(
        name="by-hand", architecture="none", input_px=32, mean=0.0, std=1.0, labels=LABELS, weights={},
        thresholds=Thresholds(day=0.6, infrared=0.4, unknown_day=-4.0, unknown_infrared=-4.0),
        crops=CropPolicy(tile_rows=1),
    ),
    Provenance(), None, None,
)  # fmt: skip
"""Three outputs; whatever has an energy above -4 is like nothing that it knows."""


class SayingEngine:
    """An engine that says the same of every picture."""

    name = "by-hand@32:00000000"
    input_px = 32
    device, threads, runtime = "cpu", 1, "by hand"
    bundle = ANIMALS

    def __init__(self, *logits: float) -> None:
        self.said = np.asarray(logits, dtype=np.float32)

    def infer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.tile(self.said, (len(images), 1))


def colourful() -> NDArray[np.uint8]:
    """A frame by daylight: half of it is red, half is green."""
    image = np.zeros((90, 160, 3), dtype=np.uint8)
    image[:, :80, 2] = image[:, 80:, 1] = 200
    return image


HALF_A_BEAR = (0.0, 0.0, -9.0)


def test_the_light_of_the_frame_decides_from_which_score_it_agrees() -> None:
    frames = [(colourful(), [SMALL], Reason.MOTION), (grey(90), [SMALL], Reason.MOTION)]
    engine = SayingEngine(*HALF_A_BEAR)
    by_day, by_night = (one.scores(frame(), engine.name, T0) for one in score_frames(engine, frames))
    assert (by_day.infrared, by_day.threshold, by_day.is_bear) == (False, 0.6, False)
    assert (by_night.infrared, by_night.threshold, by_night.is_bear) == (True, 0.4, True)


def test_a_number_in_the_configuration_holds_for_both_lights() -> None:
    frames = [(colourful(), [SMALL], Reason.MOTION), (grey(90), [SMALL], Reason.MOTION)]
    scored = score_frames(SayingEngine(*HALF_A_BEAR), frames, threshold=0.45)
    assert [one.threshold for one in scored] == [0.45, 0.45]


@pytest.mark.parametrize(
    ("logits", "threshold", "unknown"),
    [
        ((-9.0, 1.0, 0.0), None, True),  # rather an animal, and like none that is known
        ((-9.0, 9.0, 0.0), None, False),  # an animal that is known
        ((-9.0, 0.0, 0.0), None, False),  # as likely nothing: a branch is like no animal either
        ((1.0, 0.0, -9.0), None, False),  # a bear
        ((1.0, 0.0, -9.0), 0.9, True),  # the configuration wants to be surer of bears; it is not "no bear"
    ],
)
def test_an_animal_like_none_that_is_known_is_an_unknown_animal(
    logits: tuple[float, float, float], threshold: float | None, unknown: bool
) -> None:
    (scored,) = score_frames(SayingEngine(*logits), [(colourful(), [SMALL], Reason.MOTION)], threshold)
    assert [crop.unknown for crop in scored.crops] == [unknown]


def test_the_model_brings_its_own_way_to_cut_crops() -> None:
    still: list[Seen] = [(grey(1), [], Reason.KEEPALIVE)]
    (whole_and_three,) = classify(SayingEngine(*HALF_A_BEAR), still)
    (whole_and_more,) = classify(SayingEngine(*HALF_A_BEAR), still, CropPolicy(tile_rows=2))
    assert len(whole_and_three) == 4 < len(whole_and_more)


def test_only_what_moves_can_be_an_unknown_animal() -> None:
    still = score_frames(SayingEngine(-9.0, 1.0, 0.0), [(colourful(), [SMALL], Reason.KEEPALIVE)])[0]
    assert len(still.crops) > 1
    assert not any(crop.unknown for crop in still.crops)
