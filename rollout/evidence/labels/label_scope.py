"""Which labels somebody asks for: all of them, or those that one person may see now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from rollout.evidence.matching import MatchRule


class LabelScope(Protocol):
    """What a viewer may not learn. A person's access scope says the same under the same names."""

    @property
    def hidden(self) -> frozenset[str]:
        """Campsites of which no label is shown."""

    @property
    def second_reviews(self) -> Mapping[int, int]:
        """Alerts whose decision is not shown."""

    @property
    def rule(self) -> MatchRule:
        """How sightings and encounters are matched."""


@dataclass(frozen=True, slots=True)
class EveryLabel:
    """A scope that hides nothing: what training sees, which tells nobody."""

    rule: MatchRule
    hidden: frozenset[str] = frozenset()
    second_reviews: Mapping[int, int] = field(default_factory=dict)
