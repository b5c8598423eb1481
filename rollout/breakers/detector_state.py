"""What breakers remember between two checks: read at once, written where it has changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import BreakerState
from rollout.breakers.detector_steps import restarted
from rollout.breakers.trip_scope import Scope, Unit


class DetectorStates:
    """The rows of ``breaker_states``, by breaker and unit."""

    def __init__(self, session: Session, now: float) -> None:
        self.session = session
        self.now = now
        self._rows = {(row.breaker, row.unit): row for row in session.scalars(select(BreakerState))}

    def of(self, breaker: str, unit: Unit) -> dict[str, Any]:
        """A copy of what a breaker remembers of a unit; empty for the first time."""
        row = self._rows.get((breaker, str(unit)))
        return dict(row.memory) if row else {}

    def keep(self, breaker: str, unit: Unit, memory: Mapping[str, Any], value: float, last_input: str = "") -> None:
        """Remember; nothing is written when nothing has changed."""
        row = self._rows.get((breaker, str(unit)))
        if row is None:
            if not memory:
                return
            row = BreakerState(breaker=breaker, unit=str(unit), memory={}, value=value, last_input="", updated_at=0.0)
            self.session.add(row)
            self._rows[breaker, str(unit)] = row
        elif row.memory == memory and row.last_input == last_input:
            return
        # A JSON column notices a change only when it gets a new value.
        row.memory, row.value, row.last_input, row.updated_at = dict(memory), value, last_input, self.now

    def touch(self, breaker: str, unit: Unit) -> None:
        """Say that the breaker was looked at now."""
        row = self._rows.get((breaker, str(unit)))
        if row is None:
            row = BreakerState(breaker=breaker, unit=str(unit), memory={}, value=0.0, last_input="", updated_at=0.0)
            self.session.add(row)
            self._rows[breaker, str(unit)] = row
        row.updated_at = self.now


def restart(session: Session, breaker: str, unit: Unit) -> None:
    """Forget a breaker's evidence for a unit and for everything narrower, after a reset."""
    for row in session.scalars(select(BreakerState).where(BreakerState.breaker == breaker)):
        if row.unit == str(unit) or Scope(row.unit.partition(":")[0]).width < unit.scope.width:
            row.memory = restarted(row.memory)
            row.value = 1.0
