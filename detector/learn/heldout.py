"""What the folds' networks say of the sources they never saw, and which mix of weights that recommends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.evaluate.evaluation import figures_json
from detector.evaluate.figures import figures
from detector.evaluate.manifest import LabelledPicture
from detector.models.imagenet_labels import GENERIC, IMAGENET_CLASSES, LabelMap

CAMERA_TRAPS = "camera traps"
ALL, NOT_DAYLIGHT = "all", "not daylight"
GENERIC_KEY = "generic"
_COMPARED_AT = 0.3


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Logits (n, outputs) of every picture by a network that saw nothing of its source, by share of trained weights.

    ``generic`` are the pretrained network's logits (n, 1000). ``fold`` (n,) is the fold that held the picture out.
    ``withheld`` is the label of which no fold's network saw a picture.
    """

    pictures: Sequence[LabelledPicture]
    fold: NDArray[np.int64]
    generic: NDArray[np.float32]
    mixes: Mapping[float, NDArray[np.float32]]
    withheld: str = ""

    @property
    def is_bear(self) -> NDArray[np.bool_]:
        """The truth (n,)."""
        return np.array([picture.label == "bear" for picture in self.pictures], dtype=bool)


def slices(pictures: Sequence[LabelledPicture]) -> dict[str, NDArray[np.bool_]]:
    """The slices by which a mix is chosen and published: everything, lights, camera traps."""
    light = np.array([picture.light or "day" for picture in pictures])
    trap = np.array([picture.columns.get("kind", "") == "camtrap" for picture in pictures], dtype=bool)
    colourless = np.isin(light, ("night_ir", "gray", "grey", "infrared"))
    found = {ALL: np.ones(len(pictures), dtype=bool), CAMERA_TRAPS: trap, NOT_DAYLIGHT: light != "day"}
    found |= {"grey or infra-red": colourless}
    found |= {f"light: {value}": light == value for value in sorted(set(light.tolist()))}
    return {name: inside for name, inside in found.items() if inside.any()}


def table(held_out: HeldOut, labels: LabelMap) -> dict[str, dict[str, Any]]:
    """Slice to network (``generic`` or the share of trained weights) to figures."""
    scores = {GENERIC_KEY: GENERIC.bear_scores(held_out.generic[:, :IMAGENET_CLASSES])}
    scores |= {f"{share:g}": labels.bear_scores(logits) for share, logits in held_out.mixes.items()}
    return by_slice(held_out.pictures, scores)


def by_slice(
    pictures: Sequence[LabelledPicture], scores: Mapping[str, NDArray[np.floating]]
) -> dict[str, dict[str, Any]]:
    """Slice to network to figures, of bear scores (n,) by network."""
    truth = np.array([picture.label == "bear" for picture in pictures], dtype=bool)
    return {
        name: {who: figures_json(figures(each[inside], truth[inside])) for who, each in scores.items()}
        for name, inside in slices(pictures).items()
    }


def choose_mix(found: Mapping[str, Mapping[str, Any]]) -> str:
    """The network with the best mean of all figures over the slices that decide: all, camera traps, not daylight.

    ``generic`` wins ties: what is not clearly better is not worth a change.
    """
    deciding = [
        name for name in (ALL, CAMERA_TRAPS, NOT_DAYLIGHT) if found.get(name, {}).get(GENERIC_KEY, {}).get("auc")
    ]
    if not deciding:
        return GENERIC_KEY
    quality = {who: float(np.mean([_quality(found[name][who]) for name in deciding])) for who in found[deciding[0]]}
    return max(quality, key=lambda who: (quality[who], who == GENERIC_KEY))


def _quality(found: Mapping[str, Any]) -> float:
    return float(np.mean([found["auc"], *(each["recall"] for each in found["recalls"].values())]))


def by_source(held_out: HeldOut, labels: LabelMap, share: float) -> dict[str, dict[str, Any]]:
    """For each source that was held out: bears and their recall, others and their false positives, at 0.3."""
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


def known_pictures(held_out: HeldOut) -> NDArray[np.bool_]:
    """(n,) whether the network that judges a picture had pictures of its label in training.

    Not so for the withheld label, and for a label that only the held-out sources have.
    """
    labels = np.array([picture.label for picture in held_out.pictures])
    known = labels != held_out.withheld
    for fold in set(held_out.fold.tolist()):
        trained_on = set(labels[held_out.fold != fold].tolist())
        known &= (held_out.fold != fold) | np.isin(labels, sorted(trained_on))
    return np.asarray(known, dtype=bool)


def _share(values: NDArray[Any], inside: NDArray[np.bool_]) -> float | None:
    return round(float((values[inside] > _COMPARED_AT).mean()), 3) if inside.any() else None
