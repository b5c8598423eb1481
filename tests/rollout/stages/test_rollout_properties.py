"""Long random walks in the rollout, with crashes, late restarts and clock changes: what must never happen, does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.clock import civil
from db.models import Mode
from rollout.base.durations import Duration, last_local_time
from rollout.base.scopes import campsites_of, within
from rollout.stages import commands as c
from rollout.stages import events as e
from rollout.stages.commands import Effect, Person, Refused, Step
from rollout.stages.events import Event, from_json, kind_of, to_json
from rollout.stages.evolve import evolve, replay
from rollout.stages.gates import GateOutcome, GateResult
from rollout.stages.in_memory import InMemoryRollout
from rollout.stages.plan import RolloutPlan
from rollout.stages.promotion import analysis_opens_at
from rollout.stages.spec_file import plan_from
from rollout.stages.state import Phase, State, grants
from tests.support.rollout import rollout_plans
from tests.support.rollout.rollout_plans import CHIEF, EVERYBODY, LEAD, OPERATOR, OWNER, RANGER

ZONES = (
    "America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu",
    "Africa/Casablanca", "Pacific/Apia", "UTC",
)  # fmt: skip
BOTH = Person("both", ("lead_ranger", "model_owner"))
PEOPLE = (*EVERYBODY, BOTH)
HAND = ("rosa", "chin")
"""Who is on call."""


@lru_cache
def plan_in(zone: str, renamed: bool = False) -> RolloutPlan:
    """The default plan on another clock; the lead's name stands on the renamed one, as its author."""
    metadata = {"timezone": zone, "name": "renamed" if renamed else "plan", "author": "lena" if renamed else None}
    return plan_from(rollout_plans.settings(metadata=metadata))


