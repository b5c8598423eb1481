"""The feedback-loop report: does the model steer where people look, and so what it is judged and taught by?"""

from __future__ import annotations

from typing import Final

from rollout.base.metrics import Measured, readable
from rollout.evidence.assessment import Case
from rollout.evidence.calibration import LEAST_HOURS, calibration, known_hours
from rollout.evidence.feedback import ALARM_AT, HOLD_AT
from rollout.evidence.feedback_metrics import LoopView, loop_e, selected_share
from rollout.reports.context import ReportContext, model_of
from rollout.reports.document import (
    Answer,
    Cell,
    Column,
    Figure,
    Form,
    Kind,
    Report,
    Section,
    Spot,
    Spots,
    Status,
    Steps,
    table,
)
from rollout.reports.metric_figures import figure
from rollout.reports.period_evidence import case_of
from rollout.reports.render.number_format import number
from rollout.reports.sections.before_and_after import changed, changes_of, changes_section
from rollout.reports.sections.switchback import experiments_section

TITLE: Final = "Feedback-loop audit"


def loop(asked: ReportContext) -> Report:
    """The feedback-loop report of a period."""
    model, period = model_of(asked), asked.period
    head = {"kind": Kind.LOOP, "title": TITLE, "period": period, "places": asked.places, "made_at": asked.now}
    if model is None:
        words = "No model has opened an encounter in this time: there is no loop to look for."
        answer = Answer("loop", "Does the model steer where people look?", Status.GREY, words)
        return Report(**head, answers=(answer,), sections=(Section("loop", TITLE, (words,)),))  # type: ignore[arg-type]  # one head for both
    case = case_of(asked, model)
    view, unknown = case.loop, next(m for m in case._alarms() if m.metric == "unknown_animal_share")
    changes = changes_of(asked)
    return Report(
        **head,  # type: ignore[arg-type]  # as above
        model=model,
        answers=(_steers(view), _labels(view), changed(changes)),
        sections=(
            _effort(asked, view),
            _process(view),
            _sources(view, unknown),
            _calibration(asked, case),
            changes_section(changes),
            experiments_section(asked),
        ),
        limits=(
            "Prevalence rests on blind sightings for each watched hour and on audits drawn at random; where there are "
            "few of either, shares jump with every bear.",
            "A change is judged over up to four weeks on each side, whatever the period of this report.",
        ),
    )


def _steers(view: LoopView) -> Answer:
    question, measured = "Does the model steer where people look?", loop_e("loop_e", view)
    if measured.value is None:
        return Answer("loop", question, Status.GREY, f"Not enough data: {measured.why}.")
    highest = max(measured.detail["highest"], measured.detail["level"])
    words = (
        f"E-value {readable(measured.value)} after {len(view.course)} independent bears, at most {readable(highest)}."
    )
    if highest >= ALARM_AT:
        return Answer("loop", question, Status.RED, f"{words} From {ALARM_AT:g} on that is an alarm: people look where "
                      "the model points, and not where the bears are.")  # fmt: skip
    if highest >= HOLD_AT:
        return Answer("loop", question, Status.AMBER, f"{words} From {HOLD_AT:g} on nothing is promoted.")
    neglected = [line.campsite for line in view.panel if line.ratio is not None and line.ratio < 0.5]
    if neglected:
        return Answer("loop", question, Status.AMBER, f"{words} Less than half the attention that the bears "
                      f"there would ask for: {', '.join(neglected)}.")  # fmt: skip
    return Answer("loop", question, Status.GREEN, f"{words} Nothing speaks for it.")


def _labels(view: LoopView) -> Answer:
    question, measured = "Where do labels come from?", selected_share("selected_label_share", view)
    if measured.value is None:
        return Answer("labels", question, Status.GREY, f"Not enough data: {measured.why}.")
    words = ", ".join(f"{count} by {name.replace('_', ' ')}" for name, count in view.labels.items())
    light = Status.AMBER if measured.value > 0.9 else Status.GREEN
    share = number(measured.value, Form.SHARE)
    return Answer("labels", question, light, f"{share} are about pictures that the model chose itself ({words}).")


def _effort(asked: ReportContext, view: LoopView) -> Section:
    known = any(line.prevalence_share for line in view.panel)
    rows: list[tuple[Cell, ...]] = [
        (asked.name(line.campsite), line.reviews, line.effort_share, line.watched_h, line.blind_sightings,
         line.audited_bears, line.prevalence_share if known else None, line.ratio) for line in view.panel
    ]  # fmt: skip
    spots = []
    for line in view.panel[:12]:
        name = asked.name(line.campsite)
        spots.append(Spot(f"{name}: attention", line.effort_share if line.reviews else None, kind="model"))
        spots.append(Spot(f"{name}: bears", line.prevalence_share if known else None, kind="people"))
    columns = (
        Column("campsite", "Campsite"), Column("reviews", "Reviews", Form.NUMBER),
        Column("effort_share", "Share of attention", Form.SHARE), Column("watched_h", "Hours watched", Form.NUMBER),
        Column("blind_sightings", "Blind visits", Form.NUMBER),
        Column("audited_bears", "Bears by audits", Form.NUMBER),
        Column("prevalence_share", "Share of bears", Form.SHARE), Column("ratio", "Attention over bears", Form.NUMBER),
    )  # fmt: skip
    return Section(
        "effort",
        "Attention against bears",
        ("Attention is reviews of alerts, which the model chose. Bears are those found without it.",),
        plots=(Spots("effort", "Share of attention beside the share of bears", tuple(spots)),) if spots else (),
        tables=(table("effort", "By campsite", columns, rows, "No campsite.",
                      "A ratio below 1: less attention than it has bears."),),
    )  # fmt: skip


