"""A model bundle that answers: what it says of still pictures, in the words for a ranger.

    predictor = Predictor(ModelBundle.open("built-in"))
    print(predictor.predict(cv2.imread("meadow.jpg")).verdict)

Needs no torch where the bundle has its exported graph and ONNX Runtime is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.messages import Box
from detector.engines.choose import engine_for
from detector.engines.engine import Engine
from detector.models.bundle import ModelBundle
from detector.models.infrared import is_infrared
from detector.models.prediction import verdict_of
from detector.models.view import View
from detector.stills import StillPrediction, Stills


@dataclass(frozen=True, slots=True)
class BundlePrediction:
    """What the model says of one still picture.

    ``label`` is the likeliest label and ``index`` its place; ``probabilities`` has one entry for each of the bundle's
    labels, in order. ``verdict`` is what a ranger is told (:func:`detector.models.prediction.verdict_of`): ``bear``
    where ``is_bear``, because the bear score reaches ``threshold``, which is that for the picture's light; else
    ``unknown animal`` where ``unknown``; else ``label``. ``box`` is the part of the picture that decided, in 0-1
    coordinates.
    """

    label: str
    index: int
    probabilities: dict[str, float]
    verdict: str
    is_bear: bool
    unknown: bool
    unknown_score: float
    infrared: bool
    threshold: float
    box: Box

    @property
    def bear(self) -> float:
        """The probability of a bear."""
        return self.probabilities["bear"]


def _engine_at_once(bundle: ModelBundle) -> Engine:
    return engine_for(bundle, measure=False)


class Predictor:
    """Predicts still pictures with one model. Belongs to one thread.

    ``view`` says how pictures are scored (None: as the bundle wants it), ``engine_of`` makes the engine for the
    model at one of the view's sizes.

    Raises:
        EngineError, EngineFileError: nothing that is installed can run the model at one of those sizes.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        view: View | None = None,
        engine_of: Callable[[ModelBundle], Engine] = _engine_at_once,
    ) -> None:
        self.bundle = bundle
        self._stills = Stills(bundle, view or bundle.model.view, engine_of)

    @property
    def view(self) -> View:
        """How pictures are scored."""
        return self._stills.view

    def predict(self, image: NDArray[np.uint8]) -> BundlePrediction:
        """What the model says of one still picture (height, width, 3), uint8 BGR."""
        return self.predict_batch([image])[0]

    def predict_batch(self, images: Sequence[NDArray[np.uint8]]) -> list[BundlePrediction]:
        """What the model says of still pictures (height, width, 3), uint8 BGR, of any sizes, in order."""
        if not images:
            return []
        predictions = self._stills.predict(images)
        strange = self.bundle.unknown_scores(np.stack([predicted.logits for predicted in predictions])).tolist()
        return [
            self._prediction(predicted, unknown_score, is_infrared(image))
            for predicted, unknown_score, image in zip(predictions, strange, images, strict=True)
        ]

    def _prediction(self, predicted: StillPrediction, unknown_score: float, infrared: bool) -> BundlePrediction:
        model, shares = self.bundle.model, predicted.probabilities
        threshold = model.thresholds.still_bear(infrared)
        said = verdict_of(model, shares, unknown_score, infrared, threshold)
        return BundlePrediction(
            label=said.label,
            index=model.labels.names.index(said.label),
            probabilities=dict(zip(model.labels.names, shares.tolist(), strict=True)),
            verdict=said.told,
            is_bear=said.is_bear,
            unknown=said.unknown,
            unknown_score=unknown_score,
            infrared=infrared,
            threshold=threshold,
            box=predicted.box,
        )
