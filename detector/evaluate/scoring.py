"""From labelled pictures to bear scores, picture by picture, whatever is wrong with some of the files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from detector.engines.choose import engine_for
from detector.engines.engine import Device
from detector.evaluate.manifest import LabelledPicture, UndecodablePicture, read_picture
from detector.models.bundle import ModelBundle
from detector.models.view import View
from detector.predictor import BundlePrediction, Predictor

_CHUNK = 32


@dataclass(frozen=True, slots=True)
class Scored:
    """What the model says of the pictures that could be decoded, in their order.

    ``predictions`` (n) belong to ``pictures``; of them ``bear`` (n,) and ``probabilities`` (n, labels) as arrays.
    ``sizes_px`` (n, 2) are the pictures' widths and heights. ``undecodable`` holds the others, each with the reason.
    """

    pictures: list[LabelledPicture]
    predictions: list[BundlePrediction]
    bear: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    sizes_px: NDArray[np.int64]
    undecodable: list[tuple[LabelledPicture, str]]


def score_pictures(
    bundle: ModelBundle,
    pictures: Sequence[LabelledPicture],
    view: View | None = None,
    device: Device = "auto",
    threads: int | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Scored:
    """Score every picture; ``view`` None: as the bundle wants it. ``advance`` is told how many more are done."""
    predictor = Predictor(bundle, view, partial(engine_for, device=device, threads=threads))
    good, undecodable, sizes = list[LabelledPicture](), list[tuple[LabelledPicture, str]](), list[tuple[int, int]]()
    said = list[BundlePrediction]()
    for first in range(0, len(pictures), _CHUNK):
        images = list[NDArray[np.uint8]]()
        chunk = pictures[first : first + _CHUNK]
        for picture in chunk:
            try:
                images.append(read_picture(picture.path))
            except UndecodablePicture as error:
                undecodable.append((picture, str(error)))
                continue
            good.append(picture)
            sizes.append((images[-1].shape[1], images[-1].shape[0]))
        said += predictor.predict_batch(images)
        advance(len(chunk))
    shares = [list(each.probabilities.values()) for each in said]
    probabilities = np.array(shares, dtype=np.float64).reshape(len(good), len(bundle.labels.names))
    return Scored(
        pictures=good,
        predictions=said,
        bear=probabilities[:, bundle.labels.bear],
        probabilities=probabilities,
        sizes_px=np.array(sizes, dtype=np.int64).reshape(len(good), 2),
        undecodable=undecodable,
    )
