"""The words that a label can be: those that are built in, and the animals that people have added.

An animal may be a kind of another one: a grizzly is a bear. Whatever is asked of bears holds for all their kinds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Animal


class Label(StrEnum):
    """The built-in words. All but ``not_bear`` and ``unnamed`` are words of the trainer."""

    BEAR = "bear"
    DEER = "deer"
    RACCOON = "raccoon"
    DOG = "dog"
    OTHER_ANIMAL = "other_animal"
    PERSON = "person"
    VEHICLE = "vehicle"
    TEDDY = "teddy"
    OTHER = "other"
    EMPTY = "empty"
    NOT_BEAR = "not_bear"
    """Somebody said what it is not. Say what it is, and the trainer can use it."""
    UNNAMED = "unnamed"
    """An animal that the model does not know, and of which nobody has said anything yet."""


NAMES: Final = {
    Label.BEAR: "Bear",
    Label.DEER: "Deer",
    Label.RACCOON: "Raccoon",
    Label.DOG: "Dog",
    Label.OTHER_ANIMAL: "Another animal",
    Label.PERSON: "Person",
    Label.VEHICLE: "Vehicle",
    Label.TEDDY: "Toy bear",
    Label.OTHER: "An object",
    Label.EMPTY: "Nothing",
    Label.NOT_BEAR: "Not a bear",
    Label.UNNAMED: "Unnamed animal",
}

FOR_TRAINING: Final = frozenset(Label) - {Label.NOT_BEAR, Label.UNNAMED}
"""The built-in words that the trainer knows."""
ANIMALS: Final = frozenset({Label.BEAR, Label.DEER, Label.RACCOON, Label.DOG, Label.OTHER_ANIMAL})
"""Built-in words of which another animal can be a kind."""

OF_ANIMAL: Final = {
    "bear": Label.BEAR,
    "deer": Label.DEER,
    "raccoon": Label.RACCOON,
    "dog": Label.DOG,
    "mountain_lion": Label.OTHER_ANIMAL,
    "coyote": Label.OTHER_ANIMAL,
    "other": Label.OTHER_ANIMAL,
}
"""From the built-in animals of the sighting form; an animal that was added is called the same there and here."""

TAXA: Final = {
    Label.BEAR: "Ursidae",
    Label.DEER: "Cervidae",
    Label.RACCOON: "Procyon lotor",
    Label.DOG: "Canis lupus familiaris",
    Label.OTHER_ANIMAL: "Animalia",
    Label.PERSON: "Homo sapiens",
}
_ALSO: Final = {
    "animal": Label.OTHER_ANIMAL,
    "blank": Label.EMPTY,
    "human": Label.PERSON,
    "nothing": Label.EMPTY,
    "object": Label.OTHER,
    "people": Label.PERSON,
    "black bear": Label.BEAR,
    "american black bear": Label.BEAR,
    "brown bear": Label.BEAR,
    "grizzly bear": Label.BEAR,
    "ursus": Label.BEAR,
    "ursus americanus": Label.BEAR,
    "ursus arctos": Label.BEAR,
    "ursus arctos horribilis": Label.BEAR,
    "mule deer": Label.DEER,
    "white-tailed deer": Label.DEER,
    "odocoileus": Label.DEER,
    "odocoileus hemionus": Label.DEER,
    "odocoileus virginianus": Label.DEER,
    "cervus canadensis": Label.DEER,
    "domestic dog": Label.DOG,
    "canis familiaris": Label.DOG,
    "northern raccoon": Label.RACCOON,
}
"""What other tools call the built-in words, as long as nobody has added an animal of that name."""


class Source(StrEnum):
    """How a label came to be given."""

    CONFIRMED_ALERT = "confirmed_alert"
    """The model alerted, a ranger saw a bear."""
    REJECTED_ALERT = "rejected_alert"
    """The model alerted, a ranger saw none."""
    BLIND_SIGHTING = "blind_sighting"
    """A ranger saw it with their own eyes, without knowing what the model said; a ranger's decision agrees."""
    SIGHTING = "sighting"
    """The model met an animal that it does not know, and a ranger said what they had seen there then; nobody has
    decided about the picture itself."""
    UNKNOWN = "unknown"
    """The model met an animal that it does not know; it waits for a name."""
    AUDIT = "audit"
    """Somebody found it on a contact sheet drawn at random."""
    IMPORT = "import"
    """It was brought from elsewhere; how its picture came to be chosen nobody here knows."""