class Walking(RuleBasedStateMachine):
    """Any commands by anybody at any time. ``believed`` is what the test itself knows of who approved what."""

    @initialize(
        zone=st.sampled_from(ZONES),
        start=st.floats(1_780_000_000, 1_840_000_000),
    )
    def begin(self, zone: str, start: float) -> None:
        self.rollout = InMemoryRollout(plan_in(zone))
        self.now = start
        self.said: list[tuple[str, frozenset[str], float, int]] = []
        self.asked_by: dict[int, set[str]] = {}
        self.give(c.PlanChanged())
        self.give(c.ModelChanged("sha256:first"))

    def give(self, command: c.Command) -> list[Event]:
        before = self.state
        try:
            events = self.rollout.decide(command, self.now)
        except Refused:
            return []
        for event in events:
            self.watch(event, command)
            self.rollout.apply(event)
        self.nothing_goes_quiet(before, events)
        return events

    @property
    def plan(self) -> RolloutPlan:
        return self.rollout.plan

    @property
    def state(self) -> State:
        return self.rollout.state

    def watch(self, event: Event, command: c.Command) -> None:
        """Check what one event may say, against what the test itself has seen."""
        if isinstance(event, e.Approved) and event.step is Step.PROMOTE:
            by = next(person for person in PEOPLE if person.name == event.by)
            self.said.append((event.by, frozenset(by.roles), event.at, self.state.epoch))
        if isinstance(event, e.StageStarted) and event.mode is not Mode.SHADOW:
            assert isinstance(command, c.Promote)
            self.check_promotion(event, command)
        elif not isinstance(event, e.StageStarted):
            after = evolve(self.state, event)
            assert within(after.granted, self.state.granted), f"{kind_of(event)} grants something"
        if isinstance(event, e.WatchTaken):
            assert event.by in HAND

    def check_promotion(self, event: e.StageStarted, command: c.Promote) -> None:
        """Complete evidence, two people of two roles within a day, none of them an author, nothing open."""
        gates = {str(gate) for gate in self.plan.stages[self.state.stage].gates}
        assert gates == {result.gate for result in command.gates if result.outcome is GateOutcome.PASSED}
        assert not self.state.latches
        assert not self.state.handovers
        assert set(command.able) & set(HAND)
        fresh = [
            (name, roles)
            for name, roles, at, epoch in self.said
            if epoch == self.state.epoch and event.at - at <= 86400 and name != self.plan.author
        ]
        pairs = [
            (a, b)
            for a, roles_a in fresh
            for b, roles_b in fresh
            if a != b and "lead_ranger" in roles_a and "model_owner" in roles_b
        ]
        assert pairs, f"{event.name} was started without two people: {fresh}"
        assert set(event.approved_by) in [set(pair) for pair in pairs]
        assert event.deadline_at is not None
        assert event.deadline_at > event.at
        assert event.at >= analysis_opens_at(self.plan, self.state)

    def nothing_goes_quiet(self, before: State, events: list[Event]) -> None:
        """Where authority has ended, somebody is being called until they answer."""
        if any(isinstance(event, e.StageStarted) for event in events):
            return
        lost = set(campsites_of(before.granted)) - set(campsites_of(self.state.granted))
        called = {place.campsite for each in self.state.handovers for place in each.places}
        assert lost <= called

    @rule(by=st.sampled_from(PEOPLE), step=st.sampled_from((Step.PROMOTE, Step.PROMOTE, Step.EXTEND)))
    def approve(self, by: Person, step: Step) -> None:
        self.give(c.Approve(by=by, step=step))

    @rule(
        by=st.sampled_from(PEOPLE),
        flaw=st.sampled_from((None, None, None, None, GateOutcome.FAILED, GateOutcome.INCONCLUSIVE, "absent")),
        able=st.sampled_from((("rosa",), ("rosa",), ("rosa", "chin"), ())),
        rerun_stage=st.booleans(),
    )
    def promote(self, by: Person, flaw: Any, able: tuple[str, ...], rerun_stage: bool) -> None:
        self.give(c.Promote(by=by, gates=self.gates(flaw), able=able, rerun_stage=rerun_stage))

    @rule(steps=st.integers(1, 4), tidy=st.sampled_from((True, True, True, False)))
    def promote_properly(self, steps: int, tidy: bool) -> None:
        """Random walks alone would hardly ever get anywhere. Untidy: without closing what is open."""
        for _ in range(steps):
            if tidy:
                self.tidy_up()
            opens = analysis_opens_at(self.plan, self.state)
            if not self.state.live or opens < (self.state.deadline_at or 0):
                self.now = max(self.now, opens)
            for by in (CHIEF, LEAD, OWNER):
                self.give(c.Approve(by=by))
            self.give(c.Promote(by=OPERATOR, gates=self.gates(None), able=("rosa",)))

    def tidy_up(self) -> None:
        if self.state.handovers:
            self.give(c.WatchAck(by=RANGER))
        for latch in self.state.latches:
            for by in (LEAD, OWNER):
                self.give(c.BreakerReset(by=by, latch=latch.id, cause="it was looked into"))

    def gates(self, flaw: Any) -> tuple[GateResult, ...]:
        results = list(rollout_plans.gate_results(self.plan, self.state))
        if flaw == "absent":
            return tuple(results[:-1])
        if flaw is not None:
            results[-1] = replace(results[-1], outcome=flaw, why="a flaw")
        return tuple(results)

    @rule(seconds=st.sampled_from((1.0, 60.0, 301.0, 3600.0, 6 * 3600.0, 86400.0, 2 * 86400.0, 9 * 86400.0)))
    def time_passes(self, seconds: float) -> None:
        """A tick afterwards; two days mean a controller that was away."""
        self.now += seconds
        late = self.state.live and self.now >= (self.state.deadline_at or 0)
        events = self.give(c.Tick())
        assert any(isinstance(event, e.Expired) for event in events) == late
        assert not self.state.live or self.now < (self.state.deadline_at or 0)
        assert all(each.next_at > self.now for each in self.state.handovers)

    @rule(by=st.sampled_from(PEOPLE), where=st.sampled_from((None, ("upper-pines",), ("lower-pines",), ("nowhere",))))
    def emergency_stop(self, by: Person, where: tuple[str, ...] | None) -> None:
        events = self.give(c.EmergencyStop(by=by, campsites=where))
        assert isinstance(events[0], e.EmergencyStopped)
        hit = set(campsites_of(self.state.granted)) if where is None else set(where)
        assert not hit & set(campsites_of(self.state.granted))
        assert self.state.latches

    @rule(
        breaker=st.sampled_from(("latency", "drift", "cost")),
        effect=st.sampled_from(tuple(Effect)),
        where=st.sampled_from((None, ("upper-pines",), ("lower-pines",))),
        cameras=st.sampled_from(((), ("upper-creek",))),
    )
    def trip(self, breaker: str, effect: Effect, where: tuple[str, ...] | None, cameras: tuple[str, ...]) -> None:
        sites = ("upper-pines",) if cameras else where
        unit = f"camera:{cameras[0]}" if cameras else "" if where is None else f"site:{where[0]}"
        command = c.BreakerTripped(
            breaker=breaker, unit=unit, reason="a test", effect=effect, campsites=sites, cameras=cameras
        )
        self.give(command)
        assert self.give(command) == []

    @rule(to=st.sampled_from((None, "shadow", "one-campsite-one-day", "two-campsites-one-week")))
    def demote(self, to: str | None) -> None:
        deadline = self.state.deadline_at
        self.give(c.Demote(by=RANGER, to=to))
        if self.state.live and deadline is not None:
            assert (self.state.deadline_at or 0) <= deadline

    @rule(by=st.sampled_from(PEOPLE), hours=st.integers(1, 100))
    def extend(self, by: Person, hours: int) -> None:
        before = self.state
        self.give(c.Extend(by=by, longer=Duration(0, hours * 3600), gates=self.gates(None)))
        if self.state.extensions > before.extensions:
            assert (self.state.deadline_at or 0) - (before.deadline_at or 0) <= 72 * 3600

    @rule(by=st.sampled_from(PEOPLE))
    def acknowledge(self, by: Person) -> None:
        before = self.state
        self.give(c.WatchAck(by=by))
        assert by.name in HAND or self.state == before

    @precondition(lambda self: self.state.latches)
    @rule(by=st.sampled_from(PEOPLE))
    def reset(self, by: Person) -> None:
        self.give(c.BreakerReset(by=by, latch=self.state.latches[0].id, cause="it was looked into"))

    @rule(model=st.sampled_from(("sha256:first", "sha256:second")))
    def another_model(self, model: str) -> None:
        changed = model != self.state.model
        self.give(c.ModelChanged(model))
        assert not (changed and self.state.live)

    @rule(renamed=st.booleans())
    def another_plan(self, renamed: bool) -> None:
        self.rollout.plan = plan_in(self.plan.timezone, renamed)
        self.give(c.PlanChanged())
        assert self.give(c.PlanChanged()) == []

    @rule()
    def lose_the_lease(self) -> None:
        self.give(c.LeaseLost(seen_by="watchdog", expired_at=self.now))
        assert not self.state.live

    @rule()
    def crash_and_start_again(self) -> None:
        """Only what is stored survives."""
        stored = [(kind_of(event), to_json(event)) for event in self.rollout.history]
        assert replay([from_json(kind, body) for kind, body in stored]) == self.state

    @invariant()
    def authority_follows_the_phase(self) -> None:
        live = {site for site, grant in grants(self.state).items() if grant.mode is not Mode.SHADOW}
        assert live == set(campsites_of(self.state.granted))
        assert bool(live) == (self.state.phase in (Phase.ASSISTED, Phase.AUTOMATIC))
        assert (self.state.phase is Phase.HANDOVER) == (not live and bool(self.state.handovers))

    def teardown(self) -> None:
        assert replay(self.rollout.history) == self.state


