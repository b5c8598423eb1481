"""The rollout as text: what `bearwatch rollout` prints for people."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from core.clock import civil
from rollout.base.metrics import readable, with_unit
from rollout.control.forecast import Demand
from rollout.control.gate_status import GateView
from rollout.control.status import RolloutStatus, StageProgress, StageView
from rollout.stages.event_store import StoredEvent
from rollout.stages.events import to_body
from rollout.stages.gates import GateOutcome

SIGNS = {StageProgress.DONE: "✓", StageProgress.HERE: "●", StageProgress.NEXT: "○", StageProgress.AHEAD: "·"}
_EVERY_EVENT = frozenset({"at", "by", "key"})
OUTCOMES = {"passed": "passes", "failed": "FAILS", "inconclusive": "inconclusive", "hidden": "hidden"}


def status_text(view: RolloutStatus) -> str:
    """Where the rollout stands."""
    return "\n".join(
        [
            *_head(view),
            "",
            *_picture(view),
            "",
            *_clock(view),
            *_open(view),
            "",
            "Gates of this stage:",
            *(f"  {line}" for gate in view.gates for line in _gate(gate)),
            "",
            *_missing(view),
            *_people(view),
        ]
    )


def plan_text(view: RolloutStatus) -> str:
    """What each stage demands, and how long that takes at the rates seen so far. Nothing is changed by it."""
    lines = [*_head(view), ""]
    for stage in view.stages:
        lines += [*_stage_plan(stage), ""]
    lines += ["Nothing was changed. Days are counted at the rates seen so far, if no further miss or alarm comes."]
    return "\n".join(lines)


def history_text(entries: list[StoredEvent], timezone: str) -> str:
    """Events, newest first, in the plan's own time."""
    return "\n".join(_entry(entry, timezone) for entry in entries) or "Nothing has happened yet."


def moment(at: float, timezone: str) -> str:
    """A moment as people at the campsite read it."""
    return f"{civil(at, timezone):%a %d %b %Y %H:%M %Z}"


def _head(view: RolloutStatus) -> Iterator[str]:
    which = "the default plan" if view.is_default else f"plan {view.name!r}"
    yield f"{view.phase.upper()} on {which}, model {view.model or 'not seen yet'}"
    modes = ", ".join(f"{site.campsite} {site.mode}" for site in view.campsites)
    yield f"What holds now: {modes}"


def _picture(view: RolloutStatus) -> Iterator[str]:
    width = max(len(stage.name) for stage in view.stages)
    for stage in view.stages:
        if stage.number > 1:
            yield "  │"
        where = ", ".join(stage.places.lines)
        yield f"  {SIGNS[stage.progress]} {stage.name:<{width}}  {stage.mode:<9}  {stage.duration:<12}  {where}"


def _clock(view: RolloutStatus) -> Iterator[str]:
    clock, zone = view.clock, view.clock.timezone
    yield f"Evidence since {moment(clock.since, zone)}, worked out {_analysed(view)}"
    if not clock.analysis_open:
        yield f"The gates are analysed from {moment(clock.analysis_opens_at, zone)} on"
    if clock.deadline_at is not None and clock.left_s is not None:
        yield f"The stage ends {moment(clock.deadline_at, zone)}, in {_span(clock.left_s)}"
    if clock.lease_until is not None:
        yield f"Authority is alive until {moment(clock.lease_until, zone)} unless it is renewed"


def _open(view: RolloutStatus) -> Iterator[str]:
    for handover in view.handovers:
        where = ", ".join(handover.where.campsites)
        yield f"HANDOVER {handover.id}: nobody has taken over the watch at {where}; {handover.to or 'nobody'} is paged"
        yield f"  since {moment(handover.since, view.clock.timezone)}: {handover.cause}"
    for camera in view.paused:
        since = moment(camera.since, view.clock.timezone)
        yield f"NOT WATCHED {camera.camera} ({camera.campsite}): its warnings are paused since {since}: {camera.why}"
    for breaker in view.breakers:
        since = moment(breaker.since, view.clock.timezone)
        yield f"BREAKER {breaker.id or breaker.name} is open since {since}: {breaker.reason}"


