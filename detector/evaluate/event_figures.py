"""How good alerts are: whole visits found and missed, how soon, and false alarms - not frames. Pure.

A visit counts as found when a bear's encounter was opened while the bear was in view, or shortly after. An encounter
that was opened while no bear was in view is a false alarm. Times are seconds from a recording's beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import chi2  # type: ignore[import-untyped] # it has no types

from detector.evaluate.figures import clopper_pearson

SLACK_S = 2.0
"""How long after a bear has left an alert about it is still right: three agreeing frames take time."""
SOON_S = 10.0
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class TrueVisit:
    """Somebody in view of a camera."""

    kind: str
    is_bear: bool
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Alarm:
    """An encounter: when it was opened, and how strongly (for ranking alarms of one system)."""

    at_s: float
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class WatchedFootage:
    """One recording: its truth and what a system made of it. ``unknown`` are alarms about unknown animals."""

    camera: str
    seconds: float
    visits: Sequence[TrueVisit]
    alarms: Sequence[Alarm]
    unknown: Sequence[Alarm] = field(default_factory=tuple)


def event_figures(watched: Sequence[WatchedFootage]) -> dict[str, Any]:
    """What a system's alarms are worth, as values ready for JSON.

    - ``recall`` of bear visits with its exact 95% interval; None without bear visits;
    - ``seconds_to_alarm``: ``median`` and ``p90`` over all bear visits, a missed one taking for ever (None), and
      ``within_10_s``, the share found so soon;
    - ``false_alarms`` and ``false_alarms_per_camera_day``, with the exact one-sided 95% upper bound as if false alarms
      came independently: a few minutes of footage bound little;
    - ``extra_alarms``: further alarms about a visit that was found already;
    - ``unknown_alarms``: about unknown animals, and ``unknown_bears``: missed bears that were at least told so.
    """
    delays, extra, false, unknown, unknown_bears = list[float](), 0, 0, 0, 0
    for one in watched:
        bears = [visit for visit in one.visits if visit.is_bear]
        hits = [_alarms_about(visit, one.alarms) for visit in bears]
        for visit, alarms in zip(bears, hits, strict=True):
            delays.append(max(0.0, alarms[0].at_s - visit.start_s) if alarms else float("inf"))
            extra += max(0, len(alarms) - 1)
            unknown_bears += not alarms and bool(_alarms_about(visit, one.unknown))
        false += sum(not any(_is_about(alarm, visit) for visit in bears) for alarm in one.alarms)
        unknown += len(one.unknown)
    days = sum(one.seconds for one in watched) / DAY_S
    found = int(np.isfinite(delays).sum())
    return {
        "bear_visits": len(delays),
        "found": found,
        "recall": _recall(found, len(delays)),
        "seconds_to_alarm": _delays(delays),
        "false_alarms": false,
        "false_alarms_per_camera_day": round(false / days, 2) if days else None,
        "at_most_per_camera_day": round(float(chi2.ppf(0.95, 2 * (false + 1))) / 2 / days, 1) if days else None,
        "extra_alarms": extra,
        "unknown_alarms": unknown,
        "unknown_bears": unknown_bears,
        "camera_days": round(days, 5),
    }


def rate_matched(watched: Sequence[WatchedFootage], alarms: int) -> list[WatchedFootage]:
    """The same with the ``alarms`` strongest alarms alone: a system forced to disturb no more than another."""
    ranked = sorted((-alarm.strength, one.camera, alarm.at_s) for one in watched for alarm in one.alarms)
    kept = set(ranked[:alarms])
    return [
        WatchedFootage(
            one.camera,
            one.seconds,
            one.visits,
            [alarm for alarm in one.alarms if (-alarm.strength, one.camera, alarm.at_s) in kept],
        )
        for one in watched
    ]


def _alarms_about(visit: TrueVisit, alarms: Sequence[Alarm]) -> list[Alarm]:
    return sorted((alarm for alarm in alarms if _is_about(alarm, visit)), key=lambda alarm: alarm.at_s)


def _is_about(alarm: Alarm, visit: TrueVisit) -> bool:
    return visit.start_s - SLACK_S <= alarm.at_s <= visit.end_s + SLACK_S


def _recall(found: int, visits: int) -> dict[str, float] | None:
    if not visits:
        return None
    low, high = clopper_pearson(found, visits)
    return {"recall": found / visits, "low": round(low, 4), "high": round(high, 4)}


def _delays(delays: Sequence[float]) -> dict[str, float | None]:
    if not delays:
        return {"median": None, "p90": None, "within_10_s": None}
    ordered = np.sort(np.array(delays))
    median, p90 = (float(ordered[max(0, int(np.ceil(share * len(ordered))) - 1)]) for share in (0.5, 0.9))
    return {
        "median": round(median, 2) if np.isfinite(median) else None,
        "p90": round(p90, 2) if np.isfinite(p90) else None,
        "within_10_s": float((ordered <= SOON_S).mean()),
    }
