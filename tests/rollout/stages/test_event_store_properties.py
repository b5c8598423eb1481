"""Random walks on the real database: two writers at once, crashes in the middle, leases that nobody renews."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import update

from db.models import Mode, User
from db.places import sync_places
from db.session import Database
from rollout.authority.authority import advising, authority
from rollout.authority.leases import expiries
from rollout.control.controller_watchdog import watch
from rollout.control.service import confirm, execute, perform, renew
from rollout.control.verification import verify_rollout
from rollout.stages import commands as c
from rollout.stages.commands import Command, Person, Refused
from rollout.stages.event_store import everything, load
from rollout.stages.evolve import replay
from rollout.stages.promotion import analysis_opens_at
from rollout.stages.state import State, grants
from tests.support.rollout.rollout_plans import (
    AUDITOR,
    CHIEF,
    DIGEST,
    LEAD,
    OPERATOR,
    OWNER,
    RANGER,
    START,
    add_people,
    default_plan,
    gate_results,
)
from tests.support.rollout.rollout_plans import settings as site

SITES = ("upper-pines", "lower-pines")
MEMORY = Path("/dev/shm")
"""Hundreds of commits: what is tested here is no disk."""


class Crash(Exception):
    """The process dies inside its transaction."""


class Stored(RuleBasedStateMachine):
    """Two processes with a database each on one file. ``renewed_at`` is what the test knows of renewals."""

    template: Path

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        shutil.copy(self.template, self.folder / "plan.sqlite3")
        self.sides = [Database(f"sqlite:///{self.folder / 'plan.sqlite3'}") for _ in range(2)]
        self.plan, self.now, self.renewed_at = default_plan(), START, START
        with self.sides[0].write() as session:
            sync_places(session, site())
            add_people(session)
        self.give(0, c.PlanChanged())
        self.give(0, c.ModelChanged(DIGEST))

    def give(self, side: int, command: Command) -> None:
        try:
            outcome = perform(self.sides[side], self.plan, command, self.now)
        except Refused:
            return
        if outcome.started:
            self.renewed_at = self.now

    def state(self, side: int = 0) -> State:
        with self.sides[side].read() as session:
            return load(session)

    @rule(side=st.integers(0, 1), steps=st.integers(1, 3))
    def promote(self, side: int, steps: int) -> None:
        for _ in range(steps):
            state = self.state(side)
            if not state.live:
                self.now = max(self.now, analysis_opens_at(self.plan, state))
            for by in (LEAD, OWNER):
                self.give(side, c.Approve(by=by))
            self.give(1 - side, c.Promote(by=OPERATOR, gates=gate_results(self.plan, self.state()), able=("rosa",)))

    @rule(
        side=st.integers(0, 1), seconds=st.sampled_from((1.0, 20.0, 100.0, 130.0, 4 * 3600.0)), beats=st.integers(0, 9)
    )
    def controller_works(self, side: int, seconds: float, beats: int) -> None:
        """Ticks and renewals at even distances, by either side in turn; none at all is an absence."""
        for beat in range(beats):
            self.now += seconds / beats
            self.give(side, c.Tick())
            with self.sides[(side + beat) % 2].write() as session:
                outcome = renew(session, self.plan, self.now, "controller")
            if not outcome.events:
                self.renewed_at = self.now
        if not beats:
            self.now += seconds

    @rule(side=st.integers(0, 1), who=st.sampled_from((LEAD, OWNER, CHIEF)), when=st.sampled_from(("before", "after")))
    def staff_changes(self, side: int, who: Person, when: str) -> None:
        """Somebody's account is switched off before or after they approve; what starts rests on people who are on."""
        state = self.state(side)
        if not state.live:
            self.now = max(self.now, analysis_opens_at(self.plan, state))
        if when == "before":
            self.switch(side, who, active=False)
        for by in (LEAD, OWNER):
            self.give(side, c.Approve(by=by))
        if when == "after":
            self.switch(side, who, active=False)
        wish = c.Promote(by=OPERATOR, gates=gate_results(self.plan, self.state()), able=("rosa",))
        try:
            started = perform(self.sides[1 - side], self.plan, wish, self.now).started
        except Refused:
            started = None
        if started:
            self.renewed_at = self.now
            assert who.name not in started.approved_by
        self.switch(side, who, active=True)

    def switch(self, side: int, who: Person, *, active: bool) -> None:
        with self.sides[side].write() as session:
            session.execute(update(User).where(User.name == who.name).values(active=active))

    @rule(side=st.integers(0, 1), where=st.sampled_from((None, ("upper-pines",), ("lower-pines",))))
    def emergency_stop(self, side: int, where: tuple[str, ...] | None) -> None:
        """It holds at once, also for who looks from the other side."""
        self.give(side, c.EmergencyStop(by=AUDITOR, campsites=where))
        with self.sides[1 - side].read() as session:
            assert all(authority(session, name, self.now) is Mode.SHADOW for name in where or SITES)

    @rule(side=st.integers(0, 1), emergency_stop=st.booleans())
    def crash(self, side: int, emergency_stop: bool) -> None:
        """What was not committed has not happened, in no table and in nobody's memory."""
        before = self.state(1 - side)
        command: Command = c.EmergencyStop(by=AUDITOR) if emergency_stop else c.ModelChanged("sha256:other")
        with pytest.raises(Crash):
            self.die_during(side, command)
        assert self.state(side) == before
        assert self.state(1 - side) == before

    def die_during(self, side: int, command: Command) -> None:
        with self.sides[side].write() as session:
            execute(session, self.plan, command, self.now)
            raise Crash

    @rule()
    def watchdog_checks(self) -> None:
        outcome = watch(self.sides[1], self.plan, self.now)
        state = self.state()
        assert not state.live or min(expiries_of(self.sides[0], state)) > self.now
        assert outcome is None or outcome.state == state

    @rule(side=st.integers(0, 1))
    def tidy_up(self, side: int) -> None:
        self.give(side, c.WatchAck(by=RANGER))
        for latch in self.state(side).latches:
            for by in (LEAD, OWNER):
                self.give(side, c.BreakerReset(by=by, latch=latch.id, cause="it was looked into"))

    @invariant()
    def authority_needs_a_lease_that_is_alive(self) -> None:
        if not hasattr(self, "sides"):
            return
        with self.sides[0].read() as session:
            state = load(session)
            granted = grants(state)
            for name in SITES:
                mode = authority(session, name, self.now)
                wanted = granted[name].mode if name in granted else Mode.SHADOW
                assert mode in (wanted, Mode.SHADOW)
                if mode is not Mode.SHADOW:
                    assert self.now < self.renewed_at + self.plan.lease_ttl_s
                    assert self.now < (state.deadline_at or 0)
                assert advising(session, name) == (name in granted)

    def teardown(self) -> None:
        for side in self.sides:
            confirm(side, self.plan, self.now)
        with self.sides[1].read() as session:
            assert verify_rollout(session, self.now).problems == ()
            assert replay([entry.event for entry in everything(session)]) == load(session)
        for side in self.sides:
            side.close()
        shutil.rmtree(self.folder)


def expiries_of(database: Database, state: State) -> list[float]:
    """When the leases die of what is granted."""
    with database.read() as session:
        found = expiries(session)
    return [found[place.campsite] for place in state.granted]


def test_two_processes_crash_and_go_on_and_authority_never_outlives_its_lease(migrated_file: Path) -> None:
    Stored.template = migrated_file
    run_state_machine_as_test(
        Stored,
        settings=settings(
            max_examples=8, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