SOURCE_NAMES: Final = {
    Source.CONFIRMED_ALERT: "alert confirmed",
    Source.REJECTED_ALERT: "alert rejected",
    Source.BLIND_SIGHTING: "blind sighting",
    Source.SIGHTING: "sighting",
    Source.UNKNOWN: "unknown to the model",
    Source.AUDIT: "audit",
    Source.IMPORT: "imported",
}


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the vocabulary."""

    key: str
    name: str
    taxon: str = ""
    parent: str | None = None
    built_in: bool = True


@dataclass(frozen=True)
class Vocabulary:
    """All words, by their keys: the built-in ones first, then animals in the order in which they were added."""

    words: Mapping[str, Word]

    @classmethod
    def of(cls, added: Iterable[Word] = ()) -> Vocabulary:
        """The built-in words, and those ``added``."""
        built_in = [Word(label.value, NAMES[label], TAXA.get(label, "")) for label in Label]
        return cls({word.key: word for word in (*built_in, *added)})

    @cached_property
    def names(self) -> dict[str, str]:
        """What people call each."""
        return {key: word.name for key, word in self.words.items()}

    @cached_property
    def bears(self) -> frozenset[str]:
        """The words that say bear."""
        return frozenset(key for key in self.words if Label.BEAR in self.lineage(key))

    @cached_property
    def for_training(self) -> frozenset[str]:
        """The words that say what a picture shows."""
        return frozenset(self.words) - {Label.NOT_BEAR, Label.UNNAMED}

    @cached_property
    def animals(self) -> dict[str, str]:
        """Names of the animals of which another one can be a kind, by key."""
        return {key: word.name for key, word in self.words.items() if not word.built_in or key in ANIMALS}

    def lineage(self, key: str) -> list[str]:
        """A word and those that hold for it too, itself first; empty for what is no word."""
        found: list[str] = []
        at: str | None = key
        while at is not None and at in self.words and at not in found:
            found.append(at)
            at = self.words[at].parent
        return found

    def built_in_of(self, key: str) -> str:
        """The nearest built-in word that holds for a word: what a model that does not know it should say.

        An animal that is a kind of none is ``other_animal``. Raises KeyError for what is no word.
        """
        if key not in self.words:
            raise KeyError(key)
        return next((word for word in self.lineage(key) if self.words[word].built_in), Label.OTHER_ANIMAL.value)

    def find(self, text: str) -> str | None:
        """The word that somebody means: by its key, its name, its scientific name, or what other tools call it."""
        return self._meanings.get(_folded(text))

    def means(self, text: str) -> str | None:
        """The word that is called so here, by its key, its name or its scientific name."""
        return self._own.get(_folded(text))

    @cached_property
    def _own(self) -> dict[str, str]:
        words = self.words.values()
        return {_folded(said): word.key for word in words for said in (word.taxon, word.name, word.key) if said}

    @cached_property
    def _meanings(self) -> dict[str, str]:
        return {name: label.value for name, label in _ALSO.items()} | self._own


def read_vocabulary(session: Session) -> Vocabulary:
    """The vocabulary as it is now."""
    rows = session.scalars(select(Animal).order_by(Animal.added_at, Animal.key))
    return Vocabulary.of(Word(row.key, row.name, row.taxon, row.parent, built_in=False) for row in rows)


def _folded(text: str) -> str:
    return re.sub(r"[\s_]+", " ", text).strip().casefold()
