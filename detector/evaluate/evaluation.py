"""One evaluation: the model and its baselines on the same pictures, slice by slice, as values ready for JSON."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.engines.choose import DEFAULT_BACKBONE
from detector.engines.engine import Device
from detector.evaluate.baselines import MOTION_DOES_NOT_APPLY, mean_image_similarity, never_bear
from detector.evaluate.contact import worst
from detector.evaluate.figures import Figures, confusion, figures, precision_recall, reliability
from detector.evaluate.manifest import SYNONYMS, LabelledPicture
from detector.evaluate.scoring import Scored, score_pictures
from detector.evaluate.slices import slices_of
from detector.models.bundle import ModelBundle
from detector.models.view import View

GENERIC_NAME = f"generic network ({DEFAULT_BACKBONE})"
_PLOT_POINTS = 200


def evaluate(
    bundle: ModelBundle,
    scored: Scored,
    view: View | None = None,
    device: Device = "auto",
    threads: int | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Everything that is known of a model after it scored some pictures; ``view`` None: as the bundle wants it.

    Keys: ``model``, ``pictures``, ``bears``, ``undecodable``, ``slices`` (slice to model or baseline to figures),
    ``at_thresholds`` (slice to what the bundle's own thresholds do), ``confusion``, ``curves``, ``worst``, ``notes``.
    Every baseline that is a network looks at the pictures in the same view.
    """
    view = view or bundle.model.view
    is_bear = np.array([picture.label == "bear" for picture in scored.pictures], dtype=bool)
    scores = {"model": scored.bear} | _baselines(bundle, scored, view, device, threads, advance)
    slices = slices_of(scored.pictures, scored.sizes_px)
    names = bundle.labels.names
    truth = [SYNONYMS.get(picture.label, picture.label) for picture in scored.pictures]
    return {
        "model": {"name": bundle.label, "digest": bundle.digest, "view": str(view)},
        "pictures": len(scored.pictures),
        "bears": int(is_bear.sum()),
        "undecodable": [{"file": picture.file, "why": why} for picture, why in scored.undecodable],
        "slices": {
            name: {who: figures_json(figures(each[inside], is_bear[inside])) for who, each in scores.items()}
            for name, inside in slices.items()
        },
        "at_thresholds": {name: at_thresholds(scored, is_bear, inside) for name, inside in slices.items()},
        "confusion": confusion(truth, [names[place] for place in scored.probabilities.argmax(axis=1).tolist()])
        if len(truth)
        else {},
        "curves": {who: _curves(each, is_bear) for who, each in scores.items()} if is_bear.sum() > 0 else {},
        "worst": [
            {
                "file": scored.pictures[place].file,
                "label": scored.pictures[place].label,
                "bear": float(scored.bear[place]),
            }
            for place in worst(scored.pictures, scored.bear)
        ],
        "notes": [MOTION_DOES_NOT_APPLY],
    }


def at_thresholds(scored: Scored, is_bear: NDArray[np.bool_], inside: NDArray[np.bool_]) -> dict[str, float | None]:
    """What a ranger would be told with the bundle's thresholds: shares of the bears and of the others, or None.

    ``recall``: bears told as bears. ``false_positives``: others told as bears. ``unknown_bears`` and
    ``unknown_others``: told as unknown animals.
    """
    told = np.array([said.is_bear for said in scored.predictions], dtype=bool)
    unknown = np.array([said.unknown for said in scored.predictions], dtype=bool)
    bears, others = inside & is_bear, inside & ~is_bear
    return {
        "recall": _share(told, bears),
        "false_positives": _share(told, others),
        "unknown_bears": _share(unknown, bears),
        "unknown_others": _share(unknown, others),
    }


def _share(values: NDArray[np.bool_], inside: NDArray[np.bool_]) -> float | None:
    return float(values[inside].mean()) if inside.any() else None


def figures_json(found: Figures) -> dict[str, Any]:
    """Figures as JSON values; recalls by rate, such as ``"0.02"``."""
    plain = asdict(found)
    plain["recalls"] = {
        str(each.rate): {
            "recall": each.recall,
            "low": each.low,
            "high": each.high,
            "threshold": each.threshold,
            "false_positives": each.false_positives,
        }
        for each in found.recalls
    }
    return plain


def write_scores(path: Path, pictures: Sequence[LabelledPicture], scored: Scored) -> None:
    """A CSV ``file,score``, one row for each of ``pictures``, in order.

    A picture that could not be decoded keeps its row, with an empty score: it was not seen, which is not "no bear".
    """
    found = {id(picture): f"{score:.9g}" for picture, score in zip(scored.pictures, scored.bear.tolist(), strict=True)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "score"))
        writer.writerows((picture.file, found.get(id(picture), "")) for picture in pictures)


def _baselines(
    bundle: ModelBundle,
    scored: Scored,
    view: View,
    device: Device,
    threads: int | None,
    advance: Callable[[int], None],
) -> dict[str, NDArray[np.float64]]:
    generic = ModelBundle.generic(DEFAULT_BACKBONE)
    found = {"never bear": never_bear(len(scored.pictures))}
    if bundle.digest != generic.digest:
        found[GENERIC_NAME] = score_pictures(generic, scored.pictures, view, device, threads, advance).bear
    similar = mean_image_similarity(scored.pictures)
    if similar is not None:
        found["mean picture"] = similar
    return found


def _curves(scores: NDArray[np.float64], is_bear: NDArray[np.bool_]) -> dict[str, Any]:
    precision, recall = precision_recall(scores, is_bear)
    kept = np.unique(np.linspace(0, len(precision) - 1, _PLOT_POINTS).astype(int))
    return {
        "precision_recall": [[float(recall[place]), float(precision[place])] for place in kept],
        "reliability": [list(each) for each in reliability(scores, is_bear)],
    }
