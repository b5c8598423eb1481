"""From labelled pictures to bear scores, picture by picture, whatever is wrong with some of the files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from detector.bundle import ModelBundle
from detector.engine import Device, engine_for
from detector.light import is_infrared
from detector.manifest import LabelledPicture, UndecodablePicture, read_picture
from detector.stills import Stills, View

_CHUNK = 32


@dataclass(frozen=True, slots=True)
class Scored:
    """What the model says of the pictures that could be decoded, in their order.

    ``bear`` (n,), ``probabilities`` (n, labels), ``unknown`` (n,) - unknown scores - and ``infrared`` (n,), the light
    as the pixels tell it, belong to ``pictures``; ``sizes_px`` (n, 2) are their widths and heights. ``undecodable``
    holds the others, each with the reason.
    """

    pictures: list[LabelledPicture]
    bear: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    unknown: NDArray[np.float64]
    infrared: NDArray[np.bool_]
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
    stills = Stills(bundle, view or bundle.model.view, partial(engine_for, device=device, threads=threads))
    good, undecodable, sizes = list[LabelledPicture](), list[tuple[LabelledPicture, str]](), list[tuple[int, int]]()
    shares, logits, infrared = list[NDArray[np.float32]](), list[NDArray[np.float32]](), list[bool]()
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
            infrared.append(is_infrared(images[-1]))
        for glance in stills.look(images):
            shares.append(glance.probabilities)
            logits.append(glance.logits)
        advance(len(chunk))
    probabilities = np.array(shares, dtype=np.float64).reshape(len(good), len(bundle.labels.names))
    return Scored(
        pictures=good,
        bear=probabilities[:, bundle.labels.bear],
        probabilities=probabilities,
        unknown=bundle.unknown_scores(np.array(logits, dtype=np.float32).reshape(len(good), -1)).astype(np.float64)
        if good
        else np.empty(0),
        infrared=np.array(infrared, dtype=bool),
        sizes_px=np.array(sizes, dtype=np.int64).reshape(len(good), 2),
        undecodable=undecodable,
    )
