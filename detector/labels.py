"""From the 1,000 ImageNet classes to what a ranger asks: a bear, a dog, another animal, a teddy, or none of these.

ImageNet knows no deer, no raccoon and no person: a deer comes out as one of its many other animals (impala, hartebeest,
red fox, ...), a person as whatever they wear or carry. Wolves, foxes, coyotes and dingos are animals, not dogs; both
pandas are animals, not bears.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

IMAGENET_CLASSES = 1000


class Label(StrEnum):
    """The coarse labels of the generic network."""

    BEAR = "bear"
    DOG = "dog"
    OTHER_ANIMAL = "other_animal"
    TEDDY = "teddy"
    OTHER = "other"


_LABELS = tuple(Label)
# First and last ImageNet class of each label; what no range covers is OTHER. Later lines win.
_RANGES = (
    (Label.OTHER_ANIMAL, 0, 397),
    (Label.DOG, 151, 268),
    (Label.BEAR, 294, 297),  # brown, American black, polar, sloth bear
    (Label.TEDDY, 850, 850),
)


def _membership() -> NDArray[np.float32]:
    """(1000, labels) with a single 1 in each row."""
    of_class = np.full(IMAGENET_CLASSES, _LABELS.index(Label.OTHER))
    for label, first, last in _RANGES:
        of_class[first : last + 1] = _LABELS.index(label)
    return np.asarray(np.eye(len(_LABELS))[of_class], dtype=np.float32)


_MEMBERSHIP = _membership()


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the network says of one picture: the likeliest label with its probability, and that of a bear."""

    label: Label
    label_probability: float
    bear: float


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 1000) logits to (n, labels) probabilities in the order of :class:`Label`; each row sums to 1.

    A label's probability is the sum of the softmax over its classes.
    """
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray((raised @ _MEMBERSHIP) / raised.sum(axis=1, keepdims=True), dtype=np.float32)


def bear_scores(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 1000) logits to (n,) probabilities of a bear."""
    return probabilities(logits)[:, _LABELS.index(Label.BEAR)]


def predictions(logits: NDArray[np.float32]) -> list[Prediction]:
    """One prediction for each row of (n, 1000) logits."""
    bear = _LABELS.index(Label.BEAR)
    shares = probabilities(logits)
    best = shares.argmax(axis=1)
    return [
        Prediction(_LABELS[index], float(row[index]), float(row[bear])) for row, index in zip(shares, best, strict=True)
    ]
