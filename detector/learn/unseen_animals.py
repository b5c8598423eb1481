"""How an animal is taken that the network never learned, by each way to tell it (:mod:`detector.models.ood`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.evaluate.figures import auc
from detector.evaluate.manifest import LabelledPicture
from detector.learn.calibrate import is_infrared, unknown_limits
from detector.models.imagenet_labels import NO_ANIMALS
from detector.models.ood import DOUBT, MOST, WAYS

_MANY = 0.95


def reference_places(pictures: Sequence[LabelledPicture], most: int = MOST) -> list[int]:
    """Which pictures to compare with: one of every label and light in turn, until there are ``most``. In order."""
    groups: dict[tuple[str, bool], list[int]] = {}
    for place, picture in enumerate(pictures):
        groups.setdefault((picture.label, is_infrared(picture)), []).append(place)
    random = np.random.default_rng(0)
    shuffled = [random.permutation(groups[key]).tolist() for key in sorted(groups)]
    turns = max((len(each) for each in shuffled), default=0)
    in_turn = [each[turn] for turn in range(turns) for each in shuffled if turn < len(each)]
    return sorted(in_turn[:most])


def compare(
    ood_scores: Mapping[str, NDArray[np.floating]],
    pictures: Sequence[LabelledPicture],
    known: NDArray[np.bool_],
    bear: NDArray[np.floating],
    thresholds: tuple[float, float],
) -> dict[str, Any]:
    """What each way makes of the pictures that no judging network knew, label by label, as JSON values.

    ``ood_scores`` (n,) by way, ``bear`` (n,) scores, ``thresholds`` by day and for infra-red. A picture is flagged
    when it exceeds the limit that 1% of the known pictures of its light exceed. ``auc`` is the probability that an
    unknown picture is stranger than a known one.
    """
    infrared = np.array([is_infrared(picture) for picture in pictures], dtype=bool)
    told_bear = bear >= np.where(infrared, thresholds[1], thresholds[0])
    labels = np.array([picture.label for picture in pictures])
    found: dict[str, Any] = {}
    for label in sorted(set(labels[~known].tolist())):
        inside = ~known & (labels == label)
        row: dict[str, Any] = {"pictures": int(inside.sum()), "taken for a bear": float(told_bear[inside].mean())}
        for way, values in ood_scores.items():
            day, dark = unknown_limits(values, pictures, known)
            flagged = (values > np.where(infrared, dark, day)) & ~told_bear
            lower = unknown_limits(values, pictures, known, _MANY)
            often = (values > np.where(infrared, lower[1], lower[0])) & ~told_bear
            compared = known | inside
            row[way] = {
                "flagged": float(flagged[inside].mean()),
                "flagged at 5%": float(often[inside].mean()),
                "bear or flagged": float((flagged | told_bear)[inside].mean()),
                "auc": auc(values[compared], inside[compared]) if known.any() else None,
            }
        found[label] = row
    return found


def better_way(found: Mapping[str, Any], fallback: str = DOUBT) -> str:
    """The way with the highest mean of ``auc`` over the unknown labels of animals."""
    rows = [
        row
        for label, row in found.items()
        if label not in NO_ANIMALS and all(row[way]["auc"] is not None for way in WAYS)
    ]
    if not rows:
        return fallback
    mean = {way: float(np.mean([row[way]["auc"] for row in rows])) for way in WAYS}
    return max(mean, key=lambda way: (mean[way], way == fallback))
