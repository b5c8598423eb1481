"""When a fault is noticed: the production rules and conditions, asked at every check and tick from its beginning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import Final

from core.config import Motion
from core.redis_client import REPLY_TIMEOUT_S
from core.site_config import Outside
from detector.self_test import AGAIN_AFTER_S
from detector.self_test import EVERY_S as SELF_TEST_EVERY_S
from rollout.authority.freshness import CHECK_EVERY_S, Watermark, is_fresh
from rollout.breakers.breaker_spec import BreakerSpec
from rollout.breakers.conditions import Clause, Finding, ValueOf, evaluate
from rollout.breakers.gate_metrics import CLIP_CHECK_EVERY_S, JUDGED_AFTER_S
from rollout.breakers.samples import Inputs, Sample, label
from rollout.breakers.trip_scope import Scope, Unit
from rollout.control.controller import TICK_S
from rollout.stages.time_rules import FreshnessTimes

REGION: Final = Unit(Scope.REGION, "sierra")
KEEPALIVE_S: Final = Motion().keepalive_s
FLUSH_S: Final = 2.0
"""The tracker writes watermarks down this often."""
CALLS_EVERY_S: Final = Outside().every_s
PATIENCE_S: Final = 60.0
"""So long a service elsewhere waits for a call that is overdue, before it pages."""
PROMISED_S: Final[Mapping[str, float]] = {
    "camera": FreshnessTimes().within.nominal_s + TICK_S,
    "redis": FreshnessTimes().within.nominal_s + TICK_S,
    "lapsed": FreshnessTimes().within.nominal_s + TICK_S,
    "network": SELF_TEST_EVERY_S + KEEPALIVE_S + TICK_S,
    "detector": FreshnessTimes().clips_every.nominal_s + 2 * (JUDGED_AFTER_S + CLIP_CHECK_EVERY_S) + TICK_S,
    "missed": CALLS_EVERY_S + PATIENCE_S + TICK_S,
}
"""By cause: a path that does not work is known within so many seconds, wherever anybody looks. For a lost machine that
nobody elsewhere misses nothing is promised."""


def promised_s(cause: str) -> float:
    """Within how many seconds a path that does not work is known; 0 where nothing is promised."""
    return PROMISED_S.get(cause, 0.0)


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


def freshness_lost(freshness: FreshnessTimes, begin: float, end: float, phase: float) -> float | None:
    """Pictures stop coming; the last one was handled up to a keepalive before. The first check that finds it stale.

    ``phase``, 0 to 1: where between two keepalives it began.
    """
    last, at = begin - phase * KEEPALIVE_S, on_grid(begin, CHECK_EVERY_S)
    while at < end:
        if not is_fresh(last, begin - 3600.0, at, freshness.within.nominal_s, freshness.back_after.nominal_s):
            return at
        at += CHECK_EVERY_S
    return None


def said_lost(begin: float, end: float) -> float | None:
    """The tracker finds out by itself that nothing can come any more, and writes that down at once."""
    at = on_grid(begin + REPLY_TIMEOUT_S, CHECK_EVERY_S)
    return at if at < end else None


def missed_elsewhere(begin: float, end: float, phase: float) -> float | None:
    """The machine is gone; the service that it called last up to ``CALLS_EVERY_S`` before misses the next call."""
    at = begin + (1.0 - phase) * CALLS_EVERY_S + PATIENCE_S
    return at if at < end else None


def self_test_failing(begin: float, end: float, phase: float) -> float | None:
    """The network's answers mean nothing any more: its next self-test fails, and so does the next picture's word."""
    at = on_grid(begin + phase * (SELF_TEST_EVERY_S + KEEPALIVE_S) + FLUSH_S, CHECK_EVERY_S)
    return at if at < end else None


def self_test_fails_twice(spec: BreakerSpec, begin: float, end: float, phase: float) -> float | None:
    """A detector fails its self-test again and again."""
    failed, at = 0, begin + phase * SELF_TEST_EVERY_S
    while at < end:
        failed += 1
        if any(evaluate(c, {"self_proof_failed": float(failed)}.get).met for c in _clauses(spec)):
            return on_grid(at)
        at += AGAIN_AFTER_S
    return None


def freshness_back(freshness: FreshnessTimes, end: float, phase: float) -> float:
    """Pictures come again: the first check that finds sight."""
    seen, at, next_at = Watermark(), on_grid(end, CHECK_EVERY_S), end + phase * KEEPALIVE_S
    while True:
        if at >= next_at:
            seen = seen.handled(next_at, at, freshness.within.nominal_s)
            next_at += KEEPALIVE_S
        if is_fresh(
            seen.captured_at, seen.steady_since, at, freshness.within.nominal_s, freshness.back_after.nominal_s
        ):
            return at
        at += CHECK_EVERY_S


def camera_silent(spec: BreakerSpec, begin: float, end: float) -> float | None:
    """A camera shows nothing new."""
    return first_met(spec, lambda at: {"camera_silent_s": at - begin}.get, begin, end)


def most_are_blind(spec: BreakerSpec, live: int, cameras: int) -> bool:
    """Whether so few of a campsite's cameras see that the campsite is handed over as well."""
    condition = spec.site_condition
    values: Mapping[str, float] = {"live_cameras": float(live), "cameras": float(cameras)}
    return condition is not None and any(evaluate(clause, values.get).met for clause in condition.clauses)


def nobody_updates(spec: BreakerSpec, begin: float, end: float) -> float | None:
    """Redis is unreachable: what it told grows old, what it should tell is missing."""
    intervals = spec.condition.stale_intervals if spec.condition else None
    if intervals is None:
        return None
    at = on_grid(begin)
    missed_since = {label("redis_lag_s", REGION): at}
    while at < end:
        samples = {("redis_lag_s", REGION): Sample(None, None), ("live_cameras", REGION): Sample(1.0, begin)}
        if any(Inputs(at, samples).stale(intervals, missed_since)):
            return at
        at += TICK_S
    return None


def clips_missed(spec: BreakerSpec, begin: float, end: float, every_s: float, phase: float) -> float | None:
    """Test clips come to nothing: one every ``every_s``, and after the first miss another as soon as it is judged.

    ``phase``, 0 to 1: where between two clips it began.
    """
    planted, missed = begin + phase * every_s, 0
    while planted < end:
        missed += 1
        judged = planted + JUDGED_AFTER_S + CLIP_CHECK_EVERY_S
        if any(evaluate(c, {"planted_clip_missed": float(missed)}.get).met for c in _clauses(spec)):
            return on_grid(judged)
        planted = judged if missed == 1 else planted + every_s
    return None


def _clauses(spec: BreakerSpec) -> tuple[Clause, ...]:
    return spec.condition.clauses if spec.condition else ()
