"""Who is champion, and to which model a rollback leads: what follows from the changes in order. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from db.models import ChangeKind, ChangeTrigger


@dataclass(frozen=True, slots=True)
class ChampionChange:
    """One change of the champion. A digest of None means the model that the configuration names."""

    id: int
    at: float
    kind: ChangeKind
    trigger: ChangeTrigger
    from_digest: str | None
    to_digest: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds now.

    ``lineage`` are the champions under one another, the present one last: a promotion adds one, a rollback takes it
    away, so that a model that was rolled back from is never rolled back to. It begins with None, which is the model
    that the configuration names. ``last`` is the newest change.
    """

    lineage: tuple[str | None, ...] = (None,)
    last: ChampionChange | None = None

    @property
    def champion(self) -> str | None:
        """The digest of the champion; None: the model that the configuration names."""
        return self.lineage[-1]

    @property
    def may_roll_back(self) -> bool:
        """Whether there is a model before the champion."""
        return len(self.lineage) > 1

    @property
    def previous(self) -> str | None:
        """The digest of the model before the champion; None: the configured one. Only where :attr:`may_roll_back`."""
        return self.lineage[-2]


def standing_after(changes: Iterable[ChampionChange]) -> Standing:
    """What holds after all of them, oldest first."""
    lineage: tuple[str | None, ...] = (None,)
    last = None
    for change in changes:
        if change.kind is ChangeKind.PROMOTE:
            lineage = (*lineage, change.to_digest)
        elif len(lineage) > 1:
            lineage = lineage[:-1]
        last = change
    return Standing(lineage, last)
