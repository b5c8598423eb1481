"""Many seasons as one line of a table: how often, how soon, how long. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median, quantiles
from typing import Any, Final

from rollout.evidence.stats.proportions import clopper_pearson_lower, clopper_pearson_upper
from simulation.seasons.result import Result
from simulation.seasons.scenarios import Scenario, Truth

MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Share:
    """So many of all seasons, with the exact two-sided 95 % interval."""

    count: int
    seasons: int
    share: float
    lower: float
    upper: float

    @classmethod
    def of(cls, count: int, seasons: int) -> Share:
        """From the counts."""
        return cls(
            count,
            seasons,
            count / seasons,
            clopper_pearson_lower(count, seasons, 0.975),
            clopper_pearson_upper(count, seasons, 0.975),
        )

    def __str__(self) -> str:
        return f"{100 * self.share:.3g} % ({100 * self.lower:.2g} to {100 * self.upper:.3g})"


@dataclass(frozen=True, slots=True)
class SeasonRow:
    """One policy in one scenario. Minutes and numbers are means over seasons."""

    scenario: str
    truth: Truth
    policy: str
    past_shadow: Share
    county: Share
    automatic: Share
    first_live_day: float | None
    """Medians over the seasons that got there."""
    county_day: float | None
    live_camera_days: float
    bear_min_live: float
    """Bear minutes while authority held and its path worked."""
    bear_min_watched: float
    """Bear minutes after authority had ended, with a named ranger on watch."""
    bear_min_paged: float
    """Bear minutes after authority had ended, while somebody was being paged."""
    bear_min_paused: float
    """Bear minutes while warnings were paused, and every page said so."""
    bear_s_within: float
    """Bear seconds under authority over a path that did not work, and nobody knew, within what is promised."""
    bear_s_beyond: float
    """The same after that: this must be zero."""
    beyond_by_cause: dict[str, float]
    """Of that, by cause."""
    longest_unknown_s: dict[str, float]
    """The longest that authority stood over a dead path, by cause, bear or no bear."""
    missed_live: float
    """Bears that a live campsite's model missed although its path worked."""
    false_warnings: float
    handovers: float
    escalations: float
    waited_s: float | None
    """Median wait for somebody to take over the watch; ``waited_longest_s`` the longest."""
    waited_longest_s: float | None
    bad_live_days: float
    """Days of authority of a model that had gone bad, over all seasons."""
    live_when_bad: float
    """Share of the seasons in which it had authority when it had gone bad."""
    bad_live_days_then: float | None
    """Days of authority in those seasons alone: their mean; ``bad_live_days_q90`` nine in ten of them had fewer."""
    bad_live_days_q90: float | None
    trips: dict[str, float]
    held_by: dict[str, float]
    """Which gate was red at the end of the seasons that never left shadow, as a share of all."""


def row_of(scenario: Scenario, policy: str, results: Sequence[Result]) -> SeasonRow:
    """Sum up the seasons of one policy in one scenario."""
    n = len(results)
    bad = [result.bad_live_d for result in results if result.live_when_bad]
    waits = [wait for result in results for wait in result.waited_s]
    kinds = sorted({kind for result in results for kind in result.bear_s if kind.startswith("beyond:")})
    causes = sorted({cause for result in results for cause in result.longest_unknown_s})
    breakers = sorted({name for result in results for name in result.trips})
    return SeasonRow(
        scenario=scenario.name,
        truth=scenario.truth,
        policy=policy,
        past_shadow=Share.of(sum(result.first_live_d is not None for result in results), n),
        county=Share.of(sum(result.county_d is not None for result in results), n),
        automatic=Share.of(sum(result.automatic_d is not None for result in results), n),
        first_live_day=_median(result.first_live_d for result in results),
        county_day=_median(result.county_d for result in results),
        live_camera_days=fmean(result.live_camera_days for result in results),
        bear_min_live=_bear_min(results, "live"),
        bear_min_watched=_bear_min(results, "watched"),
        bear_min_paged=_bear_min(results, "paged"),
        bear_min_paused=_bear_min(results, "paused"),
        bear_s_within=fmean(result.unknown_s("within") for result in results),
        bear_s_beyond=fmean(result.unknown_s("beyond") for result in results),
        beyond_by_cause={
            kind.removeprefix("beyond:"): fmean(result.bear_s.get(kind, 0.0) for result in results) for kind in kinds
        },
        longest_unknown_s={
            cause: max(result.longest_unknown_s.get(cause, 0.0) for result in results) for cause in causes
        },
        missed_live=fmean(result.missed_live for result in results),
        false_warnings=fmean(result.false_warnings for result in results),
        handovers=fmean(result.handovers for result in results),
        escalations=fmean(result.escalations for result in results),
        waited_s=median(waits) if waits else None,
        waited_longest_s=max(waits) if waits else None,
        bad_live_days=fmean(result.bad_live_d for result in results),
        live_when_bad=len(bad) / n,
        bad_live_days_then=fmean(bad) if bad else None,
        bad_live_days_q90=quantiles(bad, n=10)[-1] if len(bad) > 1 else None,
        trips={name: fmean(result.trips.get(name, 0) for result in results) for name in breakers},
        held_by={gate: times / n for gate, times in Counter(r.held_by for r in results if r.held_by).most_common()},
    )


HEADINGS: Final = (
    "scenario", "policy", "past shadow", "county", "median day", "bears: live / watched / paged / paused (min)",
    "nobody knew: within / beyond the promise (s)", "false warnings", "handovers", "escalations",
)  # fmt: skip


def cells(row: SeasonRow) -> tuple[str, ...]:
    """A row as people read it, under :data:`HEADINGS`."""
    return (
        f"{row.scenario} ({row.truth})",
        row.policy,
        str(row.past_shadow),
        f"{100 * row.county.share:.3g} %",
        "-" if row.county_day is None else f"{row.county_day:.0f}",
        f"{row.bear_min_live:.0f} / {row.bear_min_watched:.0f} / {row.bear_min_paged:.1f} / {row.bear_min_paused:.1f}",
        f"{row.bear_s_within:.1f} / {row.bear_s_beyond:.1f}",
        f"{row.false_warnings:.1f}",
        f"{row.handovers:.1f}",
        f"{row.escalations:.1f}",
    )


def markdown(rows: Iterable[SeasonRow]) -> str:
    """The table for a page."""
    lines = [HEADINGS, tuple("---" for _ in HEADINGS), *(cells(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def flat(row: SeasonRow) -> dict[str, Any]:
    """A row as one flat record, for CSV and JSON."""
    found: dict[str, Any] = {}
    for name, value in asdict(row).items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": each for key, each in value.items()}
        else:
            found[name] = value
    return found


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _bear_min(results: Sequence[Result], kind: str) -> float:
    return fmean(result.bear_s.get(kind, 0.0) for result in results) / MINUTE_S
