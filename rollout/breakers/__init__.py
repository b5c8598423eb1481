"""Circuit breakers: they watch at all times, trip by themselves, and are reset by people only.

The controller calls, at each tick::

    snapshot = collect_telemetry(client, config, now)         # Redis, outside of any transaction; never raises
    with database.write() as session:
        trips = check(session, specs, config, snapshot, now, lease_until=…, history=…)
        # trips with action HANDOVER become BreakerTripped for Places.of(config).sites(trip.unit)

``check`` writes its trips itself; they stay open (``open_trips``) until ``reset``. An open trip of any action stands in
the way of a promotion. What one camera may still do is ``camera_cap``, which the writer of the outbox asks.
"""

from rollout.breakers.breaker_check import check
from rollout.breakers.breaker_spec import Breakers, BreakerSpec
from rollout.breakers.samples import History
from rollout.breakers.telemetry_snapshot import TelemetrySnapshot, collect_telemetry
from rollout.breakers.trip_scope import EVERYTHING, Places, Scope, Unit
from rollout.breakers.trips import Action, NoSuchTrip, Trip, camera_cap, open_trips, reset

__all__ = [
    "EVERYTHING",
    "Action",
    "BreakerSpec",
    "Breakers",
    "History",
    "NoSuchTrip",
    "Places",
    "Scope",
    "TelemetrySnapshot",
    "Trip",
    "Unit",
    "camera_cap",
    "check",
    "collect_telemetry",
    "open_trips",
    "reset",
]
