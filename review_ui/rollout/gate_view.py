"""Gates as bars and in words: what is demanded, what was measured, and how it went from analysis to analysis. Pure."""

from __future__ import annotations

from math import ceil
from typing import Final, Self

from pydantic import Field

from core.charts.scale import Scale
from core.charts.svg import Svg
from core.clock import civil
from review_ui.rendering.rollout_charts import amount_bar, gate_bar
from rollout.base.metrics import readable, with_unit
from rollout.control.gate_status import HIDDEN, GateView
from rollout.reports.gate_history import course_of
from rollout.reports.render.gate_history_chart import course
from rollout.stages.spec import Gate

OUTCOME_WORDS: Final = {
    "passed": "Passes",
    "failed": "Fails",
    "inconclusive": "Not enough data",
    HIDDEN: "Hidden while you watch",
}


class GateCard(GateView):
    """A gate as the page draws it."""

    drawn: str = Field(default="", exclude=True)
    """The course as SVG."""
    course_since: str = Field(default="", exclude=True)
    """The day of its first analysis, in words."""

    @classmethod
    def drawn_from(cls, view: GateView, gate: Gate, timezone: str) -> Self:
        """``view`` is what its reader may know of ``gate``."""
        return cls(
            **dict(view),
            drawn=course(course_of(gate, view.course, timezone)) if view.course else "",
            course_since=f"{civil(view.course[0].at, timezone):%-d %b}" if view.course else "",
        )

    @property
    def outcome_words(self) -> str:
        """The outcome in words."""
        return OUTCOME_WORDS[self.shown]

    @property
    def says(self) -> str:
        """What was measured, in words."""
        if self.outcome == HIDDEN or self.value is None or self.gathers:
            return ""
        said = self.number(self.value)
        if self.bound == "eprocess":
            return f"{said}, e-value {readable(self.compared or 0.0)}"
        if self.compared is None or self.compared == self.value:
            return said
        end = "upper" if self.operator.startswith("<") else "lower"
        return f"{said}, {end} bound {self.number(self.compared)}"

    @property
    def rests_on(self) -> str:
        """The amount of data, in words."""
        if not self.n or self.n == 1:
            return ""
        return with_unit(f"{self.n:,.0f}" if self.n >= 100 else readable(self.n), self.unit)

    def number(self, value: float) -> str:
        """A value with its unit."""
        if self.share or (self.bound == "eprocess" and 0 <= value <= 1):
            return f"{round(100 * value, 1):g} %"
        return with_unit(readable(value), self.value_unit)

    @property
    def amount_words(self) -> str:
        """How much of the evidence there is, in words."""
        return f"{readable(self.have or 0.0, 4)} of {with_unit(f'{ceil(self.need or 0.0):,}', self.unit)}"

    @property
    def bar(self) -> Svg:
        """What was measured against what is demanded."""
        measured = self.compared if self.bound == "eprocess" else self.value
        if self.limit is None or self.outcome == HIDDEN or measured is None or self.gathers:
            return Svg()
        return gate_bar(self._scale(), self.limit, not self.operator.startswith("<"), measured,
                        self._interval(), self.outcome)  # fmt: skip

    @property
    def picture(self) -> Svg:
        """Its course from analysis to analysis; empty before the second."""
        return Svg(self.drawn)

    @property
    def ends(self) -> tuple[str, str]:
        """What lies at the two ends of the bar."""
        scale = self._scale()
        if scale.log:
            return readable(scale.low), readable(scale.high)
        if self.share:
            return self.number(scale.low), self.number(scale.high)
        return readable(scale.low), readable(scale.high)

    @property
    def amount(self) -> Svg:
        """How much of the evidence there is."""
        if not self.need or self.have is None or self.outcome == "passed":
            return Svg()
        return amount_bar(self.have, self.need)

    def _interval(self) -> tuple[float, float] | None:
        if self.bound in (None, "eprocess") or self.value is None or self.compared is None:
            return None
        return self.value, self.compared

    def _scale(self) -> Scale:
        seen = [v for v in (self.value, self.compared) if v is not None]
        limit = self.limit or 0.0
        if self.bound == "eprocess":
            return Scale(1 / limit, limit**2, log=True)
        if self.share:
            return Scale(0.5 if min([limit, *seen]) >= 0.5 else min(0.0, *seen), 1.0)
        top = 1.5 * max([limit, *seen]) or 1.0
        return Scale(min(0.0, *seen, limit), top)
