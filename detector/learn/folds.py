"""Which sources are held out together: by source, never by picture, or the score is a fiction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detector.evaluate.manifest import LabelledPicture


def assign_folds(pictures: Sequence[LabelledPicture], folds: int) -> NDArray[np.int64]:
    """The fold (n,) of each picture.

    Groups (:func:`held_together`) are dealt out one by one, the weightiest first, each to the fold that has least so
    far - counting bears and others, with and without daylight, each as a share of all of its kind: a network that has
    seen no boar by infra-red light cannot be expected to tell one from a bear.

    Raises:
        ValueError: there are fewer groups than folds.
    """
    groups = held_together(pictures)
    kinds = np.array([_kinds(picture) for picture in pictures], dtype=np.float64)
    shares = kinds / np.maximum(kinds.sum(axis=0), 1)
    of_group: dict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros(shares.shape[1]))
    for group, share in zip(groups, shares, strict=True):
        of_group[group] = of_group[group] + share
    if len(of_group) < folds:
        raise ValueError(f"{folds} folds need pictures from at least {folds} sources; the manifest has {len(of_group)}")
    loads = np.zeros((folds, shares.shape[1]))
    fold_of: dict[str, int] = {}
    for group in sorted(of_group, key=lambda name: (-float(of_group[name].max()), name)):
        costs = [
            float(((loads[fold] + of_group[group]) ** 2).sum() - (loads[fold] ** 2).sum()) for fold in range(folds)
        ]
        fold_of[group] = int(np.argmin(costs))
        loads[fold_of[group]] += of_group[group]
    return np.array([fold_of[group] for group in groups])


def held_together(pictures: Sequence[LabelledPicture]) -> list[str]:
    """The name (n) of what each picture is held out with: its group, and every group that shares an event with it.

    Two cameras that took the same animal on the same evening are one witness, whatever their sources are called.
    """
    name_of: dict[str, str] = {}

    def root(name: str) -> str:
        while name_of.setdefault(name, name) != name:
            name = name_of[name]
        return name

    for picture in pictures:
        event = picture.columns.get("event")
        if event:
            first, second = sorted((root(f"group {picture.group}"), root(f"event {event}")), reverse=True)
            name_of[second] = first
    return [root(f"group {picture.group}") for picture in pictures]


def _kinds(picture: LabelledPicture) -> tuple[bool, bool, bool, bool]:
    bear = picture.label == "bear"
    lit = picture.light in ("", "day")
    return bear and not lit, bear, not bear and not lit, not bear
