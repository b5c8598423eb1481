"""Are costs running away? The answer, the figures, and each day beside the budget."""

from __future__ import annotations

from rollout.reports.context import ReportContext
from rollout.reports.document import (
    Answer,
    Cell,
    Column,
    Figure,
    Form,
    Panels,
    ReportPanel,
    Section,
    Status,
    Table,
    table,
)
from rollout.reports.sections.period_costs import Cost, CostDay, cost_days, has_tariff

NO_TARIFF = "no tariff is configured"


def spending_answer(asked: ReportContext, cost: Cost, before: Cost) -> Answer:
    """In a sentence: against the budget where there is one, else against as long a time before."""
    question, money, per = "Are costs running away?", asked.config.costs.currency, cost.per_camera_day
    if not has_tariff(asked):
        words = "Nobody can say: no tariff is configured (costs: camera_day, gpu_hour, message)."
        return Answer("costs", question, Status.GREY, words)
    if per is None:
        return Answer("costs", question, Status.GREY, "Nobody can say: no camera is switched on here.")
    a_day = cost.total / asked.period.days
    words = f"{per:.2f} {money} a camera-day, {a_day:.2f} {money} a day by the tariff."
    budget = asked.config.costs.budget_day
    if budget is not None and asked.everything:
        share = a_day / budget
        light = Status.RED if share > 1 else Status.AMBER if share > 0.8 else Status.GREEN
        return Answer("costs", question, light, f"{words} That is {100 * share:.0f}% of the budget.")
    was = before.per_camera_day or 0.0
    grown = per / was - 1 if was else 0.0
    light = Status.AMBER if grown > 0.25 else Status.GREEN
    more = "as much as in the time before" if abs(grown) < 0.005 else f"{100 * grown:+.0f}% against the time before"
    return Answer("costs", question, light, f"{words} That is {more}; no budget is compared.")


def costs_section(asked: ReportContext, cost: Cost, before: Cost) -> Section:
    """The period, the time before it, and the days up to its last one."""
    money, why = asked.config.costs.currency, "" if has_tariff(asked) else NO_TARIFF
    per = None if why else cost.per_camera_day
    days = [] if why else cost_days(asked)
    return Section(
        "costs",
        "Costs",
        ("Computed from the configured tariff, not measured. GPUs are counted as they answered, or as they answer now "
         "where that was not written down; cameras as they are configured now.",),
        figures=(
            Figure("cost_per_camera_day", "Cost of a camera-day", per, unit=money, sure="computed",
                   n=cost.camera_days, of="camera-days", why=why or ("" if per is not None else "no camera")),
            Figure("cost_per_camera_day_before", "The same in as long a time before",
                   None if why else before.per_camera_day, unit=money, sure="computed", n=before.camera_days,
                   of="camera-days", why=why),
            Figure("cost_total", "Altogether", None if why else cost.total, unit=money, sure="computed", why=why),
            Figure("messages_tried", "Messages tried", cost.messages),
        ),
        plots=(_plot(asked, days),) if len(days) > 1 else (),
        tables=() if why else (_table(asked, days),),
    )  # fmt: skip


def _budget(asked: ReportContext) -> float | None:
    """What a camera-day may cost; only for whoever is told of everything that it is for."""
    budget, cameras = asked.config.costs.budget_day, len(asked.cameras())
    return budget / cameras if budget is not None and cameras and asked.everything else None


def _plot(asked: ReportContext, days: list[CostDay]) -> Panels:
    money, budget = asked.config.costs.currency, _budget(asked)
    points = tuple((each.start, each.cost.per_camera_day) for each in days)
    told = tuple((at, value) for at, value in points if value is not None)
    limits = () if budget is None else ((f"budget {budget:.3g}", budget),)
    return Panels(
        "cost_days", "Cost of a camera-day, day by day", days[0].start, days[-1].start, asked.period.timezone,
        1.5 * 86400.0, (ReportPanel("per_camera_day", f"{money} a camera-day", (("", told),), Form.NUMBER, limits),),
    )  # fmt: skip


def _table(asked: ReportContext, days: list[CostDay]) -> Table:
    money, budget = asked.config.costs.currency, _budget(asked)
    columns = (
        Column("day", "Day"), Column("per_camera_day", f"{money} a camera-day", Form.NUMBER),
        Column("total", f"{money} altogether", Form.NUMBER), Column("of_budget", "Of the budget", Form.SHARE),
        Column("messages", "Messages tried", Form.NUMBER), Column("gpus", "GPUs on average", Form.NUMBER),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for each in reversed(days):
        per = each.cost.per_camera_day
        of_budget = per / budget if per is not None and budget else None
        rows.append((each.day.isoformat(), per, each.cost.total, of_budget, each.cost.messages, each.cost.gpus))
    note = "A day that is not over counts as far as it has gone."
    return table("cost_days", "Day by day", columns, rows, "No camera of these campsites has been seen yet.", note)
