"""From the 1,000 ImageNet classes to what a ranger asks: a bear, a dog, another animal, a teddy, or none of these.

ImageNet knows no deer, no raccoon and no person: a deer comes out as one of its many other animals (impala, hartebeest,
red fox, ...), a person as whatever they wear or carry. Wolves, foxes, coyotes and dingos are animals, not dogs; both
pandas are animals, not bears.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

IMAGENET_CLASSES = 1000
NO_ANIMALS = frozenset({"empty", "other", "person", "teddy", "vehicle"})
"""Labels, of any model here, of what is no animal."""


class ImagenetLabel(StrEnum):
    """The coarse labels of the generic network."""

    BEAR = "bear"
    DOG = "dog"
    OTHER_ANIMAL = "other_animal"
    TEDDY = "teddy"
    OTHER = "other"


_LABELS = tuple(ImagenetLabel)
# First and last ImageNet class of each label; what no range covers is OTHER. Later lines win.
_RANGES = (
    (ImagenetLabel.OTHER_ANIMAL, 0, 397),
    (ImagenetLabel.DOG, 151, 268),
    (ImagenetLabel.BEAR, 294, 297),  # brown, American black, polar, sloth bear
    (ImagenetLabel.TEDDY, 850, 850),
)


def _generic_of_output() -> tuple[int, ...]:
    of_output = np.full(IMAGENET_CLASSES, _LABELS.index(ImagenetLabel.OTHER))
    for label, first, last in _RANGES:
        of_output[first : last + 1] = _LABELS.index(label)
    return tuple(of_output.tolist())


@dataclass(frozen=True)
class LabelMap:
    """How the outputs of a network become labels: ``of_output[i]`` is the place in ``names`` of output ``i``.

    Logits are divided by ``temperature`` first. A label's probability is the sum of the softmax over its outputs.
    """

    names: tuple[str, ...]
    of_output: tuple[int, ...]
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if ImagenetLabel.BEAR not in self.names or len(set(self.names)) < len(self.names):
            raise ValueError(f"labels must be different and hold {ImagenetLabel.BEAR.value!r}: {self.names}")
        if set(self.of_output) != set(range(len(self.names))):
            raise ValueError("every label needs an output, and every output one of the labels")
        if not self.temperature > 0:
            raise ValueError(f"the temperature must be above 0, not {self.temperature}")

    @property
    def outputs(self) -> int:
        """How many logits the network gives for one picture."""
        return len(self.of_output)

    @cached_property
    def bear(self) -> int:
        """The place of the bear among the names."""
        return self.names.index(ImagenetLabel.BEAR)

    @cached_property
    def _membership(self) -> NDArray[np.float32]:
        """(outputs, labels) with a single 1 in each row."""
        return np.asarray(np.eye(len(self.names))[list(self.of_output)], dtype=np.float32)

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, outputs) logits to (n, labels) probabilities in the order of ``names``; each row sums to 1."""
        scaled = logits / np.float32(self.temperature)
        raised = np.exp(scaled - scaled.max(axis=1, keepdims=True, initial=-np.inf))
        return np.asarray((raised @ self._membership) / raised.sum(axis=1, keepdims=True), dtype=np.float32)

    def bear_scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, outputs) logits to (n,) probabilities of a bear."""
        return self.probabilities(logits)[:, self.bear]


def energies(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, outputs) logits to (n,) energies: minus the log-sum-exp. High energy: nothing the network knows."""
    highest = logits.max(axis=1, initial=-np.inf)
    raised = np.exp(logits - highest[:, None]).sum(axis=1)
    return np.asarray(-(highest + np.log(raised)), dtype=np.float32)


def doubts(logits: NDArray[np.float32], labels: LabelMap) -> NDArray[np.float32]:
    """(n, outputs) logits to (n,) doubts: how surely an animal, and how undecided which one.

    The entropy among the outputs of animals, as if there were no others, times the share of all animals. A tent or an
    empty scene has little of the latter, an animal that the network knows little of the former.
    """
    shown = labels.probabilities(logits)
    is_animal = np.array([name not in NO_ANIMALS for name in labels.names])
    among = logits[:, is_animal[list(labels.of_output)]]
    raised = np.exp(among - among.max(axis=1, keepdims=True, initial=-np.inf))
    shares = raised / np.maximum(raised.sum(axis=1, keepdims=True), 1e-30)
    entropy = -(shares * np.log(np.maximum(shares, 1e-30))).sum(axis=1)
    return np.asarray(entropy * shown[:, is_animal].sum(axis=1), dtype=np.float32)


GENERIC = LabelMap(tuple(label.value for label in _LABELS), _generic_of_output())
"""The map of the pretrained networks."""


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 1000) logits to (n, labels) probabilities in the order of :class:`ImagenetLabel`; each row sums to 1."""
    return GENERIC.probabilities(logits)


def bear_scores(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 1000) logits to (n,) probabilities of a bear."""
    return GENERIC.bear_scores(logits)
