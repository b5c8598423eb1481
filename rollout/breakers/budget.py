"""How often all is well and a breaker trips all the same: the false-alarm budget. Pure.

An e-CUSUM that alarms at ``c`` is wrong at most once in ``c`` steps on average; the loop's e-process, which begins
again every year, is wrong in a year with probability at most ``1 / e_alarm``. The other breakers compare facts: when
they trip, the fact was there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rollout.breakers.scope import Scope
from rollout.breakers.spec import BreakerSpec, Detector

BUDGET_PER_DAY: Final = 1 / 90
"""All detectors together: at most one false alarm in ninety days."""


def false_alarms_per_day(specs: Mapping[str, BreakerSpec], *, blind_encounters: float, sites: int) -> dict[str, float]:
    """The upper bound for each sequential detector, with so many blind encounters a day and so many campsites.

    The loop e-process spends its ``1 / e_alarm`` once a year.
    """
    found: dict[str, float] = {}
    for name, spec in specs.items():
        if spec.detector is Detector.CUSUM_LR:
            found[name] = blind_encounters / spec.number("c")
        elif spec.detector is Detector.BETTING_MIX:
            found[name] = 1 / spec.number("c")
        elif spec.detector is Detector.BLOCK_PERM_OR_OOD_BETTING:
            found[name] = (sites if spec.scope is Scope.SITE else 1) / spec.number("c")
        elif spec.detector is Detector.EFFORT_EPROCESS:
            found[name] = 1 / (365 * spec.number("e_alarm"))
    return found


def within_budget(specs: Mapping[str, BreakerSpec], *, blind_encounters: float, sites: int) -> bool:
    """Whether all detectors together keep the budget."""
    return sum(false_alarms_per_day(specs, blind_encounters=blind_encounters, sites=sites).values()) <= BUDGET_PER_DAY
