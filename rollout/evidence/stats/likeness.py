"""What looks alike to a network: vectors of crops, and groups of those that lie close together. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

_FULL: Final = 127.0


def unit_vector(features: bytes) -> NDArray[np.float32] | None:
    """(d,) from its bytes, a unit vector 127 times as int8; None where there are none."""
    return _normed(np.frombuffer(features, dtype=np.int8).astype(np.float32) / _FULL)


def mean_direction(vectors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32] | None:
    """(d,) the unit vector of their sum; None where there are none, or they cancel out."""
    return _normed(np.sum(vectors, axis=0, dtype=np.float32)) if vectors else None


def alike_groups(vectors: NDArray[np.float32], alike: float) -> list[list[int]]:
    """Rows of (n, d) unit vectors in groups, the largest first, by average linkage.

    It ends when the two closest groups have a mean cosine below ``alike``, so that two pictures that happen to resemble
    one another join no groups. Takes n steps over (n, n) numbers: for hundreds, not for thousands.
    """
    likeness = np.asarray(vectors @ vectors.T, dtype=np.float64)
    np.fill_diagonal(likeness, -np.inf)
    members = [[row] for row in range(len(vectors))]
    while len(members) > 1:
        one, other = divmod(int(likeness.argmax()), len(likeness))
        if likeness[one, other] < alike:
            break
        share = len(members[one]) / (len(members[one]) + len(members[other]))
        likeness[one] = share * likeness[one] + (1 - share) * likeness[other]
        likeness[one, one] = -np.inf
        likeness[:, one] = likeness[one]
        likeness[other] = likeness[:, other] = -np.inf
        members[one], members[other] = members[one] + members[other], []
    return sorted((sorted(each) for each in members if each), key=lambda each: (-len(each), each[0]))


def _normed(vector: NDArray[np.float32]) -> NDArray[np.float32] | None:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length, dtype=np.float32) if length else None
