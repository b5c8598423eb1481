"""The model registry on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from core.clock import civil
from review_ui.models.bundle_comparison import FiguresOut, ModelComparison
from review_ui.models.view import RATES
from rollout.models.model_status import ChallengerView, ModelChangeView, ModelRegistryStatus, RegisteredView


def registry_text(status: ModelRegistryStatus, unregistered: Sequence[tuple[str, str]], zone: str) -> RenderableType:
    """Champion, the model before it, and all that are registered; ``unregistered``: name and directory of the rest."""
    parts: list[RenderableType] = [Text(f"Champion: {status.champion_name}")]
    before = status.previous_name if status.may_roll_back else "nothing: it is the model that the configuration names"
    parts.append(Text(f"A rollback leads to: {before}"))
    parts += [Text(f"OVERRIDDEN when it was promoted: {sentence}") for sentence in status.overridden]
    if status.challenger is not None:
        parts.append(challenger_text(status.challenger, zone))
    if status.models:
        table = Table("model", "from", "registered", Column("directory", overflow="fold"))
        for each in status.models:
            registered = f"{civil(each.registered_at, zone):%Y-%m-%d %H:%M}"
            table.add_row(_marked(each), each.origin.replace("_", "-"), registered, each.directory)
        parts.append(table)
    else:
        parts.append(Text("No model is registered. Add one with `bearwatch models add DIRECTORY`."))
    parts += [Text(f"Not registered: {name} in {directory}") for name, directory in unregistered]
    if status.changes:
        parts.append(Text("Changes, the newest first:"))
    parts += [Text(change_text(each, zone)) for each in status.changes]
    return Group(*parts)


def challenger_text(challenger: ChallengerView, zone: str) -> RenderableType:
    """The challenger, and how often it says the same as the champion."""
    head = (
        f"Challenger: {challenger.name}, since {civil(challenger.since, zone):%Y-%m-%d %H:%M} by {challenger.by}, at "
        f"one frame in {challenger.every}"
    )
    if not challenger.agreements:
        return Text(f"{head}; nothing counted yet")
    table = Table(
        "camera", "light", "frames", "both a bear", "neither", "champion alone", "challenger alone", "difference"
    )
    for each in challenger.agreements:
        numbers = (each.frames, each.both, each.neither, each.champion_only, each.challenger_only)
        table.add_row(each.camera, each.light, *map(str, numbers), f"{each.difference:.3f}")
    return Group(Text(head), table)


def model_text(each: RegisteredView, zone: str, thresholds: dict[str, float] | None) -> str:
    """One model."""
    lines = [
        f"{_marked(each)}",
        f"digest      {each.digest}",
        f"directory   {each.directory}",
        f"from        {each.origin.replace('_', '-')}, registered {civil(each.registered_at, zone):%Y-%m-%d %H:%M} "
        f"by {each.registered_by}",
        f"ancestors   {' ← '.join(digest[:12] for digest in each.lineage) or 'none known'}",
        f"approved by {', '.join(each.approved_by) or 'nobody'}",
    ]
    if each.conditions:
        lines.append("to promote:")
        lines += [f"  {'holds   ' if c.passed else 'LACKING '} {c.name}: {c.sentence}" for c in each.conditions]
        lines += [f"           {c.remedy}" for c in each.conditions if not c.passed and c.remedy]
    if each.learning_run is not None:
        lines.append(f"learned in  run {each.learning_run}")
    if thresholds is None:
        lines.append("its files are not there: no detector can load it")
    else:
        lines.append("thresholds  " + ", ".join(f"{key} {value:g}" for key, value in thresholds.items()))
    return "\n".join(lines)


def comparison_text(found: ModelComparison) -> RenderableType:
    """Two models side by side."""
    parts: list[RenderableType] = [Text(f"{found.first} beside {found.second}")]
    if found.differs:
        table = Table("what decides", found.first, found.second)
        for key, (first, second) in found.differs.items():
            table.add_row(key, first, second)
        parts.append(table)
    else:
        parts.append(Text("They differ in their weights alone."))
    if found.slices:
        rates = [f"recall at {float(rate):.0%}" for rate in RATES]
        table = Table("slice", "model", "bears / all", "AUC", *rates)
        for each in found.slices:
            for name, figures in ((found.first, each.first), (found.second, each.second)):
                table.add_row(each.slice, name, *_cells(figures))
        parts.append(table)
    return Group(*parts, *(Text(f"Note: {note}.") for note in found.notes))


def change_text(each: ModelChangeView, zone: str) -> str:
    """What was changed, by whom, why, and how soon it held."""
    who = ", ".join([f"by {each.requested_by}", *(f"{name} agreed" for name in each.approved_by)])
    frame = f"; first frame after {each.took_s:.1f} s" if each.took_s is not None else "; no frame scored yet"
    lines = [f"{civil(each.at, zone):%Y-%m-%d %H:%M:%S} {each.kind} to {each.to_name} ({who}{frame})"]
    lines += [f"    {each.reason}"] if each.reason else []
    lines += [f"    OVERRIDDEN: {sentence}" for sentence in each.overridden]
    return "\n".join([*lines, *(f"    refused by {refusal.process}: {refusal.why}" for refusal in each.refusals)])


def _marked(each: RegisteredView) -> str:
    mark = " (champion)" if each.is_champion else " (before the champion)" if each.is_previous else ""
    return f"{each.name or each.digest[:12]}{mark}"


def _cells(figures: FiguresOut | None) -> list[str]:
    if figures is None:
        return ["not measured", "", *("" for _rate in RATES)]
    numbers = [figures.auc, *(figures.recalls[rate] for rate in RATES)]
    return [f"{figures.bears} / {figures.pictures}", *("-" if each is None else f"{each:.3f}" for each in numbers)]
