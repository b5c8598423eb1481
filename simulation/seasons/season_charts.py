"""The table as pictures: which seasons went well, and how long nobody noticed that a path did not work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from core.charts import rows as charts
from core.charts.axes import SHARES, Axis, LimitLine
from core.charts.rows import Bar, IntervalRow, row_chart
from core.charts.scale import Scale
from core.charts.svg import Svg
from simulation.seasons.scenarios import Truth
from simulation.seasons.table import SeasonRow

_KINDS: Final = {"default": "plot-main", "peeking": "series-1", "no-breakers": "series-2", "anytime": "series-3"}
_CAUSES: Final = {
    "camera": "dead camera", "redis": "Redis away", "lapsed": "controller dead", "network": "network broken",
    "detector": "path fails silently", "host": "machine lost", "missed": "machine lost, missed elsewhere",
}  # fmt: skip
_WIDE: Final = 760.0
_TIMES: Final = ((1.0, "1 s"), (10.0, "10 s"), (60.0, "1 min"), (600.0, "10 min"), (3600.0, "1 h"), (86400.0, "1 day"))


def promoted(rows: Sequence[SeasonRow]) -> Svg:
    """How often each policy let the model past shadow, and to the county, with 95 % intervals."""
    shown = [row for row in rows if row.truth is not Truth.CHANGING]
    scenarios = sorted({row.scenario for row in shown}, key=[row.scenario for row in shown].index)
    scenarios.sort(key=lambda name: next(row.truth is Truth.GOOD for row in shown if row.scenario == name))
    drawn = []
    for name in scenarios:
        lines = [row for row in shown if row.scenario == name]
        marks = [_interval(row) for row in lines]
        drawn.append(charts.Row(f"{name} ({lines[0].truth})", marks))
    title = "Share of seasons: bad models that got past shadow, good ones that reached the county"
    return row_chart(title, drawn, SHARES, [LimitLine(0.05, "5%")], _WIDE, alone=True)


def _interval(row: SeasonRow) -> IntervalRow:
    share = row.past_shadow if row.truth is Truth.BAD else row.county
    return IntervalRow(share.share, share.lower, share.upper, row.policy, _KINDS[row.policy])


def unnoticed(rows: Sequence[SeasonRow]) -> Svg:
    """The longest time that authority stood over a path that did not work, by cause: with breakers and without."""
    policies = [name for name in ("default", "no-breakers") if any(row.policy == name for row in rows)]
    causes = sorted({cause for row in rows for cause in row.longest_unknown_s}, key=[*_CAUSES].index)
    drawn = []
    for cause in causes:
        bars = []
        for policy in policies:
            longest = max((row.longest_unknown_s.get(cause, 0.0) for row in rows if row.policy == policy), default=0.0)
            bars.append(Bar(longest, _duration(longest), policy, _KINDS[policy]))
        drawn.append(charts.Row(_CAUSES[cause], bars))
    title = "Longest time that authority stood over a path that did not work"
    across = Axis(Scale(1.0, 200_000.0, log=True), _duration, _TIMES)
    return row_chart(title, drawn, across, wide=_WIDE, alone=True)


def _duration(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"
