"""A label as training is given it: what it says, of which picture, and everything about how it came to be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from enum import StrEnum


class LabelSource(StrEnum):
    """Who said it, on which occasion."""

    DECISION = "decision"
    """A ranger decided about the model's alert."""
    SIGHTING = "sighting"
    """A person saw the animal with their own eyes, blind to the model; a decision about the picture does not differ."""
    AUDIT = "audit"
    """An auditor found it on a contact sheet drawn at random."""
    APPEAL = "appeal"
    """A second ranger, blind to the first decision, came to the same."""
    CLEANER = "cleaner"
    """Somebody looked at the label again: kept it, or said what the picture shows."""
    IMPORT = "import"
    """It was brought from elsewhere."""


class Split(StrEnum):
    """What a bear-night's labels are for. It never changes."""

    TRAIN = "train"
    GOLDEN = "golden"
    """Judges every model, and trains none."""
    ROLLING = "rolling"
    """The newest of them judge whether a model is still good, and choose its threshold; they train none."""


@dataclass(frozen=True, slots=True)
class TrainingLabel:
    """One labelled picture, or one animal in it, with its origin."""

    item: str
    """What is labelled, as ``encounter:12``, ``frame:7``, ``sheet:3:41`` or ``import:5``."""
    label: str
    """A word of the vocabulary."""
    source: LabelSource
    inclusion_probability: float
    """With which the picture came to be labelled, given its source: 1 but for audits."""
    weight: float
    """What it counts in a loss, before thinning (:mod:`rollout.evidence.labels.weights`)."""
    camera: str
    campsite: str
    infrared: bool
    """By the light of the picture; where that was not noted, by the clock of the campsite."""
    captured_at: float
    """UTC seconds."""
    bear_night: str
    """Campsite and night, noon to noon, as ``upper-pines/2027-01-14``."""
    split: Split
    picture: str
    """The picture's file below the media directory."""
    box: tuple[float, float, float, float] | None
    """Where it is, in pixels of the picture: left, top, right, bottom; None for all of the picture."""
    labellers: tuple[int, ...]
    """Who has said something of it, by their user numbers; none for what was imported."""
    score_hidden: bool
    """Whether nobody of them knew what the model says when they answered."""
    agreement: float | None
    """The share of them who say what the label says; None when one alone has spoken."""
    model: str | None
    """The model that found the picture, by its short name; None when no model chose it."""
    model_selected: bool
    """Whether it was labelled only because a model had raised it: bounded and thinned in training."""


def digest_of(labels: Iterable[TrainingLabel]) -> str:
    """SHA-256 (hex) over labels, in any order."""
    lines = sorted(json.dumps(astuple(each), ensure_ascii=False) for each in labels)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
