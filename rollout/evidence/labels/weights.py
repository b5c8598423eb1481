"""What a label counts in training, and how much of what the model itself has chosen may be among them. Pure.

A label's **weight** makes good for how its picture was chosen: a blind sighting counts whole, an audit as many pictures
as it stands for (at most :data:`GREATEST`), whatever the model had raised counts half. **Thinning** then evens out
where people look: of the labels that the model selected, every campsite keeps as many per review as the one that is
looked at least (Ensign et al. 2018). And the **share** of model-selected weight is bounded, whatever the season.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rollout.evidence.feedback import thinning
from rollout.evidence.labels.training_label import TrainingLabel
from rollout.evidence.labels.vocabulary import Source

GREATEST: Final = 20.0
"""An audit drawn with a small probability stands for many pictures, but one picture should not steer a network."""
GREATEST_SELECTED_SHARE: Final = 0.8
"""Of all weight, so much may rest on labels that a model selected."""
_OF_SOURCE: Final = {
    Source.BLIND_SIGHTING: 1.0,
    Source.CONFIRMED_ALERT: 0.5,
    Source.REJECTED_ALERT: 0.5,
    Source.SIGHTING: 0.5,
    Source.UNKNOWN: 0.5,
    Source.IMPORT: 0.5,
}


def weight_of(source: Source, inclusion_probability: float) -> float:
    """What a label counts, by how its picture came to be labelled; a correction of it changes nothing of that.

    Raises ValueError for a probability that is none.
    """
    if not 0.0 < inclusion_probability <= 1.0:
        raise ValueError(f"an inclusion probability lies above 0 and up to 1, not at {inclusion_probability}")
    return min(1.0 / inclusion_probability, GREATEST) if source is Source.AUDIT else _OF_SOURCE[source]


def thinned(labels: Iterable[TrainingLabel], effort_shares: Mapping[str, float]) -> list[TrainingLabel]:
    """Labels of which the model-selected ones are kept with their campsite's probability, the others all.

    ``effort_shares``: each campsite's share of the reviews. Whether a label is kept follows from its item alone: the
    same one is kept night after night, and more are when the shares come closer. A campsite without a share has had no
    review, so that nothing there was selected by the model.
    """
    keep = thinning(effort_shares)
    return [each for each in labels if not each.model_selected or _draw(each.item) < keep.get(each.campsite, 0.0)]


def bounded(labels: Sequence[TrainingLabel], share: float = GREATEST_SELECTED_SHARE) -> list[TrainingLabel]:
    """The labels with the weights of the model-selected ones scaled down until they have at most ``share`` of all.

    Where nothing else is labelled there is nothing to be bounded by: then they keep their weights.
    """
    selected = sum(each.weight for each in labels if each.model_selected)
    others = sum(each.weight for each in labels if not each.model_selected)
    if not others or selected <= share * (selected + others):
        return list(labels)
    factor = share * others / ((1.0 - share) * selected)
    return [replace(each, weight=each.weight * factor) if each.model_selected else each for each in labels]


@dataclass(frozen=True, slots=True)
class SelectedShare:
    """How much of the labels' weight rests on what a model selected."""

    labels: int
    selected: int
    share: float
    """Of the weight; 0 without labels."""

    @classmethod
    def of(cls, labels: Sequence[TrainingLabel]) -> SelectedShare:
        """Of these labels."""
        chosen = [each for each in labels if each.model_selected]
        total = sum(each.weight for each in labels)
        return cls(len(labels), len(chosen), sum(each.weight for each in chosen) / total if total else 0.0)


def _draw(item: str) -> float:
    """A number from 0 to 1 that belongs to an item for ever."""
    return int.from_bytes(hashlib.sha256(f"thinning {item}".encode()).digest()[:8]) / 2**64
