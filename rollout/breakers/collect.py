"""Gather what the breakers look at: from the database, from what Redis told, from the configuration.

Every reading carries the moment at which its *source* last showed a sign of life. What is counted in the database is
only as fresh as the tracker that writes it: with the tracker dead there are no false alarms either, and that is no
good news.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from core.config import Config
from core.machine.host import PREFIX
from core.messages import EncounterKind
from db.models import Alert, AlertStatus, BreakerState, CameraHour, CanaryRun, DeliveryAttempt, Encounter
from rollout.breakers.breaker_spec import BreakerSpec
from rollout.breakers.input_metrics import DAY_S, HOUR_S
from rollout.breakers.matched_visits import DECIDED_WITHIN_S, outcomes, sightings_since
from rollout.breakers.samples import Inputs, Key, Sample
from rollout.breakers.tariff import spend
from rollout.breakers.telemetry_snapshot import TelemetrySnapshot
from rollout.breakers.trip_scope import EVERYTHING, Places, Scope, Unit
from rollout.evidence.comparison import EvidenceRule

LATENCY_WINDOW_S: Final = HOUR_S
CANARY_WINDOW_S: Final = 6 * HOUR_S
FORGET_MACHINE_S: Final = DAY_S
"""A machine that has not reported for a day is gone; the breaker that it tripped is still open."""

UNDECIDED_AFTER_S: Final = 900.0
"""An alert that nobody has decided for so long counts as a false one, until somebody does."""
FRESH_DETECTOR_S: Final = 30.0
"""A detector that has not reported for so long works for nobody."""

Resets = Sequence[tuple[str, Unit, float]]


@dataclass(frozen=True, slots=True)
class CollectContext:
    """All that is needed to work out the readings."""

    session: Session
    config: Config
    specs: Mapping[str, BreakerSpec]
    places: Places
    snapshot: TelemetrySnapshot
    resets: Resets
    lease_until: float | None
    now: float
    rule: EvidenceRule
    """How the plan tells visits apart and matches them."""

    def tracker_at(self, region: str) -> float | None:
        """When the tracker of a region last said that it lives."""
        return self.snapshot.beat_at(f"tracker:{self.config.regions[region].shard}")

    def region_of(self, camera: str) -> str:
        """The region that a camera stands in."""
        return self.places.region_of[self.places.site_of[camera]]

    def floor(self, name: str, unit: Unit) -> float:
        """Events up to this moment were dealt with when a breaker that counts them was last reset."""
        using = {key for key, spec in self.specs.items() if spec.when and name in spec.when}
        mine = [at for breaker, where, at in self.resets if breaker in using and _covers(self.places, where, unit)]
        return max(mine, default=-math.inf)


def collect(context: CollectContext, names: Iterable[str]) -> Inputs:
    """The readings of the quantities in ``names``, and of no others: what nobody asks for costs nothing."""
    samples: dict[Key, Sample] = {}
    done: set[Callable[[CollectContext], Mapping[Key, Sample]]] = set()
    wanted = set(names)
    for name in sorted(wanted):
        source = SOURCES[name]
        if source not in done:
            done.add(source)
            samples.update((key, sample) for key, sample in source(context).items() if key[0] in wanted)
    return Inputs(context.now, samples)


def _missed(context: CollectContext) -> dict[Key, Sample]:
    """Missed bears of the last day by campsite: seen by a person, whoever and however, and not by the model."""
    sightings = sightings_since(context.session, context.now - DAY_S - HOUR_S, blind_only=False)
    found = outcomes(context.session, sightings, context.rule)
    name, missed = "missed_confirmed_sightings_24h", Counter[str]()
    for outcome in found:
        # Until then an alert may still come, or be confirmed.
        judged_at = max(outcome.start + context.rule.match.after_s, outcome.open_until(DECIDED_WITHIN_S))
        old_enough = context.now >= judged_at
        floor = max(context.now - DAY_S, context.floor(name, Unit(Scope.SITE, outcome.campsite)))
        if outcome.missed and old_enough and outcome.end > floor:
            missed[outcome.campsite] += 1
    return {
        (name, unit): Sample(missed[unit.id], context.tracker_at(context.places.region_of[unit.id]))
        for unit in context.places.units(Scope.SITE)
    }


def _false_alarms(context: CollectContext) -> dict[Key, Sample]:
    """What nobody has confirmed: rejected, or undecided for a while. By night nobody may be there to reject any."""
    name, counts = "false_alarms_1h_camera", Counter[str]()
    undecided = and_(
        Alert.kind == EncounterKind.BEAR,
        Alert.status.in_((AlertStatus.OPEN, AlertStatus.UNSURE)),
        Alert.captured_at <= context.now - UNDECIDED_AFTER_S,
    )
    rows = context.session.execute(
        select(Alert.camera_id, Alert.captured_at).where(
            Alert.captured_at > context.now - HOUR_S, or_(Alert.status == AlertStatus.REJECTED, undecided)
        )
    ).all()
    for camera, at in rows:
        if at > context.floor(name, Unit(Scope.CAMERA, camera)):
            counts[camera] += 1
    return {
        (name, unit): Sample(counts[unit.id], context.tracker_at(context.region_of(unit.id)))
        for unit in context.places.units(Scope.CAMERA)
    }


def _latency(context: CollectContext) -> dict[Key, Sample]:
    """The 99th percentile over alerts and test clips; with fewer than a hundred it is the slowest."""
    since = context.now - LATENCY_WINDOW_S
    alerts = context.session.execute(
        select(Alert.camera_id, Alert.created_at - Alert.captured_at)
        .join(Encounter, Encounter.id == Alert.encounter_id)
        .where(Alert.captured_at > since, Encounter.late.is_(False))
    ).all()
    clips = context.session.execute(
        select(CanaryRun.camera_id, CanaryRun.latency_s).where(
            CanaryRun.planted_at > since, CanaryRun.latency_s.is_not(None)
        )
    ).all()
    waits: dict[str, list[float]] = {}
    for camera, wait in [*alerts, *clips]:
        if camera in context.places.site_of and wait is not None:
            waits.setdefault(context.region_of(camera), []).append(wait)
    return {
        ("alert_end_to_end_p99_s", unit): Sample(percentile(waits.get(unit.id, []), 0.99), context.tracker_at(unit.id))
        for unit in context.places.units(Scope.REGION)
    }


def _queues(context: CollectContext) -> dict[Key, Sample]:
    found: dict[Key, Sample] = {}
    at = context.snapshot.at if context.snapshot.answers else None
    for unit in context.places.units(Scope.REGION):
        waiting = context.snapshot.waiting.get(context.config.regions[unit.id].shard)
        found["redis_lag_s", unit] = Sample(waiting.oldest_s if waiting else None, at)
        found["redis_len", unit] = Sample(waiting.entries + context.snapshot.jobs if waiting else None, at)
    return found


def _cameras(context: CollectContext) -> dict[Key, Sample]:
    """One dead camera is one blind camera, whatever it is that does not tell of it: its neighbours' readers show that
    somebody reads. Nobody has heard of a camera only where nobody has heard of any camera of its region.

    A camera of which nothing was seen yet has no value; the check knows since when (:func:`since_first_asked`).
    """
    heard: dict[str, float] = {}
    for name, status in context.snapshot.cameras.items():
        if name in context.places.site_of:
            region = context.region_of(name)
            heard[region] = max(heard.get(region, status.reported_at), status.reported_at)
    found: dict[Key, Sample] = {}
    for unit in context.places.units(Scope.CAMERA):
        seen = context.snapshot.cameras.get(unit.id)
        silent = None if seen is None or seen.content_at is None else context.now - seen.content_at
        found["camera_silent_s", unit] = Sample(silent, heard.get(context.region_of(unit.id)))
    return found


def since_first_asked(inputs: Inputs, before: Mapping[str, float]) -> tuple[Inputs, dict[str, float]]:
    """The same, with cameras of which nothing was seen yet silent since they were first asked about; and since when.

    ``before``: what this has answered at the check before.
    """
    waiting = {
        key: before.get(key[1].id, inputs.at)
        for key, sample in inputs.samples.items()
        if key[0] == "camera_silent_s" and sample.value is None and sample.at is not None
    }
    silent = {key: Sample(inputs.at - since, inputs.samples[key].at) for key, since in waiting.items()}
    return Inputs(inputs.at, {**inputs.samples, **silent}), {key[1].id: since for key, since in waiting.items()}


def _live_cameras(context: CollectContext) -> dict[Key, Sample]:
    found: dict[Key, Sample] = {}
    for unit in context.places.units(Scope.SITE):
        names = [camera for camera, site in context.places.site_of.items() if site == unit.id]
        statuses = [context.snapshot.cameras[name] for name in names if name in context.snapshot.cameras]
        live = sum(s.blind_reason(context.now, context.config.blind_after_s) is None for s in statuses)
        at = max((status.reported_at for status in statuses), default=None)
        if names:
            found["live_cameras", unit] = Sample(live, at)
            found["cameras", unit] = Sample(len(names), context.now)
    return found


def _machines(context: CollectContext) -> dict[Key, Sample]:
    """The worst machine of each region. A region that no machine reports for is missing, not fine."""
    machines = [
        facts
        for name, facts in context.snapshot.heartbeats.items()
        if name.startswith(PREFIX) and context.now - float(facts.get("at", 0.0)) < FORGET_MACHINE_S
    ]
    found: dict[Key, Sample] = {}
    for unit in context.places.units(Scope.REGION):
        shard = context.config.regions[unit.id].shard
        here = [facts for facts in machines if not facts.get("shards") or shard in facts["shards"]]
        for name, (key, worst, always) in MACHINE_FACTS.items():
            sample = _worst(here, key, worst)
            if sample is not None or always:
                found[name, unit] = sample or Sample(None, None)
    return found


def _worst(machines: Sequence[Mapping[str, Any]], key: str, worst: Callable[[list[float]], float]) -> Sample | None:
    """The worst value, as old as the oldest machine that should tell it: one that fell silent counts."""
    telling = [facts for facts in machines if facts.get(key) is not None]
    if key == "gpus":
        telling = [facts for facts in telling if facts.get("gpus_expected", 0) > 0]
    if not telling:
        return None
    return Sample(worst([float(facts[key]) for facts in telling]), min(float(facts["at"]) for facts in telling))


MACHINE_FACTS: Final[dict[str, tuple[str, Callable[[list[float]], float], bool]]] = {
    "gpu_c": ("gpu_c", max, False),
    "gpus_up": ("gpus", min, False),
    "cpu_c": ("cpu_c", max, False),
    "cpu_load": ("load", max, True),
    "memory_used": ("memory_used", max, True),
    "disk_free": ("disk_free", min, True),
}
"""Which fact of a heartbeat each quantity is, which machine's counts, and whether every machine has it."""


