"""One labelled picture, and how much its label surprises the model."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from pathlib import PurePosixPath
from typing import Final

from core.messages import Box
from rollout.evidence.labels.vocabulary import Source

SMALLEST_SHARE: Final = 1e-3
"""Scores this close to 0 or 1 count as this, so that a loss stays a number that can be compared."""
NO_SCORE: Final = 0.5
"""Thumbnails of audits carry no score: they are neither surprising nor not."""


SAME_PLACE: Final = 0.01
"""Boxes whose sides lie this close together (0-1 coordinates) are the same box: other tools round."""


def picture_of(media: str) -> str:
    """What a picture shows, by the digest in its media key: the same one may be kept under several days."""
    return PurePosixPath(media).stem


def same_place(first: Box | None, second: Box | None) -> bool:
    """Whether two boxes are the same place in a picture; None is all of it."""
    if first is None or second is None:
        return first is second
    return all(abs(a - b) < SAME_PLACE for a, b in zip(first, second, strict=True))


@dataclass(frozen=True, slots=True)
class Labelled:
    """One labelled picture. ``item`` names it for good; ``score`` is the model's for a bear, None if it gave none."""

    item: str
    media: str | None
    box: Box | None
    camera_id: str
    campsite_id: str
    captured_at: float
    label: str
    """A word of the vocabulary."""
    source: Source
    probability: float
    score: float | None
    model: str
    infrared: bool | None = None
    alert_id: int | None = None
    visit: int | None = None
    """The encounter that it is from; several pictures of one visit are labelled one by one."""
    sightings: tuple[int, ...] = ()
    """Sightings there and then, by their numbers; the one nearest in time first."""
    answer_id: int | None = None
    """The auditor's answer that it is from."""
    is_bear: bool = False
    """Whether its word says bear, or a kind of bear."""
    doubted: bool = False
    """A sighting says another animal than the decision."""
    kept: bool = False
    """Somebody has looked at it again and kept it."""
    removed: bool = False
    changed_by: int | None = None
    """The applied change that last touched it."""

    @property
    def loss(self) -> float:
        """How much the label surprises the model: minus the logarithm of what it gave to bear, or to no bear."""
        score = NO_SCORE if self.score is None else self.score
        share = score if self.is_bear else 1.0 - score
        return -log(max(SMALLEST_SHARE, share))
