"""What the network does beyond single predictions on whole pictures, always judged by a fold that saw nothing of them.

1. Unknown animals: how far held-out pictures are from the training pictures of the network that judges them.
2. Still pictures in the view that the bundle uses, on a sample.
3. Pictures made hard (:mod:`detector.learn.corruptions`).
4. Crops such as the live system cuts: around the bear where its box is known, anywhere in pictures without one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core.messages import WHOLE_FRAME, Box
from detector.engines.engine import Engine
from detector.evaluate.manifest import LabelledPicture, read_picture
from detector.learn.calibrate import is_from_a_trap
from detector.learn.corruptions import BEARS, HARD, OTHERS, Hardship, empty_scenes, hard_places
from detector.learn.teacher import whole_logits
from detector.learn.unseen_animals import reference_places
from detector.models.bundle import ModelBundle
from detector.models.crops import cut, motion_crops
from detector.models.ood import Reference
from detector.models.view import View
from detector.stills import Stills

STILL_OTHERS, STILL_DAY_BEARS = 400, 100
_CHUNK = 16


@dataclass(frozen=True, slots=True)
class FoldPredictors:
    """The networks of the folds, mixed as the bundle will be, and the pretrained one.

    ``bundles`` has one for each fold; ``engine_of`` makes an engine of a bundle; ``remember(name, compute)`` computes
    an array once and keeps it.
    """

    pictures: Sequence[LabelledPicture]
    fold: NDArray[np.int64]
    bundles: Sequence[ModelBundle]
    generic: ModelBundle
    withheld: str
    engine_of: Callable[[ModelBundle], Engine]
    remember: Callable[[str, Callable[[], NDArray[np.float32]]], NDArray[np.float32]]
    advance: Callable[[str, int, int], None]

    def distances(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) distance of each held-out picture, with ``logits`` (n, outputs), to what its judge was trained on."""
        found = np.zeros(len(self.pictures), dtype=np.float32)
        for number in range(len(self.bundles)):
            inside = self.fold == number
            found[inside] = self._reference(number).distances(logits[inside])
        return found

    def stills(self, view: View) -> tuple[list[int], NDArray[np.float32], NDArray[np.float32]]:
        """A sample of places, and the bear scores of those pictures in that view: trained, and pretrained."""
        places = still_places(self.pictures)
        trained = self._by_fold(f"stills-{view}", places, lambda bundle, inside: self._view(bundle, view, inside))
        generic = self.remember(f"stills-{view}-generic", lambda: self._view(self.generic, view, places))
        return places, trained, generic

    def hard(self) -> dict[str, tuple[list[int], NDArray[np.float32], NDArray[np.float32]]]:
        """By kind of hardship: the places, and the bear scores when seen once: trained, and pretrained."""
        places, scenes = hard_places(self.pictures), empty_scenes(self.pictures)
        found = {}
        for kind, make in HARD.items():

            def once(bundle: ModelBundle, inside: list[int], make: Hardship = make) -> NDArray[np.float32]:
                made = [make(read_picture(self.pictures[place].path), place, scenes) for place in inside]
                return self._whole(bundle, made)

            name = f"hard-{kind.partition(' (')[0].replace(' ', '-')}"
            trained = self._by_fold(name, places, once)
            found[kind] = (places, trained, self.remember(f"{name}-generic", partial(once, self.generic, places)))
        return found

    def live_crops(self) -> tuple[list[int], NDArray[np.float32]]:
        """The places, and the bear scores of a crop of each: see :func:`live_box`."""
        places = [
            place
            for place, picture in enumerate(self.pictures)
            if is_from_a_trap(picture) and (picture.label != "bear" or picture.box is not None)
        ]

        def once(bundle: ModelBundle, inside: list[int]) -> NDArray[np.float32]:
            images = [read_picture(self.pictures[place].path) for place in inside]
            boxes = [
                live_box(self.pictures[place], image.shape[1], image.shape[0], place)
                for place, image in zip(inside, images, strict=True)
            ]
            return self._seen(bundle, images, boxes, "live crops", len(places))

        return places, self._by_fold("live-crops", places, once)

    def _reference(self, number: int) -> Reference:
        kept = [
            picture
            for picture, fold in zip(self.pictures, self.fold, strict=True)
            if fold != number and picture.label != self.withheld
        ]
        chosen = [kept[place] for place in reference_places(kept)]
        stage = f"references {number + 1}/{len(self.bundles)}"

        def compute() -> NDArray[np.float32]:
            engine = self.engine_of(self.bundles[number])
            return whole_logits(engine, chosen, lambda more: self.advance(stage, more, len(chosen)))

        return Reference.of(self.remember(f"reference-{number}", compute))

    def _by_fold(
        self,
        name: str,
        places: Sequence[int],
        score: Callable[[ModelBundle, list[int]], NDArray[np.float32]],
    ) -> NDArray[np.float32]:
        """(places,) scores, each by the network of the fold that holds the picture out."""

        def compute() -> NDArray[np.float32]:
            scores = np.zeros(len(places), dtype=np.float32)
            of_place = self.fold[np.asarray(places, dtype=np.int64)]
            for number, bundle in enumerate(self.bundles):
                inside = np.flatnonzero(of_place == number)
                scores[inside] = score(bundle, [places[each] for each in inside.tolist()])
            return scores

        return self.remember(name, compute)

    def _view(self, bundle: ModelBundle, view: View, places: Sequence[int]) -> NDArray[np.float32]:
        stills = Stills(bundle, view, self.engine_of)
        scores = list[float]()
        for first in range(0, len(places), _CHUNK):
            chunk = places[first : first + _CHUNK]
            seen = stills.predict([read_picture(self.pictures[place].path) for place in chunk])
            scores += [float(predicted.probabilities[bundle.labels.bear]) for predicted in seen]
            self.advance(f"stills as {view}", len(chunk), 2 * len(still_places(self.pictures)))
        return np.array(scores, dtype=np.float32)

    def _whole(self, bundle: ModelBundle, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        boxes = [WHOLE_FRAME] * len(images)
        return self._seen(bundle, images, boxes, "pictures made hard", 2 * len(HARD) * (BEARS + OTHERS))

    def _seen(
        self, bundle: ModelBundle, images: Sequence[NDArray[np.uint8]], boxes: Sequence[Box], stage: str, total: int
    ) -> NDArray[np.float32]:
        """(n,) bear scores of one box of each picture, seen once."""
        engine, lift = self.engine_of(bundle), bundle.model.lift
        scores = [np.empty(0, dtype=np.float32)]
        for first in range(0, len(images), _CHUNK):
            chunk = zip(images[first : first + _CHUNK], boxes[first : first + _CHUNK], strict=True)
            crops = [cut(image, [box], engine.input_px, lift) for image, box in chunk]
            scores.append(bundle.labels.bear_scores(engine.infer(np.concatenate(crops))))
            self.advance(stage, len(crops), total)
        return np.concatenate(scores)


def live_box(picture: LabelledPicture, width: int, height: int, place: int) -> Box:
    """What the live system would cut: around the labelled box, else a square anywhere, of any size it may have.

    ``place`` seeds the square: the same picture gets the same.
    """
    if picture.box is not None:
        return motion_crops([picture.box], width, height)[0]
    random = np.random.default_rng(place)
    side = random.uniform(0.2, 1.0) * min(width, height)
    left, top = random.uniform(0, width - side), random.uniform(0, height - side)
    return (left / width, top / height, (left + side) / width, (top + side) / height)


def still_places(pictures: Sequence[LabelledPicture]) -> list[int]:
    """All bears of camera traps or without daylight, some other bears, and others of the former two kinds."""
    random = np.random.default_rng(11)
    hard, day_bears, others = list[int](), list[int](), list[int]()
    for place, picture in enumerate(pictures):
        is_hard = is_from_a_trap(picture) or picture.light not in ("", "day")
        if picture.label == "bear":
            (hard if is_hard else day_bears).append(place)
        elif is_hard:
            others.append(place)
    chosen = [
        *hard,
        *random.permutation(day_bears)[:STILL_DAY_BEARS].tolist(),
        *random.permutation(others)[:STILL_OTHERS].tolist(),
    ]
    return sorted(int(place) for place in chosen)
