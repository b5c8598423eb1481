"""What a model is, besides its weights: plain values with a digest over everything that decides a score."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from detector.models.backbones import LARGEST_INPUT_PX, SMALLEST_INPUT_PX
from detector.models.crops import DEFAULT_POLICY, CropPolicy
from detector.models.imagenet_labels import LabelMap
from detector.models.ood import ENERGY, NEIGHBOURS, WAYS
from detector.models.view import DEFAULT_VIEW, View


@dataclass(frozen=True, slots=True)
class Thresholds:
    """A bear score above which a picture counts, and a score above which an animal is unknown, by kind of light.

    ``day`` and ``infrared`` are bear scores 0-1 of live crops. ``still_day`` and ``still_infrared`` are those of still
    pictures, which are looked at in another way; None: the same. ``unknown_day`` and ``unknown_infrared`` are unknown
    scores (see :meth:`detector.models.bundle.ModelBundle.unknown_scores`); None: not calibrated.
    """

    day: float
    infrared: float
    unknown_day: float | None = None
    unknown_infrared: float | None = None
    still_day: float | None = None
    still_infrared: float | None = None

    def bear(self, infrared: bool) -> float:
        """The bear score from which on a live crop of that light counts as a bear."""
        return self.infrared if infrared else self.day

    def still_bear(self, infrared: bool) -> float:
        """The bear score from which on a still picture of that light counts as a bear."""
        found = self.still_infrared if infrared else self.still_day
        return self.bear(infrared) if found is None else found

    def is_unknown(self, unknown_score: float, infrared: bool) -> bool:
        """Whether that score, in that light, means an animal that the network does not know."""
        limit = self.unknown_infrared if infrared else self.unknown_day
        return limit is not None and unknown_score > limit


@dataclass(frozen=True, slots=True)
class Model:
    """Everything besides the weights that decides a score.

    ``weights`` names the state: ``{"file": ..., "sha256": ...}`` inside the bundle, or ``{"package": ...,
    "version": ..., "file": ..., "sha256": ...}`` for the pretrained networks. Pictures are RGB and enter the network
    as ``(value - mean) / std``, in grey levels 0-255; dark ones are lifted to a median grey of ``lift`` (0-1) first
    (:func:`detector.models.crops.lift_dark`), 0: never. ``crops`` says which parts of a live frame are looked at,
    ``view`` how a still picture is. ``unknown_by`` says what the unknown scores are: ``energy``, ``doubt`` or
    ``neighbours`` (see :mod:`detector.models.ood`); ``reference`` is the SHA-256 of what the last one compares with.
    """

    name: str
    architecture: str
    input_px: int
    mean: float
    std: float
    labels: LabelMap
    weights: Mapping[str, str]
    thresholds: Thresholds
    crops: CropPolicy = DEFAULT_POLICY
    view: View = DEFAULT_VIEW
    unknown_by: str = ENERGY
    reference: str = ""
    lift: float = 0.0

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over all of it; the weights take part with their own SHA-256."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """As JSON values; :meth:`from_json` reads them back."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        labels = {
            "names": list(self.labels.names),
            "of_output": list(self.labels.of_output),
            "temperature": self.labels.temperature,
        }
        nested = {
            "labels": labels,
            "weights": dict(self.weights),
            "thresholds": asdict(self.thresholds),
            "crops": asdict(self.crops),
            "view": str(self.view),
        }
        found = plain | nested
        if not self.lift:  # so that a model from before there was a lift keeps its digest
            del found["lift"]
        return found

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Model:
        """The opposite of :meth:`to_json`. Raises KeyError, TypeError or ValueError for anything else."""
        labels = found["labels"]
        nested = {
            "labels": LabelMap(tuple(labels["names"]), tuple(labels["of_output"]), labels["temperature"]),
            "thresholds": Thresholds(**found["thresholds"]),
            "crops": CropPolicy(**found["crops"]),
            "view": View.parse(found["view"]),
        }
        model = cls(**{**found, **nested})
        if not SMALLEST_INPUT_PX <= model.input_px <= LARGEST_INPUT_PX:
            raise ValueError(f"input_px is {model.input_px}, not {SMALLEST_INPUT_PX} to {LARGEST_INPUT_PX}")
        if not 0 <= model.lift < 1:
            raise ValueError(f"lift is {model.lift}, not a median grey level from 0 to below 1")
        if model.unknown_by not in WAYS or (model.unknown_by == NEIGHBOURS) != bool(model.reference):
            raise ValueError(f"unknown_by is {model.unknown_by!r} with reference {model.reference!r}")
        return model


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a model came from: nothing here changes a score.

    ``parent`` is the digest of the model it was trained from, ``data`` the hash of the labelled images
    (:func:`detector.evaluate.manifest.snapshot_hash`), ``code`` the version of the program, ``recipe`` how it was
    trained.
    """

    parent: str | None = None
    data: str | None = None
    code: str | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
