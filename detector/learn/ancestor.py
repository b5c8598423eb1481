"""An earlier bundle whose weights are averaged with newly trained ones, and what it has seen.

A short training on few night pictures learns the night and forgets some of the day; the average of both networks keeps
what either knows (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022). They must come from the same
pretrained weights. What the earlier bundle was trained on says nothing about the average any more: it is judged on
sources of which neither has seen a picture.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load as load_tensors
from torch import Tensor

from detector.evaluate.manifest import LabelledPicture
from detector.learn.intake import TrainingError
from detector.learn.student import Start, interpolate_weights, student_labels
from detector.models.bundle import EVALUATION, ModelBundle


@dataclass(frozen=True, slots=True)
class Ancestor:
    """An earlier bundle, and the ``share`` that its weights get."""

    bundle: ModelBundle
    share: float

    @property
    def tag(self) -> str:
        """For the names of what is remembered."""
        return f"-with-{self.bundle.digest[:8]}-{self.share:g}"

    def check(self, beginning: Start, parent: str) -> None:
        """Refuse a bundle whose weights mean something else; ``parent`` is the hash of the pretrained weights.

        Raises:
            TrainingError: see there.
        """
        model = self.bundle.model
        same = model.architecture == beginning.architecture and self.bundle.provenance.parent == parent
        if self.bundle.content is None or not same or model.labels.of_output != student_labels().of_output:
            raise TrainingError(
                f"{self.bundle.label} cannot be averaged with: its weights do not come from the same pretrained "
                f"{beginning.architecture} with the same labels"
            )

    def averaged(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """The newly trained state with this bundle's share of its weights."""
        assert self.bundle.content is not None, "it was checked"
        stored = {name: each.float() for name, each in load_tensors(self.bundle.content).items()}
        kept = {name: each for name, each in state.items() if name not in stored}
        return kept | interpolate_weights({name: state[name] for name in stored}, stored, self.share)

    def unseen(self, pictures: Sequence[LabelledPicture]) -> NDArray[np.bool_]:
        """(n,) whether each picture is of a source of which the bundle has seen nothing.

        Raises:
            TrainingError: the bundle does not say what it has seen, or has seen them all.
        """
        directory = self.bundle.directory
        try:
            evaluation = json.loads(((directory or Path()) / EVALUATION).read_text(encoding="utf-8"))
            found = evaluation.get("sources") or evaluation["by_source"]  # an older bundle judged all that it had seen
        except (OSError, ValueError, KeyError) as error:
            raise TrainingError(
                f"{self.bundle.label} does not say on which sources it was trained: {error!r}"
            ) from error
        known = {LabelledPicture("", Path(), "", {"source": source}).group for source in found}
        unseen = np.array([picture.group not in known for picture in pictures], dtype=bool)
        bears = np.array([picture.label == "bear" for picture in pictures], dtype=bool)
        if not (unseen & bears).any() or not (unseen & ~bears).any():
            raise TrainingError(f"{self.bundle.label} has seen every source with bears or others: nothing is held out")
        return unseen