def _process(view: LoopView) -> Section:
    points = tuple((float(n), step.evalue) for n, step in enumerate(view.course, 1))
    plots = (
        Steps("loop_e", "E-value against “attention follows the bears”", "independent bears, in order", "e-value",
              ((0.0, 1.0), *points), Form.NUMBER, Form.NUMBER, (("hold", HOLD_AT), ("alarm", ALARM_AT)), log=True),
    )  # fmt: skip
    measured = loop_e("loop_e", view)
    level = view.course[-1].level if view.course else None
    return Section(
        "process",
        "The loop's e-value",
        (f"It stays below {HOLD_AT:g} with probability 95% for ever if attention follows the bears, however often one "
         "looks.",),
        figures=(
            figure(measured, "E-value now"),
            Figure("loop_level", "The same, never below 1 before a step", level, n=measured.n, of=measured.unit,
                   why=measured.why, sure="no interval", note="it notices a loop that begins late"),
        ),
        plots=plots if points else (),
    )  # fmt: skip


def _calibration(asked: ReportContext, case: Case) -> Section:
    period = asked.period
    hours = known_hours(asked.session, asked.campsites, period.start, period.end, asked.now, case.spans)
    rows: list[tuple[Cell, ...]] = []
    for site in asked.campsites:
        for dark, light in ((False, "day"), (True, "night")):
            some = [each for each in hours if each.campsite == site and each.dark is dark]
            found = calibration(some)
            edges = (found.error, found.lower, found.upper) if found else (None, None, None)
            rows.append((asked.name(site), light, len(some), sum(each.bear for each in some), *edges))
    whole = calibration(hours)
    columns = (
        Column("campsite", "Campsite"), Column("light", "Light"), Column("hours", "Hours", Form.NUMBER),
        Column("bears", "With a bear", Form.NUMBER), Column("error", "Calibration error", Form.NUMBER),
        Column("low", "From", Form.NUMBER), Column("high", "To", Form.NUMBER),
    )  # fmt: skip
    return Section(
        "calibration",
        "Do scores mean what they say?",
        ("The highest score of a camera-hour against whether people found a bear in it: hours with decided alerts, and "
         "hours without one that audits drew, each weighing as many as it stands for.",),
        figures=(
            Figure("calibration_error", "Calibration error, without what chance adds", whole.error if whole else None,
                   low=whole.lower if whole else None, high=whole.upper if whole else None, n=len(hours),
                   of="camera-hours", sure="two-sided 95%, by drawing camera-nights",
                   why="" if whole else f"the truth of {LEAST_HOURS} camera-hours must be known"),
        ),
        tables=(table("calibration", "By campsite and light", columns, rows, "No campsite.",
                      "0: of the hours with a highest score of .7, seven in ten had a bear."),),
    )  # fmt: skip


def _sources(view: LoopView, unknown: Measured) -> Section:
    total = sum(view.labels.values())
    rows: list[tuple[Cell, ...]] = [
        (name.replace("_", " "), count, count / total if total else None) for name, count in view.labels.items()
    ]
    return Section(
        "sources",
        "Labels, spread, strangers",
        figures=(
            figure(selected_share("selected_label_share", view), "Labels that the model selected itself"),
            Figure("gini_alerts", "Gini coefficient of alerts over campsites", view.gini_alerts if len(view.panel) > 1
                   else None, n=len(view.panel), of="campsites", sure="no interval",
                   why="" if len(view.panel) > 1 else "one campsite alone cannot be unequal",
                   note="0: all alike, near 1: one has everything"),
            Figure("divergence_alerts", "How far alerts are from where the bears are", view.divergence_alerts
                   if len(view.panel) > 1 else None, unit="nats", n=len(view.panel), of="campsites",
                   sure="no interval", why="" if len(view.panel) > 1 else "one campsite alone cannot differ"),
            figure(unknown, "Encounters with an animal that the model does not know"),
        ),
        tables=(table("labels", "Labels by source", (Column("source", "Source"), Column("labels", "Labels",
                      Form.NUMBER), Column("share", "Share", Form.SHARE)), rows, "No labels."),),
    )  # fmt: skip
