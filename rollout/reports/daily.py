"""The daily report: are campers complaining, is any machine in trouble, are costs running away; and all behind it."""

from __future__ import annotations

from typing import Final

from rollout.reports.context import ReportContext
from rollout.reports.document import Answer, Form, Kind, Report, Status
from rollout.reports.render.number_format import many, number
from rollout.reports.sections.camera_operation import (
    Cameras,
    breaker_rows,
    cameras_of,
    cameras_section,
    latency_section,
)
from rollout.reports.sections.deliveries import Sent, camper_figures, campers_section, deliveries_of, delivery_section
from rollout.reports.sections.host_health import host_health_answer, host_health_of, machines_section
from rollout.reports.sections.period_costs import cost_of
from rollout.reports.sections.queues import queues_section
from rollout.reports.sections.spending import costs_section, spending_answer
from rollout.reports.sections.staff_activity import people_section

TITLE: Final = "Daily operations"


def daily(asked: ReportContext) -> Report:
    """The operations report of a period, usually one day."""
    found, seen, sent = host_health_of(asked), cameras_of(asked), deliveries_of(asked)
    period = asked.period
    cost = cost_of(asked, period.start, period.end)
    before = cost_of(asked, 2 * period.start - period.end, period.start)
    return Report(
        kind=Kind.DAILY,
        title=TITLE,
        period=period,
        places=asked.places,
        made_at=asked.now,
        answers=(_complaining(asked), host_health_answer(asked, found), spending_answer(asked, cost, before),
                 _holding(asked, seen, sent)),
        sections=(campers_section(asked), cameras_section(asked, seen), latency_section(asked),
                  queues_section(asked, found.past), machines_section(asked, found),
                  costs_section(asked, cost, before), delivery_section(asked, sent), people_section(asked)),
        limits=_limits(asked),
    )  # fmt: skip


def _complaining(asked: ReportContext) -> Answer:
    figures = {each.key: each for each in camper_figures(asked)}
    complaints, appeals = (int(figures[key].value or 0) for key in ("complaints", "appeals"))
    waiting, upheld = (int(figures[key].value or 0) for key in ("messages_waiting", "appeals_upheld_open"))
    question = "Are campers complaining?"
    words = f"{many(complaints, 'complaint')} and {many(appeals, 'appeal')} against a warning."
    if upheld:
        more = f"{words} {many(upheld, 'appeal was', 'appeals were')} upheld and nothing has been done about it yet."
        return Answer("complaints", question, Status.RED, more)
    if waiting:
        more = f"{words} {many(waiting, 'message waits', 'messages wait')} for an answer."
        return Answer("complaints", question, Status.AMBER, more)
    if complaints or appeals:
        return Answer("complaints", question, Status.AMBER, f"{words} All are answered.")
    return Answer("complaints", question, Status.GREEN, "Nobody has complained, and no warning was appealed.")


def _holding(asked: ReportContext, seen: Cameras, sent: Sent) -> Answer:
    question, wrong = "Was everything seen and said?", []
    light = Status.GREEN
    if seen.share is None:
        return Answer("holding", question, Status.GREY, "Nobody can say: no camera is switched on here, or it has only "
                      "just begun.")  # fmt: skip
    if seen.share < 0.99:
        light = Status.RED if seen.share < 0.9 else Status.AMBER
        wrong.append(f"cameras were seen {number(seen.share, Form.SHARE)} of the time")
    if sent.failed_to_campers:
        light = Status.RED
        wrong.append(f"{many(sent.failed_to_campers, 'warning')} to campers failed")
    elif sent.failed or sent.late:
        light = Status.AMBER if light is Status.GREEN else light
        wrong.append(f"{many(sent.failed, 'message')} failed and {sent.late} came late")
    tripped = breaker_rows(asked)
    still = sum(row.open for row in tripped)
    if tripped:
        light = Status.RED if still else Status.AMBER if light is Status.GREEN else light
        wrong.append(f"{many(len(tripped), 'breaker')} tripped, {still} still open")
    words = f"{'; '.join(wrong)}." if wrong else "Cameras saw, messages arrived in time, no breaker tripped."
    return Answer("holding", question, light, f"{words[:1].upper()}{words[1:]}")


def _limits(asked: ReportContext) -> tuple[str, ...]:
    said = [
        "Uptime counts minutes with a scored frame; a camera that was switched on during this time counts from its "
        "beginning.",
        "Machines and queues are sampled once a minute: a peak between two samples is not seen. After 30 days the "
        "worst of each hour is left.",
    ]
    if not asked.everything:
        said.append("It is about these campsites only: breakers and messages of the whole site are not in it.")
    return tuple(said)
