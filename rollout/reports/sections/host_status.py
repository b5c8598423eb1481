"""How the machines are: what they last said of themselves, judged by the limits of the breakers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from core.machine.host import PREFIX, number_of
from rollout.breakers.breaker_spec import Breakers
from rollout.breakers.conditions import Clause
from rollout.breakers.telemetry_snapshot import TelemetrySnapshot
from rollout.reports.document import WORST_FIRST, Status

SILENT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Limit:
    """From where a fact warns, and from where it wants somebody to act. ``low``: small values are bad.

    ``lasting`` is for how many minutes it has to be so before it counts; ``quantity`` what a breaker calls it.
    """

    key: str
    words: str
    warn: float
    act: float
    low: bool = False
    share: bool = False
    lasting: float = 5.0
    quantity: str = ""

    def light(self, value: float) -> Status:
        """How urgent a value is."""
        sign = -1 if self.low else 1
        if sign * value >= sign * self.act:
            return Status.RED
        return Status.AMBER if sign * value >= sign * self.warn else Status.GREEN

    def said(self, value: float) -> str:
        """The fact in words."""
        return f"{self.words} {self.height(value)}"

    def height(self, value: float) -> str:
        """A value of this fact."""
        return f"{100 * value:.0f}%" if self.share else f"{value:.3g}"


LIMITS: Final = (
    Limit("cpu_c", "processor °C", 85, 97, quantity="cpu_c"),
    Limit("gpu_c", "GPU °C", 80, 87, lasting=2, quantity="gpu_c"),
    Limit("disk_free", "free disk", 0.10, 0.03, low=True, share=True, lasting=2, quantity="disk_free"),
    Limit("memory_used", "memory in use", 0.90, 0.97, share=True, quantity="memory_used"),
    Limit("load", "load per processor", 2, 8, lasting=10, quantity="cpu_load"),
)
"""Those of the default breakers."""


def limits_of(breakers: Breakers) -> tuple[Limit, ...]:
    """The limits of a plan: somebody has to act from where its own breaker trips."""
    clauses = {
        clause.name: clause
        for spec in (breakers.gpu_temp, breakers.machine)
        for clause in (spec.condition.clauses if spec.condition else ())
    }
    return tuple(_as_plan(limit, clauses.get(limit.quantity)) for limit in LIMITS)


def _as_plan(limit: Limit, clause: Clause | None) -> Limit:
    if clause is None:
        return limit
    warn = max(limit.warn, clause.limit) if limit.low else min(limit.warn, clause.limit)
    return replace(limit, act=clause.limit, warn=warn, lasting=clause.hold_s / 60)


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine as it last reported, with what is wrong with it, worst first."""

    name: str
    age_s: float
    facts: Mapping[str, Any]
    light: Status
    wrong: tuple[str, ...]

    def fact(self, key: str) -> float | None:
        """A fact as a number; None where the machine does not tell."""
        return number_of(self.facts.get(key))


def machines(snapshot: TelemetrySnapshot | None, limits: Sequence[Limit] = LIMITS) -> list[Machine]:
    """Every machine that has reported lately. None of them when Redis was not asked or was away."""
    if snapshot is None:
        return []
    found = [
        _machine(name.removeprefix(PREFIX), facts, snapshot.at, limits)
        for name, facts in sorted(snapshot.heartbeats.items())
        if name.startswith(PREFIX)
    ]
    return sorted(found, key=lambda each: WORST_FIRST.index(each.light))


def gpus(found: Sequence[Machine]) -> int:
    """How many GPUs answer, of all machines."""
    return sum(int(each.fact("gpus") or 0) for each in found)


def _machine(name: str, facts: Mapping[str, Any], now: float, limits: Sequence[Limit]) -> Machine:
    age_s = max(0.0, now - (number_of(facts.get("at")) or 0.0))
    if age_s > SILENT_S:
        return Machine(name, age_s, facts, Status.RED, ("it has fallen silent",))
    wrong: list[tuple[Status, str]] = []
    for limit in limits:
        value = number_of(facts.get(limit.key))
        if value is not None and limit.light(value) is not Status.GREEN:
            wrong.append((limit.light(value), limit.said(value)))
    have, expected = number_of(facts.get("gpus")), number_of(facts.get("gpus_expected"))
    if have is not None and expected is not None and have < expected:
        wrong.append((Status.RED, f"{have:.0f} of {expected:.0f} GPUs answer"))
    wrong.sort(key=lambda each: WORST_FIRST.index(each[0]))
    return Machine(name, age_s, facts, wrong[0][0] if wrong else Status.GREEN, tuple(words for _, words in wrong))
