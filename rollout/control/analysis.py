"""An analysis run over the current stage's gates: what every metric says now, and what follows for each gate.

The word is that of Argo Rollouts (AnalysisRun).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import Campsite, WatchDrill
from rollout.base.durations import Duration
from rollout.base.metrics import Measured
from rollout.base.scopes import campsites_of
from rollout.breakers import open_trips
from rollout.breakers.gate_metrics import canary_recall
from rollout.control.handover_spans import handovers
from rollout.control.model_spans import model_spans
from rollout.evidence.assessment import AssessmentScope, assess
from rollout.evidence.watched_time import kept_watches
from rollout.stages.gates import GateResult, assess_gates
from rollout.stages.plan import RolloutPlan, Stage
from rollout.stages.spec import WatchRule
from rollout.stages.state import State

STAGE = "stage"


class Measure(Protocol):
    """Whoever knows metrics of some campsites since a moment, for one model."""

    def __call__(
        self, session: Session, plan: RolloutPlan, state: State, stage: Stage, since: float, now: float
    ) -> Mapping[str, Measured]:
        """The metrics by name."""


@dataclass(frozen=True, slots=True)
class AnalysisRun:
    """What an analysis found. ``at`` is when evidence was worked out."""

    at: float
    stage: Stage
    run: int
    since: float
    model: str | None
    measured: Mapping[str, Mapping[str, Measured]]
    """By window (``stage``, ``24h``), then by metric."""
    gates: tuple[GateResult, ...]


def run_analysis(
    session: Session, plan: RolloutPlan, state: State, now: float, measures: Sequence[Measure] | None = None
) -> AnalysisRun:
    """Analyse the current stage's gates.

    1. Each window that a gate names is measured once: from the stage's start, or the last so much of it. In shadow it
       starts when the model did.
    2. Of two who know the same metric, the later one in ``measures`` is believed.
    3. What nobody knows makes its gates inconclusive.
    4. A stage that may be analysed day after day is judged by bounds that allow for it.
    """
    stage, since = stage_of(plan, state), since_of(state, now)
    measured: dict[str, dict[str, Measured]] = {}
    for window, begin in _windows(plan, stage, since, now):
        measured[window] = {}
        for measure in MEASURES if measures is None else measures:
            measured[window].update(measure(session, plan, state, stage, begin, now))
    return AnalysisRun(now, stage, state.run, since, state.model, measured, _assessed(plan, stage, measured))


def brought_up_to_date(
    session: Session, plan: RolloutPlan, state: State, earlier: AnalysisRun, now: float
) -> AnalysisRun:
    """An earlier analysis of the same stage, with what the rollout knows of itself now: that costs next to nothing.

    Evidence stays as old as the analysis; breakers, drills, test clips and watches are of ``now``.
    """
    measured = {
        window: {
            **earlier.measured.get(window, {}),
            **by_rollout(session, plan, state, earlier.stage, begin, now),
        }
        for window, begin in _windows(plan, earlier.stage, earlier.since, now)
    }
    return replace(earlier, measured=measured, gates=_assessed(plan, earlier.stage, measured))


def stage_of(plan: RolloutPlan, state: State) -> Stage:
    """The stage whose gates lead on from here."""
    return plan.stages[min(state.stage, len(plan.stages) - 1)]


def _windows(plan: RolloutPlan, stage: Stage, since: float, now: float) -> list[tuple[str, float]]:
    """Each window that a gate names, with its beginning; the whole stage among them."""
    return [
        (window, since if window == STAGE else max(since, Duration.parse(window).before(now, plan.timezone)))
        for window in sorted({STAGE, *(gate.window for gate in stage.gates)})
    ]


def _assessed(
    plan: RolloutPlan, stage: Stage, measured: Mapping[str, Mapping[str, Measured]]
) -> tuple[GateResult, ...]:
    return assess_gates(stage.gates, measured, plan.analysed_repeatedly(stage))


def by_evidence(
    session: Session, plan: RolloutPlan, state: State, stage: Stage, since: float, now: float
) -> Mapping[str, Measured]:
    """Everything that sightings, alerts, audits and operations tell. Nothing without a model, nor of a
    campsite that the controller has not brought in yet."""
    sites = campsites_of(stage.places)
    known = list(session.scalars(select(Campsite.id)))
    if state.model is None or not set(sites) <= set(known):
        return {}
    scope = AssessmentScope(
        campsites=sites,
        since=since,
        until=now,
        model=state.model,
        rule=plan.evidence_rule(),
        model_spans=model_spans(session, state.model, known, now),
        handovers=handovers(session, now),
    )
    return assess(session, scope)


def by_rollout(
    session: Session, plan: RolloutPlan, state: State, stage: Stage, since: float, now: float
) -> Mapping[str, Measured]:
    """What the rollout knows of itself: open breakers, the last drill, test clips, and who was on watch."""
    open_now = {latch.id for latch in state.latches} | {f"{trip.breaker}@{trip.unit}" for trip in open_trips(session)}
    ids = {latch.removesuffix("@rollout:rollout") for latch in open_now}
    found = [
        Measured("open_breakers", float(len(ids)), n=1, unit="breakers", detail={"open": sorted(ids)}),
        _drill_age(session, state, stage, now),
        canary_recall(session, campsites_of(stage.places), since, now),
    ]
    if stage.watch is not None:
        found.append(_coverage(session, stage, stage.watch, since, now))
    return {each.metric: each for each in found}


def since_of(state: State, now: float) -> float:
    """From when on evidence counts: the start of a live stage; in shadow, of the model."""
    if state.live and state.started_at is not None:
        return state.started_at
    return now if state.evidence_since is None else state.evidence_since


def _drill_age(session: Session, state: State, stage: Stage, now: float) -> Measured:
    """Since the campsite whose last successful drill is longest ago. A real watch that was taken over counts too."""
    rows = session.execute(
        select(WatchDrill.campsite_id, func.max(WatchDrill.held_at))
        .where(WatchDrill.passed.is_(True), WatchDrill.held_at <= now)
        .group_by(WatchDrill.campsite_id)
    )
    last: dict[str, float] = {row[0]: row[1] for row in rows}
    moments = [max(last.get(name, 0.0), state.watched_at or 0.0) for name in campsites_of(stage.places)]
    oldest = min(moments, default=0.0)
    if not oldest:
        return Measured("manual_watch_drill_age_d", None, unit="days", why="no manual-watch drill has been passed yet")
    return Measured("manual_watch_drill_age_d", (now - oldest) / 86400, n=1, unit="days")


def _coverage(session: Session, stage: Stage, watch: WatchRule, since: float, now: float) -> Measured:
    """The share of time with as many people on watch as the stage asks for, at the campsite where it is least."""
    if now <= since:
        return Measured("watch_coverage", None, unit="share", why="the stage has only begun")
    shares = {
        name: covered_s(_watches(session, name, since, now), watch.observers) / (now - since)
        for name in campsites_of(stage.places)
    }
    least = min(shares, key=lambda name: shares[name])
    return Measured("watch_coverage", shares[least], n=1, unit="share", detail={"least at": least, "by": shares})


def _watches(session: Session, campsite: str, since: float, now: float) -> list[tuple[float, float]]:
    by_user: dict[int, list[tuple[float, float]]] = {}
    for kept in kept_watches(session, now, since, [campsite]):
        by_user.setdefault(kept.user_id, []).append((max(kept.span.start, since), kept.span.end))
    return [span for spans in by_user.values() for span in _joined(spans)]


def _joined(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """One person's watches without overlaps: nobody counts as two observers."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif end > start:
            joined.append((start, end))
    return joined


def covered_s(spans: Sequence[tuple[float, float]], observers: int) -> float:
    """For how long at least ``observers`` of the spans overlap. Pure."""
    steps = sorted([(start, 1) for start, _end in spans] + [(end, -1) for _start, end in spans])
    covered, there, since = 0.0, 0, 0.0
    for at, change in steps:
        if there >= observers:
            covered += at - since
        there, since = there + change, at
    return covered


MEASURES: tuple[Measure, ...] = (by_evidence, by_rollout)
"""Who measures, in order."""
