"""The labels that a picture can have, and what a sighting's animal is called among them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Label(StrEnum):
    """What a picture shows. All but ``not_bear`` and ``unnamed`` are words of the trainer."""

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

OF_ANIMAL: Final = {
    "bear": Label.BEAR,
    "deer": Label.DEER,
    "raccoon": Label.RACCOON,
    "dog": Label.DOG,
    "mountain_lion": Label.OTHER_ANIMAL,
    "coyote": Label.OTHER_ANIMAL,
    "other": Label.OTHER_ANIMAL,
}
"""From the animals of the sighting form."""


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
