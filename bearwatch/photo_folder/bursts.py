"""Bursts: a trigger that takes three photographs has seen one visit, not three."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

GAP_S = 60.0
"""Photographs of one camera that are no further apart belong to one burst."""


@dataclass(frozen=True, slots=True)
class SortedPhoto:
    """What the model says of one photograph. ``file`` is relative to the folder, ``box`` in 0-1 coordinates."""

    file: str
    captured_at: datetime | None
    probabilities: dict[str, float]
    verdict: str
    is_bear: bool
    threshold: float
    infrared: bool
    box: tuple[float, float, float, float]

    @property
    def camera(self) -> str:
        """The folder it lies in: people keep each camera's card in a folder of its own."""
        return PurePosixPath(self.file).parent.as_posix()

    @property
    def bear(self) -> float:
        """The probability of a bear."""
        return self.probabilities["bear"]


@dataclass(frozen=True, slots=True)
class Burst:
    """Successive photographs of one camera, in order. ``number`` counts from 1."""

    number: int
    photos: Sequence[SortedPhoto]

    @property
    def best(self) -> SortedPhoto:
        """The one that says most of a bear: one sharp photograph of a bear outweighs two of a bush."""
        return max(self.photos, key=lambda photo: (photo.is_bear, photo.bear - photo.threshold))

    @property
    def verdict(self) -> str:
        """That of its best photograph for a bear; otherwise what most photographs say, `empty` last."""
        if self.best.is_bear:
            return self.best.verdict
        said = [photo.verdict for photo in self.photos if photo.verdict != "empty"] or ["empty"]
        return max(sorted(set(said)), key=said.count)


def bursts(photos: Sequence[SortedPhoto], gap_s: float = GAP_S) -> list[Burst]:
    """The bursts of a folder, by camera and time; a photograph without a time is a burst of its own."""
    groups = list[list[SortedPhoto]]()
    timed = sorted(
        (photo for photo in photos if photo.captured_at is not None),
        key=lambda photo: (photo.camera, photo.captured_at, photo.file),
    )
    for photo in timed:
        if groups and _continues(groups[-1][-1], photo, gap_s):
            groups[-1].append(photo)
        else:
            groups.append([photo])
    groups += [[photo] for photo in photos if photo.captured_at is None]
    return [Burst(number, group) for number, group in enumerate(groups, 1)]


def _continues(before: SortedPhoto, photo: SortedPhoto, gap_s: float) -> bool:
    if before.camera != photo.camera or before.captured_at is None or photo.captured_at is None:
        return False
    return (photo.captured_at - before.captured_at).total_seconds() <= gap_s
