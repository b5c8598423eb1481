"""When the champion gives way by itself: what detectors say about it, and what the breakers find. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.message_fields import MalformedMessage, moment, text, whole
from db.models import ChangeKind, ChangeTrigger
from rollout.models.lineage import ChampionChange, Standing

IN_USE: Final = "in_use"
REFUSED: Final = "refused"
NEW_FOR_S: Final = 600.0
"""For so long after a change one detector that refuses it is enough to take it back everywhere. Later it is that
detector's own trouble, as long as another one scores with the champion."""
ON_TRIAL_S: Final = 28 * 86400.0
"""For so long after its first frame a champion is rolled back by a breaker. Later the season may have changed as well
as the model, and a person decides."""


@dataclass(frozen=True, slots=True)
class DetectorReport:
    """How far one detector has followed the registry, by its heartbeat."""

    process: str
    model: str
    change: int
    state: str
    first_scored_at: float | None
    why: str

    @classmethod
    def of(cls, process: str, facts: Mapping[str, Any]) -> DetectorReport | None:
        """From a heartbeat; None for one that says nothing about changes, or nothing that can be read."""
        said = facts.get("model_change")
        if not isinstance(said, Mapping):
            return None
        try:
            first = moment(said, "first_scored_at") if said.get("first_scored_at") is not None else None
            model = text(facts, "model", 100)
            return cls(process, model, whole(said, "change"), text(said, "state", 20), first, text(said, "why"))
        except MalformedMessage:
            return None


@dataclass(frozen=True, slots=True)
class ModelTrip:
    """A breaker about the model that is open."""

    breaker: str
    at: float
    why: str


@dataclass(frozen=True, slots=True)
class RollbackCause:
    """Why the champion gives way."""

    trigger: ChangeTrigger
    why: str


def rollback_cause(
    now_standing: Standing,
    first_scored_at: float | None,
    reports: Sequence[DetectorReport],
    trips: Sequence[ModelTrip],
    now: float,
) -> RollbackCause | None:
    """Why the champion gives way now; None: it stays.

    ``first_scored_at`` is when the champion scored its first frame, ``reports`` are those of living detectors.

    1. There must be a model before it.
    2. A detector refuses it: while the change is new, or where no detector scores with it.
    3. A breaker about the model has opened since it scores, and it is still on trial. A model that was rolled back to
       does not give way to a breaker: it was there before, and what the breaker finds is then not the change's doing.
    """
    last = now_standing.last
    if last is None or not now_standing.may_roll_back:
        return None
    return _refused(last, reports, now) or _tripped(last, first_scored_at, trips, now)


def _refused(last: ChampionChange, reports: Sequence[DetectorReport], now: float) -> RollbackCause | None:
    about_it = [report for report in reports if report.change == last.id]
    refusal = next((report for report in about_it if report.state == REFUSED), None)
    used = any(report.state == IN_USE for report in about_it)
    if refusal is None or (used and now - last.at > NEW_FOR_S):
        return None
    return RollbackCause(ChangeTrigger.REFUSED, f"{refusal.process} refused it: {refusal.why}")


def _tripped(
    last: ChampionChange, first_scored_at: float | None, trips: Sequence[ModelTrip], now: float
) -> RollbackCause | None:
    if last.kind is not ChangeKind.PROMOTE or first_scored_at is None or now - first_scored_at > ON_TRIAL_S:
        return None
    trip = next((trip for trip in trips if trip.at > first_scored_at), None)
    return None if trip is None else RollbackCause(ChangeTrigger.BREAKER, f"breaker {trip.breaker}: {trip.why}")
