"""What one gets without the model: figures mean little unless they beat these."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.evaluate.manifest import LabelledPicture, read_picture

MOTION_DOES_NOT_APPLY = (
    "Motion-only cannot be applied to single pictures: it needs the frames before and after. "
    "`bearwatch replay` runs the motion gate on recorded footage."
)
_SIDE_PX = 32


def never_bear(count: int) -> NDArray[np.float64]:
    """A score of nought for everything."""
    return np.zeros(count)


def mean_image_similarity(pictures: Sequence[LabelledPicture]) -> NDArray[np.float64] | None:
    """How much more a picture looks like the average bear picture than like the average other picture, 0-1.

    Pictures are 32 by 32 grey levels, standardised. The averages leave out the picture's own source, so a source
    cannot give itself away. None when there are no two sources, or one of the averages would be empty.
    """
    tiny = np.stack([_tiny(picture) for picture in pictures]) if pictures else np.empty((0, _SIDE_PX**2))
    is_bear = np.array([picture.label == "bear" for picture in pictures], dtype=bool)
    groups = np.array([picture.group for picture in pictures])
    scores = np.zeros(len(pictures))
    for group in set(groups.tolist()):
        own = groups == group
        bears, others = tiny[~own & is_bear], tiny[~own & ~is_bear]
        if not len(bears) or not len(others):
            return None
        scores[own] = tiny[own] @ (_unit(bears.mean(axis=0)) - _unit(others.mean(axis=0)))
    return np.asarray(1 / (1 + np.exp(-scores)))


def _tiny(picture: LabelledPicture) -> NDArray[np.float64]:
    grey = cv2.cvtColor(read_picture(picture.path), cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float64).ravel()
    return _unit(small - small.mean())


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector
