"""A rollout in memory: the same decisions as the stored one, for simulations, benchmarks and tests."""

from __future__ import annotations

from collections.abc import Iterable

from rollout.stages.commands import Command
from rollout.stages.decide import decide
from rollout.stages.events import Event
from rollout.stages.evolve import evolve, replay
from rollout.stages.plan import RolloutPlan
from rollout.stages.state import State


class InMemoryRollout:
    """Commands are decided, and what follows from them changes the state at once. Nothing is stored, nobody is told.

    ``plan`` may be replaced at any time, as a configuration is; give :class:`rollout.stages.commands.PlanChanged` then.
    """

    def __init__(self, plan: RolloutPlan, history: Iterable[Event] = ()) -> None:
        self.plan = plan
        self.history: list[Event] = list(history)
        """Every event, oldest first."""
        self.state: State = replay(self.history)

    def decide(self, command: Command, now: float) -> list[Event]:
        """What would follow from a command at ``now`` (UTC seconds); changes nothing.

        Raises :class:`rollout.stages.commands.Refused` for a command that may not be obeyed.
        """
        return decide(self.plan, self.state, command, now)

    def apply(self, event: Event) -> None:
        """Take one event in."""
        self.state = evolve(self.state, event)
        self.history.append(event)

    def give(self, command: Command, now: float) -> list[Event]:
        """Decide a command at ``now`` and take in what follows; returns the new events.

        Raises :class:`rollout.stages.commands.Refused`, and changes nothing then.
        """
        events = self.decide(command, now)
        for event in events:
            self.apply(event)
        return events
