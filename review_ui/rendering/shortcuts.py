"""The keyboard: which keys do what on which page. The help is made from this table; a test holds the scripts to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Key:
    """One line of the help. ``keys`` are as the help prints them; with ``shift``, they are pressed together with it."""

    keys: tuple[str, ...]
    does: str
    shift: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """The keys of one kind of page; ``path`` says on which paths they work."""

    name: str
    title: str
    path: str
    keys: tuple[Key, ...]

    def here(self, path: str) -> bool:
        """Whether they work on a page."""
        return re.fullmatch(self.path, path) is not None


_VERDICTS: Final = (Key(("B",), "Bear"), Key(("N",), "Not a bear"), Key(("U",), "Unsure"))
GROUPS: Final = (
    Group("watch", "Watch", r"/", (
        Key(("J", "K"), "Next, previous alert"),
        Key(("Enter",), "Open the first alert"),
        Key(("Z",), "Undo the last decision"),
    )),
    Group("alert", "An alert", r"/alerts/\d+", (
        *_VERDICTS,
        Key(("Z",), "Undo"),
        Key(("Enter",), "After a decision: the next alert"),
        Key(("←", "→"), "Frame back, forward"),
        Key(("←", "→"), "Ten frames", shift=True),
        Key(("Space",), "Play, pause"),
        Key(("O",), "Boxes on, off"),
        Key(("+", "-"), "Larger, smaller"),
        Key(("L",), "See the camera now"),
        Key(("J", "K"), "Newer, older alert"),
    )),
    Group("audit", "A contact sheet", r"/audit.*", (
        Key(("←", "→", "↑", "↓"), "From picture to picture"),
        Key(("Space",), "Mark the picture"),
        Key(("F",), "Full size, and back"),
        Key(("B",), "Bear"), Key(("N",), "No bear"), Key(("U",), "Unsure"),
    )),
    Group("second-reviews", "Camper messages and second reviews", r"/appeals", (Key(("J",), "The first of them"),)),
    Group("second-review", "A second review", r"/appeals/\d+", _VERDICTS),
    Group("night", "A night", r"/nights/.*", (
        Key(("←", "→"), "A minute back, forward"),
        Key(("←", "→"), "Ten minutes", shift=True),
        Key(("P", "N"), "What happened before, next"),
        Key(("K", "J"), "Night before, after"),
    )),
    Group("labels", "Labels", r"/labels.*", (
        Key(("J", "K"), "Next, previous picture"),
        Key(("Y",), "Keep"),
        Key(("R",), "Relabel"),
        Key(("X",), "Remove"),
        Key(("Z",), "Undo"),
    )),
)  # fmt: skip
EVERYWHERE: Final = (Key(("?",), "This help"), Key(("Esc",), "Close"))
