"""The page with a plan on it that tests can walk in a few steps: two stages, one gate, people on call, and people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from core.config import Config
from db.models import AuthorityLease, Role
from db.session import Database
from rollout.control.service import CommandOutcome, perform
from rollout.stages import commands as c
from rollout.stages.commands import Effect
from rollout.stages.event_store import load
from rollout.stages.gates import GateOutcome as GateOutcome
from rollout.stages.gates import GateResult
from rollout.stages.spec import Gate
from rollout.stages.spec_file import plan_from
from rollout.stages.state import State
from tests.support.pages import Stage, stage
from tests.support.rollout.rollout_plans import DIGEST, LEAD, ON_CALL, OPERATOR, OWNER

DAY_S = 86400.0
OPEN = {"metric": "open_breakers", "op": "==", "value": 0}
STAGES: list[dict[str, Any]] = [
    {
        "name": "shadow",
        "scope": ["upper-pines", "lower-pines"],
        "mode": "shadow",
        "duration": {"min": "1d", "max": "120d"},
        "gates": [OPEN],
        "overridden": "a plan that tests walk in a few steps",
    },
    {"name": "one-campsite", "scope": ["upper-pines"], "mode": "assisted", "duration": "1d", "gates": [OPEN]},
]
PEOPLE = {
    "lena": Role.LEAD_RANGER,
    "omar": Role.MODEL_OWNER,
    "olga": Role.OPERATOR,
    "rosa": Role.RANGER,
    "chin": Role.LEAD_RANGER,
    "adam": Role.AUDITOR,
}


def with_plan(config: Config, stages: list[dict[str, Any]] | None = None) -> Config:
    """The same places with a plan; ``stages`` None: the default plan."""
    section: dict[str, Any] = {"on_call": ON_CALL, **({"stages": stages} if stages else {})}
    return Config.model_validate({**config.model_dump(mode="json", exclude={"rollout"}), "rollout": section})


class RolloutStage:
    """The application, its people, and the plan under it."""

    def __init__(self, page: Stage) -> None:
        self.page = page
        self.plan = plan_from(page.config)
        for name, role in PEOPLE.items():
            page.person(name, role)
        self.give(c.PlanChanged(), page.clock.now - 2 * DAY_S)
        self.give(c.ModelChanged(DIGEST), page.clock.now - 2 * DAY_S)

    @property
    def state(self) -> State:
        """Where the rollout stands."""
        with self.page.database.read() as session:
            return load(session)

    @property
    def phase(self) -> str:
        """One of the rollout's four states."""
        return self.state.phase.value

    def give(self, command: c.Command, at: float | None = None) -> CommandOutcome:
        """A command, past all pages."""
        return perform(self.page.database, self.plan, command, self.page.clock.now if at is None else at)

    def go_live(self) -> None:
        """The first live stage, with authority that lives for an hour."""
        for by in (LEAD, OWNER):
            self.give(c.Approve(by=by))
        gates = tuple(_passed(gate) for gate in self.plan.stages[self.state.stage].gates)
        assert self.give(c.Promote(by=OPERATOR, gates=gates, able=("rosa",))).started
        with self.page.database.write() as session:
            lease = session.get_one(AuthorityLease, "upper-pines")
            lease.expires_at = self.page.clock.now + 3600

    def trip(self, breaker: str, reason: str, camera: str, campsite: str, effect: Effect = Effect.REVIEW) -> None:
        """A breaker of one camera."""
        unit = f"camera:{camera}"
        self.give(
            c.BreakerTripped(
                breaker=breaker, unit=unit, reason=reason, effect=effect, campsites=(campsite,), cameras=(camera,)
            )
        )


def _passed(gate: Gate) -> GateResult:
    return GateResult(str(gate), gate.metric, GateOutcome.PASSED)


@contextmanager
def rollout_stage(
    database: Database, config: Config, redis_url: str, data: Path, stages: list[dict[str, Any]] | None = None
) -> Iterator[RolloutStage]:
    """The application with its plan; ``config`` comes from :func:`with_plan`."""
    with stage(database, with_plan(config, STAGES if stages is None else stages), redis_url, data) as page:
        yield RolloutStage(page)


def fields(browser: TestClient, **more: Any) -> dict[str, Any]:
    """The hidden fields of the page's forms, as a browser would send them."""
    text = browser.get("/rollout").text
    epoch = re.search(r'name="epoch" value="(\d+)"', text)
    key = re.search(r'name="idempotency_key" value="([^"]+)"', text)
    assert epoch, text
    assert key, text
    return {"epoch": epoch[1], "idempotency_key": key[1], **more}
