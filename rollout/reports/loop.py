"""The feedback-loop report: does the model steer where people look, and so what it is judged and taught by?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from db.models import RolloutEvent
from rollout.events import ModelReplaced, Narrowed, StageStarted, from_json, kind_of
from rollout.evidence.assessment import Case
from rollout.evidence.drift import Shift
from rollout.evidence.handovers import handovers
from rollout.evidence.loader import model_time, observe
from rollout.evidence.loop import ALARM_AT, HOLD_AT
from rollout.evidence.looping import LoopView, loop_e, selected_share
from rollout.evidence.promotions import LEAST_DAYS, BeforeAfter, before_after
from rollout.measured import Measured
from rollout.reports.asked import Asked, model_of
from rollout.reports.document import (
    Answer,
    Cell,
    Column,
    Figure,
    Form,
    Kind,
    Light,
    Report,
    Section,
    Spot,
    Spots,
    Steps,
    table,
)
from rollout.reports.experiments import experiments_section
from rollout.reports.measures import figure
from rollout.reports.words import number

TITLE: Final = "Feedback-loop audit"
_KINDS: Final = (StageStarted, ModelReplaced, Narrowed)
_MOST_MOMENTS: Final = 40


def loop(asked: Asked) -> Report:
    """The feedback-loop report of a period."""
    model, period = model_of(asked), asked.period
    head = {"kind": Kind.LOOP, "title": TITLE, "period": period, "places": asked.places, "made_at": asked.now}
    if model is None:
        words = "No model has opened an encounter in this time: there is no loop to look for."
        answer = Answer("loop", "Does the model steer where people look?", Light.GREY, words)
        return Report(**head, answers=(answer,), sections=(Section("loop", TITLE, (words,)),))  # type: ignore[arg-type]  # one head for both
    case = _case(asked, model)
    view, unknown = case.loop, next(m for m in case._alarms() if m.metric == "unknown_animal_share")
    moments = _moments(asked)
    changes = [(what, at, before_after(asked.session, asked.campsites, at, asked.now)) for what, at in moments]
    return Report(
        **head,  # type: ignore[arg-type]  # as above
        model=model,
        answers=(_steers(view), _labels(view), _changed(changes)),
        sections=(
            _effort(asked, view),
            _process(view),
            _sources(view, unknown),
            _before_after(changes),
            experiments_section(asked),
        ),
        limits=(
            "Prevalence rests on blind sightings for each watched hour and on audits drawn at random; where there are "
            "few of either, shares jump with every bear.",
            "A change is judged over up to four weeks on each side, whatever the period of this report.",
        ),
    )


def _case(asked: Asked, model: str) -> Case:
    session, period = asked.session, asked.period
    observed = observe(session, model, period.end)
    return Case(
        session, observed, asked.campsites, period.start, model, period.end, asked.rule(),
        model_time(session, model, observed.timezones), handovers(session, period.end),
    )  # fmt: skip


def _steers(view: LoopView) -> Answer:
    question, measured = "Does the model steer where people look?", loop_e("loop_e", view)
    if measured.value is None:
        return Answer("loop", question, Light.GREY, f"Not enough data: {measured.why}.")
    highest = max(measured.detail["highest"], measured.detail["level"])
    words = f"E-value {measured.value:.3g} after {len(view.course)} independent bears, at most {highest:.3g}."
    if highest >= ALARM_AT:
        return Answer("loop", question, Light.RED, f"{words} From {ALARM_AT:g} on that is an alarm: people look where "
                      "the model points, and not where the bears are.")  # fmt: skip
    if highest >= HOLD_AT:
        return Answer("loop", question, Light.AMBER, f"{words} From {HOLD_AT:g} on nothing widens.")
    neglected = [line.campsite for line in view.panel if line.ratio is not None and line.ratio < 0.5]
    if neglected:
        return Answer("loop", question, Light.AMBER, f"{words} Less than half the attention that the bears there would "
                      f"ask for: {', '.join(neglected)}.")  # fmt: skip
    return Answer("loop", question, Light.GREEN, f"{words} Nothing speaks for it.")


def _labels(view: LoopView) -> Answer:
    question, measured = "Where do labels come from?", selected_share("selected_label_share", view)
    if measured.value is None:
        return Answer("labels", question, Light.GREY, f"Not enough data: {measured.why}.")
    words = ", ".join(f"{count} by {name.replace('_', ' ')}" for name, count in view.labels.items())
    light = Light.AMBER if measured.value > 0.9 else Light.GREEN
    share = number(measured.value, Form.SHARE)
    return Answer("labels", question, light, f"{share} are about pictures that the model chose itself ({words}).")


def _changed(changes: Sequence[tuple[str, float, BeforeAfter | None]]) -> Answer:
    question = "Did a widening or a new model change what people see?"
    known = [(what, found) for what, _, found in changes if found is not None]
    if not changes:
        return Answer("changes", question, Light.GREEN, "Nothing was widened and no model was changed in this time.")
    if not known:
        words = f"Not enough data: {LEAST_DAYS} camera-days are needed on each side of a change."
        return Answer("changes", question, Light.GREY, words)
    drifted = [what for what, found in known if found.drifted]
    if drifted:
        return Answer("changes", question, Light.AMBER, f"Scores look different, beyond chance, after: "
                      f"{'; '.join(drifted)}.")  # fmt: skip
    words = f"{len(known)} of {len(changes)} changes could be judged; after none do scores differ beyond chance."
    return Answer("changes", question, Light.GREEN, words)


def _effort(asked: Asked, view: LoopView) -> Section:
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


def _moments(asked: Asked) -> list[tuple[str, float]]:
    """When the road was widened or narrowed, and when the model was changed, within the period."""
    rows = asked.session.execute(
        select(RolloutEvent.kind, RolloutEvent.body)
        .where(
            RolloutEvent.kind.in_([kind_of(each) for each in _KINDS]),
            RolloutEvent.at >= asked.period.start,
            RolloutEvent.at < asked.period.end,
        )
        .order_by(RolloutEvent.seq)
        .limit(_MOST_MOMENTS)
    )
    found = []
    for kind, body in rows:
        event = from_json(kind, body)
        if isinstance(event, ModelReplaced) and event.before is None:
            continue  # the first model changes nothing
        words = {StageStarted: "stage started", ModelReplaced: "model changed", Narrowed: "narrowed"}[type(event)]
        name = getattr(event, "name", None) or getattr(event, "digest", None)
        found.append((f"{words}: {name}" if name else words, event.at))
    return found


def _before_after(changes: Sequence[tuple[str, float, BeforeAfter | None]]) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for what, at, found in changes:
        if found is None:
            rows.append((what, at, "not enough data", *[None] * 9))
            continue
        said = "scores differ" if found.drifted else "nothing beyond chance"
        shifts = [value for shift in (found.alerts, found.false_alarms, found.reviews) for value in _pair(shift)]
        rows.append((what, at, said, *shifts, found.score_psi, found.score_psi_limit, found.scores.p_value))
    columns = (
        Column("what", "Change"), Column("at", "When", Form.TIME), Column("said", "Finding"),
        Column("alerts", "Alerts a camera-day", Form.NUMBER), Column("alerts_p", "p", Form.NUMBER),
        Column("false", "False alarms", Form.NUMBER), Column("false_p", "p", Form.NUMBER),
        Column("reviews", "Reviews", Form.NUMBER), Column("reviews_p", "p", Form.NUMBER),
        Column("psi", "Score PSI", Form.NUMBER), Column("psi_limit", "Chance alone", Form.NUMBER),
        Column("scores_p", "p", Form.NUMBER),
    )  # fmt: skip
    return Section(
        "changes",
        "Before and after",
        ("Differences after minus before, for each camera-day; p is the share of random exchanges of whole camera-days "
         "that differ as much.",),
        tables=(table("changes", "Every widening and model change", columns, rows,
                      "Nothing was widened and no model was changed in this time."),),
    )  # fmt: skip


def _pair(shift: Shift) -> tuple[float, float]:
    return shift.size, shift.p_value
