"""Animals cut out of daylight pictures, so that they can be put into scenes in which there are hardly any of them.

GrabCut finds the outline from colours alone, starting from the assumption that the animal is somewhere in the middle.
It is often wrong; so most of what it finds is thrown away: what is too small or too large, leans on too much of the
picture's edge, is in pieces or ragged, and what the pretrained network does not recognise any more once it stands on
plain grey. Bears and all other labels are cut out and judged alike, so that "pasted" says nothing about "bear".

Cut-outs are RGBA pictures in the training's work folder, made once, named by the picture's content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.engines.engine import Engine
from detector.evaluate.manifest import LabelledPicture, read_picture
from detector.models.imagenet_labels import NO_ANIMALS

LONGEST_PX = 224
"""Side of the picture that is cut: a pasted animal is hardly ever larger."""
OUTLINE_PX = 160
"""Side of the picture on which GrabCut looks for the outline, which takes half as long as at the full size."""
MOST_BEARS, MOST_OF_A_LABEL = 600, 250
"""To cut out. More would look much the same, and every one takes a sixth of a second."""
NEVER_PASTED = ("empty", "other", "vehicle", "teddy")
"""No animals; and toys, which nobody leaves in a forest and which by infra-red have a bear's outline."""
CONTACT_SHEET = "contact-sheet.jpg"
_SMALLEST, _LARGEST = 0.08, 0.7
_MOST_OF_EDGE = 0.22
_LEAST_SOLID, _LEAST_IN_ONE = 0.62, 0.85
_MARGIN = 0.06
_ROUNDS = 2
_RECOGNISED = 0.5
_SHEET_COLUMNS, _SHEET_PX, _SHEET_MOST = 14, 96, 196

Rgba = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Cutouts:
    """The folder of one training's cut-outs. Empty for a folder without any."""

    folder: Path

    def path(self, picture: LabelledPicture) -> Path:
        """Where the cut-out of a picture lies, if it has a good one."""
        return self.folder / f"{_content_name(picture.path)}.png"

    def places(self, pictures: Sequence[LabelledPicture]) -> list[int]:
        """Which of the pictures have a good cut-out, in order."""
        there = {path.name for path in self.folder.glob("*.png")} if self.folder.is_dir() else set()
        return [place for place, picture in enumerate(pictures) if there and self.path(picture).name in there]

    def read(self, picture: LabelledPicture) -> Rgba:
        """(height, width, 4) BGR and alpha."""
        found = cv2.imread(str(self.path(picture)), cv2.IMREAD_UNCHANGED)
        assert found is not None, f"{self.path(picture)} was written by this training"
        return np.asarray(found, dtype=np.uint8)


def make_cutouts(
    pictures: Sequence[LabelledPicture],
    folder: Path,
    engine: Engine,
    advance: Callable[[int], None] = lambda _: None,
) -> Cutouts:
    """Cut out every daylight bear and as many others, keep the good ones, and write a contact sheet of them.

    ``engine`` runs the pretrained network with its labels. A folder that is complete is taken up as it is.
    """
    cutouts, done = Cutouts(folder), folder / "done"
    if done.is_file():
        return cutouts
    folder.mkdir(parents=True, exist_ok=True)
    kept = list[tuple[str, Rgba]]()
    for place in cutout_places(pictures):
        picture = pictures[place]
        found = cut_out(read_picture(picture.path))
        advance(1)
        if found is None or not _is_recognised(found, picture.label, engine):
            continue
        cv2.imwrite(str(cutouts.path(picture)), found)
        kept.append((picture.label, found))
    if kept:
        cv2.imwrite(str(folder / CONTACT_SHEET), contact_sheet(kept))
    done.touch()
    return cutouts


def cutout_places(pictures: Sequence[LabelledPicture]) -> list[int]:
    """Which pictures to cut out: bears by daylight, and up to ``MOST_OF_A_LABEL`` of every other animal."""
    random = np.random.default_rng(5)
    by_label: dict[str, list[int]] = {}
    for place, picture in enumerate(pictures):
        if picture.light in ("", "day", "gray") and picture.label not in NEVER_PASTED:
            by_label.setdefault(picture.label, []).append(place)
    chosen = list[int]()
    for label, places in sorted(by_label.items()):
        most = MOST_BEARS if label == "bear" else MOST_OF_A_LABEL
        chosen += random.permutation(places)[:most].tolist()
    return sorted(int(place) for place in chosen)


