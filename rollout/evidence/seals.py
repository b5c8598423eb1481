"""Whether a sighting still says what was sealed. One that does not is no evidence for the model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

SEALED: Final = "sighting.sealed"
"""The ledger's kind for a sighting that was sealed."""
LATE_S: Final = 900.0
"""A sighting that is entered longer after it was seen is no blind one: its observer may have heard of the bear."""
ENTERED_ALONE, BLINDNESS_TOO = 1, 2
"""What a seal covers: what was entered; that, and whether it was blind, in which watch, and why not."""


def digest_of_sighting(
    entered: dict[str, Any], user_id: int, sealed_at: float, blindness: Mapping[str, Any] | None = None
) -> str:
    """SHA-256 over the canonical JSON of everything entered, by whom and when.

    ``entered`` has ``campsite``, ``camera``, ``animal``, ``number``, ``note`` and ``seen_at``; ``blindness`` is
    :func:`blindness_of`, None for the seals of the first version, which did not cover it.
    """
    said = {**entered, "user": user_id, "sealed_at": sealed_at, **(blindness or {})}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def blindness_of(blind: bool, watch: int | None, not_blind_why: str | None) -> dict[str, Any]:
    """What a seal of the second version covers beside what was entered."""
    return {"blind": blind, "watch": watch, "not_blind_why": not_blind_why}
