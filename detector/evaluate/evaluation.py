"""One evaluation: the model and its baselines on the same pictures, slice by slice, as values ready for JSON."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.bundle import ModelBundle
from detector.engine import DEFAULT_BACKBONE
from detector.evaluate.baselines import MOTION_DOES_NOT_APPLY, mean_image_similarity, never_bear
from detector.evaluate.contact import worst
from detector.evaluate.figures import Figures, confusion, figures, precision_recall, reliability
from detector.evaluate.scoring import Scored, View, score_pictures
from detector.evaluate.slices import slices_of
from detector.learn.recipe import SYNONYMS

GENERIC_NAME = f"generic network ({DEFAULT_BACKBONE})"
_PLOT_POINTS = 200


def evaluate(
    bundle: ModelBundle,
    scored: Scored,
    view: View,
    device: str = "auto",
    threads: int | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Everything that is known of a model after it scored some pictures.

    Keys: ``model``, ``pictures``, ``bears``, ``undecodable``, ``slices`` (slice to model or baseline to figures),
    ``confusion``, ``curves``, ``worst``, ``notes``.
    """
    is_bear = np.array([picture.label == "bear" for picture in scored.pictures], dtype=bool)
    scores = {"model": scored.bear} | _baselines(bundle, scored, view, device, threads, advance)
    slices = slices_of(scored.pictures, scored.sizes_px)
    names = bundle.labels.names
    truth = [SYNONYMS.get(picture.label, picture.label) for picture in scored.pictures]
    return {
        "model": {
            "name": bundle.label,
            "digest": bundle.digest,
            "view": f"{view.kind}@{'+'.join(map(str, view.sizes_px or (bundle.input_px,)))}",
        },
        "pictures": len(scored.pictures),
        "bears": int(is_bear.sum()),
        "undecodable": [{"file": picture.file, "why": why} for picture, why in scored.undecodable],
        "slices": {
            name: {who: figures_json(figures(each[inside], is_bear[inside])) for who, each in scores.items()}
            for name, inside in slices.items()
        },
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


def write_scores(path: Path, scored: Scored) -> None:
    """A CSV ``file,score``, in the manifest's order; pictures that could not be decoded have no row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "score"))
        writer.writerows(
            (picture.file, f"{score:.9g}") for picture, score in zip(scored.pictures, scored.bear.tolist(), strict=True)
        )


def _baselines(
    bundle: ModelBundle,
    scored: Scored,
    view: View,
    device: str,
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