def cut_out(image: NDArray[np.uint8]) -> Rgba | None:
    """The animal in the middle of a picture (height, width, 3) BGR, as BGR and alpha, or None where none stands out.

    Deterministic: GrabCut's own chance is seeded.
    """
    scale = LONGEST_PX / max(image.shape[:2])
    small = _resized(image, min(scale, 1))
    height, width = small.shape[:2]
    if min(height, width) < 48:
        return None
    mask = _outline(small)
    if mask is None:
        return None
    larger = np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    alpha = _whole_shape(larger)
    if alpha is None:
        return None
    top, bottom = np.flatnonzero(alpha.any(axis=1))[[0, -1]]
    left, right = np.flatnonzero(alpha.any(axis=0))[[0, -1]]
    soft = cv2.GaussianBlur(cv2.erode(alpha * 255, np.ones((3, 3), np.uint8)), (0, 0), 1.0)
    both = np.dstack([small, soft])
    return np.ascontiguousarray(both[top : bottom + 1, left : right + 1])


def _resized(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    smaller = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, dtype=np.uint8)


def _outline(image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """What GrabCut takes for the foreground of (height, width, 3) BGR: 0 or 1, somewhat smaller than the picture."""
    scale = min(1, OUTLINE_PX / max(image.shape[:2]))
    small = _resized(image, scale)
    height, width = small.shape[:2]
    mask = np.full((height, width), cv2.GC_PR_BGD, dtype=np.uint8)
    across, down = int(width * _MARGIN), int(height * _MARGIN)
    mask[down : height - down, across : width - across] = cv2.GC_PR_FGD
    mask[:2] = mask[:, :2] = mask[:, -2:] = cv2.GC_BGD
    cv2.setRNGSeed(1)
    try:
        cv2.grabCut(small, mask, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), _ROUNDS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # one colour only: nothing stands out
        return None
    return np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)


def _whole_shape(mask: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The largest piece of a mask (0 or 1) without its holes, where it may be an animal."""
    tidy = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(tidy, connectivity=4)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    shape = (pieces == largest).astype(np.uint8)
    outlines, _ = cv2.findContours(shape, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=cv2.contourArea)
    filled = np.zeros_like(shape)
    cv2.drawContours(filled, [outline], -1, 1, cv2.FILLED)
    share = filled.mean()
    edge = np.concatenate([filled[2], filled[:, 2], filled[:, -3]]).mean()
    solid = filled.sum() / max(cv2.contourArea(cv2.convexHull(outline)), 1.0)
    in_one = shape.sum() / max(int(tidy.sum()), 1)
    good = _SMALLEST < share < _LARGEST and edge < _MOST_OF_EDGE and solid > _LEAST_SOLID and in_one > _LEAST_IN_ONE
    return filled if good else None


def _is_recognised(found: Rgba, label: str, engine: Engine) -> bool:
    """Whether the pretrained network still sees what the label says - a bear, or another animal - on plain grey.

    Labels that the pretrained network has no word for only must not look like a bear.
    """
    height, width = found.shape[:2]
    side = round(1.25 * max(height, width))
    plain = np.full((side, side, 3), 110, dtype=np.float32)
    top, left = (side - height) // 2, (side - width) // 2
    alpha = found[:, :, 3:].astype(np.float32) / 255
    part = plain[top : top + height, left : left + width]
    plain[top : top + height, left : left + width] = part * (1 - alpha) + found[:, :, :3] * alpha
    px = engine.input_px
    shown = cv2.cvtColor(cv2.resize(plain, (px, px), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
    labels = engine.bundle.labels
    shares = labels.probabilities(engine.infer(np.rint(shown).astype(np.uint8)[None]))[0]
    bear = float(shares[labels.bear])
    if label == "bear":
        return bear >= _RECOGNISED
    animal = sum(float(s) for name, s in zip(labels.names, shares, strict=True) if name not in NO_ANIMALS)
    return bear < 1 - _RECOGNISED and (animal >= _RECOGNISED or label in (*NO_ANIMALS, "person"))


def contact_sheet(kept: Sequence[tuple[str, Rgba]]) -> NDArray[np.uint8]:
    """Cut-outs side by side on magenta, bears first: what the eye checks before it believes a training."""
    bears = [found for label, found in kept if label == "bear"][: _SHEET_MOST // 2]
    others = [found for label, found in kept if label != "bear"]
    chosen = [*bears, *others[:: max(1, len(others) // (_SHEET_MOST // 2))]]
    px = _SHEET_PX
    tiles = [np.full((px, px, 3), (160, 0, 160), dtype=np.uint8) for _ in range(-len(chosen) % _SHEET_COLUMNS)]
    for found in reversed(chosen):
        tile = np.full((px, px, 3), (160, 0, 160), dtype=np.float32)
        scale = px / max(found.shape[:2])
        small = cv2.resize(found, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:px, :px]
        alpha = small[:, :, 3:].astype(np.float32) / 255
        part = tile[: small.shape[0], : small.shape[1]]
        tile[: small.shape[0], : small.shape[1]] = part * (1 - alpha) + small[:, :, :3] * alpha
        tiles.insert(0, tile.astype(np.uint8))
    rows = [np.hstack(tiles[first : first + _SHEET_COLUMNS]) for first in range(0, len(tiles), _SHEET_COLUMNS)]
    return np.vstack(rows)


@lru_cache(maxsize=20_000)
def _content_name(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:24]
