"""What became of one season."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Result:
    """What became of a season. Days are counted from its beginning; None: never."""

    first_live_d: float | None = None
    county_d: float | None = None
    automatic_d: float | None = None
    live_camera_days: float = 0.0
    handovers: int = 0
    escalations: int = 0
    trips: Counter[str] = field(default_factory=Counter)
    tripped_units: list[str] = field(default_factory=list)
    """Each trip as its latch is called: a breaker, and what it tripped for."""
    bear_s: dict[str, float] = field(default_factory=dict)
    """Bear seconds by what they could rely on (:meth:`Protection.during`)."""
    longest_unknown_s: dict[str, float] = field(default_factory=dict)
    """By cause: the longest time that authority stood over a path that did not work."""
    false_warnings: int = 0
    missed_live: int = 0
    """Bears that a live campsite's model missed although its cameras worked."""
    live_when_bad: bool = False
    """Whether any camera was live when the model had become bad."""
    bad_live_d: float = 0.0
    """Days between a model's decay and the end of its authority."""
    held_by: str = ""
    """The gate that was red at the end, where the rollout never left shadow."""
    waited_s: list[float] = field(default_factory=list)
    """How long each watch waited for somebody to take it over."""

    def unknown_s(self, promise: str) -> float:
        """Bear seconds under authority over a path that did not work, and nobody knew: ``within`` the promised time, or
        ``beyond`` it."""
        return sum(seconds for kind, seconds in self.bear_s.items() if kind.startswith(promise))
