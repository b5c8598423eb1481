"""The shadow report: the model beside the ranger, sighting by sighting, and what it would have done when live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from db.models import AlertStatus
from rollout.base.metrics import Measured
from rollout.evidence.comparison import JudgedVisit
from rollout.evidence.loader import Raised
from rollout.evidence.sealed_sightings import BrokenSighting
from rollout.evidence.stats.intervals import Interval, touches, union
from rollout.evidence.stats.proportions import needed_for_power
from rollout.evidence.stats.survival import kaplan_meier
from rollout.reports.context import ReportContext, model_of, models_of
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
from rollout.reports.metric_figures import counted, figure
from rollout.reports.period_evidence import case_of
from rollout.reports.render.number_format import interval, many, number, said, seconds
from rollout.reports.sections.counterfactual_section import had_it_been_live
from rollout.reports.sections.sensitivity import sensitivity_section

TITLE: Final = "The model beside the ranger"
GOOD: Final = 0.97
"""The recall of a good model, for saying how long it would have to wait."""
REVIEW_SAYS: Final = {
    AlertStatus.CONFIRMED: "a bear",
    AlertStatus.REJECTED: "not a bear",
    AlertStatus.UNSURE: "cannot tell",
    AlertStatus.OPEN: "nobody has decided",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """What the period came to: every metric, each visit that people saw, and what the model alone saw."""

    measured: Mapping[str, Measured]
    judged: Sequence[JudgedVisit]
    blind: Sequence[JudgedVisit]
    alone: Sequence[Raised]
    beside: int
    """Further detections of visits that people saw: other cameras, or later pictures."""
    broken: Sequence[BrokenSighting]


def shadow(asked: ReportContext) -> Report:
    """The shadow report of a period, about one model."""
    model = model_of(asked)
    if model is None:
        return _without_model(asked)
    found = compared(asked, model)
    live, answer = had_it_been_live(asked, model, found.judged)
    return Report(
        kind=Kind.SHADOW,
        title=TITLE,
        period=asked.period,
        places=asked.places,
        made_at=asked.now,
        answers=(_sees(asked, found), _false_alarms(asked, found), _fast(found), answer),
        sections=(_recall(asked, found), _one_by_one(asked, found), _time(found), _false(asked, found), live,
                  sensitivity_section(found.measured)),
        model=model,
        limits=_limits(asked, model, found),
    )  # fmt: skip


def compared(asked: ReportContext, model: str) -> Compared:
    """Compare people and ``model`` over the period."""
    case = case_of(asked, model)
    measured = {each.metric: each for each in case.measure() if not each.metric.endswith("_cumulative")}
    matched = {each.detection.id for each in case.anybody if each.detection is not None}
    around = _surroundings(case.anybody, asked.rule().gap_s)
    left = [each for each in case.raised if each.detection.id not in matched]
    alone = [
        each
        for each in left
        if not touches(around.get(each.detection.campsite, ()), each.detection.first_at, each.detection.last_at)
    ]
    return Compared(measured, case.anybody, case.scoped, alone, len(left) - len(alone), case.observed.broken)


def _surroundings(judged: Iterable[JudgedVisit], gap_s: float) -> Mapping[str, Sequence[Interval]]:
    """The time around what people saw, by campsite: a detection that touches it is of the same visit."""
    found: dict[str, list[Interval]] = {}
    for each in judged:
        span = Interval(each.visit.start - gap_s, each.visit.end + gap_s)
        found.setdefault(each.visit.campsite, []).append(span)
    return {campsite: union(spans) for campsite, spans in found.items()}


def _without_model(asked: ReportContext) -> Report:
    words = "No model has opened an encounter in this time, and the rollout knows of none: there is nothing to compare."
    return Report(
        kind=Kind.SHADOW, title=TITLE, period=asked.period, places=asked.places, made_at=asked.now,
        answers=(Answer("sees", "Does the model see what the rangers see?", Status.GREY, words),),
        sections=(Section("recall", "What the model found", (words,)),),
    )  # fmt: skip


def _sees(asked: ReportContext, found: Compared) -> Answer:
    recall = found.measured["recall_blind"]
    gate = asked.gate("recall_blind") or asked.gate("recall_blind_cumulative")
    wanted = (gate.value if gate is not None and gate.value is not None else None) or asked.rule().least_recall
    shown = figure(recall)
    question = "Does the model see what the rangers see?"
    if recall.value is None:
        return Answer("sees", question, Status.GREY, f"{said(shown).capitalize()}: {recall.why}.")
    hits, misses = recall.detail["hits"], recall.detail["misses"]
    of = many(hits + misses, "bear-night")
    words = f"It saw {hits} of {of} that a blind ranger logged: {said(shown)}, {interval(shown)}."
    if shown.low is not None and shown.low >= wanted:
        return Answer("sees", question, Status.GREEN, words)
    if recall.value >= wanted:
        more = f" That is too few to be sure of {number(wanted, Form.SHARE)}: it takes {recall.detail['needed_n']}."
        need = needed_for_power(GOOD, wanted)
        more += (
            f" A model that truly sees {number(GOOD, Form.SHARE)} is sure in four of five cases at {need}."
            if need
            else ""
        )
        return Answer("sees", question, Status.AMBER, words + more)
    return Answer("sees", question, Status.RED, f"{words} {number(wanted, Form.SHARE)} is asked for.")


def _false_alarms(asked: ReportContext, found: Compared) -> Answer:
    """Red only for what people have decided: alerts that wait for a decision ask for one, not for alarm."""
    rate = found.measured["false_alarms_per_camera_day"]
    shown, question = figure(rate), "How many false alarms does it raise?"
    if rate.value is None:
        return Answer("false_alarms", question, Status.GREY, f"{said(shown).capitalize()}: {rate.why}.")
    false, undecided = rate.detail["false_alarms"], rate.detail["undecided"]
    words = f"{false} false of {many(rate.detail['alerts'], 'alert')}: {said(shown)}, {interval(shown)}."
    if undecided:
        are = "is" if undecided == 1 else "are"
        words += f" {undecided} of them {are} only undecided, and {'counts' if undecided == 1 else 'count'} as false."
    gate = asked.gate("false_alarms_per_camera_day")
    if gate is None or gate.value is None:
        return Answer("false_alarms", question, Status.GREY, f"{words} The rollout plan sets no limit.")
    words += f" The rollout plan allows {gate.value:g}."
    if shown.high is not None and shown.high <= gate.value:
        return Answer("false_alarms", question, Status.GREEN, words)
    decided = rate.value * (false - undecided) / false if false else 0.0
    return Answer("false_alarms", question, Status.AMBER if decided <= gate.value else Status.RED, words)


def _fast(found: Compared) -> Answer:
    half, question = found.measured["time_to_detect_p50_s"], "How soon does it say so?"
    if half.value is None:
        return Answer("fast", question, Status.GREY, f"Not enough data: {half.why}.")
    within = half.detail["within_60_s"]
    words = (
        f"Half of {many(round(half.n), 'visit')} raised an alert within {seconds(half.value)} of the first sight of "
        f"the bear, {number(within, Form.SHARE)} within a minute; {half.detail['missed']} never did."
    )
    return Answer("fast", question, Status.GREEN if within >= 0.5 else Status.AMBER, words)


def _recall(asked: ReportContext, found: Compared) -> Section:
    got = found.measured
    recall, baseline, night = got["recall_blind"], got["recall_minus_baseline"], got["recall_blind_night"]
    spots = [_spot("Model, blind sightings", recall), _spot("Model, at night", night)]
    spots.append(_spot("Model, by audits", got["recall_audit"]))
    motion = baseline.detail.get("motion_only")
    spots.append(Spot("Motion only, as many alarms", motion, kind="baseline"))
    picture = baseline.detail.get("mean_picture")
    spots.append(Spot("Mean picture, as many alarms", picture, kind="baseline"))
    spots.append(Spot("Never a bear", 0.0 if recall.value is not None else None, kind="baseline"))
    return Section(
        "recall",
        "What the model found",
        (
            "Recall counts bear-nights: of each night at a campsite the first visit that a ranger logged blind, while "
            "on watch. The baselines are judged by the same bear-nights.",
        ),
        figures=(
            counted(got["encounters_blind"], "Bear-nights logged blind"),
            figure(recall, "Recall on blind sightings"),
            figure(night, "Recall at night"),
            figure(got["recall_audit"], "Recall by audits"),
            Figure("recall_motion_only", "Recall of motion alone, with as many alarms", motion, Form.SHARE,
                   n=baseline.n, of=baseline.unit, why=baseline.why, sure="no interval"),
            figure(baseline, "Recall minus that of motion alone"),
            Figure("recall_mean_picture", "Recall of the mean picture, with as many alarms", picture, Form.SHARE,
                   n=baseline.n, of=baseline.unit, sure="no interval", note="alarms where thumbnails differ most from "
                   "the camera's mean picture", why=baseline.why or "there is no mean picture of this time"),
            counted(got["missed_sightings"], "Visits that people saw and the model missed"),
        ),
        plots=(Spots("recall", "Recall, with its 95% lower bound", tuple(spots)),),
    )  # fmt: skip


def _spot(label: str, measured: Measured) -> Spot:
    shown = figure(measured)
    return Spot(label, measured.value, shown.low, None)


def _one_by_one(asked: ReportContext, found: Compared) -> Section:
    pairs: list[tuple[Cell, ...]] = []
    missed: list[tuple[Cell, ...]] = []
    blind = {seen.id for each in found.blind for seen in each.visit.seen}
    for each in found.judged:
        how = "yes" if any(seen.id in blind for seen in each.visit.seen) else "no"
        row: tuple[Cell, ...] = (each.visit.start, asked.name(each.visit.campsite), how)
        if each.detection is None:
            missed.append((*row, len(each.visit.seen)))
            continue
        apart = each.detection.alert_at - each.visit.start
        first = "model" if apart < 0 else "ranger" if apart > 0 else "both at once"
        pairs.append((*row, first, abs(apart), asked.camera(each.detection.camera)))
    alone: list[tuple[Cell, ...]] = [
        (raised.detection.alert_at, asked.name(raised.detection.campsite), asked.camera(raised.detection.camera),
         REVIEW_SAYS[raised.status])
        for raised in found.alone
    ]  # fmt: skip
    seen, site = Column("seen_at", "Ranger saw it", Form.TIME), Column("campsite", "Campsite")
    how_seen = Column("blind", "Blind")
    return Section(
        "sightings",
        "Sighting by sighting",
        (
            f"People saw {many(len(found.judged), 'visit')}; the model saw {len(pairs)} of them, and "
            f"{len(alone)} that nobody logged. That nobody logged a bear does not mean that there was none: what "
            "review said stands beside it.",
        ),
        tables=(
            table("pairs", "Seen by both", (seen, site, how_seen, Column("first", "Who was first"),
                  Column("apart_s", "By", Form.SECONDS), Column("camera", "Camera")), pairs,
                  "The model and a ranger have not seen the same visit in this time.",
                  f"{found.beside} further alerts belong to these visits." if found.beside else ""),
            table("missed", "Missed by the model", (seen, site, how_seen, Column("sightings", "Sightings",
                  Form.NUMBER)), missed, "The model missed no visit that people logged."),
            table("alone", "Seen by the model only", (Column("alert_at", "Alert", Form.TIME), site,
                  Column("camera", "Camera"), Column("review", "Review said")), alone,
                  "The model raised nothing that people had not seen too."),
        ),
    )  # fmt: skip


def _time(found: Compared) -> Section:
    half, most = found.measured["time_to_detect_p50_s"], found.measured["time_to_detect_p90_s"]
    longest = max([600.0, *(each.time_to_alert_s or 0.0 for each in found.blind)])
    durations = [longest if each.time_to_alert_s is None else each.time_to_alert_s for each in found.blind]
    plots: tuple[Steps, ...] = ()
    if any(each.hit for each in found.blind):
        moments, waiting = kaplan_meier(durations, [each.hit for each in found.blind])
        points = [(0.0, 0.0), *((float(at), 1.0 - float(left)) for at, left in zip(moments, waiting, strict=True))]
        plots = (
            Steps("time_to_alert", "How soon an alert came", "since the first sight of the bear",
                  "share of visits with an alert", (*points, (longest, points[-1][1]))),
        )  # fmt: skip
    within = half.detail.get("within_60_s")
    return Section(
        "time",
        "Time to detect",
        ("Over blind visits; a visit that the model missed counts as “not yet”, never as left out.",),
        figures=(
            figure(half, "Median"),
            figure(most, "90th percentile"),
            Figure("within_60_s", "Alert within a minute", within, Form.SHARE, n=half.n, of=half.unit, why=half.why,
                   sure="no interval"),
        ),
        plots=plots,
    )  # fmt: skip


def _false(asked: ReportContext, found: Compared) -> Section:
    rate = found.measured["false_alarms_per_camera_day"]
    rejected: dict[str, list[int]] = {}
    for each in found.alone:
        counts = rejected.setdefault(each.detection.camera, [0, 0, 0])
        counts[0] += 1
        counts[1] += each.rejected
        counts[2] += each.status in (AlertStatus.OPEN, AlertStatus.UNSURE)
    rows: list[tuple[Cell, ...]] = [
        (asked.camera(camera), *counts) for camera, counts in sorted(rejected.items(), key=lambda item: -item[1][1])
    ]
    columns = (Column("camera", "Camera"), Column("alone", "Seen by the model only", Form.NUMBER),
               Column("rejected", "Not a bear", Form.NUMBER), Column("open", "Undecided", Form.NUMBER))  # fmt: skip
    clumps = rate.detail.get("dispersion")
    note = f"Counts vary {clumps:.1f} times as much as single alarms would." if clumps else ""
    return Section(
        "false",
        "False alarms",
        ("The bound allows for clumps: a raccoon that stays sets off six in a night.",),
        figures=(
            figure(rate, "False alarms", note),
            figure(found.measured["unknown_animal_share"], "Encounters with an animal that the model does not know"),
        ),
        tables=(table("false_by_camera", "By camera", columns, rows, "No camera raised anything of its own."),),
    )


def _limits(asked: ReportContext, model: str, found: Compared) -> tuple[str, ...]:
    others = [f"{name} ({n})" for name, n in models_of(asked) if name != model]
    said = [
        "Recall is only known over watched time: bears that came while nobody watched are in the audits alone.",
        "Decisions about alerts are those that stand now, also where they were made after the period.",
    ]
    if others:
        said.append(f"Other models looked in this time too, and are not in these figures: {', '.join(others)}.")
    if found.broken:
        which = ", ".join(f"{each.id} ({each.why})" for each in found.broken[:10])
        said.append(f"{len(found.broken)} sightings are no longer what was sealed, and count as missed: {which}.")
    return tuple(said)