TestWalking = Walking.TestCase
TestWalking.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@given(
    zone=st.sampled_from(ZONES),
    start=st.datetimes(datetime(2020, 1, 1), datetime(2037, 1, 1)),
    days=st.integers(1, 40),
)
@settings(max_examples=150, deadline=None)
def test_so_many_days_later_the_clock_shows_the_same_time_wherever_it_can(
    zone: str, start: datetime, days: int
) -> None:
    at = start.replace(tzinfo=UTC).timestamp()
    end = Duration(days, 0).after(at, zone)
    want = civil(at, zone).replace(tzinfo=None, fold=0) + timedelta(days=days)
    got = civil(end, zone).replace(tzinfo=None)
    assert abs(end - at - days * 86400) <= (86400 if zone == "Pacific/Apia" else 7200)
    if got != want:
        assert got > want, "a time that does not exist becomes a later one"
        assert civil(end - 7200, zone).utcoffset() != civil(end, zone).utcoffset()


@given(zone=st.sampled_from(ZONES), start=st.floats(1_600_000_000, 2_000_000_000), days=st.integers(2, 40))
@settings(max_examples=100, deadline=None)
def test_a_long_stage_ends_at_noon_and_never_later_than_its_time(zone: str, start: float, days: int) -> None:
    plan = plan_in(zone)
    stage = replace(plan.stages[2], duration=plan.stages[2].duration.model_copy(update={"fixed": Duration(days, 0)}))
    end, whole = plan.deadline(stage, start), Duration(days, 0).after(start, zone)
    assert start < end <= whole
    if end != whole:
        assert (civil(end, zone).hour, civil(end, zone).minute) == (12, 0)
        assert whole - end <= 25 * 3600
        assert last_local_time(end, datetime(2000, 1, 1, 12).time(), zone) == end
