"""How long until an alert, with the misses counted as "not yet" (Kaplan-Meier). Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def kaplan_meier(
    durations: Sequence[float], happened: Sequence[bool]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times at which something happened, and the share for which it had not happened right after each.

    A duration whose event did not happen was watched that long and no longer (censored).
    """
    times = np.asarray(durations, dtype=np.float64)
    events = np.asarray(happened, dtype=bool)
    moments = np.unique(times[events])
    at_risk = len(times) - np.searchsorted(np.sort(times), moments, side="left")
    deaths = np.searchsorted(np.sort(times[events]), moments, side="right") - np.searchsorted(
        np.sort(times[events]), moments, side="left"
    )
    return moments, np.cumprod(1.0 - deaths / at_risk).astype(np.float64)


def time_until(durations: Sequence[float], happened: Sequence[bool], share: float) -> float | None:
    """The time by which it had happened for ``share`` of all; None when it never did for so many."""
    moments, waiting = kaplan_meier(durations, happened)
    reached = np.flatnonzero(waiting <= 1.0 - share + 1e-12)
    return float(moments[reached[0]]) if len(reached) else None


def share_within(durations: Sequence[float], happened: Sequence[bool], limit: float) -> float:
    """The share for which it had happened within ``limit``; 0 for nobody at all."""
    moments, waiting = kaplan_meier(durations, happened)
    index = int(np.searchsorted(moments, limit, side="right"))
    return 1.0 - float(waiting[index - 1]) if index else 0.0
