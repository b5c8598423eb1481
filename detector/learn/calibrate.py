"""From held-out answers to the numbers of a bundle: temperature, and by light thresholds and limits of the unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detector.evaluate.manifest import LabelledPicture
from detector.models.imagenet_labels import LabelMap

STILL_RATE = 0.025
LIVE_RATE = 0.025
"""Share of held-out camera-trap pictures without a bear that exceed a threshold. Behind that of live crops stands the
rule for visits: several frames have to agree."""
KNOWN_SHARE = 0.995
_FEWEST = 30
_TEMPERATURES = np.geomspace(0.5, 3.0, 37)
_LOWEST, _HIGHEST = 0.05, 0.9


def is_infrared(picture: LabelledPicture) -> bool:
    """Whether the manifest calls the light infra-red or grey: a picture without colours."""
    return picture.light in ("night_ir", "gray", "grey", "infrared")


def is_from_a_trap(picture: LabelledPicture) -> bool:
    """Whether the manifest says that a camera trap took the picture."""
    return picture.columns.get("kind") == "camtrap"


def fit_temperature(logits: NDArray[np.float32], labels: LabelMap, truth: NDArray[np.int64]) -> LabelMap:
    """The same labels with the temperature that makes the held-out truth likeliest."""
    losses = []
    for temperature in _TEMPERATURES:
        shares = replace(labels, temperature=float(temperature)).probabilities(logits)
        losses.append(float(-np.log(np.maximum(shares[np.arange(len(truth)), truth], 1e-9)).mean()))
    return replace(labels, temperature=round(float(_TEMPERATURES[int(np.argmin(losses))]), 3))


def bear_thresholds(
    scores: NDArray[np.floating], pictures: Sequence[LabelledPicture], rate: float
) -> tuple[float, float]:
    """Bear scores, by day and for infra-red, that a share ``rate`` of the held-out pictures (n,) without a bear exceed.

    Pictures of camera traps decide where there are 30 of that light: what they show is what a live camera sees, boars
    and cattle included, where collections from the web hold dogs on sofas. Else all pictures of that light, else all.
    Within 0.05 to 0.9.
    """
    other = np.array([picture.label != "bear" for picture in pictures], dtype=bool)
    trap = np.array([is_from_a_trap(picture) for picture in pictures], dtype=bool)
    limits = [_quantile(scores, [other & trap & light, other & light, other], 1 - rate) for light in _lights(pictures)]
    day, infrared = (round(min(max(limit, _LOWEST), _HIGHEST), 3) for limit in limits)
    return day, infrared


def unknown_limits(
    ood_scores: NDArray[np.floating],
    pictures: Sequence[LabelledPicture],
    known: NDArray[np.bool_],
    share: float = KNOWN_SHARE,
) -> tuple[float, float]:
    """Unknown scores, by day and for infra-red, that 0.5% of the ``known`` held-out pictures (n,) exceed.

    ``share`` is that of the known pictures which do not.
    """
    day, infrared = (round(_quantile(ood_scores, [known & light, known], share), 4) for light in _lights(pictures))
    return day, infrared


def _lights(pictures: Sequence[LabelledPicture]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    infrared = np.array([is_infrared(picture) for picture in pictures], dtype=bool)
    return ~infrared, infrared


def _quantile(values: NDArray[np.floating], choices: Sequence[NDArray[np.bool_]], share: float) -> float:
    """Of the first choice that has enough pictures, or of the last."""
    chosen = next((values[inside] for inside in choices if inside.sum() >= _FEWEST), values[choices[-1]])
    return float(np.quantile(chosen, share, method="higher")) if len(chosen) else 0.5
