"""Feed the sequential detectors with what is new in the database since their last step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import func, select

from core.messages import EncounterKind, Reason
from db.models import Alert, AlertStatus, CameraHour, Review, Sighting
from rollout.breakers.audited_visits import new_finds
from rollout.breakers.breaker_spec import BreakerSpec, DetectorSpec
from rollout.breakers.collect import CollectContext
from rollout.breakers.detector_state import DetectorStates
from rollout.breakers.detector_steps import (
    TEST_DAYS,
    DetectorState,
    camera_alarm_step,
    day_histograms,
    false_alarm_step,
    loop_step,
    mad_camera_alarm,
    recall_step,
    unknown_step,
    week_step,
    worst_campsite,
)
from rollout.breakers.input_metrics import DAY_S
from rollout.breakers.matched_visits import MatchOutcome, one_a_night, outcomes, settled, uncounted
from rollout.breakers.trip_scope import EVERYTHING, Scope, Unit
from rollout.breakers.trips import ACTION_OF, Action, Tripping

REVIEWED_AFTER_S: Final = 6 * 3600.0
"""A day is counted this long after its end (UTC), so that its alerts have been reviewed."""
MOST_DAYS: Final = 30
"""Days that are caught up with after the controller was away."""
MAD_CAMERA: Final = "evidence that this one camera gives too many false alarms"
EFFORT_WINDOW_S: Final = 28 * DAY_S
DRIFT_WORDS: Final = {
    "unknown": "evidence that unknown animals have become frequent",
    "scores": "evidence that a week's scores differ from those of the first eight",
}

Found = Iterator[Tripping]


def run(name: str, spec: BreakerSpec, context: CollectContext, detector_states: DetectorStates) -> Found:
    """Take the steps that are due; yields what is at or above its alarm level, also when it was before."""
    if spec.detector is not None:
        yield from DETECTORS[spec.detector](name, spec, context, detector_states)


def _recall(name: str, spec: BreakerSpec, context: CollectContext, detector_states: DetectorStates) -> Found:
    memory = detector_states.of(name, EVERYTHING)
    found = _new_outcomes(context, memory)
    found += new_finds(context.session, memory, context.now, context.rule, REVIEWED_AFTER_S)
    for outcome in sorted(found, key=lambda each: each.start):
        memory = recall_step(memory, outcome.missed, outcome.start, spec, outcome.campsite)
    worst = worst_campsite(memory)
    what = "evidence that recall has dropped" + (f", above all at {worst}" if worst else "")
    yield from _judge(name, spec, EVERYTHING, memory, detector_states, spec.number("c"), what)


def _loop(name: str, spec: BreakerSpec, context: CollectContext, detector_states: DetectorStates) -> Found:
    memory = detector_states.of(name, EVERYTHING)
    for outcome in _new_outcomes(context, memory):
        effort = _effort(context, outcome.start)
        if outcome.campsite in effort:
            memory = loop_step(memory, outcome.campsite, effort, outcome.start, spec.number("delta"))
    what = "evidence that review effort no longer goes where the bears are"
    yield from _judge(name, spec, EVERYTHING, memory, detector_states, spec.number("e_alarm"), what)


def _new_outcomes(context: CollectContext, memory: DetectorState) -> list[MatchOutcome]:
    """Blind visits that have not been counted and are over, one of each bear-night. The memory takes note, in place, of
    what is held back."""
    upto, held = int(memory.get("upto", 0)), list(memory.get("held", []))
    rows = uncounted(context.session, upto, held)
    if not rows:
        return []
    found = outcomes(context.session, rows, context.rule)
    judged = settled(found, context.now, context.rule, REVIEWED_AFTER_S)
    done = {outcome.campsite for outcome in judged}
    left: list[Sighting] = [row for row in rows if row.campsite_id not in done]
    memory.update(upto=max(upto, *(row.id for row in rows)), held=[row.id for row in left])
    return one_a_night(context.session, judged)


def _effort(context: CollectContext, before: float) -> dict[str, int]:
    """Reviews by campsite in the four weeks before a moment; every campsite is there, also with none."""
    rows = context.session.execute(
        select(Alert.campsite_id, func.count(Review.id))
        .join(Alert, Alert.id == Review.alert_id)
        .where(Review.created_at > before - EFFORT_WINDOW_S, Review.created_at <= before)
        .group_by(Alert.campsite_id)
    ).all()
    counts = {site: int(count) for site, count in rows}
    return {unit.id: counts.get(unit.id, 0) for unit in context.places.units(Scope.SITE)}


def _false_alarms(name: str, spec: BreakerSpec, context: CollectContext, detector_states: DetectorStates) -> Found:
    """What nobody has confirmed counts: at night nobody may be there to reject anything."""
    memory, by_camera = detector_states.of(name, EVERYTHING), list[tuple[int, Mapping[str, int], Collection[str]]]()
    for day in _due_days(memory, context.now):
        scoring = set(
            context.session.scalars(
                select(CameraHour.camera_id)
                .where(CameraHour.hour_at >= day * DAY_S, CameraHour.hour_at < (day + 1) * DAY_S)
                .distinct()
            )
        )
        rows = context.session.execute(
            select(Alert.camera_id, func.count(Alert.id))
            .where(
                Alert.captured_at >= day * DAY_S,
                Alert.captured_at < (day + 1) * DAY_S,
                Alert.status != AlertStatus.CONFIRMED,
                Alert.kind == EncounterKind.BEAR,
            )
            .group_by(Alert.camera_id)
        ).all()
        counts = {camera: int(count) for camera, count in rows}
        memory = false_alarm_step(memory, [counts.get(c, 0) for c in sorted(scoring | set(counts))], day * DAY_S, spec)
        memory = {**memory, "day": day}
        by_camera.append((day, counts, scoring))
    what = "evidence that there are too many false alarms"
    yield from _judge(name, spec, EVERYTHING, memory, detector_states, spec.number("c"), what)
    yield from _one_camera(name, spec, context, detector_states, by_camera)


def _one_camera(
    name: str,
    spec: BreakerSpec,
    context: CollectContext,
    detector_states: DetectorStates,
    days: Sequence[tuple[int, Mapping[str, int], Collection[str]]],
) -> Found:
    """Each camera by itself: one that alarms all day is lost in the mean of many. A trip is that camera's alone."""
    cameras = context.places.units(Scope.CAMERA)
    alarm = mad_camera_alarm(spec, len(cameras))
    for unit in cameras:
        memory = detector_states.of(name, unit)
        for day, counts, scoring in days:
            if day > int(memory.get("day", -1)) and (unit.id in scoring or unit.id in counts):
                memory = {**camera_alarm_step(memory, counts.get(unit.id, 0), day * DAY_S), "day": day}
        if memory:
            yield from _judge(name, spec, unit, memory, detector_states, alarm, MAD_CAMERA)


