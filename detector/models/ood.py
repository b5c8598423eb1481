"""Whether a picture resembles anything that the model was trained on: three ways to tell, of which training picks one.

- *energy*: minus the log-sum-exp of the logits; nothing that the network knows answers strongly;
- *doubt*: surely an animal, but which one is open (:func:`detector.models.imagenet_labels.doubts`);
- *neighbours*: the distance to the nearest training pictures, below.

What the network says of a picture - its logits over a thousand classes - is a rich description. The descriptions of up
to 2,000 training pictures travel with the model, shrunk to their main directions. A picture whose description is far
from all of them shows something that the model does not know. Needs the logits alone, so any engine will do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

ENERGY, DOUBT, NEIGHBOURS = WAYS = ("energy", "doubt", "neighbours")
NEAREST = 10
DIMENSIONS = 64
MOST = 2000
_CHUNK = 1024


@dataclass(frozen=True, slots=True)
class Reference:
    """``centre`` (outputs,) and ``directions`` (outputs, d) shrink logits; ``known`` (m, d) are unit vectors."""

    centre: NDArray[np.float32]
    directions: NDArray[np.float32]
    known: NDArray[np.float32]

    @classmethod
    def of(cls, logits: NDArray[np.float32], dimensions: int = DIMENSIONS) -> Reference:
        """From the logits (m, outputs) of known pictures, rounded to what is stored."""
        centre = logits.mean(axis=0)
        _, _, main = np.linalg.svd(logits - centre, full_matrices=False)
        rounded = main[:dimensions].T.astype(np.float16).astype(np.float32)
        exact = cls(centre.astype(np.float16).astype(np.float32), rounded, np.empty((0, 0), dtype=np.float32))
        return cls(exact.centre, rounded, exact.describe(logits).astype(np.float16).astype(np.float32))

    def describe(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, outputs) logits to (n, d) unit vectors."""
        shrunk = (logits - self.centre) @ self.directions
        lengths = np.linalg.norm(shrunk, axis=1, keepdims=True)
        return np.asarray(shrunk / np.maximum(lengths, 1e-6), dtype=np.float32)

    def distances(self, logits: NDArray[np.float32], nearest: int = NEAREST) -> NDArray[np.float32]:
        """(n, outputs) logits to (n,): one minus the mean cosine to the nearest known pictures, 0-2."""
        nearest = min(nearest, len(self.known))
        found = [np.empty(0, dtype=np.float32)]
        for start in range(0, len(logits), _CHUNK):
            cosines = self.describe(logits[start : start + _CHUNK]) @ self.known.T
            found.append(1 - np.partition(cosines, -nearest, axis=1)[:, -nearest:].mean(axis=1))
        return np.concatenate(found).astype(np.float32)

    def to_bytes(self) -> bytes:
        """For a file, in half precision."""
        arrays = {"centre": self.centre, "directions": self.directions, "known": self.known}
        return save_tensors({name: np.ascontiguousarray(each, dtype=np.float16) for name, each in arrays.items()})

    @classmethod
    def from_bytes(cls, content: bytes) -> Reference:
        """The opposite of :meth:`to_bytes`. Raises SafetensorError, KeyError or ValueError for anything else."""
        found = {name: each.astype(np.float32) for name, each in load_tensors(content).items()}
        centre, directions, known = found["centre"], found["directions"], found["known"]
        if directions.shape != (len(centre), known.shape[1]) or not len(known):
            raise ValueError(f"shapes {centre.shape}, {directions.shape} and {known.shape} do not fit together")
        return cls(centre, directions, known)
