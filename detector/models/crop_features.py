"""What a network makes of a crop, in few numbers: whether two crops show the same thing at the same place.

The logits over all outputs describe a picture richly (:mod:`detector.models.ood`). They are shrunk to 64 directions, by
those of the model's own reference where it has one, else by fixed random ones, which keep angles to a few degrees.
Vectors of different models have nothing to do with one another.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.models.bundle import ModelBundle

DIRECTIONS: Final = 64
_FULL: Final = 127.0


def crop_features(bundle: ModelBundle, logits: NDArray[np.float32]) -> NDArray[np.int8]:
    """(n, outputs) logits to (n, d) unit vectors, 127 times, rounded; zeros where the network answers no numbers."""
    logits = np.where(np.isfinite(logits).all(axis=1, keepdims=True), logits, 0.0)
    if bundle.reference is not None:
        vectors = bundle.reference.describe(logits)
    else:
        vectors = (logits - logits.mean(axis=1, keepdims=True)) @ _directions(logits.shape[1])
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return np.asarray(np.rint(_FULL * vectors), dtype=np.int8)


@lru_cache(maxsize=4)
def _directions(outputs: int) -> NDArray[np.float32]:
    chance = np.random.default_rng(outputs)
    return chance.standard_normal((outputs, DIRECTIONS)).astype(np.float32)
