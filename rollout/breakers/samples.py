"""What the breakers look at: one reading a quantity and unit, each with the moment somebody last updated it. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from rollout.breakers.input_metrics import INPUT_METRICS
from rollout.breakers.trip_scope import Unit
from rollout.breakers.trips import Series

Key = tuple[str, Unit]
PLOT_POINTS = 60
PLOT_EVERY_S = 20.0


@dataclass(frozen=True, slots=True)
class Sample:
    """``value`` is None when there is too little to say anything. ``at``: last update of its source, None for never."""

    value: float | None
    at: float | None


@dataclass(frozen=True, slots=True)
class Stale:
    """A reading that nobody has updated for too long; one that never came ages from when it was first missed."""

    name: str
    unit: Unit
    age_s: float
    limit_s: float

    def __str__(self) -> str:
        return f"{self.name} of {self.unit} ({self.age_s:.0f} s old, at most {self.limit_s:.0f} s)"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Every reading at one moment. What does not apply (a GPU where there is none) is not in it; what is missing is."""

    at: float
    samples: Mapping[Key, Sample]

    def value(self, name: str, unit: Unit) -> float | None:
        """The value, or None."""
        sample = self.samples.get((name, unit))
        return sample.value if sample else None

    def at_unit(self, unit: Unit) -> Callable[[str], float | None]:
        """:meth:`value` for one unit."""
        return lambda name: self.value(name, unit)

    def stale(self, intervals: float, missed_since: Mapping[str, float]) -> Iterator[Stale]:
        """Readings older than ``intervals`` of their own intervals.

        ``missed_since`` says, by :func:`label`, since when a reading that never came has been expected.
        """
        for (name, unit), sample in self.samples.items():
            limit_s = intervals * INPUT_METRICS[name].interval_s
            since = sample.at if sample.at is not None else missed_since.get(label(name, unit), self.at)
            if self.at - since > limit_s:
                yield Stale(name, unit, self.at - since, limit_s)

    def missing(self) -> list[str]:
        """Labels of the readings that never came."""
        return sorted(label(name, unit) for (name, unit), sample in self.samples.items() if sample.at is None)


def label(name: str, unit: Unit) -> str:
    """A reading's name in one word."""
    return f"{name}|{unit}"


@dataclass
class History:
    """The last values of each reading, kept by the process that checks, so that a trip can show how it came about."""

    points: dict[Key, deque[tuple[float, float]]] = field(default_factory=dict)

    def note(self, inputs: Inputs) -> None:
        """Remember the values, a point every ``PLOT_EVERY_S``."""
        for key, sample in inputs.samples.items():
            if sample.value is not None:
                kept = self.points.setdefault(key, deque(maxlen=PLOT_POINTS))
                if not kept or inputs.at - kept[-1][0] >= PLOT_EVERY_S:
                    kept.append((inputs.at, sample.value))

    def of(self, name: str, unit: Unit) -> Series:
        """What is remembered, oldest first."""
        return tuple(self.points.get((name, unit), ()))
