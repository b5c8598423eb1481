"""How often all is well and a breaker trips all the same: the false-alarm budget. Pure.

A detector that alarms at ``c`` is wrong at most once in ``c`` steps on average; the loop's e-process, which begins
again every year, is wrong in a year with probability at most ``1 / e_alarm``. The other breakers compare facts: when
they trip, the fact was there.

What a step is differs: a bear that people found without the model's help, a day, a day at one campsite. More campsites
take more steps a day, so that the same levels would be wrong more often. Levels that nobody has written grow with the
county (:func:`fitted`); those that somebody has written are held against the budget when the plan is loaded
(:func:`too_eager`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

from rollout.breakers.breaker_spec import Breakers, BreakerSpec, DetectorSpec

BUDGET_PER_DAY: Final = 1 / 90
"""All detectors together: at most one false alarm in ninety days."""
FOUND_A_SITE_AND_DAY: Final = 0.3
"""Bears that people find without the model's help, as reckoned with: half a bear a campsite and day, watched blind
somewhat less than half of the time (.25), and on contact sheets a tenth of the rest (.05). Never less than one a day
for the whole county."""
_SHARE: Final = {DetectorSpec.LIKELIHOOD_RATIO: 0.005, DetectorSpec.BLOCK_PERM_OR_OOD_BETTING: 0.005}
"""What each of the two that grow with the county may spend a day; the two others spend 0.00103 by default."""
_LEVEL: Final = {DetectorSpec.EFFORT_EPROCESS: "e_alarm"}
"""Under which name a detector's level is written; ``c`` otherwise."""


@dataclass(frozen=True, slots=True)
class TooEager:
    """A written level that the budget has no room for."""

    breaker: str
    key: str
    """``c`` or ``e_alarm``."""
    written: float
    least: float
    """With this level and the others fitted, the budget is kept."""


def found_per_day(sites: int) -> float:
    """How many bears a day people are reckoned to find without the model's help in a county of so many campsites."""
    return max(1.0, FOUND_A_SITE_AND_DAY * sites)


def false_alarms_per_day(specs: Mapping[str, BreakerSpec], sites: int) -> dict[str, float]:
    """The upper bound for each sequential detector, with so many campsites.

    Drift is watched at each campsite, however far its trip reaches. The loop e-process spends its ``1 / e_alarm`` once
    a year.
    """
    return {name: _steps(spec, sites) / _level(spec) for name, spec in specs.items() if spec.detector is not None}


def within_budget(specs: Mapping[str, BreakerSpec], sites: int) -> bool:
    """Whether all detectors together keep the budget."""
    return sum(false_alarms_per_day(specs, sites).values()) <= BUDGET_PER_DAY


def fitted(breakers: Breakers, sites: int) -> Breakers:
    """The same breakers, with the levels that nobody has written high enough for so many campsites."""
    changes = {
        name: spec.model_copy(update={"c": _fitting(spec, sites)})
        for name, spec in breakers.specs().items()
        if spec.detector in _SHARE and spec.c is None
    }
    return breakers.model_copy(update=changes)


def too_eager(breakers: Breakers, sites: int) -> list[TooEager]:
    """The written levels that make all detectors together break the budget; none while it is kept."""
    usual = Breakers()
    if within_budget(fitted(breakers, sites).specs(), sites):
        return []
    found = []
    for name, spec in breakers.specs().items():
        if spec.detector is None:
            continue
        key, default = _LEVEL.get(spec.detector, "c"), usual.specs()[name]
        written: float | None = getattr(spec, key)
        least = _fitting(spec, sites) if spec.detector in _SHARE else _level(default)
        if written is not None and written < least:
            found.append(TooEager(name, key, written, least))
    return found


def _fitting(spec: BreakerSpec, sites: int) -> float:
    """The level at which a detector keeps its share, and never below its default."""
    assert spec.detector is not None
    default = spec.model_copy(update={"c": None})
    return float(max(_level(default), ceil(_steps(spec, sites) / _SHARE[spec.detector])))


def _steps(spec: BreakerSpec, sites: int) -> float:
    """How many steps a detector takes a day."""
    if spec.detector is DetectorSpec.LIKELIHOOD_RATIO:
        return found_per_day(sites)
    if spec.detector is DetectorSpec.BLOCK_PERM_OR_OOD_BETTING:
        return float(sites)
    return 1 / 365 if spec.detector is DetectorSpec.EFFORT_EPROCESS else 1.0


def _level(spec: BreakerSpec) -> float:
    assert spec.detector is not None
    return spec.number(_LEVEL.get(spec.detector, "c"))
