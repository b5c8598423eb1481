"""Labels: what people have said of pictures, where each word comes from, and what may be learnt from it.

Labels are not stored: they follow from decisions, sightings, audits, second reviews and corrections, so that whoever
takes a decision back takes its label with it.

:mod:`~rollout.evidence.labels.vocabulary` names the labels; :mod:`~rollout.evidence.labels.visit_labels` and
:mod:`~rollout.evidence.labels.collection` work out what stands; :mod:`~rollout.evidence.labels.snapshot` is the whole
of it at one moment, as training is given it, each label with its origin
(:mod:`~rollout.evidence.labels.origins`), its split (:mod:`~rollout.evidence.labels.bear_nights`) and its weight
(:mod:`~rollout.evidence.labels.weights`).
"""

from rollout.evidence.labels.bear_nights import bear_night, split_of
from rollout.evidence.labels.left_out import LeftOut
from rollout.evidence.labels.snapshot import LabelSnapshot, label_snapshot
from rollout.evidence.labels.training_label import LabelSource, Split, TrainingLabel

__all__ = [
    "LabelSnapshot",
    "LabelSource",
    "LeftOut",
    "Split",
    "TrainingLabel",
    "bear_night",
    "label_snapshot",
    "split_of",
]