def _gate(gate: GateView) -> Iterator[str]:
    yield f"{OUTCOMES[gate.outcome]:<12} {gate.gate}: {_value(gate)}"
    if gate.missing:
        yield f"{'':13}{gate.missing}"


def _value(gate: GateView) -> str:
    if gate.value is None:
        return "no value"
    bound = "" if gate.compared is None or gate.compared == gate.value else f", bound {readable(gate.compared)}"
    return f"{readable(gate.value)}{bound} (n = {with_unit(readable(gate.n or 0.0, 4), gate.unit)})"


def _when(demand: Demand) -> str:
    if demand.days is None:
        return ", nobody can say when: none was seen yet"
    return f", about {_days(demand.days)}" if demand.days else ""


def _missing(view: RolloutStatus) -> Iterator[str]:
    target = view.next or "nowhere"
    if not view.blockers:
        yield f"Nothing is in the way to {target}: `bearwatch rollout promote --as YOU`"
        return
    yield f"In the way to {target}:"
    for blocker in view.blockers:
        yield f"  - {blocker.text}"


def _people(view: RolloutStatus) -> Iterator[str]:
    for approval in view.approvals:
        counts = "counts" if approval.counts else f"does not count{f', {approval.void}' if approval.void else ''}"
        what = approval.breaker or (f"model {approval.model[:12]}" if approval.model else approval.step)
        yield f"Approval of {approval.by} ({', '.join(approval.roles)}) for {what}: {counts}"
    if view.may_not_approve:
        yield f"May not approve, as authors: {', '.join(view.may_not_approve)}"
    names = [f"{person.user}{f' ({person.why})' if person.why else ''}" for person in view.on_call]
    yield f"On call: {', '.join(names) or 'nobody. Write `on_call:` into the configuration'}"


def _stage_plan(stage: StageView) -> Iterator[str]:
    days = "nobody can say yet" if stage.days is None else f"about {_days(stage.days)}"
    where = ", ".join(stage.places.lines)
    yield f"{SIGNS[stage.progress]} {stage.name}: {stage.mode} at {where}, {stage.duration}; takes {days}"
    for demand in stage.demands:
        yield f"    {demand.gate}"
        yield f"      {_amount(demand)}"


def _amount(demand: Demand) -> str:
    rate = f", {readable(demand.per_day)} a day" if demand.per_day else ""
    amount = with_unit(f"{ceil(demand.need or 0.0):,}", demand.unit)
    need = f"needs {amount}, has {readable(demand.have or 0.0, 4)}{rate}" if demand.need else demand.summary
    open_ = f"; {demand.missing}" if demand.missing and demand.missing != "nothing" else ""
    done = "; passes now" if demand.outcome is GateOutcome.PASSED else ""
    return f"{need}{open_}{done}{_when(demand) if demand.need and not done else ''}"


def _days(days: float) -> str:
    return with_unit(f"{ceil(days):g}", "days")


def _entry(entry: StoredEvent, timezone: str) -> str:
    said = {k: v for k, v in to_body(entry.event).items() if k not in _EVERY_EVENT and v not in (None, [], "")}
    shown = ", ".join(f"{key} {_plain(value)}" for key, value in said.items())
    return f"{entry.seq:>5}  {moment(entry.event.at, timezone)}  {entry.actor:<16} {entry.kind}  {shown}"


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_plain(each) for each in value)
    if isinstance(value, dict):
        return str(value.get("campsite", value))
    return str(value)


def _analysed(view: RolloutStatus) -> str:
    return f"{_span(view.last_analysis.age_s)} ago" if view.last_analysis.stored else "just now"


def _span(seconds: float) -> str:
    days, rest = divmod(int(seconds), 86400)
    hours, minutes = rest // 3600, rest % 3600 // 60
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"
