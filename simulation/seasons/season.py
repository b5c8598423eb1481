"""One season: the agenda of what happens when, and people who do what people do. The rollout decides."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from rollout.base.scopes import campsites_of
from rollout.breakers.breaker_spec import BreakerSpec
from rollout.breakers.conditions import evaluate
from rollout.breakers.detector_steps import (
    DetectorState,
    camera_alarm_step,
    false_alarm_step,
    loop_step,
    mad_camera_alarm,
    recall_step,
    restarted,
)
from rollout.breakers.trip_scope import EVERYTHING, Scope, Unit
from rollout.breakers.trips import ACTION_OF, Trip
from rollout.control.controller import tripped
from rollout.evidence.feedback import EFFORT_WINDOW_S, At
from rollout.stages import commands as c
from rollout.stages import events as e
from rollout.stages.commands import Person, Step
from rollout.stages.in_memory import InMemoryRollout
from rollout.stages.promotion import analysis_opens_at
from rollout.stages.rollback import latch_id
from rollout.stages.state import State
from simulation.seasons import noticing
from simulation.seasons.agenda import Agenda
from simulation.seasons.evidence_record import RULE, Asked, EvidenceLedger, operations
from simulation.seasons.faults import Faults
from simulation.seasons.fixture_site import (
    CAMERAS,
    CAMERAS_EACH,
    COUNTY_STAGE,
    LEAD,
    ON_CALL,
    OPERATOR,
    OWNER,
    SITES,
    Policy,
    places,
)
from simulation.seasons.protected_time import Protection, ProtectionStatus, cameras_of
from simulation.seasons.random_streams import DAY_S, DAYS, END, START, BearVisit, RandomStreams
from simulation.seasons.result import Result
from simulation.seasons.scenarios import Scenario

MODEL: Final = "sha256:" + "5e" * 32
BURST: Final = "false_alarm_burst"
CONFIRMED_WRONGLY: Final = 0.02
"""Share of false alarms that a ranger takes for a bear: in an assisted stage campers hear only of these."""
NOT_VETOED: Final = 0.5
"""Share of false alarms that nobody vetoes in time: in an automatic stage campers hear of these."""
ASK_BEFORE_END_S: Final = 3600.0
DRILL_EVERY_D: Final = 25
THOUGHT_OVER_S: Final = 3 * DAY_S
"""So long people look for the cause of what only evidence has shown, before they reset its breaker."""

AUDITED_AFTER_S: Final = 36 * 3600.0
"""When an audit's answer counts: sheets are drawn the day after and fall due in two days."""


