"""Whether a challenger may take the champion's place: numbers in, a verdict with its reasons out. Pure.

The conditions and the rates at which they let challengers through were simulated before they were written
(docs/learning.md has the table). All of them must hold; what is missing never passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rollout.evidence.stats.mcnemar import mcnemar_mid_p, non_inferiority_p

Flags = NDArray[np.bool_]
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class ChallengerRules:
    """The limits of the gate.

    ``better_p``: McNemar's one-sided mid-p over golden bears is below it. ``anchor_margin``: recall may be below the
    anchor's by less than that, at ``anchor_p``. ``slice_losses``: a slice that loses so many events more than it wins
    says no. ``rolling_events``: fresh events there must be; ``rolling_net_loss``: more may not be lost among them than
    won. ``golden_bears``: bears without which golden figures say nothing. ``every_s``: no sooner after a promotion.
    """

    better_p: float = 0.05
    anchor_margin: float = 0.02
    anchor_p: float = 0.05
    slice_losses: int = 3
    rolling_events: int = 100
    rolling_net_loss: int = 1
    golden_bears: int = 150
    every_s: float = 7 * DAY_S


@dataclass(frozen=True, slots=True)
class JudgedEvents:
    """The same events (n,) before several models: ``is_bear`` is the truth, ``alerts`` who raised one, by name.

    ``slices`` name groups of events, such as ``night`` or ``raccoon``. Arrays of another length are a ValueError.
    """

    is_bear: Flags
    alerts: Mapping[str, Flags]
    slices: Mapping[str, Flags] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, each in (*self.alerts.items(), *self.slices.items()):
            if each.shape != self.is_bear.shape:
                raise ValueError(f"{name}: {each.shape[0]} events, the truth has {self.is_bear.shape[0]}")

    def right(self, who: str) -> Flags:
        """(n,) whether it alerted of a bear and of nothing else."""
        return np.asarray(self.alerts[who] == self.is_bear, dtype=bool)

    def wins_losses(self, who: str, other: str, inside: Flags) -> tuple[int, int]:
        """Events (n,) of ``inside`` that ``who`` alone got right, and those that ``other`` alone got right."""
        mine, theirs = self.right(who)[inside], self.right(other)[inside]
        return int((mine & ~theirs).sum()), int((theirs & ~mine).sum())

    def false_alarms(self, who: str) -> int:
        """Events without a bear of which it alerted."""
        return int((self.alerts[who] & ~self.is_bear).sum())

    def recall(self, who: str) -> float | None:
        """Share of the bears; None without any."""
        return float(self.alerts[who][self.is_bear].mean()) if self.is_bear.any() else None

    def informedness(self, who: str) -> float:
        """Recall minus the share of other events that were alerted of (Youden's J): nought for whoever guesses."""
        others = int((~self.is_bear).sum())
        return (self.recall(who) or 0.0) - (self.false_alarms(who) / others if others else 0.0)


CHAMPION, CHALLENGER, ANCHOR = "champion", "challenger", "anchor"


@dataclass(frozen=True, slots=True)
class Budget:
    """False alarms that a camera may raise a day, and for how many camera-days the rolling events stand."""

    per_camera_day: float
    camera_days: float

    @property
    def allowed(self) -> int:
        """So many, rounded down."""
        return int(self.per_camera_day * self.camera_days + 1e-9)


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: whether it holds, and a sentence with its numbers."""

    name: str
    passed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class ChallengerVerdict:
    """The gate's answer."""

    conditions: tuple[Condition, ...]

    @property
    def passed(self) -> bool:
        """Every condition holds, and there are some."""
        return bool(self.conditions) and all(each.passed for each in self.conditions)

    @property
    def failing(self) -> tuple[str, ...]:
        """Why not, in sentences."""
        return tuple(each.sentence for each in self.conditions if not each.passed)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        listed = [{"name": c.name, "passed": c.passed, "sentence": c.sentence} for c in self.conditions]
        return {"passed": self.passed, "conditions": listed}


def judge_challenger(
    golden: JudgedEvents,
    rolling: JudgedEvents,
    budget: Budget,
    since_promotion_s: float | None,
    rules: ChallengerRules | None = None,
) -> ChallengerVerdict:
    """Judge ``challenger`` beside ``champion`` and ``anchor``; every other name among the golden alerts is a baseline.

    Alerts are those at thresholds that were chosen anew for the false-alarm budget, each model's own.
    ``since_promotion_s`` is None where nothing was ever promoted.

    Raises:
        KeyError: golden alerts lack one of the three, or rolling ones champion or challenger.
    """
    rules = rules or ChallengerRules()
    return ChallengerVerdict(
        (
            _enough_golden(golden, rules),
            _better(golden, rules),
            _not_below_anchor(golden, rules),
            _slices(golden, rules),
            _fresh(rolling, rules),
            _within_budget(rolling, budget),
            *_baselines(golden),
            _weekly(since_promotion_s, rules),
        )
    )


def _enough_golden(golden: JudgedEvents, rules: ChallengerRules) -> Condition:
    bears = int(golden.is_bear.sum())
    said = f"the golden set has {bears} events with a bear, {rules.golden_bears} are needed"
    return Condition("golden events", bears >= rules.golden_bears, said)


def _better(golden: JudgedEvents, rules: ChallengerRules) -> Condition:
    wins, losses = golden.wins_losses(CHALLENGER, CHAMPION, golden.is_bear)
    ours, theirs = golden.false_alarms(CHALLENGER), golden.false_alarms(CHAMPION)
    p = mcnemar_mid_p(wins, losses)
    tie = wins == losses and ours < theirs
    said = (
        f"golden bears: {wins} that the challenger alone found and {losses} that the champion alone found "
        f"(McNemar mid-p {p:.3f}, below {rules.better_p:g} is better), false alarms {ours} against {theirs} "
        "(fewer at equal recall would do too)"
    )
    return Condition("better than the champion", p < rules.better_p or tie, said)


def _not_below_anchor(golden: JudgedEvents, rules: ChallengerRules) -> Condition:
    name, bears = "not below the anchor", int(golden.is_bear.sum())
    if not bears:
        return Condition(name, False, "no golden event has a bear: nothing says that the anchor's recall is kept")
    wins, losses = golden.wins_losses(CHALLENGER, ANCHOR, golden.is_bear)
    p = non_inferiority_p(wins, losses, bears, rules.anchor_margin)
    said = (
        f"beside the anchor, {wins} of {bears} golden bears won and {losses} lost: recall lower by "
        f"{rules.anchor_margin:g} or more has p {p:.3f}, it must be below {rules.anchor_p:g}"
    )
    return Condition(name, p < rules.anchor_p, said)


def _slices(golden: JudgedEvents, rules: ChallengerRules) -> Condition:
    net = {}
    for name, inside in golden.slices.items():
        wins, losses = golden.wins_losses(CHALLENGER, CHAMPION, inside)
        net[name] = losses - wins
    vetoes = [
        f"{name} loses {lost} events more than it wins" for name, lost in net.items() if lost >= rules.slice_losses
    ]
    said = f"slices: {'; '.join(vetoes) or 'none loses'} ({rules.slice_losses} or more is a veto; {len(net)} slices)"
    return Condition("no slice lost", not vetoes, said)


def _fresh(rolling: JudgedEvents, rules: ChallengerRules) -> Condition:
    events = len(rolling.is_bear)
    wins, losses = rolling.wins_losses(CHALLENGER, CHAMPION, np.ones(events, dtype=bool))
    said = (
        f"rolling events: {events} of {rules.rolling_events} needed, {wins} won and {losses} lost beside the champion "
        f"(a net loss of {rules.rolling_net_loss} at the most)"
    )
    fine = events >= rules.rolling_events and losses - wins <= rules.rolling_net_loss
    return Condition("fresh events", fine, said)


def _within_budget(rolling: JudgedEvents, budget: Budget) -> Condition:
    found = rolling.false_alarms(CHALLENGER)
    said = (
        f"at its thresholds the challenger raises {found} false alarms in {budget.camera_days:.1f} camera-days of "
        f"rolling events; {budget.allowed} are allowed at {budget.per_camera_day:g} a camera-day"
    )
    return Condition("false-alarm budget", budget.camera_days > 0 and found <= budget.allowed, said)


def _baselines(golden: JudgedEvents) -> list[Condition]:
    ours, found = golden.informedness(CHALLENGER), list[Condition]()
    for name in golden.alerts:
        if name not in (CHAMPION, CHALLENGER, ANCHOR):
            theirs = golden.informedness(name)
            said = f"recall minus false alarms on golden events is {ours:.3f}, that of the baseline {name} {theirs:.3f}"
            found.append(Condition(f"better than {name}", ours > theirs, said))
    return found or [Condition("baselines", False, "no baseline was given: nothing says that a model is needed at all")]


def _weekly(since_promotion_s: float | None, rules: ChallengerRules) -> Condition:
    if since_promotion_s is None:
        return Condition("at most weekly", True, "no model was promoted before")
    said = (
        f"the last promotion was {since_promotion_s / DAY_S:.1f} days ago; "
        f"the next may come after {rules.every_s / DAY_S:g}"
    )
    return Condition("at most weekly", since_promotion_s >= rules.every_s, said)


def threshold_at_budget(scores: NDArray[np.floating], is_bear: Flags, allowed: int, least: float = 0.05) -> float:
    """The lowest score (n,) from which at most ``allowed`` events without a bear are alerted of; at least ``least``.

    It lies half-way between two scores where it can. Without such events it is ``least``.
    """
    others = np.sort(np.asarray(scores, dtype=np.float64)[~is_bear])[::-1]
    if len(others) <= allowed:
        return least
    first_refused = float(others[allowed])
    above = np.asarray(scores, dtype=np.float64)
    above = above[above > first_refused]
    lowest = (first_refused + float(above.min())) / 2 if len(above) else float(np.nextafter(first_refused, 2.0))
    return max(least, lowest if lowest > first_refused else float(np.nextafter(first_refused, 2.0)))
