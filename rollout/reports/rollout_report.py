"""The rollout report: the rollout's history. Stages, what each analysis found, who approved, handovers, breakers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from db.models import Mode
from rollout.base.scopes import campsites_of
from rollout.control.analysis import AnalysisRun
from rollout.control.analysis_store import courses, current_analysis
from rollout.reports.context import ReportContext
from rollout.reports.document import (
    Answer,
    Cell,
    Column,
    Course,
    Figure,
    Form,
    Kind,
    Report,
    Section,
    Status,
    Table,
    table,
)
from rollout.reports.gate_history import course_of
from rollout.reports.render.gate_history_chart import drawable
from rollout.reports.render.number_format import many, moment, seconds
from rollout.reports.sections.camera_operation import breakers_table
from rollout.stages import events as e
from rollout.stages.event_store import everything, load
from rollout.stages.events import Event

TITLE: Final = "The rollout so far"


@dataclass(frozen=True, slots=True)
class StageRun:
    """One run of a stage: from when it was granted until authority ended or another began."""

    name: str
    mode: Mode
    start: float
    deadline_at: float | None
    campsites: tuple[str, ...]
    approved_by: tuple[str, ...]
    model: str | None
    end: float | None = None
    ended: str = "goes on"


@dataclass(frozen=True, slots=True)
class Handed:
    """A handover: why, when, who was paged first, and how long it took until somebody had taken over."""

    number: int
    at: float
    cause: str
    to: str
    campsites: tuple[str, ...]
    escalations: int = 0
    taken_by: str | None = None
    taken_at: float | None = None


def runs_of(events: Iterable[Event]) -> list[StageRun]:
    """The live runs that the events tell of. Pure.

    A run ends when the next one starts, when it expires, or when authority is handed over everywhere it held.
    """
    found: list[StageRun] = []
    for event in events:
        if isinstance(event, e.StageStarted):
            _end(found, event.at, "the next stage started")
            sites = campsites_of(event.places)
            found.append(StageRun(event.name, event.mode, event.at, event.deadline_at, tuple(sites), event.approved_by,
                             event.model))  # fmt: skip
        elif isinstance(event, e.StageExtended) and found and found[-1].end is None:
            found[-1] = replace(found[-1], deadline_at=event.deadline_at)
        elif isinstance(event, e.HandoverBegan) and not event.cameras and found and found[-1].end is None:
            left = set(found[-1].campsites) - set(campsites_of(event.places))
            if not left:
                _end(found, event.at, event.cause)
        elif isinstance(event, e.Demoted) and found and found[-1].end is None:
            _demoted(found, event)
    return found


def _demoted(found: list[StageRun], event: e.Demoted) -> None:
    run = found[-1]
    if event.stage is not None and event.name and event.mode is not None:
        _end(found, event.at, "demoted")
        sites = tuple(campsites_of(event.places))
        found.append(StageRun(event.name, event.mode, event.at, event.deadline_at, sites, (), run.model))
    elif not set(run.campsites) - set(event.campsites):
        _end(found, event.at, "demoted")


def _end(found: list[StageRun], at: float, why: str) -> None:
    if found and found[-1].end is None:
        found[-1] = replace(found[-1], end=at, ended=why)


def handed_over(events: Iterable[Event]) -> list[Handed]:
    """The handovers that the events tell of. Pure."""
    found: dict[int, Handed] = {}
    for event in events:
        if isinstance(event, e.HandoverBegan):
            sites = tuple(campsites_of(event.places))
            found[event.handover] = Handed(event.handover, event.at, event.cause, event.to, sites)
        elif isinstance(event, e.Escalated) and event.handover in found:
            found[event.handover] = replace(found[event.handover], escalations=event.level)
        elif isinstance(event, e.WatchTaken) and event.handover in found:
            found[event.handover] = replace(found[event.handover], taken_by=event.by, taken_at=event.at)
    return list(found.values())


def plan(asked: ReportContext) -> Report:
    """The rollout report of a period. Gates are shown to whoever may know everything; they are about all of a stage."""
    period = asked.period
    events = [entry.event for entry in everything(asked.session) if entry.event.at < period.end]
    mine = [event for event in events if _is_theirs(asked, event)]
    runs = [run for run in runs_of(events) if (run.end or period.end) > period.start and _touches(asked, run.campsites)]
    handed = [each for each in handed_over(events) if each.at >= period.start and _knows_all(asked, each.campsites)]
    within = [event for event in mine if event.at >= period.start]
    return Report(
        kind=Kind.ROLLOUT,
        title=TITLE,
        period=period,
        places=asked.places,
        made_at=asked.now,
        answers=(_where(asked), _live(asked, runs), _handovers(handed, asked.now)),
        sections=(_stages(asked, runs), _gate_section(asked, within), _approvals(asked, within),
                  _handover_section(asked, handed), Section("breakers", "Breakers", tables=(breakers_table(asked),)),
                  _history(asked, within)),
        model=load(asked.session).model,
        limits=() if asked.everything else ("Gates and what concerns the whole rollout are left out: they are about "
                                            "more than these campsites.",),
    )  # fmt: skip


def _is_theirs(asked: ReportContext, event: Event) -> bool:
    """Whether an event may be told: with ``everything`` all; else those whose places are all among the campsites."""
    if asked.everything:
        return True
    places = getattr(event, "places", None)
    sites = campsites_of(places) if places else getattr(event, "campsites", None)
    return bool(sites) and _knows_all(asked, sites or ())


def _knows_all(asked: ReportContext, campsites: Sequence[str]) -> bool:
    """Whether words about these campsites may be told as they are: they may name any of them."""
    return asked.everything or set(campsites) <= set(asked.campsites)


def _touches(asked: ReportContext, campsites: Sequence[str]) -> bool:
    return asked.everything or bool(set(campsites) & set(asked.campsites))


def _names(asked: ReportContext, campsites: Iterable[str]) -> str:
    listed = list(campsites)
    mine = [asked.name(site) for site in listed if asked.everything or site in asked.campsites]
    others = len(listed) - len(mine)
    return ", ".join([*mine, *([f"{others} more"] if others else [])]) or "nowhere"


def _where(asked: ReportContext) -> Answer:
    state = load(asked.session)
    number = min(state.stage, len(asked.plan.stages) - 1)
    name, phase = asked.plan.stages[number].name, state.phase.value
    words = f"Stage {number + 1} of {len(asked.plan.stages)} ({name}), {phase} now."
    if state.handovers:
        return Answer("where", "Where are we?", Status.RED, f"{words} Nobody has taken over the watch yet.")
    if state.latches:
        return Answer("where", "Where are we?", Status.AMBER, f"{words} {many(len(state.latches), 'breaker')} open.")
    return Answer("where", "Where are we?", Status.GREEN, words)


def time_live(runs: Iterable[StageRun], start: float, end: float) -> float:
    """For how long campers could be warned anywhere, from ``start`` to ``end``. Pure."""
    spans = ((max(run.start, start), min(run.end if run.end is not None else end, end)) for run in runs
             if run.mode is not Mode.SHADOW)  # fmt: skip
    return sum(max(0.0, until - since) for since, until in spans)


def _live(asked: ReportContext, runs: Sequence[StageRun]) -> Answer:
    live = time_live(runs, asked.period.start, asked.period.end)
    words = "It has not been live in this time." if not live else f"It has been live for {seconds(live)}."
    stages = sum(run.mode is not Mode.SHADOW for run in runs)
    return Answer(
        "live", "How long was it live?", Status.GREEN, f"{words} {many(stages, 'live stage')}." if live else words
    )


def _handovers(handed: Sequence[Handed], now: float) -> Answer:
    question, open_now = "Did people take over when they had to?", [each for each in handed if each.taken_at is None]
    if not handed:
        return Answer("handovers", question, Status.GREEN, "Nothing was handed over in this time.")
    waited = [each.taken_at - each.at for each in handed if each.taken_at is not None]
    longest = f" The longest took {seconds(max(waited))}." if waited else ""
    words = f"{many(len(handed), 'handover')}, {len(waited)} of them taken over.{longest}"
    if open_now:
        oldest = seconds(now - min(each.at for each in open_now))
        return Answer(
            "handovers", question, Status.RED, f"{words} {len(open_now)} still open, the oldest for {oldest}."
        )
    return Answer("handovers", question, Status.GREEN if max(waited) <= 300 else Status.AMBER, words)


def _stages(asked: ReportContext, runs: Sequence[StageRun]) -> Section:
    period = asked.period
    rows: list[tuple[Cell, ...]] = [
        (run.name, run.mode.value, _names(asked, run.campsites), run.start, run.end,
         (run.end or period.end) - run.start, _ended(asked, run), ", ".join(run.approved_by), run.model) for run in runs
    ]  # fmt: skip
    columns = (
        Column("stage", "Stage"), Column("mode", "Mode"), Column("campsites", "Campsites"),
        Column("start", "Started", Form.TIME), Column("end", "Ended", Form.TIME),
        Column("length_s", "Lasted", Form.SECONDS), Column("ended", "Because"), Column("approved", "Approved by"),
        Column("model", "Model"),
    )  # fmt: skip
    live = time_live(runs, period.start, period.end)
    return Section(
        "stages",
        "Stages",
        ("Before the first of these, and between them, everything is shadow: nothing leaves the building.",),
        figures=(
            Figure("time_live_s", "Time live", live, Form.SECONDS, n=period.days, of="days of this report"),
            Figure("share_live", "Share of the time", live / (period.end - period.start), Form.SHARE, n=period.days,
                   of="days of this report"),
        ),
        tables=(table("stages", "Runs of stages", columns, rows, "No stage but shadow has run in this time."),),
    )  # fmt: skip


def _ended(asked: ReportContext, run: StageRun) -> str:
    """Why it ended; a cause may name other campsites of the stage."""
    return run.ended if run.end is None or _knows_all(asked, run.campsites) else "it ended"


def _gate_section(asked: ReportContext, events: Sequence[Event]) -> Section:
    held: list[tuple[Cell, ...]] = [
        (event.at, event.by, event.to, "; ".join(event.why)) for event in events if isinstance(event, e.PromotionHeld)
    ]
    granted: list[tuple[Cell, ...]] = [
        (event.at, event.by, event.name, "granted") for event in events if isinstance(event, e.StageStarted)
    ]
    columns = (Column("at", "When", Form.TIME), Column("by", "Asked by"), Column("to", "Towards"),
               Column("found", "What the analysis found"))  # fmt: skip
    rows = sorted([*held, *granted], key=lambda row: row[0] or 0.0)
    wishes = table("analysis", "Every wish to go on", columns, rows, "Nobody has asked to go on in this time.")
    if not asked.everything:
        return Section("analysis", "Gates", tables=(wishes,))
    found = current_analysis(asked.session, asked.plan, load(asked.session), asked.now)
    return Section("analysis", "Gates", words=(_how_old(asked, found),), plots=_courses(asked, found),
                   tables=(wishes, _gates_now(found)))  # fmt: skip


def _how_old(asked: ReportContext, found: AnalysisRun) -> str:
    at = moment(found.at, asked.period.timezone)
    return (
        f"Evidence was last worked out {at}. Whoever asks to go on is answered by a fresh analysis. Lines show the "
        "runs at this stage so far: the estimate, its bound, and across them what is demanded."
    )


def _courses(asked: ReportContext, found: AnalysisRun) -> tuple[Course, ...]:
    """The gates of which at least two analyses have found a value."""
    earlier = courses(asked.session, found)
    drawn = [course_of(gate, earlier.get(str(gate), ()), asked.period.timezone) for gate in found.stage.gates]
    return tuple(each for each in drawn if drawable(each))


def _gates_now(found: AnalysisRun) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (each.gate, each.outcome.value, each.value, each.compared if each.compared != each.value else None, each.limit,
         each.n, each.least_n, each.unit, each.why) for each in found.gates
    ]  # fmt: skip
    columns = (
        Column("gate", "Gate"), Column("outcome", "Now"), Column("value", "Measured", Form.NUMBER),
        Column("bound", "Bound", Form.NUMBER), Column("limit", "Asked for", Form.NUMBER),
        Column("n", "Rests on", Form.NUMBER), Column("least_n", "Needs", Form.NUMBER), Column("unit", "Of"),
        Column("why", "Missing"),
    )  # fmt: skip
    title = f"The gates of {found.stage.name} at the last analysis"
    return table("gates", title, columns, rows, "This stage has no gates.")


def _approvals(asked: ReportContext, events: Sequence[Event]) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for event in events:
        if isinstance(event, e.Approved):
            rows.append((event.at, event.by, ", ".join(event.roles), event.step.word, event.note or event.latch))
        elif isinstance(event, e.ApprovalsCleared):
            rows.append((event.at, event.by, None, "all cleared", event.why))
    columns = (Column("at", "When", Form.TIME), Column("by", "Who"), Column("roles", "As"), Column("step", "Of"),
               Column("note", "Remark"))  # fmt: skip
    return Section("approvals", "Approvals", tables=(table("approvals", "Who agreed to what", columns, rows,
                                                           "Nobody has approved anything in this time."),))  # fmt: skip


def _handover_section(asked: ReportContext, handed: Sequence[Handed]) -> Section:
    rows: list[tuple[Cell, ...]] = [
        (each.at, _names(asked, each.campsites), each.cause, each.to, each.escalations, each.taken_by,
         None if each.taken_at is None else each.taken_at - each.at) for each in handed
    ]  # fmt: skip
    columns = (
        Column("at", "Began", Form.TIME), Column("campsites", "Campsites"), Column("cause", "Because"),
        Column("to", "Paged first"), Column("escalations", "Escalations", Form.NUMBER),
        Column("taken_by", "Taken over by"), Column("waited_s", "After", Form.SECONDS),
    )  # fmt: skip
    return Section("handovers", "Handovers", tables=(table("handovers", "Every handover", columns, rows,
                                                           "Nothing was handed over in this time."),))  # fmt: skip


_SKIPPED: Final = (e.ModeConfirmed,)
_WORDS: Final[dict[type[Event], Callable[[Any], str]]] = {
    e.StageStarted: lambda event: f"stage {event.name} started, {event.mode.value}",
    e.PromotionHeld: lambda event: f"held on the way to {event.to}: {'; '.join(event.why)}",
    e.Approved: lambda event: f"approved: {event.step.word}",
    e.ApprovalsCleared: lambda event: f"approvals cleared: {event.why}",
    e.BreakerOpened: lambda event: f"breaker {event.latch} opened: {event.reason}",
    e.BreakerClosed: lambda event: f"breaker {event.latch} closed: {event.cause}",
    e.ModelReplaced: lambda event: f"model is {event.digest}",
    e.EmergencyStopped: lambda event: f"stopped: {event.reason}",
    e.Demoted: lambda event: f"demoted: {event.reason}",
    e.HandoverBegan: lambda event: f"handover {event.handover} began: {event.cause}",
    e.Escalated: lambda event: f"handover {event.handover} escalated to {event.to or 'nobody left'}",
    e.WatchTaken: lambda event: f"handover {event.handover} taken over after {seconds(event.waited_s)}",
    e.StageExtended: lambda _: "the stage was given more time",
    e.Expired: lambda event: f"the stage's time was over, noticed {seconds(event.late_s)} later",
    e.DeadlineNear: lambda event: f"{seconds(event.left_s)} left",
    e.Overdue: lambda _: "shadow has lasted longer than planned",
    e.LeaseMissed: lambda _: "authority was not renewed in time",
    e.ModeDiffers: lambda _: "the mode read back is not what it should be",
    e.PlanRead: lambda event: f"the rollout plan {event.name} was read",
}


def _history(asked: ReportContext, events: Sequence[Event]) -> Section:
    rows: list[tuple[Cell, ...]] = [
        (event.at, event.by, _WORDS.get(type(event), lambda found: e.kind_of(found))(event))
        for event in reversed(events)
        if not isinstance(event, _SKIPPED)
    ]
    columns = (Column("at", "When", Form.TIME), Column("by", "Who"), Column("what", "What"))
    return Section("history", "History", tables=(table("history", "Newest first", columns, rows,
                                                       "Nothing has happened in this time."),))  # fmt: skip