class Season:
    """Walk one policy through one season."""

    def __init__(self, scenario: Scenario, policy: Policy, draws: RandomStreams) -> None:
        self.scenario, self.policy, self.draws = scenario, policy, draws
        self.plan = policy.plan
        self.specs = self.plan.breakers.specs()
        self.rollout = InMemoryRollout(policy.plan)
        self.ledger = EvidenceLedger(draws)
        self.protection = Protection()
        self.people = np.random.default_rng(draws.people)
        self.result = Result()
        self.memories: dict[str, DetectorState] = {}
        self.repaired_at: dict[str, float] = {}
        self.counted_from: dict[str, float] = {}
        """By campsite: misses before this have been dealt with."""
        self.missed: deque[tuple[float, str]] = deque()
        self.effort: deque[At] = deque()
        self.efforts = dict.fromkeys(SITES, 0)
        self.agenda = Agenda()
        self.faults = Faults(scenario, policy, self.agenda, self.protection, self.people, self)
        self.watched = [scenario.watched] * len(SITES)

    def run(self, until: float = END) -> Result:
        """From the first day to the last, or ``until`` an earlier moment."""
        self.give(c.PlanChanged(), START)
        self.give(c.ModelChanged(MODEL), START)
        self.faults.schedule(self.draws.faults)
        for bear_visit in self.draws.passings:
            self.agenda.schedule(bear_visit.at, partial(self._bear, bear_visit))
        for day in range(1, DAYS + 1):
            self.agenda.schedule(START + day * DAY_S, partial(self._noon, day))
        self.agenda.run(until)
        return self._summed(until)

    @property
    def state(self) -> State:
        """Where the rollout stands."""
        return self.rollout.state

    def give(self, command: c.Command, now: float) -> list[e.Event]:
        """Give a command to the rollout, and let people and time react to what follows."""
        found = self.rollout.give(command, now)
        if not found:
            return found
        self.protection.follow(self.state, now)
        for event in found:
            self._react(event, now)
        return found

    def _react(self, event: e.Event, now: float) -> None:
        if isinstance(event, e.HandoverBegan | e.Escalated):
            self.result.handovers += isinstance(event, e.HandoverBegan)
            self.result.escalations += isinstance(event, e.Escalated)
            self._page(event.handover, event.to, event.next_at, now)
        elif isinstance(event, e.WatchTaken):
            self.result.waited_s.append(event.waited_s)
        elif isinstance(event, e.BreakerClosed):
            breaker, _, unit = event.latch.partition("@")
            memory = unit.removeprefix("camera:") if unit.startswith("camera:") else breaker
            self.memories[memory] = restarted(self.memories.get(memory, {}))
            self.counted_from |= dict.fromkeys(SITES, now) if breaker == "missed_sighting_1" else {}
        elif isinstance(event, e.StageStarted) and event.deadline_at is not None:
            self._began(event, now)

    def _began(self, event: e.StageStarted, now: float) -> None:
        day, result = (now - START) / DAY_S, self.result
        result.first_live_d = day if result.first_live_d is None else result.first_live_d
        if event.stage >= COUNTY_STAGE and result.county_d is None:
            result.county_d = day
        if event.stage > COUNTY_STAGE and result.automatic_d is None:
            result.automatic_d = day
        assert event.deadline_at is not None
        self.agenda.schedule(event.deadline_at - ASK_BEFORE_END_S, self._ask)
        self.agenda.schedule(noticing.on_grid(event.deadline_at), self._tick)

    # --- people -----------------------------------------------------------------------------------------------------

    def _page(self, handover: int, to: str, next_at: float, now: float) -> None:
        self.agenda.schedule(noticing.on_grid(next_at), self._tick)
        if self.people.random() < self.scenario.answers:
            self.agenda.schedule(now + self.people.uniform(20.0, 240.0), partial(self._answer, handover, to))

    def _answer(self, handover: int, to: str, now: float) -> None:
        if any(each.id == handover for each in self.state.handovers):
            self.give(c.WatchAck(by=Person(to, ("ranger",)), handovers=(handover,)), now)

    def _reset(self, now: float) -> None:
        """At noon two people close whatever has been repaired and is watched."""
        for latch in self.state.latches:
            if self.state.handovers or self.repaired_at.get(latch.id, now) > now:
                continue
            for by in (LEAD, OWNER):
                self.give(c.BreakerReset(by=by, latch=latch.id, cause="found, repaired and tried out"), now)

    def _ask(self, now: float) -> None:
        """Two people agree and a third asks to go on, if every gate is green on the page."""
        state = self.state
        if (
            state.handovers
            or state.latches
            or now < analysis_opens_at(self.plan, state)
            or self.faults.anything_away(now)
        ):
            return
        stage = self.plan.stages[state.stage]
        since = state.started_at if state.live else state.evidence_since
        if since is None or (state.live and state.deadline_at is not None and now >= state.deadline_at):
            return
        often = self.plan.analysed_repeatedly(stage) if self.policy.often is None else self.policy.often
        sites = campsites_of(stage.places)
        asked = Asked(frozenset(sites), since, now, partial(self._operations, sites, since, now))
        gates = self.ledger.all_green(stage.gates, asked, often)
        if gates is None:
            return
        for by in (LEAD, OWNER):
            self.give(c.Approve(by=by, step=Step.PROMOTE), now)
        self.give(c.Promote(by=OPERATOR, gates=gates, able=ON_CALL), now)

    def _operations(self, sites: tuple[str, ...], since: float, now: float) -> dict[str, Any]:
        cameras = cameras_of(sites)
        dead = sum(
            max(0.0, min(each.end, now) - max(each.start, since))
            for camera in cameras
            for each in self.protection.broken[camera]
            if each.cause == "camera"
        )
        days = max((now - since) / DAY_S, 1e-3)
        return operations(
            days=days,
            cameras=len(cameras),
            uptime=1.0 - dead / (days * DAY_S * len(cameras)),
            open_breakers=len(self.state.latches),
            canary=1.0 if now - self.faults.clips_missed_at > DAY_S else 0.99,
            drill_age_d=((now - START) / DAY_S) % DRILL_EVERY_D,
        )

    # --- time -------------------------------------------------------------------------------------------------------

    def _tick(self, now: float) -> None:
        """The controller's or the watchdog's tick; with the machine gone it comes when that is back."""
        if now < self.faults.gone_until["host"]:
            self.agenda.schedule(noticing.on_grid(self.faults.gone_until["host"]), self._tick)
            return
        self.give(c.Tick(), now)

    def _noon(self, day: int, now: float) -> None:
        self._count_false_alarms(day - 1, now)
        self._tick(now)
        self._reset(now)
        if not self.state.live or self.policy.daily:
            self._ask(now)
        if self.scenario.effort_power is not None:
            self._follow_alerts(self.scenario.effort_power, now)

    def _follow_alerts(self, power: float, now: float) -> None:
        drawn_to = np.array([self._efforts(now)[site] + 1.0 for site in SITES]) ** power
        shares = 0.1 / len(SITES) + 0.9 * drawn_to / drawn_to.sum()
        self.watched = [min(0.95, self.scenario.watched * len(SITES) * float(share)) for share in shares]

    def _efforts(self, now: float) -> dict[str, int]:
        """Reviews of the last four weeks by campsite."""
        while self.effort and self.effort[0].at < now - EFFORT_WINDOW_S:
            self.efforts[self.effort.popleft().campsite] -= 1
        return dict(self.efforts)

    def _reviewed(self, at: float, site: str) -> None:
        self.effort.append(At(at, site))
        self.efforts[site] += 1

    # --- bears and false alarms -------------------------------------------------------------------------------------

    def _bear(self, bear_visit: BearVisit, now: float) -> None:
        """A bear has come. What is live then decides who hears of it; it is judged when no alert can come any more."""
        site = SITES[bear_visit.site]
        statuses = {self.protection.status(camera, now) for camera in bear_visit.cameras}
        live = ProtectionStatus.LIVE in statuses
        if not bear_visit.is_bear:
            self.agenda.schedule(now + RULE.match.after_s, partial(self._judge, bear_visit, False, live))
            return
        works = self.protection.works(bear_visit.cameras, now)
        saw = bear_visit.model_sees and works
        if live and works and not saw:
            self.result.missed_live += 1
        if live and saw:
            self.ledger.warned.append((now, True))
        handed_over = any(site in campsites_of(each.places) for each in self.state.handovers)
        if not handed_over:
            self.agenda.schedule(now + RULE.match.after_s, partial(self._judge, bear_visit, saw, live))
        elif saw:
            self._reviewed(now, site)

    def _judge(self, bear_visit: BearVisit, saw: bool, live: bool, now: float) -> None:
        site, scenario = SITES[bear_visit.site], self.scenario
        share = self.watched[bear_visit.site] / scenario.watched
        blind_share = share * (scenario.watched_blind_live if live else scenario.watched)
        share *= scenario.watched_live if live else scenario.watched
        ranger_saw = bear_visit.ranger_sees and bear_visit.watch_draw < share
        blind = bear_visit.watch_draw < blind_share and bear_visit.in_time
        saw = saw and bear_visit.decided  # an alert that nobody decides has seen nothing
        effort = self._efforts(now) if ranger_saw and blind else {}
        self.ledger.note(bear_visit, saw, ranger_saw, blind, not live)
        if saw:
            self._reviewed(bear_visit.at, site)
        if bear_visit.sheets_with_it and not (ranger_saw and blind):
            self.agenda.schedule(now + AUDITED_AFTER_S, partial(self._found_without_the_model, bear_visit, not saw))
        if not ranger_saw:
            return
        if not saw:
            self._missed_one(site, bear_visit.at, now)
        if blind:
            self._found_without_the_model(bear_visit, not saw, now)
            self._detect(
                "loop", "e_alarm", now, lambda m, s: loop_step(m, site, effort, bear_visit.at, s.number("delta"))
            )

    def _found_without_the_model(self, bear: BearVisit, missed: bool, now: float) -> None:
        """Somebody blind, or an auditor, has found a bear: one step of the recall breaker."""
        site = SITES[bear.site]
        self._detect("recall_edetector", "c", now, lambda m, s: recall_step(m, missed, bear.at, s, site))

    def _missed_one(self, site: str, at: float, now: float) -> None:
        self.missed.append((at, site))
        while self.missed and self.missed[0][0] < now - DAY_S:
            self.missed.popleft()
        floor = self.counted_from.get(site, 0.0)
        lately = sum(where == site and when > floor for when, where in self.missed)
        spec = self.specs["missed_sighting_1"]
        for clause in spec.condition.clauses if spec.condition else ():
            if evaluate(clause, {clause.name: float(lately)}.get).met:
                self.trip("missed_sighting_1", Unit(Scope.SITE, site), now, now + THOUGHT_OVER_S)

    def _count_false_alarms(self, day: int, now: float) -> None:
        counts = self.draws.false_alarms[day]
        for number in np.flatnonzero(counts):
            camera, site = CAMERAS[number], SITES[number // CAMERAS_EACH]
            at = now - DAY_S / 2
            for _ in range(counts[number]):
                self._reviewed(at, site)
                self.ledger.reviews.append(At(at, site))
            self._warn_falsely(camera, int(counts[number]), at)
            if self.draws.bursts[day, number] and self._is_burst(float(counts[number])):
                self.trip(BURST, Unit(Scope.CAMERA, camera), now, now + 1.0)
        day_at = now - DAY_S
        self._detect("false_alarm_rate", "c", now, lambda m, s: false_alarm_step(m, counts.tolist(), day_at, s))
        alarm = mad_camera_alarm(self.specs["false_alarm_rate"], len(CAMERAS))
        for camera, count in zip(CAMERAS, counts, strict=True):
            memory = self.memories[camera] = camera_alarm_step(self.memories.get(camera, {}), int(count), day_at)
            if memory["level"] >= alarm:
                self.trip("false_alarm_rate", Unit(Scope.CAMERA, camera), now, now + THOUGHT_OVER_S)

    def _warn_falsely(self, camera: str, number: int, at: float) -> None:
        if self.protection.status(camera, at) is not ProtectionStatus.LIVE:
            return
        reviewed = any(camera in latch.cameras for latch in self.state.latches)
        passes = NOT_VETOED if self.state.mode.value == "automatic" and not reviewed else CONFIRMED_WRONGLY
        wrong = int(self.people.binomial(number, passes))
        self.result.false_warnings += wrong
        self.ledger.warned += [(at, False)] * wrong

    def _is_burst(self, alarms: float) -> bool:
        condition = self.specs[BURST].condition
        return condition is not None and any(evaluate(x, {x.name: alarms}.get).met for x in condition.clauses)

    def _detect(
        self, name: str, level: str, now: float, step: Callable[[DetectorState, BreakerSpec], DetectorState]
    ) -> None:
        """One step of a sequential detector; it trips at its alarm level."""
        spec = self.specs[name]
        memory = self.memories[name] = step(self.memories.get(name, {}), spec)
        if memory["level"] >= spec.number(level):
            self.trip(name, EVERYTHING, now, now + THOUGHT_OVER_S)

    # --- breakers ---------------------------------------------------------------------------------------------------

    def trip(self, name: str, unit: Unit, now: float, repaired_at: float) -> None:
        """A breaker trips; people can close it from ``repaired_at`` on."""
        if not self.policy.breakers:
            return
        found = Trip(0, name, unit, ACTION_OF[self.specs[name].then], now, None, None, "in a simulated season")
        if any(isinstance(event, e.BreakerOpened) for event in self.give(tripped(found, places()), now)):
            self.result.trips[name] += 1
            self.result.tripped_units.append(latch_id(name, str(unit)))
            self.repaired_at[latch_id(name, str(unit))] = repaired_at

    def lose_lease(self, command: c.Command, now: float, repaired_at: float) -> None:
        """Somebody has seen that authority died; people can close what follows from ``repaired_at`` on."""
        self.give(command, now)
        self.repaired_at["controller"] = repaired_at

    # --- the end ----------------------------------------------------------------------------------------------------

    def _summed(self, until: float) -> Result:
        result = self.result
        result.held_by = self.ledger.red if result.first_live_d is None else ""
        bears = (each for each in self.draws.passings if each.is_bear and each.end <= until)
        result.bear_s = dict(self.protection.totals(bears))
        longest: dict[str, float] = {}
        for cause, length in self.protection.stretches():
            longest[cause] = max(longest.get(cause, 0.0), length)
        result.longest_unknown_s = longest
        decay = START + (self.scenario.bad_from_day() or DAYS) * DAY_S
        for course in self.protection.changes.values():
            for (start, status), (end, _next) in zip(
                course, [*course[1:], (until, ProtectionStatus.NEVER)], strict=True
            ):
                if status is ProtectionStatus.LIVE:
                    result.live_when_bad |= start <= decay < end
                    result.live_camera_days += (end - start) / DAY_S
                    result.bad_live_d += max(0.0, end - max(start, decay)) / DAY_S / len(CAMERAS)
        return result


def play(scenario: Scenario, policy: Policy, draws: RandomStreams) -> Result:
    """One season from its draws."""
    return Season(scenario, policy, draws).run()
