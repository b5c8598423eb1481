"""The controller: every few seconds it brings the plan, the model, the breakers and the time to the state machine,
and renews the authority that is granted.

What is true is in the database, and two controllers at once do no harm: events are numbered, and the second writer of
a number looks again. Redis only chooses who works and who stands by, and tells the breakers what they watch. Without
Redis the controller goes on ending, warning and escalating, but it renews nothing: nobody can tell whether the cameras
see, so that authority dies within its two minutes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

import redis
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.bundles.wanted_model import WantedModel, publish_wanted
from core.clock import now_s
from core.config import Config
from core.lease import Lease
from core.machine.life_sign import give_life_sign
from core.redis_client import RedisDown
from core.telemetry import Telemetry
from db.ledger import lock
from db.places import sync_places
from db.session import Database
from rollout.authority.diagnosis import causes
from rollout.authority.freshness import CHECK_EVERY_S, check_freshness
from rollout.authority.leases import died_at, expiries
from rollout.base.scopes import campsites_of
from rollout.breakers import (
    Action,
    History,
    Places,
    Scope,
    TelemetrySnapshot,
    Trip,
    check,
    collect_telemetry,
    open_trips,
)
from rollout.control.analysis_schedule import AnalysisScheduler
from rollout.control.sealed_evidence import page_broken_sightings
from rollout.control.service import confirm, execute, renew
from rollout.models.challenger import store_counts
from rollout.models.champion import wanted
from rollout.models.model_follower import fetch_counts, follow_models
from rollout.stages import commands as c
from rollout.stages.commands import Effect
from rollout.stages.decide import CLOCK_STEP_S
from rollout.stages.event_store import load
from rollout.stages.events import Event, kind_of
from rollout.stages.plan_watcher import PlanWatcher
from rollout.stages.state import State

log = logging.getLogger(__name__)

TICK_S: Final = 5.0
LEADER_TTL_S: Final = 15.0
"""Another controller takes over this long after the active one fell silent."""
FRESH_BEAT_S: Final = 30.0
SETTLE_S: Final = 30.0
"""After a start everything else is starting too. Until then no breaker is asked, and so nothing is renewed either."""
SETTLE_IN_SHADOW_S: Final = 120.0
"""Where nothing is at stake, cameras and detectors may take their time."""
NAMELESS: Final = "a detector that names no model"
SEALS_EVERY_S: Final = 300.0
"""Sightings are held against the ledger this often."""
LEAVES_AFTER_S: Final = 2.0
"""An analysis of the gates that still goes on at the end is waited for so long, then given up."""
EFFECTS: Final[Mapping[Action, Effect]] = {
    Action.PAGE: Effect.PAGE,
    Action.HOLD: Effect.HOLD,
    Action.LIMIT: Effect.REVIEW,
    Action.HANDOVER: Effect.HANDOVER,
}


class Controller:
    """The loop of the controller process."""

    def __init__(self, watcher: PlanWatcher, database: Database, client: redis.Redis) -> None:
        self.watcher = watcher
        self.database = database
        self.client = client
        self.telemetry = Telemetry(client)
        self.leadership = Lease(client, "controller", LEADER_TTL_S)
        self.history = History()
        self.scheduler = AnalysisScheduler(database)
        self.renewed_at = float("-inf")
        self.began_at: float | None = None
        self.alone = False
        """Redis is unreachable: said once, not at each tick."""
        self.brought_in: Config | None = None
        """The configuration whose places stand in the database."""
        self._sealed_at = float("-inf")
        """When sightings were last held against the ledger."""
        self._clocks: tuple[float, float] | None = None
        """The host's clock and the steady one, at the last tick."""
        self._clock_step: float | None = None
        """By how much the clock was set, until that is written down."""

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set. Errors of the servers end one tick, never the loop."""
        while not stop.is_set():
            give_life_sign()
            again_at = time.monotonic() + TICK_S
            try:
                working = self._is_leader()
                if working:
                    self.compare_clocks(now_s(), time.monotonic())
                    self.tick(now_s())
                    self.scheduler.ask(self.watcher.plan, now_s())
            except SQLAlchemyError as error:
                log.error("the tick could not be written, trying again: %s", error)
            while not stop.wait(CHECK_EVERY_S) and time.monotonic() < again_at - CHECK_EVERY_S / 2:
                if working:
                    self._check_between()
        try:
            self.leadership.give_back()
        except RedisDown as error:
            log.warning("stopped without releasing leadership: %s", error)
        self.scheduler.wait(LEAVES_AFTER_S)

    def compare_clocks(self, now: float, steady: float) -> None:
        """Notice a host's clock that was set: it has moved otherwise than the steady one. Less than a minute is left
        alone: services that keep time do that.
        """
        before, self._clocks = self._clocks, (now, steady)
        step = 0.0 if before is None else (now - before[0]) - (steady - before[1])
        if abs(step) > CLOCK_STEP_S:
            self._clock_step = step
            log.error("this machine's clock was set by %.0f s; authority ends, and evidence waits for people", step)

    def check_freshness(self, now: float) -> list[str]:
        """Write down which cameras have gone stale or are fresh again: between ticks too, since it costs so little."""
        said = check_freshness(
            self.database,
            now,
            lambda: causes(collect_telemetry(self.client, self.watcher.config, now), self.watcher.config),
        )
        if said:
            log.warning("%s%s", "; ".join(said[:5]), f" and {len(said) - 5} more" if len(said) > 5 else "")
        return said

    def _check_between(self) -> None:
        try:
            if self.check_freshness(now_s()):
                self.telemetry.publish_wake_up()
        except SQLAlchemyError as error:
            log.error("nobody can check the cameras' sight, which ends by itself: %s", error)
        except RedisDown:
            return  # whoever asks for leadership says so

    def tick(self, now: float) -> State:
        """One round over everything.

        1. The plan and the model: whatever has changed since.
        2. Time: what ends by itself, what warns, what escalates. Before the lease: a stage that ended while nobody
           was here has expired, it has not lost its lease.
        3. A lease that died is lost; it is not revived.
        4. The breakers, each open trip until it is known.
        5. What detectors say about the champion, which gives way where it has to.
        6. Renewal, if Redis answers.
        7. Freshness, on which authority depends.
        8. What holds is read back.
        """
        self.watcher.refresh()
        with self.database.read() as session:
            load(session)  # a long history is read before anybody has to wait for this transaction
        snapshot = collect_telemetry(self.client, self.watcher.config, now)
        counts = fetch_counts(self.client)
        with self.database.write() as session:
            lock(session)
            in_force = self.watcher.config
            if self.brought_in is not in_force or not load(session).plan_digest:
                sync_places(session, in_force, now)
            if now - self._sealed_at >= SEALS_EVERY_S:
                page_broken_sightings(session, self.watcher.plan, now)
            if self._clock_step is not None:
                stepped = c.ClockStepped(by_s=self._clock_step, seen_by="controller")
                self._obey(session, stepped, now)
            events = self._follow(session, snapshot, now)
            events += self._watch_breakers(session, snapshot, now)
            rolled_back = follow_models(session, self.watcher.plan, snapshot, open_trips(session), now)
            model = wanted(session)
            store_counts(session, counts)
            renewed = self._may_renew(session, snapshot, now)
            if renewed:
                events += renew(session, self.watcher.plan, now, "controller").events
        # Only what was committed has been brought in: a tick that failed does it again.
        self.brought_in, self._clock_step = in_force, None
        self._sealed_at = now if now - self._sealed_at >= SEALS_EVERY_S else self._sealed_at
        if renewed:
            self.renewed_at = now
        seen = self.check_freshness(now)
        state = confirm(self.database, self.watcher.plan, now)
        if state is None:
            with self.database.read() as session:
                state = load(session)
        self._report(state, events, now, publish_wake_up=bool(events or seen or rolled_back))
        self._publish_model(model)
        return state

    def _follow(self, session: Session, snapshot: TelemetrySnapshot, now: float) -> list[Event]:
        commands: list[c.Command] = [c.PlanChanged()]
        model = running_model(snapshot, now)
        if model is not None:
            commands.append(c.ModelChanged(model))
        events = [event for command in [*commands, c.Tick()] for event in self._obey(session, command, now)]
        dead = died_at(load(session), expiries(session), now)
        if dead is not None:
            events += self._obey(session, c.LeaseLost(seen_by="controller", expired_at=dead), now)
        return events

    def _settled(self, state: State, now: float) -> bool:
        if self.began_at is None:
            self.began_at = now
        return now - self.began_at >= (SETTLE_S if state.live else SETTLE_IN_SHADOW_S)

    def _may_renew(self, session: Session, snapshot: TelemetrySnapshot, now: float) -> bool:
        """Authority is renewed by whoever sees what the breakers see, and as rarely as the plan says."""
        due = now - self.renewed_at >= self.watcher.plan.lease_renew_s
        return due and snapshot.answers and self._settled(load(session), now)

    def _watch_breakers(self, session: Session, snapshot: TelemetrySnapshot, now: float) -> list[Event]:
        watcher, state = self.watcher, load(session)
        if not self._settled(state, now):
            return []
        ends = [at for site, at in expiries(session).items() if site in campsites_of(state.granted)]
        check(
            session,
            watcher.plan.breakers.specs(),
            watcher.config,
            snapshot,
            now,
            lease_until=min(ends, default=None),
            history=self.history,
            rule=watcher.plan.evidence_rule(),
        )
        places = Places.of(watcher.config)
        return [event for trip in open_trips(session) for event in self._obey(session, tripped(trip, places), now)]

    def _obey(self, session: Session, command: c.Command, now: float) -> list[Event]:
        return list(execute(session, self.watcher.plan, command, now).events)

    def _is_leader(self) -> bool:
        """Whether this controller works now. Without Redis every controller does: the database keeps them apart."""
        try:
            held = self.leadership.hold()
            self.alone = False
            return held
        except RedisDown as error:
            if not self.alone:
                log.warning("Redis is unreachable (%s); authority is not renewed until it is back", error)
            self.alone = True
            return True

    def _publish_model(self, model: WantedModel) -> None:
        """Say again which model is wanted, where Redis has forgotten it or somebody could not say it."""
        try:
            if publish_wanted(self.client, model):
                log.info("the detectors are asked for the model of change %d", model.change)
        except RedisDown:
            return  # whoever asks for leadership says so

    def _report(self, state: State, events: list[Event], now: float, *, publish_wake_up: bool) -> None:
        for event in events:
            log.info("%s by %s", kind_of(event), event.by)
        facts: dict[str, Any] = {
            "phase": state.phase.value,
            "stage": state.stage_name or self.watcher.plan.stages[0].name,
            "seq": state.seq,
            "open_breakers": len(state.latches),
            "problem": self.watcher.problem,
        }
        try:
            self.telemetry.beat("controller", now, facts)
            if publish_wake_up:
                self.telemetry.publish_wake_up()
        except RedisDown:
            return  # whoever asks for leadership says so


def running_model(snapshot: TelemetrySnapshot, now: float) -> str | None:
    """The model that the detectors run, as they report it; None when none has reported lately.

    Several at once are named together: they are no model that any evidence is about. One that does not say which model
    it runs is another one than all others.
    """
    said = [facts.get("model") for facts in snapshot.detectors(now, FRESH_BEAT_S)]
    if not any(said):
        return None
    return " + ".join(sorted({str(model or NAMELESS) for model in said}))


def tripped(trip: Trip, places: Places) -> c.BreakerTripped:
    """A breaker's trip as a command to the rollout."""
    everywhere = trip.unit.scope is Scope.ROLLOUT
    return c.BreakerTripped(
        breaker=trip.breaker,
        unit=str(trip.unit),
        reason=trip.why,
        effect=EFFECTS[trip.action],
        campsites=None if everywhere else tuple(places.sites(trip.unit)),
        cameras=(trip.unit.id,) if trip.unit.scope is Scope.CAMERA else (),
    )
