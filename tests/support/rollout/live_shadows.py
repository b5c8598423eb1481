"""Hours of live shadow as detectors count them, for models whose promotion is not what a test is about."""

from __future__ import annotations

from core.bundles.challenger_counts import BOTH, CHAMPION_ONLY, DIFFERENCE, FRAMES, NEITHER, Beside
from db.session import Database
from rollout.models.challenger import store_counts
from rollout.models.champion import standing

HOUR_S = 3600
CONFIGURED_MODEL = "0c" * 32
"""Digest of the model that the configuration names, as detectors report it in tests."""
ONE_HOUR = {FRAMES: 10, BOTH: 2, NEITHER: 7, CHAMPION_ONLY: 1, DIFFERENCE: 500_000}


def scored_for_a_day(
    database: Database, challenger: str, now: float, hours: int = 24, champion: str | None = None
) -> None:
    """The challenger scored the champion's frames in so many hours before ``now``."""
    with database.write() as session:
        beside = champion or standing(session).champion or CONFIGURED_MODEL
        newest = int(now // HOUR_S) * HOUR_S
        store_counts(
            session,
            {
                Beside(challenger, beside, "upper-creek", ago % 2 == 0, newest - ago * HOUR_S): ONE_HOUR
                for ago in range(hours)
            },
        )
