"""Which picture is shown when, and how augmented: seeded, weighted by source, the same on any number of workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from detector.evaluate.manifest import LabelledPicture, read_picture
from detector.learn.augmentations import Augmentations

EMPTY, CAMERA_TRAP = "empty", "camtrap"
_LARGEST_SIDE_PX = 512


def draw_weights(
    pictures: Sequence[LabelledPicture], bear_share: float, camera_trap_weight: float = 1.0
) -> NDArray[np.float64]:
    """The probability (n,) with which each picture is drawn; they sum to 1.

    1. A group is the pictures of one label, source and light. It counts with the square root of its size: a large
       source has more to say, but must not drown the others - nor the few bears at night.
    2. Pictures of camera traps, which look most like the live system's, count ``camera_trap_weight`` times.
    3. The bears together get ``bear_share``.
    """
    groups = [(picture.label, picture.source, picture.light) for picture in pictures]
    size = Counter(groups)
    weights = np.array([size[group] ** -0.5 for group in groups])
    from_trap = np.array([picture.columns.get("kind") == CAMERA_TRAP for picture in pictures], dtype=bool)
    weights[from_trap] *= camera_trap_weight
    is_bear = np.array([picture.label == "bear" for picture in pictures], dtype=bool)
    for inside, share in ((is_bear, bear_share), (~is_bear, 1 - bear_share)):
        if inside.any():
            weights[inside] *= share / weights[inside].sum()
    return np.asarray(weights / weights.sum(), dtype=np.float64)


class SamplingPlan(Dataset[tuple[Tensor, int]]):
    """``count`` draws: (3, px, px) uint8 RGB, augmented, and the place of its picture among ``pictures``.

    Draw ``i`` depends on the seed and on ``i`` alone, so a run that is taken up again goes on where it stopped.
    """

    def __init__(
        self, pictures: Sequence[LabelledPicture], weights: NDArray[np.float64], count: int, size_px: int, seed: int
    ) -> None:
        self.pictures = pictures
        self.augmentations = Augmentations(size_px)
        self.seed = seed
        self.order = np.random.default_rng(seed).choice(len(pictures), size=count, p=weights)
        self.backgrounds = [number for number, picture in enumerate(pictures) if picture.label == EMPTY]

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, draw: int) -> tuple[Tensor, int]:
        number = int(self.order[draw])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed * 1_000_003 + draw)
            background = None
            if self.backgrounds:
                scene = self.backgrounds[int(torch.randint(len(self.backgrounds), ()))]
                background = read_tensor(self.pictures[scene])
            return self.augmentations(read_tensor(self.pictures[number]), background), number


def read_tensor(picture: LabelledPicture) -> Tensor:
    """(3, h, w) uint8 RGB, shrunk to what training needs."""
    image = read_picture(picture.path)
    longest = max(image.shape[:2])
    if longest > _LARGEST_SIDE_PX:
        scale = _LARGEST_SIDE_PX / longest
        image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return torch.from_numpy(np.ascontiguousarray(image[:, :, ::-1])).permute(2, 0, 1).contiguous()


def batches(count: int, size: int, first: int) -> Iterator[list[int]]:
    """The numbers of the draws of each batch, from batch ``first`` on; an incomplete last batch is left out."""
    for start in range(first * size, count - size + 1, size):
        yield list(range(start, start + size))
