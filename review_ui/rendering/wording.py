"""Plain words for what the program knows by other names: ages, modes, verdicts, animals."""

from __future__ import annotations

from typing import Final

from db.models import AlertStatus, Mode, Verdict

MODE_NAMES: Final = {
    Mode.SHADOW: "Shadow",
    Mode.ASSISTED: "Assisted",
    Mode.AUTOMATIC: "Automatic",
}

MODE_MEANINGS: Final = {
    Mode.SHADOW: "The model watches beside you. It warns nobody.",
    Mode.ASSISTED: "When you confirm a bear, campers are warned.",
    Mode.AUTOMATIC: "Campers are warned without you. Take back what is wrong.",
}

VERDICT_WORDS: Final = {
    Verdict.BEAR: "Bear",
    Verdict.NOT_A_BEAR: "Not a bear",
    Verdict.UNSURE: "Unsure",
    Verdict.UNDO: "Taken back",
}

STATUS_WORDS: Final = {
    AlertStatus.OPEN: "Waiting",
    AlertStatus.CONFIRMED: "Bear",
    AlertStatus.REJECTED: "Not a bear",
    AlertStatus.UNSURE: "Unsure",
}

ANIMALS: Final = {
    "bear": "Bear",
    "mountain_lion": "Mountain lion",
    "coyote": "Coyote",
    "deer": "Deer",
    "raccoon": "Raccoon",
    "dog": "Dog",
    "other": "Something else",
}

LABELS: Final = {
    "other_animal": "Another animal",
    "other": "No animal",
    "empty": "Nothing",
    "teddy": "Teddy bear",
}
"""Labels of the models whose names say it badly."""


def label_words(label: str) -> str:
    """What a model's label is called on pages."""
    return LABELS.get(label, label.replace("_", " ").capitalize())


def age(seconds: float) -> str:
    """A duration as a tired person reads it: ``8 s``, ``4 min``, ``2 h 05 min``, ``3 days``.

    The page counts on in the browser with the same rules (static/js/time.js).
    """
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} days"


def count(number: int, one: str, many: str) -> str:
    """``1 camera``, ``3 cameras``."""
    return f"{number} {one if number == 1 else many}"
