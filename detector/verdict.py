"""What a model's logits mean for a ranger: a bear, a known label, or an animal that the model does not know.

The one function that live crops, still pictures and evaluation share. Pure numpy: needs no torch and no engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detector.labels import Label

if TYPE_CHECKING:
    from detector.bundle import ModelBundle

UNKNOWN = "unknown animal"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the model says of one picture.

    ``label`` is the likeliest label and ``probability`` its share; ``bear`` is the probability of a bear and
    ``is_bear`` whether it reaches the threshold for the picture's light. ``unknown_score`` is higher the less the
    picture resembles what the model was trained on; ``unknown`` whether it exceeds the limit for that light - never
    together with ``is_bear``, which a ranger must hear first. ``probabilities`` (labels,) are in the order of the
    model's labels.
    """

    label: str
    probability: float
    bear: float
    is_bear: bool
    unknown: bool
    unknown_score: float
    probabilities: NDArray[np.float32]

    @property
    def told(self) -> str:
        """The one word for a ranger: ``bear``, ``unknown animal``, or the likeliest label."""
        if self.is_bear:
            return Label.BEAR.value
        return UNKNOWN if self.unknown else self.label


def read(
    bundle: ModelBundle, logits: NDArray[np.float32], infrared: Sequence[bool] | NDArray[np.bool_]
) -> list[Verdict]:
    """One verdict for each row of (n, outputs) logits; ``infrared`` (n,) tells the light of each picture.

    1. Logits become probabilities of labels (with the bundle's temperature).
    2. A bear score that reaches the threshold for the light is a bear.
    3. Otherwise an unknown score above the limit for the light is an unknown animal.
    """
    shares = bundle.labels.probabilities(logits)
    strangeness = bundle.unknown_scores(logits)
    names, thresholds, bear_place = bundle.labels.names, bundle.model.thresholds, bundle.labels.bear
    verdicts = []
    for row, strange, dark in zip(shares, strangeness.tolist(), infrared, strict=True):
        index, bear = int(row.argmax()), float(row[bear_place])
        is_bear = bear >= thresholds.bear(bool(dark))
        unknown = not is_bear and thresholds.is_unknown(strange, bool(dark))
        verdicts.append(Verdict(names[index], float(row[index]), bear, is_bear, unknown, strange, row))
    return verdicts
