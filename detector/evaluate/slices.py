"""Which pictures are counted together: everything, and every value of the columns that tell something."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detector.evaluate.manifest import LabelledPicture

BY_NATURE = ("day_night", "kind", "source", "camera", "site", "animal")
"""Columns that are sliced by where the manifest has them."""
_SMALL_PX, _LARGE_PX = 320, 800
ALL, NIGHT = "all", "night: infra-red, grey or dark"


def slices_of(
    pictures: Sequence[LabelledPicture], sizes_px: NDArray[np.int64], columns: Sequence[str] = BY_NATURE
) -> dict[str, NDArray[np.bool_]]:
    """Name to membership (n,). A label's slice holds that label and, so that it can be ranked, all bears.

    ``sizes_px`` (n, 2) are widths and heights; small is a longer side under 320 px, large one of 800 px and more.
    """
    found = {ALL: np.ones(len(pictures), dtype=bool)}
    lights = np.array([picture.light for picture in pictures])
    night = ~np.isin(lights, ("", "day"))
    if night.any():
        found[NIGHT] = night
    for column in columns:
        values = np.array([picture.columns.get(column, "") for picture in pictures])
        found |= {f"{column}: {value}": values == value for value in sorted(set(values.tolist()) - {""})}
    longest = sizes_px.max(axis=1, initial=0)
    for name, inside in (
        ("size: small", longest < _SMALL_PX),
        ("size: middle", (longest >= _SMALL_PX) & (longest < _LARGE_PX)),
        ("size: large", longest >= _LARGE_PX),
    ):
        if inside.any():
            found[name] = inside
    labels = np.array([picture.label for picture in pictures])
    for label in sorted(set(labels.tolist()) - {"bear"}):
        found[f"bear against {label}"] = (labels == label) | (labels == "bear")
    return found
