"""Which animals are bears: those that are called so, and every kind of them that people have added."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Animal

BEAR: Final = "bear"


def kinds_of_bear(session: Session) -> frozenset[str]:
    """The words for a bear: a sighting of a grizzly is a sighting of a bear, in evidence and in breakers."""
    parents = dict(session.execute(select(Animal.key, Animal.parent)).all())
    found = {BEAR}
    while more := {key for key, parent in parents.items() if parent in found} - found:
        found |= more
    return frozenset(found)
