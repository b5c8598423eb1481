"""Is any machine in trouble? What the daily report says: over its days where they were written down, else as now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rollout.reports.context import ReportContext
from rollout.reports.document import (
    WORST_FIRST,
    Answer,
    Cell,
    Column,
    Form,
    Panels,
    ReportPanel,
    Section,
    Status,
    Table,
    table,
)
from rollout.reports.render.number_format import clock, many
from rollout.reports.sections.camera_operation import breaker_rows
from rollout.reports.sections.host_history import HostHistory, PastMachine, past_of
from rollout.reports.sections.host_status import Limit, Machine, limits_of, machines

SILENT_MINUTES: Final = 10
"""A machine that was silent for longer wants attention."""
FULL_SOON_DAYS: Final = (30.0, 7.0)
"""A disk that will be full so soon wants attention, or somebody to act."""
MOST_PLOTS: Final = 8


@dataclass(frozen=True, slots=True)
class HostAssessment:
    """A machine over the period, with what is wrong, the most urgent first."""

    past: PastMachine
    light: Status
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostHealth:
    """All machines: ``now`` as they last reported, ``judged`` over the period, worst first."""

    limits: tuple[Limit, ...]
    now: tuple[Machine, ...]
    past: HostHistory
    judged: tuple[HostAssessment, ...]


def host_health_of(asked: ReportContext) -> HostHealth:
    """Ask the database for the period, and what Redis told for now."""
    limits = limits_of(asked.plan.breakers)
    past = past_of(asked.session, asked.period.start, asked.period.end, limits)
    judged = sorted(
        (_judge(asked, each, limits) for each in past.machines), key=lambda each: WORST_FIRST.index(each.light)
    )
    return HostHealth(limits, tuple(machines(asked.snapshot, limits)), past, tuple(judged))


def host_health_answer(asked: ReportContext, found: HostHealth) -> Answer:
    """In a sentence. What was written down of the period decides; a period that goes on is asked about now too."""
    question, tripped = "Is any machine in trouble?", [row for row in breaker_rows(asked) if row.about_machines]
    said = [(each.past.name, each.light, each.wrong) for each in found.judged]
    if not said or asked.period.running:
        said += [(each.name, each.light, each.wrong) for each in found.now]
    if not said:
        answers = asked.snapshot is not None and asked.snapshot.answers
        words = f"Nobody can say: {'no machine has reported' if answers else 'Redis was not heard'}."
        return Answer("machines", question, Status.RED if tripped else Status.GREY, _and_tripped(words, len(tripped)))
    said.sort(key=lambda each: WORST_FIRST.index(each[1]))
    wrong = list(dict.fromkeys(f"{name}: {', '.join(reasons)}" for name, _, reasons in said if reasons))
    count = len({name for name, _, _ in said})
    words = f"{'; '.join(wrong)}." if wrong else f"{many(count, 'machine')}, all within limits."
    worst = said[0][1]
    if tripped and worst is Status.GREEN:
        worst = Status.AMBER
    return Answer("machines", question, worst, _and_tripped(words, len(tripped)))


def _and_tripped(words: str, tripped: int) -> str:
    return f"{words} A machine breaker tripped {many(tripped, 'time')} in this time." if tripped else words


def _judge(asked: ReportContext, machine: PastMachine, limits: Sequence[Limit]) -> HostAssessment:
    zone = asked.period.timezone
    wrong = [
        *_beyond(machine, limits, zone),
        *_missing(machine, zone),
        *_full(machine),
    ]
    wrong.sort(key=lambda each: WORST_FIRST.index(each[0]))
    return HostAssessment(machine, wrong[0][0] if wrong else Status.GREEN, tuple(words for _, words in wrong))


def _beyond(machine: PastMachine, limits: Sequence[Limit], zone: str) -> list[tuple[Status, str]]:
    """A limit counts for as long as its breaker would wait; what went beyond it for a moment only warns."""
    found = []
    for limit in limits:
        fact = machine.facts[limit.key]
        if fact.worst is None or fact.worst_at is None or not fact.warn:
            continue
        when = clock(fact.worst_at, zone)
        if fact.act and fact.act >= limit.lasting:
            found.append(
                (Status.RED, f"{limit.said(fact.worst)} at {when}, {fact.act} min beyond {limit.height(limit.act)}")
            )
        elif fact.act or fact.warn >= limit.lasting:
            found.append((Status.AMBER, f"{limit.said(fact.worst)} at {when}"))
    if machine.throttled:
        found.append((Status.AMBER, f"slowed down by heat or power for {machine.throttled} min"))
    return found


def _missing(machine: PastMachine, zone: str) -> list[tuple[Status, str]]:
    found = []
    if not machine.back:
        since = "all the time" if machine.last_at is None else f"since {clock(machine.last_at, zone)}"
        found.append((Status.RED, f"silent {since}"))
    elif machine.silent > SILENT_MINUTES:
        found.append((Status.AMBER, f"silent for {machine.silent} min"))
    if machine.fewest_gpus is not None and (machine.expected_gpus or 0) > machine.fewest_gpus:
        found.append((Status.RED, f"only {machine.fewest_gpus} of {machine.expected_gpus} GPUs answered"))
    return found


def _full(machine: PastMachine) -> list[tuple[Status, str]]:
    days = machine.disk.days if machine.disk else None
    warn, act = FULL_SOON_DAYS
    if days is None or days > warn:
        return []
    return [(Status.RED if days <= act else Status.AMBER, f"disk full in {days:.0f} days at this pace")]


def machines_section(asked: ReportContext, found: HostHealth) -> Section:
    """Each machine over the period, with plots; as it is now where nothing was written down."""
    if not found.judged:
        return Section("machines", "Machines", tables=(_now_table(found),))
    plots = tuple(_plot(asked, each.past, found) for each in found.judged[:MOST_PLOTS])
    words = []
    if len(found.judged) > MOST_PLOTS:
        words.append(f"The {MOST_PLOTS} that most want attention are plotted; all are in the table.")
    tables = (_past_table(found), _disk_table(found))
    return Section("machines", "Machines", tuple(words), plots=plots, tables=tables)


def _now_table(found: HostHealth) -> Table:
    columns = (
        Column("machine", "Machine"), Column("state", "State"), Column("age_s", "Heard", Form.SECONDS),
        *(_column(limit) for limit in found.limits), Column("gpus", "GPUs", Form.NUMBER),
    )  # fmt: skip
    rows = [
        (m.name, ", ".join(m.wrong) or "within limits", m.age_s, *(m.fact(limit.key) for limit in found.limits),
         m.fact("gpus"))
        for m in found.now
    ]  # fmt: skip
    empty = "No machine has reported to this site's Redis, or it was away."
    note = "As they last reported when this report was made: nothing was written down of these days."
    return table("machines", "Each machine", columns, rows, empty, note)


def _column(limit: Limit) -> Column:
    return Column(limit.key, f"{limit.words[:1].upper()}{limit.words[1:]}", Form.SHARE if limit.share else Form.NUMBER)


def _past_table(found: HostHealth) -> Table:
    columns = (
        Column("machine", "Machine"), Column("state", "State"), Column("heard", "Heard", Form.SHARE),
        *(_column(limit) for limit in found.limits), Column("throttled_min", "Slowed down, minutes", Form.NUMBER),
        Column("gpus", "Fewest GPUs", Form.NUMBER),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for each in found.judged:
        past = each.past
        minutes = past.heard + past.silent
        rows.append((
            past.name, ", ".join(each.wrong) or "within limits", past.heard / minutes if minutes else None,
            *(past.facts[limit.key].worst for limit in found.limits), past.throttled, past.fewest_gpus,
        ))  # fmt: skip
    limits = "; ".join(f"{limit.words} {limit.height(limit.act)} for {limit.lasting:g} min" for limit in found.limits)
    note = (
        f"The worst of each in these days, of what was written down once a minute. Somebody has to act from: {limits}."
    )
    return table("machines", "Each machine", columns, rows, "No machine was heard.", note)


def _disk_table(found: HostHealth) -> Table:
    columns = (
        Column("machine", "Machine"), Column("free", "Free at the end", Form.SHARE),
        Column("a_day", "Lost a day", Form.SHARE), Column("days", "Full in", Form.DAYS),
        Column("over_s", "Seen over", Form.SECONDS),
    )  # fmt: skip
    rows = [
        (each.past.name, each.past.disk.free, each.past.disk.a_day, each.past.disk.days, each.past.disk.over_s)
        for each in found.judged if each.past.disk is not None
    ]  # fmt: skip
    note = ("A straight line through the hours of the last week, begun anew when room was made. No day where it does "
            "not shrink. Retention removes old pictures by itself: a new site fills its disk until then.")  # fmt: skip
    return table("disks", "How long disks last", columns, rows, "It takes a day of measurements to say.", note)


def _plot(asked: ReportContext, machine: PastMachine, found: HostHealth) -> Panels:
    by_key = {limit.key: limit for limit in found.limits}

    def panel(key: str, label: str) -> ReportPanel:
        limit = by_key[key]
        form = Form.SHARE if limit.share else Form.NUMBER
        return ReportPanel(
            key, label, (("", machine.lines[key]),), form, ((f"limit {limit.height(limit.act)}", limit.act),)
        )

    heat = by_key["gpu_c"]
    several = len(machine.gpus) > 1
    gpus = [
        ReportPanel(
            key,
            f"{label}{', a line for each' if several else ''}",
            tuple((f"GPU {number}", lines[name]) for number, lines in machine.gpus.items()),
            form,
            ((f"limit {heat.height(heat.act)}", heat.act),) if name == "celsius" else (),
        )
        for key, name, label, form in (
            ("gpu_c", "celsius", "GPU °C", Form.NUMBER),
            ("gpu_busy", "busy", "GPU in use", Form.SHARE),
            ("gpu_memory", "memory", "GPU memory in use", Form.SHARE),
        )
    ]
    days = machine.disk.days if machine.disk else None
    disk = "Free disk" if days is None else f"Free disk (full in {days:.0f} days at this pace)"
    return Panels(
        f"machine_{machine.name}",
        machine.name,
        asked.period.start,
        asked.period.end,
        asked.period.timezone,
        found.past.gap_s,
        (
            panel("load", "Load per processor"),
            panel("cpu_c", "Processor °C"),
            *(gpus if machine.gpus else ()),
            panel("memory_used", "Memory in use"),
            panel("disk_free", disk),
        ),
    )
