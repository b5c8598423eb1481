"""From pictures to bear scores: how often and how large the network looks at each.

A view says how a whole picture is looked at:

- ``whole``: once, squeezed to the network's input, as the live system sees the whole of a still frame;
- ``flip``: the mean of the picture and its mirror image;
- ``best``: the highest of the whole picture and its tiles, exactly the live system's score of a still frame;
- ``blend``: the mean of the ``flip`` view and of the best of that and the tiles: it ranked held-out sources best.

``@`` adds other input sizes, whose scores are averaged: ``flip@224+288``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.messages import WHOLE_FRAME, Box, Reason
from detector.bundle import ModelBundle
from detector.crops import crops_for, cut
from detector.labels import energies
from detector.manifest import LabelledPicture, UndecodablePicture, read_picture

DEFAULT_VIEW = "blend"
VIEWS = ("whole", "flip", "best", "blend")
_CHUNK = 32


@dataclass(frozen=True, slots=True)
class View:
    """How a picture is looked at. ``sizes_px`` is empty for the model's own input size."""

    kind: str = DEFAULT_VIEW
    sizes_px: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> View:
        """Such as ``flip`` or ``whole@224+288``. Raises ValueError for anything else."""
        kind, _, sizes = text.partition("@")
        if kind not in VIEWS:
            raise ValueError(f"unknown view {text!r}; known are {', '.join(VIEWS)}, with @SIZE or @SIZE+SIZE")
        return cls(kind, tuple(int(size) for size in sizes.split("+")) if sizes else ())


@dataclass(frozen=True, slots=True)
class Scored:
    """What the model says of the pictures that could be decoded, in their order.

    ``bear`` (n,), ``probabilities`` (n, labels) and ``energy`` (n,) belong to ``pictures``; ``sizes_px`` (n, 2) are
    their widths and heights. ``undecodable`` holds the others, each with the reason.
    """

    pictures: list[LabelledPicture]
    bear: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    energy: NDArray[np.float64]
    sizes_px: NDArray[np.int64]
    undecodable: list[tuple[LabelledPicture, str]]


def score_pictures(
    bundle: ModelBundle,
    pictures: Sequence[LabelledPicture],
    view: View,
    device: str = "auto",
    threads: int | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Scored:
    """Score every picture. ``advance`` is told how many more are done."""
    scorer = Scorer(bundle, view, device, threads)
    good, undecodable, sizes = list[LabelledPicture](), list[tuple[LabelledPicture, str]](), list[tuple[int, int]]()
    said = list[tuple[NDArray[np.float64], float]]()
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
        said += scorer.look(images)
        advance(len(chunk))
    shape = (len(good), len(bundle.labels.names))
    probabilities = np.array([shares for shares, _ in said], dtype=np.float64).reshape(shape)
    return Scored(
        pictures=good,
        bear=probabilities[:, bundle.labels.bear],
        probabilities=probabilities,
        energy=np.array([energy for _, energy in said], dtype=np.float64),
        sizes_px=np.array(sizes, dtype=np.int64).reshape(len(good), 2),
        undecodable=undecodable,
    )


class Scorer:
    """One model with one view, its engines warm."""

    def __init__(self, bundle: ModelBundle, view: View, device: str = "auto", threads: int | None = None) -> None:
        from detector.torch_engine import Device, TorchEngine

        kinds: dict[str, Device] = {"auto": "auto", "cpu": "cpu", "cuda": "cuda"}
        self.bundle = bundle
        self.view = view
        sized = [bundle.at_size(size) for size in view.sizes_px] or [bundle]
        self.engines = [TorchEngine(each, kinds[device], threads) for each in sized]

    def look(self, images: Sequence[NDArray[np.uint8]]) -> list[tuple[NDArray[np.float64], float]]:
        """Probabilities (labels,) and energy of each picture (height, width, 3) BGR."""
        boxes = [self._boxes(image) for image in images]
        if not images:
            return []
        by_size = [self._logits(engine.input_px, number, images, boxes) for number, engine in enumerate(self.engines)]
        first = np.cumsum([0, *(len(of_image) for of_image in boxes)])
        return [self._merge([logits[a:b] for logits in by_size]) for a, b in pairwise(first.tolist())]

    def _boxes(self, image: NDArray[np.uint8]) -> Sequence[Box]:
        if self.view.kind not in ("best", "blend"):
            return (WHOLE_FRAME,)
        return crops_for(Reason.KEEPALIVE, (), image.shape[1], image.shape[0], self.bundle.model.crops)

    def _logits(
        self, side_px: int, number: int, images: Sequence[NDArray[np.uint8]], boxes: Sequence[Sequence[Box]]
    ) -> NDArray[np.float32]:
        """(crops, looks, outputs): one look, or two with the mirror image."""
        crops = np.concatenate([cut(image, of_image, side_px) for image, of_image in zip(images, boxes, strict=True)])
        infer = self.engines[number].infer
        looks = [infer(crops)]
        if self.view.kind in ("flip", "blend"):
            whole = np.cumsum([0, *(len(of_image) for of_image in boxes)])[:-1]
            mirrored = looks[0].copy()  # tiles are looked at once
            mirrored[whole] = infer(np.ascontiguousarray(crops[whole][:, :, ::-1]))
            looks.append(mirrored)
        return np.stack(looks, axis=1)

    def _merge(self, by_size: Sequence[NDArray[np.float32]]) -> tuple[NDArray[np.float64], float]:
        """(crops, looks, outputs) for each size to one answer: the mean over looks, that of the best crop."""
        logits = np.concatenate(by_size, axis=1)
        crops, looks, outputs = logits.shape
        shares = self.bundle.labels.probabilities(logits.reshape(-1, outputs)).reshape(crops, looks, -1).mean(axis=1)
        best = int(shares[:, self.bundle.labels.bear].argmax())
        if self.view.kind == "blend":
            shares[best] = (shares[0] + shares[best]) / 2
        return shares[best].astype(np.float64), float(energies(logits[best]).mean())
