"""Which picture is shown when, and how augmented: seeded, weighted by source, the same on any number of workers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from core.messages import Box
from detector.evaluate.manifest import LabelledPicture, read_picture
from detector.learn.augmentations import Augmentations
from detector.learn.chance import between, chance
from detector.learn.cutouts import Cutouts
from detector.learn.recipe import Recipe
from detector.models.crops import lift_dark, pixels

EMPTY, CAMERA_TRAP = "empty", "camtrap"
NIGHT = ("night_ir", "dark")
LARGEST_SHARE_OF_A_PICTURE = 0.004
"""Of all draws, up to which a single bear at night is raised: some dozen times in a run. More would be learned by
heart."""
CLOSE = 0.6
"""Share of the draws of a picture with a box that are cut as the live system cuts what moved."""
_MARGINS = (0.1, 0.7)
_LARGEST_SIDE_PX = 512


def is_at_night(picture: LabelledPicture) -> bool:
    """Whether a camera trap took the picture by infra-red lamp or in the dark, as the manifest says."""
    return picture.columns.get("kind") == CAMERA_TRAP and picture.light in NIGHT


def draw_weights(
    pictures: Sequence[LabelledPicture], bear_share: float, camera_trap_weight: float = 1.0, night_share: float = 0.0
) -> NDArray[np.float64]:
    """The probability (n,) with which each picture is drawn; they sum to 1.

    1. A group is the pictures of one label, source and light. It counts with the square root of its size: a large
       source has more to say, but must not drown the others - nor the few bears at night.
    2. Pictures of camera traps, which look most like the live system's, count ``camera_trap_weight`` times.
    3. The bears together get ``bear_share``; of that the bears of camera traps at night get ``night_share`` at the
       least, as far as that raises no single one of them above ``LARGEST_SHARE_OF_A_PICTURE`` of all draws.
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
    night = is_bear & np.array([is_at_night(picture) for picture in pictures], dtype=bool)
    wanted = min(night_share * bear_share, LARGEST_SHARE_OF_A_PICTURE * night.sum())
    if 0 < weights[night].sum() < wanted < bear_share and (is_bear & ~night).any():
        weights[is_bear & ~night] *= (bear_share - wanted) / weights[is_bear & ~night].sum()
        weights[night] = wanted / night.sum()
    return np.asarray(weights / weights.sum(), dtype=np.float64)


class SamplingPlan(Dataset[tuple[Tensor, int]]):
    """``count`` draws: (3, px, px) uint8 RGB, augmented, and the place of its picture among ``pictures``.

    Draw ``i`` depends on the seed and on ``i`` alone, so a run that is taken up again goes on where it stopped.
    """

    def __init__(
        self,
        pictures: Sequence[LabelledPicture],
        weights: NDArray[np.float64],
        count: int,
        recipe: Recipe,
        cutouts: Cutouts | None = None,
    ) -> None:
        self.pictures = pictures
        self.recipe = recipe
        self.cutouts = cutouts
        self.augmentations = Augmentations(recipe.train_px)
        random = np.random.default_rng(recipe.seed)
        self.order = random.choice(len(pictures), size=count, p=weights)
        self.backgrounds = [number for number, picture in enumerate(pictures) if picture.label == EMPTY]
        self.pasted = self._choose_pasted(random)

    @classmethod
    def in_order(cls, pictures: Sequence[LabelledPicture], order: NDArray[np.int64], recipe: Recipe) -> SamplingPlan:
        """Draws of which somebody else has decided: ``order`` are places among ``pictures``. Nothing is pasted."""
        plan = cls(pictures, np.full(len(pictures), 1 / len(pictures)), 0, recipe)
        plan.order, plan.pasted = order, np.zeros(len(order), dtype=bool)
        return plan

    def _choose_pasted(self, random: np.random.Generator) -> NDArray[np.bool_]:
        """Which draws (count,) show a cut-out at night; those get the number of a picture that has one, of their kind.

        ``pasted_bears`` of the bears and ``pasted_others`` of the others: about as many of either.
        """
        chosen = np.zeros(len(self.order), dtype=bool)
        if self.cutouts is None or not self.backgrounds:
            return chosen
        is_bear = np.array([picture.label == "bear" for picture in self.pictures], dtype=bool)
        places = np.array(self.cutouts.places(self.pictures), dtype=np.int64)
        kinds = ((True, self.recipe.pasted_bears), (False, self.recipe.pasted_others))
        if any(not (is_bear[places] == bears).any() for bears, _share in kinds):
            return chosen  # only one kind could be cut out: "pasted" would tell it
        drawn = is_bear[self.order]
        for bears, share in kinds:
            inside = np.flatnonzero((drawn == bears) & (random.random(len(self.order)) < share))
            chosen[inside] = True
            self.order[inside] = random.choice(places[is_bear[places] == bears], size=len(inside))
        return chosen

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, draw: int) -> tuple[Tensor, int]:
        number = int(self.order[draw])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed * 1_000_003 + draw)
            shown = self._shown(self.pictures[number], bool(self.pasted[draw]))
        return _lifted(shown, self.recipe.lift), number

    def _shown(self, picture: LabelledPicture, pasted: bool) -> Tensor:
        if pasted and self.cutouts is not None:
            scene = self.backgrounds[int(torch.randint(len(self.backgrounds), ()))]
            return self.augmentations.at_night(self.cutouts.read(picture), read_tensor(self.pictures[scene]))
        if picture.box is not None:  # a random part of it would often be without the animal
            whole = read_tensor(picture)
            return self.augmentations.close(_cut_close(whole, picture.box) if chance(CLOSE) else whole)
        background = None
        if self.backgrounds:
            scene = self.backgrounds[int(torch.randint(len(self.backgrounds), ()))]
            background = read_tensor(self.pictures[scene])
        return self.augmentations(read_tensor(picture), background)


def _cut_close(picture: Tensor, box: Box) -> Tensor:
    """A square around the box with a margin on every side, as a share of its longer side, not quite in the middle."""
    height, width = picture.shape[1:]
    left, top, right, bottom = pixels(box, width, height)
    longer = max(right - left, bottom - top)
    side = min(longer * (1 + 2 * between(*_MARGINS)), min(width, height))
    x = (left + right) / 2 + longer * between(-0.12, 0.12) - side / 2
    y = (top + bottom) / 2 + longer * between(-0.12, 0.12) - side / 2
    x, y = min(max(x, 0), width - side), min(max(y, 0), height - side)
    return picture[:, int(y) : math.ceil(y + side), int(x) : math.ceil(x + side)]


def _lifted(picture: Tensor, lift: float) -> Tensor:
    """As the engine will see it (:func:`detector.models.crops.lift_dark`)."""
    if not lift:
        return picture
    seen = picture.permute(1, 2, 0).contiguous().numpy()
    lift_dark(seen, lift)
    return torch.from_numpy(seen).permute(2, 0, 1).contiguous()


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
