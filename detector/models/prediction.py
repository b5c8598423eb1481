"""What a model's answer means for a ranger: a bear, an animal that the model does not know, or the likeliest label.

The one rule that live crops, still pictures, photos that somebody hands in and evaluation share. Pure numpy: needs no
torch and no engine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.models.imagenet_labels import NO_ANIMALS, ImagenetLabel
from detector.models.model import Model

UNKNOWN = "unknown animal"
SURELY_AN_ANIMAL = 0.7
"""Only a picture that shows an animal with at least this probability can be an *unknown animal*: a branch or a tent is
like nothing that the model knows too, and nobody should get up at night for it. The pretrained network, which has never
seen a raccoon, is so sure of 93% of them (96% at 0.5), and of 2 to 5% of pictures without an animal (8 to 14% at
0.5)."""


@dataclass(frozen=True, slots=True)
class ModelVerdict:
    """What the model says of one picture.

    ``label`` is the likeliest label and ``probability`` its share; ``bear`` is the probability of a bear and
    ``is_bear`` whether that is enough. ``unknown_score`` is higher the less the picture resembles what the model was
    trained on; ``unknown`` whether it is surely an animal and strange enough for its light - never together with
    ``is_bear``, which a ranger must hear first.
    """

    label: str
    probability: float
    bear: float
    is_bear: bool
    unknown: bool
    unknown_score: float

    @property
    def told(self) -> str:
        """The one word for a ranger: ``bear``, ``unknown animal``, or the likeliest label."""
        if self.is_bear:
            return ImagenetLabel.BEAR.value
        return UNKNOWN if self.unknown else self.label


def verdict_of(
    model: Model, probabilities: NDArray[np.floating], unknown_score: float, infrared: bool, bear_from: float
) -> ModelVerdict:
    """What a model's answer to one picture means.

    ``probabilities`` (labels,) are in the order of the model's labels, ``infrared`` is the light of the picture.

    1. A bear score of at least ``bear_from`` is a bear. Live crops and still pictures have thresholds of their own.
    2. Otherwise a picture that surely shows an animal, with an unknown score above the limit for its light, is an
       unknown animal: never silently "no bear".
    3. Otherwise it is the likeliest label.
    """
    names, shares = model.labels.names, probabilities.tolist()
    likeliest, bear = int(probabilities.argmax()), shares[model.labels.bear]
    is_bear = bear >= bear_from
    animal = sum(share for name, share in zip(names, shares, strict=True) if name not in NO_ANIMALS)
    strange = model.thresholds.is_unknown(unknown_score, infrared)
    unknown = not is_bear and strange and animal >= SURELY_AN_ANIMAL
    return ModelVerdict(names[likeliest], shares[likeliest], bear, is_bear, unknown, unknown_score)
