"""What animals are called wherever somebody names one: the built-in ones, and those that people have added."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session

from review_ui.rendering.wording import ANIMALS
from rollout.evidence.labels.vocabulary import Word, read_vocabulary


def animal_names(session: Session) -> dict[str, str]:
    """By the word that a sighting stores; kinds stand behind the animal of which they are one."""
    added = [word for word in read_vocabulary(session).words.values() if not word.built_in]
    found: dict[str, str] = {}
    for key, name in ANIMALS.items():
        if key != "other":
            found |= {key: name, **{word.key: word.name for word in _kinds(key, added)}}
    others = {word.key: word.name for word in added if word.key not in found}
    return {**found, **others, "other": ANIMALS["other"]}


def _kinds(key: str, added: list[Word]) -> Iterator[Word]:
    for word in added:
        if word.parent == key:
            yield word
            yield from _kinds(word.key, added)