def _drift(name: str, spec: BreakerSpec, context: CollectContext, detector_states: DetectorStates) -> Found:
    """Two detectors share a budget: each alarms at twice ``c``, and a week counts as seven days."""
    alarms = {"unknown": 2 * spec.number("c"), "scores": 2 * spec.number("c") / TEST_DAYS}
    for unit in context.places.units(Scope.SITE):
        memory = _drift_days(detector_states.of(name, unit), unit.id, context)
        ratios = {part: memory.get(part, {}).get("level", 1.0) / alarm for part, alarm in alarms.items()}
        worst = max(ratios, key=lambda part: ratios[part])
        level = ratios[worst] * alarms[worst]
        detector_states.keep(name, unit, memory, level, str(memory.get("day", "")))
        place = context.places.widen(unit, spec.scope)
        for part, ratio in ratios.items():
            if ratio >= 1.0:
                found = _tripping(
                    name, spec, place, memory[part], ratio * alarms[part], alarms[part], DRIFT_WORDS[part]
                )
                # Scores drift with weather and season, too: people look at it, nothing ends by itself.
                yield replace(found, action=Action.PAGE) if part == "scores" else found


def _drift_days(memory: DetectorState, site: str, context: CollectContext) -> DetectorState:
    days = list(_due_days(memory, context.now))
    if not days:
        return memory
    unknown, scores = dict(memory.get("unknown", {})), dict(memory.get("scores", {}))
    hours = _camera_hours(context, site, days[0] - TEST_DAYS)
    for day in days:
        unknown = unknown_step(unknown, _unknown_share(hours, day), day * DAY_S)
        if day % TEST_DAYS == 0:
            scores = _weekly(scores, hours, day)
    return {**memory, "unknown": unknown, "scores": scores, "day": days[-1]}


def _weekly(memory: DetectorState, hours: list[Any], day: int) -> DetectorState:
    rows = [(_day(hour_at), histogram) for hour_at, _frames, _unknown, histogram in hours]
    return week_step(memory, day_histograms(rows, day, TEST_DAYS), day * DAY_S)


def _camera_hours(context: CollectContext, site: str, since_day: int) -> list[Any]:
    cameras = [camera for camera, where in context.places.site_of.items() if where == site]
    rows = context.session.execute(
        select(CameraHour.hour_at, CameraHour.frames, CameraHour.unknown, CameraHour.histogram).where(
            CameraHour.camera_id.in_(cameras), CameraHour.hour_at >= since_day * DAY_S
        )
    )
    return [tuple(row) for row in rows]


def _unknown_share(hours: list[Any], day: int) -> float | None:
    frames = unknown = 0
    for hour_at, by_reason, counts, _histogram in hours:
        if _day(hour_at) == day:
            frames += sum(count for reason, count in by_reason.items() if reason != Reason.AUDIT)
            unknown += (counts or {}).get("frames", 0)
    return unknown / frames if frames else None


def _due_days(memory: DetectorState, now: float) -> Iterator[int]:
    """UTC days, counted from 1970, that are over and not counted. The first time, none but yesterday."""
    last = _day(now - REVIEWED_AFTER_S) - 1
    first = max(int(memory.get("day", last - 1)) + 1, last - MOST_DAYS + 1)
    yield from range(first, last + 1)


def _day(at: float) -> int:
    return int(at // DAY_S)


def _judge(
    name: str,
    spec: BreakerSpec,
    unit: Unit,
    memory: DetectorState,
    detector_states: DetectorStates,
    alarm: float,
    what: str,
) -> Found:
    level = float(memory.get("level", 1.0))
    detector_states.keep(name, unit, memory, level, str(memory.get("upto", memory.get("day", ""))))
    if level >= alarm:
        yield _tripping(name, spec, unit, memory, level, alarm, what)


def _tripping(
    name: str, spec: BreakerSpec, unit: Unit, memory: DetectorState, level: float, alarm: float, what: str
) -> Tripping:
    series = tuple((float(at), float(value)) for at, value in memory.get("series", []))
    why = f"{what}: {level:.0f}, alarm at {alarm:.0f}"
    return Tripping(name, unit, ACTION_OF[spec.then], level, alarm, why, series)


DETECTORS: Final[dict[DetectorSpec, Callable[[str, BreakerSpec, CollectContext, DetectorStates], Found]]] = {
    DetectorSpec.LIKELIHOOD_RATIO: _recall,
    DetectorSpec.BETTING_MIX: _false_alarms,
    DetectorSpec.BLOCK_PERM_OR_OOD_BETTING: _drift,
    DetectorSpec.EFFORT_EPROCESS: _loop,
}