def _costs(context: CollectContext) -> dict[Key, Sample]:
    if context.config.costs.budget_day is None:
        return {}
    tried = context.session.scalar(
        select(func.count(DeliveryAttempt.id)).where(DeliveryAttempt.at > context.now - DAY_S)
    )
    machines = [facts for name, facts in context.snapshot.heartbeats.items() if name.startswith(PREFIX)]
    gpus = sum(int(facts.get("gpus") or 0) for facts in machines if context.now - facts["at"] < FORGET_MACHINE_S)
    cost = spend(context.config.costs, cameras=len(context.places.site_of), gpus=gpus, messages=tried or 0)
    return {
        ("spend_24h", EVERYTHING): Sample(cost, context.now),
        ("budget_24h", EVERYTHING): Sample(context.config.costs.budget_day, context.now),
    }


def _unknown_animals(context: CollectContext) -> dict[Key, Sample]:
    frames, unknown = Counter[str](), Counter[str]()
    rows = context.session.execute(
        select(CameraHour.camera_id, CameraHour.frames, CameraHour.unknown).where(
            CameraHour.hour_at > context.now - DAY_S
        )
    ).all()
    for camera, by_reason, counts in rows:
        site = context.places.site_of.get(camera)
        if site is not None:
            frames[site] += sum(by_reason.values())
            unknown[site] += (counts or {}).get("frames", 0)
    return {
        ("unknown_animal_share", unit): Sample(
            unknown[unit.id] / frames[unit.id] if frames[unit.id] else None,
            context.tracker_at(context.places.region_of[unit.id]),
        )
        for unit in context.places.units(Scope.SITE)
    }


