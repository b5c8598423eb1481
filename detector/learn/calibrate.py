"""From held-out logits to the numbers of a bundle: temperature, thresholds by light, energy limits by light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detector.labels import LabelMap, energies
from detector.manifest import LabelledPicture
from detector.model import Thresholds

FALSE_POSITIVE_RATE = 0.02
KNOWN_SHARE = 0.99
_FEWEST = 30
_TEMPERATURES = np.geomspace(0.5, 3.0, 37)
_LOWEST, _HIGHEST = 0.05, 0.9


def is_infrared(picture: LabelledPicture) -> bool:
    """Whether the manifest calls the light infra-red or grey: a picture without colours."""
    return picture.light in ("night_ir", "gray", "grey", "infrared")


def fit_temperature(logits: NDArray[np.float32], labels: LabelMap, truth: NDArray[np.int64]) -> LabelMap:
    """The same labels with the temperature that makes the held-out truth likeliest."""
    losses = []
    for temperature in _TEMPERATURES:
        shares = replace(labels, temperature=float(temperature)).probabilities(logits)
        losses.append(float(-np.log(np.maximum(shares[np.arange(len(truth)), truth], 1e-9)).mean()))
    return replace(labels, temperature=round(float(_TEMPERATURES[int(np.argmin(losses))]), 3))


def choose_thresholds(
    logits: NDArray[np.float32], labels: LabelMap, pictures: Sequence[LabelledPicture], known: NDArray[np.bool_]
) -> Thresholds:
    """Thresholds by light, from held-out pictures (n,).

    The bear score that 2% of the pictures without a bear exceed, within 0.05 to 0.9; and the energy that 1% of the
    ``known`` pictures exceed. A light with fewer than 30 such pictures gets the numbers of all pictures.
    """
    infrared = np.array([is_infrared(picture) for picture in pictures], dtype=bool)
    other = np.array([picture.label != "bear" for picture in pictures], dtype=bool)
    bear, energy = labels.bear_scores(logits), energies(logits)
    limits = [_quantile(bear, other, light, 1 - FALSE_POSITIVE_RATE) for light in (~infrared, infrared)]
    day, night = (round(min(max(limit, _LOWEST), _HIGHEST), 3) for limit in limits)
    unknown_day, unknown_night = (
        round(_quantile(energy, known, light, KNOWN_SHARE), 3) for light in (~infrared, infrared)
    )
    return Thresholds(day, night, unknown_day, unknown_night)


def _quantile(values: NDArray[np.float32], wanted: NDArray[np.bool_], light: NDArray[np.bool_], share: float) -> float:
    inside = wanted & light
    chosen = values[inside if inside.sum() >= _FEWEST else wanted]
    return float(np.quantile(chosen, share, method="higher")) if len(chosen) else 0.5
