"""The pages behind "More": one line each, shown to those who may open them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from review_ui.auth.rights import Right


@dataclass(frozen=True, slots=True)
class Place:
    """A page in the menu. ``path`` is also the beginning of the pages below it."""

    path: str
    name: str
    right: Right = Right.VIEW


MORE: Final = (
    Place("/rollout", "Rollout"),
    Place("/audit", "Audit", Right.AUDIT),
    Place("/experiments", "Random watch hours and test nights"),
    Place("/nights", "The night"),
    Place("/cameras", "Cameras"),
    Place("/try", "Try a photo"),
    Place("/appeals", "Camper messages", Right.REVIEW),
    Place("/labels", "Labels", Right.LABEL),
    Place("/models", "Models"),
    Place("/reports", "Reports", Right.REPORTS),
    Place("/ledger", "Ledger", Right.LEDGER),
    Place("/people", "People", Right.PEOPLE),
)