def _loop(context: CollectContext) -> dict[Key, Sample]:
    state = context.session.get(BreakerState, ("loop", str(EVERYTHING)))
    return {("loop_e", EVERYTHING): Sample(state.value if state else 1.0, context.now)}


def _canaries(context: CollectContext) -> dict[Key, Sample]:
    """Clips missed in a row, newest first; one whose time is not over yet does not count either way."""
    name, since = "planted_clip_missed", context.now - CANARY_WINDOW_S
    rows = context.session.execute(
        select(CanaryRun.camera_id, CanaryRun.planted_at, CanaryRun.seen)
        .where(CanaryRun.planted_at > since, CanaryRun.seen.is_not(None))
        .order_by(CanaryRun.planted_at.desc())
    ).all()
    newest: dict[str, float] = {}
    missed, seen = Counter[str](), set[str]()
    for camera, at, was_seen in rows:
        newest.setdefault(camera, at)
        if was_seen or at <= context.floor(name, Unit(Scope.CAMERA, camera)):
            seen.add(camera)
        elif camera not in seen:
            missed[camera] += 1
    return {
        (name, unit): Sample(missed[unit.id], newest[unit.id]) if unit.id in newest else Sample(None, None)
        for unit in context.places.units(Scope.CAMERA)
    }


def _self_tests(context: CollectContext) -> dict[Key, Sample]:
    """The worst of the detectors that work for a region now. Where none tells of a proof, there is nothing to read:
    that no detector works is seen by whose pictures it leaves unhandled."""
    found: dict[Key, Sample] = {}
    for unit in context.places.units(Scope.REGION):
        shard = context.config.regions[unit.id].shard
        here = [
            facts
            for facts in context.snapshot.detectors(context.now, FRESH_DETECTOR_S, shard)
            if facts.get("self_test")
        ]
        if here:
            worst = max(float(facts["self_test"]["failed"]) for facts in here)
            found["self_proof_failed", unit] = Sample(worst, max(float(facts["at"]) for facts in here))
    return found


