"""Visits of animals that nobody has named, in groups of what looks alike to the model.

When raccoons move in, people name them all in one go.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import EncounterCrop
from rollout.evidence.labels.labelled import Labelled
from rollout.evidence.labels.vocabulary import Label
from rollout.evidence.stats.likeness import alike_groups, mean_direction, unit_vector

ALIKE: Final = 0.65
"""Mean cosine from which two groups of visits are one: of 70 raccoons among 250 other pictures one group had 63, and
one picture of something else (docs/learning.md)."""
MOST: Final = 400
"""Visits that are grouped, the newest."""
WITHOUT_A_NAME: Final = frozenset({Label.NOT_BEAR, Label.UNNAMED})


@dataclass(frozen=True, slots=True)
class UnnamedGroup:
    """Visits that look alike, the newest first; of each its best picture."""

    visits: tuple[Labelled, ...]

    @property
    def cameras(self) -> list[tuple[str, int]]:
        """Where they came, and how often."""
        return Counter(each.camera_id for each in self.visits).most_common()

    @property
    def first_at(self) -> float:
        """When the first of them came."""
        return self.visits[-1].captured_at


@dataclass(frozen=True, slots=True)
class UnnamedGroups:
    """``groups`` of two and more, the largest first; ``single`` visits resemble nothing; of ``unknown`` ones nothing is
    kept that could be compared, or another model kept it; ``older`` ones were not looked at."""

    groups: tuple[UnnamedGroup, ...]
    single: int
    unknown: int
    older: int


def unnamed_groups(session: Session, labels: Sequence[Labelled]) -> UnnamedGroups:
    """Of all ``labels``, those that say no animal."""
    best: dict[int, Labelled] = {}
    for each in labels:
        if each.visit is not None and not each.removed and each.label in WITHOUT_A_NAME and each.media is not None:
            best[each.visit] = max(best.get(each.visit, each), each, key=lambda one: one.score or 0.0)
    visits = sorted(best.items(), key=lambda one: -one[1].captured_at)
    newest = dict(visits[:MOST])
    vectors = _vectors(session, newest)
    numbers = list(vectors)
    found = alike_groups(np.stack([vectors[number] for number in numbers]), ALIKE) if numbers else []
    return UnnamedGroups(
        groups=tuple(UnnamedGroup(tuple(newest[numbers[row]] for row in rows)) for rows in found if len(rows) > 1),
        single=sum(1 for rows in found if len(rows) == 1),
        unknown=len(newest) - len(numbers),
        older=len(visits) - len(newest),
    )


def _vectors(session: Session, visits: Mapping[int, Labelled]) -> dict[int, NDArray[np.float32]]:
    """By encounter, newest first: what the model that made most of them makes of each, as one unit vector."""
    crops: dict[str, dict[int, list[NDArray[np.float32]]]] = defaultdict(lambda: defaultdict(list))
    for row in session.scalars(select(EncounterCrop).where(EncounterCrop.encounter_id.in_(visits))):
        vector = unit_vector(row.features)
        if vector is not None:
            crops[row.model][row.encounter_id].append(vector)
    if not crops:
        return {}
    by_visit = max(crops.values(), key=len)
    means = {number: mean_direction(by_visit[number]) for number in visits if number in by_visit}
    return {number: each for number, each in means.items() if each is not None}
