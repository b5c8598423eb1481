"""Plans, people and gates for tests: the default plan over two campsites, with people on call."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from core.config import Config
from db.models import User
from rollout.stages import commands as c
from rollout.stages.commands import Person, Step
from rollout.stages.events import Event
from rollout.stages.evolve import replay
from rollout.stages.gates import GateOutcome, GateResult
from rollout.stages.in_memory import InMemoryRollout
from rollout.stages.plan import RolloutPlan
from rollout.stages.promotion import analysis_opens_at
from rollout.stages.spec_file import plan_from
from rollout.stages.state import State

ZONE = "America/Los_Angeles"
ON_CALL = {
    "duty-ranger": {"user": "rosa", "contact": ["json://127.0.0.1:9/rosa"]},
    "chief": {"user": "chin", "contact": ["json://127.0.0.1:9/chin"]},
}
LEAD = Person("lena", ("lead_ranger",))
OWNER = Person("omar", ("model_owner",))
RANGER = Person("rosa", ("ranger",))
CHIEF = Person("chin", ("lead_ranger",))
OPERATOR = Person("olga", ("operator",))
AUDITOR = Person("adam", ("auditor",))
EVERYBODY = (LEAD, OWNER, RANGER, CHIEF, OPERATOR, AUDITOR)
DIGEST = "sha256:" + "ab" * 32


def local(*parts: int, zone: str = ZONE) -> float:
    """A local time as UTC seconds."""
    return datetime(*parts, tzinfo=ZoneInfo(zone)).timestamp()  # type: ignore[arg-type,misc]  # year, month, day, …


START = local(2027, 5, 3, 18, 0)
DAY_S = 86400.0


def settings(**rollout: Any) -> Config:
    """Two campsites, three cameras, and what is given as ``rollout:``."""
    return Config.model_validate(
        {
            "regions": {"sierra": {"timezone": ZONE}},
            "campsites": {"upper-pines": {"region": "sierra"}, "lower-pines": {"region": "sierra"}},
            "cameras": {
                "upper-creek": {"campsite": "upper-pines", "url": "rtsp://127.0.0.1:1/creek"},
                "upper-trail": {"campsite": "upper-pines", "url": "rtsp://127.0.0.1:1/trail"},
                "lower-meadow": {"campsite": "lower-pines", "url": "rtsp://127.0.0.1:1/meadow"},
            },
            "rollout": {"on_call": ON_CALL, **rollout},
        }
    )


@lru_cache
def default_plan() -> RolloutPlan:
    """The default plan with people on call."""
    return plan_from(settings())


def add_people(session: Session) -> None:
    """The accounts of :data:`EVERYBODY`: only who has one that is switched on may approve."""
    for each in EVERYBODY:
        session.add(User(name=each.name, password_hash="!", role=each.roles[0], created_at=START))


def gate_results(plan: RolloutPlan, state: State, outcome: GateOutcome = GateOutcome.PASSED) -> tuple[GateResult, ...]:
    """An analysis of the current stage's gates, all with the same outcome."""
    return tuple(
        GateResult(str(gate), gate.metric, outcome, why="" if outcome is GateOutcome.PASSED else "for the test")
        for gate in plan.stages[state.stage].gates
    )


class Walk:
    """A rollout in memory whose time is set by hand."""

    def __init__(self, plan: RolloutPlan | None = None, at: float = START) -> None:
        self.rollout = InMemoryRollout(plan or default_plan())
        self.now = at
        self.give(c.PlanChanged())
        self.give(c.ModelChanged(DIGEST))

    def give(self, command: c.Command) -> list[Event]:
        """Give a command now; returns its events."""
        return self.rollout.give(command, self.now)

    @property
    def plan(self) -> RolloutPlan:
        """The plan in force; another one may be set."""
        return self.rollout.plan

    @plan.setter
    def plan(self, plan: RolloutPlan) -> None:
        self.rollout.plan = plan

    @property
    def state(self) -> State:
        """Where the rollout stands."""
        return self.rollout.state

    def pass_time(self, seconds: float, ticks: int = 1) -> list[Event]:
        """Let time pass, with ticks at even distances; returns what they led to."""
        found = []
        for _ in range(ticks):
            self.now += seconds / ticks
            found += self.give(c.Tick())
        return found

    def agree(self, step: Step = Step.PROMOTE, latch: str | None = None) -> None:
        """Two people of two roles approve."""
        for by in (LEAD, OWNER):
            self.give(c.Approve(by=by, step=step, latch=latch))

    def ask(self, outcome: GateOutcome = GateOutcome.PASSED, by: Person = OPERATOR, **more: Any) -> list[Event]:
        """Wish to go on, with all gates at one outcome."""
        gates = gate_results(self.plan, self.state, outcome)
        return self.give(c.Promote(by=by, gates=gates, able=("rosa",), **more))

    def reach(self, stage: int) -> None:
        """Go on until a stage runs, at the earliest moment for each analysis."""
        while self.state.stage < stage or not self.state.live:
            self.now = max(self.now, analysis_opens_at(self.plan, self.state))
            self.agree()
            held = self.ask()
            assert self.state.live, held

    def replayed(self) -> State:
        """The state that the events alone lead to."""
        return replay(self.rollout.history)


def with_on_call(plan: RolloutPlan, **changes: Any) -> RolloutPlan:
    """The same plan with other values."""
    return replace(plan, **changes)
