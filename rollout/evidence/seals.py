"""Whether a sighting still says what was sealed. One that does not is no evidence."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest_of_sighting(entered: dict[str, Any], user_id: int, sealed_at: float) -> str:
    """SHA-256 over the canonical JSON of everything entered, by whom and when.

    ``entered`` has ``campsite``, ``camera``, ``animal``, ``number``, ``note`` and ``seen_at``.
    """
    text = json.dumps(
        {**entered, "user": user_id, "sealed_at": sealed_at}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(text.encode()).hexdigest()
