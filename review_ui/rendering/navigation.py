"""The pages behind "More": one line each, shown to those who may open them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from review_ui.auth.rights import Right


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A page in the menu. ``path`` is also the beginning of the pages below it."""

    path: str
    name: str
    right: Right = Right.VIEW


MORE: Final = (
    MenuEntry("/alerts", "All alerts"),
    MenuEntry("/rollout", "Rollout"),
    MenuEntry("/audit", "Audit", Right.AUDIT),
    MenuEntry("/experiments", "Random watch hours and test nights"),
    MenuEntry("/nights", "The night"),
    MenuEntry("/cameras", "Cameras"),
    MenuEntry("/try", "Try a photo"),
    MenuEntry("/appeals", "Camper messages", Right.REVIEW),
    MenuEntry("/labels", "Labels", Right.LABEL),
    MenuEntry("/models", "Models"),
    MenuEntry("/reports", "Reports", Right.REPORTS),
    MenuEntry("/ledger", "Ledger", Right.LEDGER),
    MenuEntry("/people", "People", Right.PEOPLE),
)
