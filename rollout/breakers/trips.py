"""Trips: written once, latched, and reset by people with a written cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.ledger import record
from db.models import BreakerTrip, Camera, Campsite, Mode
from rollout.breakers.breaker_spec import Then
from rollout.breakers.detector_state import restart
from rollout.breakers.trip_scope import EVERYTHING, Scope, Unit


class Action(StrEnum):
    """What a trip does, weakest first."""

    PAGE = "page"
    """Staff are told."""
    HOLD = "hold"
    """No promotion, and no training on what the model selected itself."""
    LIMIT = "limit"
    """Campers are warned only of what a ranger has confirmed."""
    HANDOVER = "handover"
    """Authority drops at once for the whole unit."""


ACTION_OF: Mapping[Then, Action] = {
    Then.HANDOVER: Action.HANDOVER,
    Then.RATE_LIMIT_AND_REVIEW: Action.LIMIT,
    Then.PAGE_ONLY_BELOW_2X: Action.PAGE,
    Then.HOLD_AND_FREEZE_TRAINING: Action.HOLD,
}

Series = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Trip:
    """A breaker that tripped: for what, what was found, and the last while before it as ``(at, value)``."""

    id: int
    breaker: str
    unit: Unit
    action: Action
    at: float
    value: float | None
    limit: float | None
    why: str
    series: Series = ()


@dataclass(frozen=True, slots=True)
class Tripping:
    """A trip that is about to be written."""

    breaker: str
    unit: Unit
    action: Action
    value: float | None
    limit: float | None
    why: str
    series: Series = ()

    @property
    def key(self) -> tuple[str, Unit, Action]:
        """What may be open only once."""
        return (self.breaker, self.unit, self.action)


class NoSuchTrip(LookupError):
    """There is no open trip with this number."""


def open_trips(session: Session) -> list[Trip]:
    """Every trip that nobody has reset, oldest first."""
    return [_trip(row) for row in _open_rows(session)]


def last_resets(session: Session, since: float) -> list[tuple[str, Unit, float]]:
    """``(breaker, unit, reset_at)`` of the trips that were reset after ``since``."""
    rows = session.scalars(select(BreakerTrip).where(BreakerTrip.reset_at > since))
    return [(row.breaker, _unit(row), row.reset_at) for row in rows if row.reset_at is not None]


def latch(session: Session, found: Iterable[Tripping], now: float) -> list[Trip]:
    """Write those that are not open already; returns the new ones, each recorded in the ledger."""
    known = {(row.breaker, _unit(row), Action(row.action)) for row in _open_rows(session)}
    new: list[BreakerTrip] = []
    for tripping in found:
        if tripping.key not in known:
            known.add(tripping.key)
            new.append(_row(tripping, now))
    session.add_all(new)
    session.flush()
    for row in new:
        record(
            session, at=now, kind="breaker.tripped", subject=f"breaker:{row.breaker}", actor="breakers",
            campsite=row.scope_id if row.scope == Scope.SITE else None,
            body={"trip": row.id, "unit": str(_unit(row)), "action": row.action, "value": row.value,
                  "limit": row.limit, "why": row.why},
        )  # fmt: skip
    return [_trip(row) for row in new]


def reset(session: Session, trip_id: int, by: Sequence[str], cause: str, now: float) -> Trip:
    """Close a trip. Who may, and how many it takes, is the state machine's business; here it is written down.

    A condition that still holds trips again at the next check. Raises :class:`NoSuchTrip` when it is not open, and
    ValueError without a cause.
    """
    if not cause.strip():
        raise ValueError("a breaker is reset with a written cause: say what was found and what was done about it")
    done = session.execute(
        update(BreakerTrip)
        .where(BreakerTrip.id == trip_id, BreakerTrip.reset_at.is_(None))
        .values(reset_at=now, reset_by=", ".join(by), cause=cause.strip())
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE's result counts rows
        raise NoSuchTrip(f"trip {trip_id} is not open; `bearwatch rollout status` lists those that are")
    row = session.get_one(BreakerTrip, trip_id, populate_existing=True)
    restart(session, row.breaker, _unit(row))
    record(
        session, at=now, kind="breaker.reset", subject=f"breaker:{row.breaker}", actor=row.reset_by or "",
        campsite=row.scope_id if row.scope == Scope.SITE else None,
        body={"trip": row.id, "unit": str(_unit(row)), "cause": row.cause},
    )  # fmt: skip
    return _trip(row)


def camera_cap(session: Session, camera_id: str) -> Mode | None:
    """The most that open trips leave to one camera, whatever its campsite was granted; None when there is no cap.

    1. An open handover of the camera, its campsite, its region or the whole rollout: shadow. The state machine ends
       the lease too, but this holds from the same transaction on, and for a single camera only this does.
    2. An open limit: assisted. Campers are warned once a ranger has confirmed.
    """
    columns = (BreakerTrip.scope, BreakerTrip.scope_id, BreakerTrip.action)
    trips = session.execute(select(*columns).where(BreakerTrip.reset_at.is_(None))).all()
    camera = session.get(Camera, camera_id) if trips else None
    if camera is None:
        return None
    site = session.get_one(Campsite, camera.campsite_id)
    around = {
        Unit(Scope.CAMERA, camera_id), Unit(Scope.SITE, site.id), Unit(Scope.REGION, site.region_id), EVERYTHING,
    }  # fmt: skip
    actions = {trip.action for trip in trips if Unit(Scope(trip.scope), trip.scope_id) in around}
    if Action.HANDOVER in actions:
        return Mode.SHADOW
    return Mode.ASSISTED if Action.LIMIT in actions else None


def _open_rows(session: Session) -> list[BreakerTrip]:
    return list(session.scalars(select(BreakerTrip).where(BreakerTrip.reset_at.is_(None)).order_by(BreakerTrip.id)))


def _unit(row: BreakerTrip) -> Unit:
    return Unit(Scope(row.scope), row.scope_id)


def _trip(row: BreakerTrip) -> Trip:
    series = tuple((at, value) for at, value in row.series)
    return Trip(
        row.id, row.breaker, _unit(row), Action(row.action), row.tripped_at, row.value, row.limit, row.why, series
    )


def _row(tripping: Tripping, now: float) -> BreakerTrip:
    return BreakerTrip(
        breaker=tripping.breaker,
        scope=tripping.unit.scope,
        scope_id=tripping.unit.id,
        action=tripping.action,
        tripped_at=now,
        value=tripping.value,
        limit=tripping.limit,
        why=tripping.why,
        series=[list(point) for point in tripping.series],
    )
