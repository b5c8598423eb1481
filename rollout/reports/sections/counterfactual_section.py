"""Had it been live: the section of the shadow report that replays the policy over what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final

from db.models import Mode
from rollout.evidence.comparison import JudgedVisit
from rollout.evidence.stats.proportions import clopper_pearson_lower
from rollout.reports.context import ReportContext
from rollout.reports.document import Answer, Cell, Column, Figure, Form, Section, Status, Table, table
from rollout.reports.metric_figures import ONE_SIDED
from rollout.reports.render.number_format import many, seconds
from rollout.reports.sections.alert_history import alerts_of
from rollout.reports.sections.counterfactual import PastAlert, Replayed, Times, Warned, replay

MODES: Final = (Mode.ASSISTED, Mode.AUTOMATIC)
TRUTHS: Final = {True: "a bear", False: "false", None: "nobody has decided"}
NAMES: Final = {Mode.ASSISTED: "Assisted", Mode.AUTOMATIC: "Automatic"}


def had_it_been_live(asked: ReportContext, model: str, judged: Sequence[JudgedVisit]) -> tuple[Section, Answer]:
    """The section and its answer. ``judged`` are the visits that people saw, each with what the model saw of it."""
    seen_at = {each.detection.id: each.visit.start for each in judged if each.detection is not None}
    past = alerts_of(asked.session, asked.campsites, model, asked.period.start, asked.period.end, seen_at)
    times = times_of(asked)
    found = [replay(past, mode, times) for mode in MODES]
    missed = sum(not each.hit for each in judged)
    section = Section(
        "live",
        "Had it been live",
        (
            "The decisions of the alert rules, played over the stored alerts and what people decided about them, when. "
            f"Assisted: campers are warned once a ranger has said “bear”. Automatic: after {seconds(times.veto_s)} "
            "without a veto.",
            "Rangers decided at the pace of shadow mode, where nothing waited for them; live they would have been "
            "paged. So assisted warnings look later here than they would have been.",
        ),
        figures=tuple(each for replayed in found for each in _figures(replayed, len(judged), missed)),
        tables=tuple(_warnings(asked, replayed) for replayed in found),
    )
    return section, _answer(found[-1], past, missed)


def times_of(asked: ReportContext) -> Times:
    """The waits that the configuration asks for; the veto window of the plan's automatic stage, if it has one."""
    stage = next((s for s in asked.plan.stages if s.mode is Mode.AUTOMATIC and s.oversight is not None), None)
    own = asked.config.rollout
    veto_s = stage.oversight.veto_window.nominal_s if stage is not None and stage.oversight else own.veto_window_s
    return Times(veto_s, own.undo_s, own.join_s)


def _figures(found: Replayed, visits: int, missed: int) -> list[Figure]:
    name, key, n = NAMES[found.mode], found.mode.value, len(found.warned)
    leads = [each.lead_s for each in found.warned if each.lead_s is not None]
    nobody = "campers would not have been warned in this time"
    return [
        Figure(f"{key}_warnings", f"{name}: warnings to campers", n, note=_beside(found)),
        Figure(f"{key}_false", f"{name}: false, as people decided", found.false, n=n, of="warnings",
               note=f"{found.undecided} more are undecided" if found.undecided else ""),
        Figure(f"{key}_precision", f"{name}: warnings with a bear", found.right / n if n else None, Form.SHARE,
               low=clopper_pearson_lower(found.right, n) if n else None, sure=ONE_SIDED, n=n, of="warnings",
               why="" if n else nobody, note="undecided ones count as false" if found.undecided else ""),
        Figure(f"{key}_lead_s", f"{name}: lead against the ranger's own sighting, median",
               median(leads) if leads else None, Form.SECONDS, sure="no interval", n=len(leads), of="warnings",
               why="" if leads else "no warning was about a visit that people saw too",
               note="minus means after the ranger" if leads and median(leads) < 0 else ""),
        Figure(f"{key}_silent", f"{name}: bears of which nobody would have been warned",
               found.silent_bears + missed, n=visits, of="visits that people saw",
               note=f"{missed} that the model missed, {found.silent_bears} that nobody confirmed in time or that were "
               "taken back"),
    ]  # fmt: skip


def _beside(found: Replayed) -> str:
    parts = []
    if found.joined:
        parts.append(f"{found.joined} more alerts would have joined one of them")
    if found.vetoed:
        parts.append(f"{found.vetoed} would have been vetoed in time")
    back = sum(each.taken_back_at is not None for each in found.warned)
    if back:
        parts.append(f"{back} would have been taken back")
    return "; ".join(parts)


def _warnings(asked: ReportContext, found: Replayed) -> Table:
    rows: list[tuple[Cell, ...]] = [_row(asked, each) for each in found.warned]
    columns = (
        Column("at", "Warning", Form.TIME),
        Column("campsite", "Campsite"),
        Column("camera", "Camera"),
        Column("truth", "It was"),
        Column("lead_s", "Before the ranger", Form.SECONDS),
        Column("taken_back_at", "Taken back", Form.TIME),
    )
    title = f"{NAMES[found.mode]}: which warnings would have gone out"
    return table(f"warnings_{found.mode.value}", title, columns, rows, f"{title}: none.")


def _row(asked: ReportContext, each: Warned) -> tuple[Cell, ...]:
    truth = TRUTHS[each.past.truth]
    return (each.at, asked.name(each.past.campsite), asked.camera(each.past.camera), truth, each.lead_s,
            each.taken_back_at)  # fmt: skip


def _answer(automatic: Replayed, past: Sequence[PastAlert], missed: int) -> Answer:
    question = "What would have happened had it been live?"
    if not past and not missed:
        return Answer("live", question, Status.GREY, "Nothing that can be told: no alert, and no bear that people saw.")
    n = len(automatic.warned)
    words = (
        f"Automatic, campers would have been warned {many(n, 'time')}: {automatic.right} with a "
        f"bear, {automatic.false} false, {automatic.undecided} undecided. Nobody would have been warned of "
        f"{many(automatic.silent_bears + missed, 'bear')} that people know of."
    )
    bad = automatic.false or automatic.silent_bears or missed
    return Answer("live", question, Status.AMBER if bad or automatic.undecided else Status.GREEN, words)
