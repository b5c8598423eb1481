"""Gates in words and as bars: what is demanded, what was measured, and how much is still missing. Pure."""

from __future__ import annotations

from math import ceil
from typing import Final, Self

from pydantic import Field

from core.charts.scale import Scale
from core.charts.svg import Svg
from core.clock import civil
from review_ui.rendering.rollout_charts import amount_bar, gate_bar
from review_ui.web.viewer_scope import Values
from rollout.base.metrics import METRICS, with_unit
from rollout.control.forecast import Demand
from rollout.control.status import GateView
from rollout.reports.gate_history import course_of
from rollout.reports.render.gate_history_chart import course
from rollout.stages.gates import Outcome
from rollout.stages.spec import Gate

HIDDEN: Final = "hidden"
OUTCOME_WORDS: Final = {
    "passed": "Passes",
    "failed": "Fails",
    "inconclusive": "Not enough data",
    HIDDEN: "Hidden while you watch",
}
_OPERATORS: Final = {">=": "at least", "<=": "at most", "==": "exactly", ">": "more than", "<": "less than"}


class CoursePointOut(Values):
    """What one look found of a gate."""

    at: float
    outcome: str
    value: float | None = Field(description="the point estimate")
    compared: float | None = Field(description="what was compared with the limit: the bound, or the estimate")


class GateOut(Values):
    """A gate of the present stage. While its reader is blind to a campsite of the stage, without numbers."""

    gate: str = Field(description="as the configuration writes it")
    metric: str
    title: str = Field(description="the metric in words")
    wants: str = Field(description="what is demanded, in words")
    outcome: str = Field(description="passed, failed, inconclusive; hidden while you watch blind")
    value: float | None = Field(description="the point estimate")
    compared: float | None = Field(description="what was compared with the limit: the bound, or the estimate")
    limit: float | None
    operator: str
    bound: str | None
    share: bool = Field(description="whether value and limit are shares from 0 to 1")
    value_unit: str
    n: float | None = Field(description="independent units that it rests on")
    unit: str = Field(description="what those are")
    need: float | None = Field(description="units at which it can pass if nothing more goes wrong")
    have: float | None
    days: float | None = Field(description="that takes so many more days at the present rate; null: nobody can say")
    missing: str = Field(description="what is missing, in words; empty when it passes")
    course: list[CoursePointOut] = Field(description="the looks so far, at most 60 of them, oldest first")
    drawn: str = Field(default="", exclude=True)
    """The course as SVG."""
    course_since: str = Field(default="", exclude=True)
    """The day of its first look, in words."""

    @classmethod
    def of(cls, view: GateView, gate: Gate, blind: bool, timezone: str) -> Self:
        """From the overview's gate. ``blind``: its reader must not learn what the model has seen."""
        result, demand = view.result, view.demand
        kind = METRICS[gate.metric]
        eprocess = gate.bound == "eprocess"
        return cls(
            gate=result.gate,
            metric=gate.metric,
            title=kind.summary[:1].upper() + kind.summary[1:],
            wants=wants(gate),
            outcome=HIDDEN if blind else result.outcome.value,
            value=None if blind else result.value,
            compared=None if blind else result.compared,
            limit=result.limit,
            operator=">=" if eprocess else (gate.op or ">="),
            bound=gate.bound,
            share=kind.unit == "share" and not eprocess,
            value_unit="" if kind.unit == "share" else kind.unit,
            n=None if blind else result.n,
            unit=demand.unit,
            need=demand.need,
            have=None if blind else demand.have,
            days=None if blind else demand.days,
            missing="" if blind else missing(view, gate),
            course=[]
            if blind
            else [CoursePointOut(at=p.at, outcome=p.outcome, value=p.value, compared=p.compared) for p in view.course],
            drawn="" if blind else course(course_of(gate, view.course, timezone)),
            course_since=f"{civil(view.course[0].at, timezone):%-d %b}" if view.course and not blind else "",
        )

    @property
    def gathers(self) -> bool:
        """Whether it only counts evidence: too little of it is no failure, it is too early."""
        return self.metric.startswith("encounters")

    @property
    def shown(self) -> str:
        """The outcome as people see it."""
        return "inconclusive" if self.outcome == "failed" and self.gathers else self.outcome

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
            return f"{said}, e-value {self.compared or 0.0:.3g}"
        if self.compared is None or self.compared == self.value:
            return said
        end = "upper" if self.operator.startswith("<") else "lower"
        return f"{said}, {end} bound {self.number(self.compared)}"

    @property
    def rests_on(self) -> str:
        """The amount of data, in words."""
        if not self.n or self.n == 1:
            return ""
        return with_unit(f"{self.n:.0f}" if self.n >= 100 else f"{self.n:.3g}", self.unit)

    def number(self, value: float) -> str:
        """A value with its unit."""
        if self.share or (self.bound == "eprocess" and 0 <= value <= 1):
            return f"{round(100 * value, 1):g} %"
        return with_unit(f"{value:.3g}", self.value_unit)

    @property
    def amount_words(self) -> str:
        """How much of the evidence there is, in words."""
        return f"{self.have or 0.0:.4g} of {with_unit(f'{ceil(self.need or 0.0):g}', self.unit)}"

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
        """Its course from look to look; empty before the second."""
        return Svg(self.drawn)

    @property
    def ends(self) -> tuple[str, str]:
        """What lies at the two ends of the bar."""
        scale = self._scale()
        if scale.log:
            return f"{scale.low:.3g}", f"{scale.high:.3g}"
        if self.share:
            return self.number(scale.low), self.number(scale.high)
        return f"{scale.low:g}", f"{scale.high:.3g}"

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


def wants(gate: Gate) -> str:
    """What a gate demands, in words."""
    kind = METRICS[gate.metric]
    if gate.bound == "eprocess":
        return f"an e-value of at least {gate.e_min:g} against {100 * (gate.r0 or 0.9):g} % or less"
    assert gate.value is not None
    assert gate.op is not None
    value = f"{100 * gate.value:g} %" if kind.unit == "share" else with_unit(f"{gate.value:g}", kind.unit)
    text = f"{_OPERATORS[gate.op]} {value}"
    if gate.bound:
        text += ", even at the 95 % bound"
    return text if gate.window == "stage" else f"{text}, in the last {gate.window}"


def missing(view: GateView, gate: Gate) -> str:
    """What is missing for a gate to pass."""
    result, demand = view.result, view.demand
    if result.outcome is Outcome.PASSED:
        return ""
    if result.outcome is Outcome.FAILED and not gate.metric.startswith("encounters"):
        return f"It must be {wants(gate)}."
    short = _short(demand)
    if not short:
        return f"{result.why[:1].upper()}{result.why[1:]}."
    return f"{with_unit(f'{short:g}', f'more {demand.unit}')}{_when(demand)}."


def _short(demand: Demand) -> float:
    return 0 if demand.need is None else max(0, ceil(demand.need - demand.have))


def _when(demand: Demand) -> str:
    if demand.days is None:
        return "; nobody can say how long that takes, none was seen yet"
    days = ceil(demand.days)
    return f": about {with_unit(f'{days:g}', 'days')} at the present rate" if days else ""
