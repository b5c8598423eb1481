"""Nights with and without the model's help, at random: what the help adds to what people find. For the loop report."""

from __future__ import annotations

from sqlalchemy import select

from db.models import NightExperiment
from rollout.evidence.on_off_nights import effect, plan_of, sightings_by_night
from rollout.reports.context import ReportContext
from rollout.reports.document import Cell, Column, Form, Section, table

_COLUMNS = (
    Column("name", "Experiment"),
    Column("campsites", "Campsites"),
    Column("nights", "Nights so far", Form.NUMBER),
    Column("on", "Bears a night, with", Form.NUMBER),
    Column("off", "Without", Form.NUMBER),
    Column("difference", "Difference", Form.NUMBER),
    Column("low", "From", Form.NUMBER),
    Column("high", "To", Form.NUMBER),
    Column("p", "p", Form.NUMBER),
    Column("said", "Finding"),
)


def experiments_section(asked: ReportContext) -> Section:
    """Every experiment with nights in the period, over all of its nights so far."""
    rows: list[tuple[Cell, ...]] = []
    for row in asked.session.scalars(select(NightExperiment).order_by(NightExperiment.id)):
        plan = plan_of(row)
        nights = plan.all_nights()
        if nights[0] > asked.period.last.isoformat() or nights[-1] < asked.period.first.isoformat():
            continue
        if not set(plan.campsites) <= set(asked.campsites):
            continue
        found = effect(sightings_by_night(asked.session, plan, asked.period.end), plan)
        head = (row.name, ", ".join(asked.name(site) for site in plan.campsites))
        if found is None:
            rows.append((*head, 0, *[None] * 6, "not enough data: it takes nights of both kinds"))
            continue
        said = "beyond chance" if found.p_value < 0.05 else "nothing beyond chance"
        rows.append((*head, found.nights, found.mean_on, found.mean_off, found.difference, found.lower, found.upper,
                     found.p_value, said))  # fmt: skip
    shown = table("experiments", "On and off nights", _COLUMNS, rows, "No experiment had nights in this time.",
                  "The interval is at 95%, two-sided, from assigning the nights anew.")  # fmt: skip
    return Section("experiments", "With and without the model", tables=(shown,))
