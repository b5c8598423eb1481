"""Two models side by side: what decides a score differently, and what their evaluations say of the same slices."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, Field

from core.bundles.bundle_files import BundleFiles
from review_ui.models.view import RATES, SliceFigures, evaluation


class FiguresOut(BaseModel):
    """One model on one slice."""

    bears: int
    pictures: int
    auc: float | None
    recalls: dict[str, float | None] = Field(description="by the share of false positives that it was taken at")
    calibration: float | None


class SliceComparison(BaseModel):
    """One slice of the pictures, and both models on it; null: its evaluation has no such slice."""

    slice: str
    first: FiguresOut | None
    second: FiguresOut | None


class ModelComparison(BaseModel):
    """Two models side by side."""

    first: str = Field(description="name of the first model")
    second: str
    differs: dict[str, tuple[str, str]] = Field(description="what decides a score and is another one: first and second")
    slices: list[SliceComparison]
    notes: list[str] = Field(description="why figures are missing, or may not be compared")


def compare_models(first: BundleFiles, second: BundleFiles) -> ModelComparison:
    """The first beside the second. Figures may be compared only where both were measured on the same pictures."""
    left, right = _figures(first), _figures(second)
    notes = [f"{each.short} has no evaluation" for each, has in ((first, left), (second, right)) if not has]
    both = [name for name in left if name in right]
    if any((left[name].bears, left[name].pictures) != (right[name].bears, right[name].pictures) for name in both):
        notes.append("they were measured on different pictures: a difference may be the pictures' and not the models'")
    return ModelComparison(
        first=first.short,
        second=second.short,
        differs=_differs(first, second),
        slices=[
            SliceComparison(slice=name, first=_out(left.get(name)), second=_out(right.get(name)))
            for name in dict.fromkeys([*left, *right])
        ],
        notes=notes,
    )


def _figures(bundle: BundleFiles) -> Mapping[str, SliceFigures]:
    found = evaluation(bundle.evaluation) if bundle.evaluation else None
    slices = found.slices if found else ()
    rows = ((each.name, next((figures for figures in each.figures if figures.is_model), None)) for each in slices)
    return {name: figures for name, figures in rows if figures is not None}


def _differs(first: BundleFiles, second: BundleFiles) -> dict[str, tuple[str, str]]:
    def told(of: BundleFiles) -> dict[str, str]:
        plain = {"name": of.name, "input_px": str(of.input_px), "labels": ", ".join(of.labels)}
        return plain | {f"threshold {key}": f"{value:g}" for key, value in of.thresholds.items()}

    left, right = told(first), told(second)
    keys = [key for key in dict.fromkeys([*left, *right]) if left.get(key) != right.get(key)]
    return {key: (left.get(key, "none"), right.get(key, "none")) for key in keys}


def _out(figures: SliceFigures | None) -> FiguresOut | None:
    if figures is None:
        return None
    recalls = {rate: each.value if each else None for rate, each in zip(RATES, figures.recalls, strict=True)}
    return FiguresOut(
        bears=figures.bears,
        pictures=figures.pictures,
        auc=figures.auc,
        recalls=recalls,
        calibration=figures.calibration,
    )