def _lease(context: CollectContext) -> dict[Key, Sample]:
    expired = context.lease_until is not None and context.now >= context.lease_until
    return {("lease_expired", EVERYTHING): Sample(float(expired), context.now)}


SOURCES: Final[dict[str, Callable[[CollectContext], Mapping[Key, Sample]]]] = {
    "missed_confirmed_sightings_24h": _missed,
    "false_alarms_1h_camera": _false_alarms,
    "alert_end_to_end_p99_s": _latency,
    "redis_lag_s": _queues,
    "redis_len": _queues,
    "camera_silent_s": _cameras,
    "live_cameras": _live_cameras,
    "cameras": _live_cameras,
    **dict.fromkeys(MACHINE_FACTS, _machines),
    "spend_24h": _costs,
    "budget_24h": _costs,
    "unknown_animal_share": _unknown_animals,
    "loop_e": _loop,
    "planted_clip_missed": _canaries,
    "self_proof_failed": _self_tests,
    "lease_expired": _lease,
}
"""Who works out each quantity."""


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least ``share`` of all do not exceed; None for none."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _covers(places: Places, outer: Unit, inner: Unit) -> bool:
    if inner.scope is Scope.CAMERA and inner.id not in places.site_of:
        return False
    return outer.scope.width >= inner.scope.width and places.widen(inner, outer.scope) == outer
