"""The default plan on a database with accounts, where commands are obeyed at once and time is set by hand."""

from __future__ import annotations

from sqlalchemy import update

from db.models import User
from db.places import sync_places
from db.session import Database
from rollout.control.service import CommandOutcome, perform
from rollout.stages import commands as c
from rollout.stages.commands import Command, Person, Step
from rollout.stages.event_store import load
from rollout.stages.promotion import analysis_opens_at
from rollout.stages.state import State
from tests.support.rollout.rollout_plans import (
    DIGEST,
    OPERATOR,
    START,
    add_people,
    default_plan,
    gate_results,
    settings,
)


class RolloutSite:
    """A model runs, and it is late enough that the gates of shadow may be analysed."""

    def __init__(self, database: Database) -> None:
        self.database, self.plan, self.now = database, default_plan(), START
        with database.write() as session:
            sync_places(session, settings())
            add_people(session)
        self.give(c.PlanChanged())
        self.give(c.ModelChanged(DIGEST))
        self.now = analysis_opens_at(self.plan, self.state)

    @property
    def state(self) -> State:
        """Where the rollout stands."""
        with self.database.read() as session:
            return load(session)

    def give(self, command: Command) -> CommandOutcome:
        """A command, a second later."""
        self.now += 1.0
        return perform(self.database, self.plan, command, self.now)

    def approve(self, *people: Person, step: Step = Step.PROMOTE) -> None:
        """They agree."""
        for by in people:
            self.give(c.Approve(by=by, step=step))

    def change(self, name: str, **values: object) -> None:
        """Change somebody's account."""
        with self.database.write() as session:
            session.execute(update(User).where(User.name == name).values(**values))

    def ask(self) -> CommandOutcome:
        """A wish to go on, with every gate passed."""
        return self.give(c.Promote(by=OPERATOR, gates=gate_results(self.plan, self.state), able=("rosa",)))
