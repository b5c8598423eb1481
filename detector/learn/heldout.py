"""What the folds' networks say of the sources they never saw, and which mix of weights that recommends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.evaluate.evaluation import figures_json
from detector.evaluate.figures import figures
from detector.labels import GENERIC, IMAGENET_CLASSES, LabelMap, energies
from detector.learn.calibrate import is_infrared
from detector.manifest import LabelledPicture

CAMERA_TRAPS = "camera traps"
ALL = "all"
GENERIC_KEY = "generic"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Logits (n, outputs) of every picture by a network that saw nothing of its source, by share of trained weights.

    ``generic`` are the pretrained network's logits (n, 1000). ``fold`` (n,) is the fold that held the picture out.
    """

    pictures: Sequence[LabelledPicture]
    fold: NDArray[np.int64]
    generic: NDArray[np.float32]
    mixes: Mapping[float, NDArray[np.float32]]

    @property
    def is_bear(self) -> NDArray[np.bool_]:
        """The truth (n,)."""
        return np.array([picture.label == "bear" for picture in self.pictures], dtype=bool)


def slices(pictures: Sequence[LabelledPicture]) -> dict[str, NDArray[np.bool_]]:
    """The slices by which a mix is chosen and published: everything, lights, camera traps."""
    light = np.array([picture.light or "day" for picture in pictures])
    trap = np.array([picture.columns.get("kind", "") == "camtrap" for picture in pictures], dtype=bool)
    found = {ALL: np.ones(len(pictures), dtype=bool), CAMERA_TRAPS: trap, "not daylight": light != "day"}
    found |= {f"light: {value}": light == value for value in sorted(set(light.tolist()))}
    return {name: inside for name, inside in found.items() if inside.any()}


def table(held_out: HeldOut, labels: LabelMap) -> dict[str, dict[str, Any]]:
    """Slice to network (``generic`` or the share of trained weights) to figures."""
    scores = {GENERIC_KEY: GENERIC.bear_scores(held_out.generic[:, :IMAGENET_CLASSES])}
    scores |= {f"{share:g}": labels.bear_scores(logits) for share, logits in held_out.mixes.items()}
    truth = held_out.is_bear
    return {
        name: {who: figures_json(figures(each[inside], truth[inside])) for who, each in scores.items()}
        for name, inside in slices(held_out.pictures).items()
    }


def choose_mix(found: Mapping[str, Mapping[str, Any]]) -> str:
    """The network with the best mean of all figures over the slices that decide: all, camera traps, not daylight.

    ``generic`` wins ties: what is not clearly better is not worth a change.
    """
    deciding = [
        name for name in (ALL, CAMERA_TRAPS, "not daylight") if found.get(name, {}).get(GENERIC_KEY, {}).get("auc")
    ]
    if not deciding:
        return GENERIC_KEY
    quality = {who: float(np.mean([_quality(found[name][who]) for name in deciding])) for who in found[deciding[0]]}
    return max(quality, key=lambda who: (quality[who], who == GENERIC_KEY))


def _quality(found: Mapping[str, Any]) -> float:
    return float(np.mean([found["auc"], *(each["recall"] for each in found["recalls"].values())]))


def by_source(held_out: HeldOut, labels: LabelMap, share: float) -> dict[str, dict[str, Any]]:
    """For each source that was held out: bears and their recall, others and their false positives, at 0.3 and 0.5."""
    ours, generic = (
        labels.bear_scores(held_out.mixes[share]),
        GENERIC.bear_scores(held_out.generic[:, :IMAGENET_CLASSES]),
    )
    sources, truth = np.array([picture.source for picture in held_out.pictures]), held_out.is_bear
    found = {}
    for source in sorted(set(sources.tolist())):
        inside = sources == source
        found[source] = {
            "bears": int((inside & truth).sum()),
            "others": int((inside & ~truth).sum()),
            **{
                f"bears above 0.3, {who}": _share(s, inside & truth)
                for who, s in (("trained", ours), ("generic", generic))
            },
            **{
                f"others above 0.3, {who}": _share(s, inside & ~truth)
                for who, s in (("trained", ours), ("generic", generic))
            },
        }
    return found


def unseen_labels(held_out: HeldOut) -> dict[int, set[str]]:
    """Fold to the labels that none of its training pictures had: animals its network does not know."""
    labels = np.array([picture.label for picture in held_out.pictures])
    folds = sorted(set(held_out.fold.tolist()))
    return {fold: set(labels[held_out.fold == fold]) - set(labels[held_out.fold != fold]) for fold in folds}


def unknown_animals(
    held_out: HeldOut, labels: LabelMap, share: float, limits: tuple[float | None, float | None], threshold: float
) -> dict[str, dict[str, float | None]]:
    """How the network took labels that were wholly absent from its training: flagged, taken for a bear, passed by.

    ``limits`` are the energy limits for day and infra-red.
    """
    day, infrared = limits
    logits = held_out.mixes[share]
    energy, bear = energies(logits), labels.bear_scores(logits)
    lights = np.array([is_infrared(picture) for picture in held_out.pictures], dtype=bool)
    flagged = energy > np.where(lights, infrared or np.inf, day or np.inf)
    of_picture = np.array([picture.label for picture in held_out.pictures])
    found: dict[str, dict[str, float | None]] = {}
    for fold, unseen in unseen_labels(held_out).items():
        for label in sorted(unseen):
            inside = (of_picture == label) & (held_out.fold == fold)
            taken = inside & (bear >= threshold)
            found[label] = {
                "pictures": int(inside.sum()),
                "flagged as unknown": _share(flagged.astype(float), inside, 0.5),
                "taken for a bear": float(taken.sum() / inside.sum()),
                "mean bear score": float(bear[inside].mean()),
            }
    return found


def _share(values: NDArray[Any], inside: NDArray[np.bool_], limit: float = 0.3) -> float | None:
    return round(float((values[inside] > limit).mean()), 3) if inside.any() else None
