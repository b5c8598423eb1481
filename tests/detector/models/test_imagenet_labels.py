"""From ImageNet classes to a ranger's words."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.models.imagenet_labels import GENERIC, ImagenetLabel, bear_scores, probabilities


def sure_of(*classes: int) -> NDArray[np.float32]:
    logits = np.zeros((1, 1000), dtype=np.float32)
    logits[0, list(classes)] = 20.0
    return logits


@pytest.mark.parametrize(
    ("imagenet_class", "label"),
    [
        (294, ImagenetLabel.BEAR),
        (297, ImagenetLabel.BEAR),
        (293, ImagenetLabel.OTHER_ANIMAL),
        (298, ImagenetLabel.OTHER_ANIMAL),
        (388, ImagenetLabel.OTHER_ANIMAL),
        (151, ImagenetLabel.DOG),
        (268, ImagenetLabel.DOG),
        (269, ImagenetLabel.OTHER_ANIMAL),
        (342, ImagenetLabel.OTHER_ANIMAL),
        (850, ImagenetLabel.TEDDY),
        (397, ImagenetLabel.OTHER_ANIMAL),
        (398, ImagenetLabel.OTHER),
        (999, ImagenetLabel.OTHER),
    ],
)
def test_each_class_has_the_label_a_ranger_expects(imagenet_class: int, label: ImagenetLabel) -> None:
    (shares,) = probabilities(sure_of(imagenet_class))
    assert GENERIC.names[shares.argmax()] == label
    assert shares.max() > 0.99


def test_a_bear_of_unsure_kind_is_surely_a_bear() -> None:
    (shares,) = probabilities(sure_of(294, 295))
    assert GENERIC.names[shares.argmax()] == ImagenetLabel.BEAR
    assert shares[GENERIC.bear] == pytest.approx(1.0, abs=1e-4)


def test_a_teddy_is_no_bear() -> None:
    assert bear_scores(sure_of(850))[0] < 1e-3


def test_probabilities_sum_to_one_even_for_huge_logits() -> None:
    logits = np.random.default_rng(1).normal(0, 300, (5, 1000)).astype(np.float32)
    shares = probabilities(logits)
    assert np.isfinite(shares).all()
    assert shares.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-4)


def test_no_pictures_give_no_predictions() -> None:
    assert probabilities(np.empty((0, 1000), dtype=np.float32)).shape == (0, len(ImagenetLabel))
