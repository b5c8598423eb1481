"""When a fault is noticed: the production conditions, asked at every tick of the controller from its beginning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import Final

from rollout.breakers.conditions import Clause, Finding, ValueOf, evaluate
from rollout.breakers.measured import JUDGED_AFTER_S
from rollout.breakers.readings import Inputs, Reading, label
from rollout.breakers.scope import Scope, Unit
from rollout.breakers.spec import BreakerSpec
from rollout.controller import TICK_S

REGION: Final = Unit(Scope.REGION, "sierra")
HOUR_S: Final = 3600.0


def on_grid(at: float, every_s: float = TICK_S) -> float:
    """The first tick at or after a moment."""
    return ceil(at / every_s) * every_s


def first_met(spec: BreakerSpec, values_at: Callable[[float], ValueOf], begin: float, end: float) -> float | None:
    """The first tick at which one of a breaker's clauses is true for as long as it asks; None when the fault is over
    before."""
    since: dict[str, float] = {}
    at = on_grid(begin)
    while at < end:
        for clause in spec.condition.clauses if spec.condition else ():
            if _held(clause, evaluate(clause, values_at(at)), since, at):
                return at
        at += TICK_S
    return None


def _held(clause: Clause, finding: Finding, since: dict[str, float], now: float) -> bool:
    if not finding.met:
        since.pop(clause.text, None)
        return False
    return now - since.setdefault(clause.text, now) >= clause.hold_s


def camera_silent(spec: BreakerSpec, begin: float, end: float) -> float | None:
    """A camera shows nothing new."""
    return first_met(spec, lambda at: {"camera_silent_s": at - begin}.get, begin, end)


def most_are_blind(spec: BreakerSpec, live: int, cameras: int) -> bool:
    """Whether so few of a campsite's cameras see that the campsite is handed over as well."""
    condition = spec.site_condition
    values: Mapping[str, float] = {"live_cameras": float(live), "cameras": float(cameras)}
    return condition is not None and any(evaluate(clause, values.get).met for clause in condition.clauses)


def nobody_updates(spec: BreakerSpec, begin: float, end: float) -> float | None:
    """Redis is away: what it told grows old, what it should tell is missing."""
    intervals = spec.condition.stale_intervals if spec.condition else None
    if intervals is None:
        return None
    at = on_grid(begin)
    missed_since = {label("redis_lag_s", REGION): at}
    while at < end:
        readings = {("redis_lag_s", REGION): Reading(None, None), ("live_cameras", REGION): Reading(1.0, begin)}
        if any(Inputs(at, readings).stale(intervals, missed_since)):
            return at
        at += TICK_S
    return None


def clips_missed(spec: BreakerSpec, begin: float, end: float, minute_s: float) -> float | None:
    """Planted clips come to nothing, one every hour, ``minute_s`` after it began."""
    planted = begin // HOUR_S * HOUR_S + minute_s
    planted += HOUR_S if planted < begin else 0.0
    missed = 0
    while planted < end:
        missed += 1
        at = on_grid(planted + JUDGED_AFTER_S)
        if any(evaluate(c, {"planted_clip_missed": float(missed)}.get).met for c in _clauses(spec)):
            return at
        planted += HOUR_S
    return None


def _clauses(spec: BreakerSpec) -> tuple[Clause, ...]:
    return spec.condition.clauses if spec.condition else ()
