"""Add an animal to the vocabulary. It stands in the ledger, and is never taken out again: labels may say it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from db.ledger import lock, record
from db.models import Animal
from rollout.evidence.labels.vocabulary import read_vocabulary

LONGEST_NAME: Final = 60
LONGEST_TAXON: Final = 100
MOST_ANIMALS: Final = 200
"""More than that nobody finds in a list."""
_LONGEST_KEY: Final = 40
_TAXON = re.compile(r"[A-Z][a-z]+(-[a-z]+)?( [a-z]+(-[a-z]+)?){0,2}")


class CannotAdd(ValueError):
    """The animal cannot be added; the message says why, and what to write."""


@dataclass(frozen=True, slots=True)
class NewAnimal:
    """What somebody wants to add: as people call it, its scientific name, and of which animal it is a kind."""

    name: str
    taxon: str
    parent: str | None = None


def add_animal(session: Session, new: NewAnimal, user_id: int, now: float) -> Animal:
    """Add an animal; from then on it is offered wherever an animal is named. Raises :class:`CannotAdd`.

    1. Neither its name nor its scientific name means another word already; so two people cannot add it twice.
    2. What it is a kind of is an animal of the vocabulary, and never changes.
    """
    lock(session)
    vocabulary = read_vocabulary(session)
    name, taxon = " ".join(new.name.split()), " ".join(new.taxon.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise CannotAdd(f"Write what people call it, in up to {LONGEST_NAME} characters.")
    if len(taxon) > LONGEST_TAXON or not _TAXON.fullmatch(taxon):
        raise CannotAdd(
            "Write its scientific name as Ursus americanus: the genus with a capital letter, then the species."
        )
    for said in (name, taxon):
        known = vocabulary.means(said)
        if known is not None:
            raise CannotAdd(f"“{said}” is {vocabulary.names[known]} already.")
    if new.parent is not None and new.parent not in vocabulary.animals:
        raise CannotAdd("Choose of which animal it is a kind, or none.")
    if sum(not word.built_in for word in vocabulary.words.values()) >= MOST_ANIMALS:
        raise CannotAdd(f"There are {MOST_ANIMALS} added animals already; nobody would find another one.")
    row = Animal(
        key=_key(name, frozenset(vocabulary.words)), name=name, taxon=taxon, parent=new.parent, added_at=now,
        added_by_id=user_id,
    )  # fmt: skip
    session.add(row)
    session.flush()
    record(
        session,
        at=now,
        kind="labels.animal_added",
        subject=f"animal:{row.key}",
        actor=f"user:{user_id}",
        body={"key": row.key, "name": name, "taxon": taxon, "parent": new.parent},
    )
    return row


def _key(name: str, taken: frozenset[str]) -> str:
    """What labels store: the name in small letters, or a number where it has no Latin ones."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")[:_LONGEST_KEY] or "animal"
    numbered = (f"{plain[: _LONGEST_KEY - 4]}_{number}" for number in range(2, 2 + len(taken) + 1))
    return plain if plain not in taken else next(each for each in numbered if each not in taken)
