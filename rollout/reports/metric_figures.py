"""From a metric as the gates know it to a figure as reports show it. Pure."""

from __future__ import annotations

from typing import Final

from rollout.base.metrics import METRICS, Measured
from rollout.reports.document import Figure, Form

ONE_SIDED: Final = "one-sided 95%"
_LOWER: Final = ("cp_lower", "paired_lower", "gamma_lower")
_UPPER: Final = ("quasipoisson_upper", "poisson_upper")


def figure(measured: Measured, label: str = "", note: str = "", unit: str = "") -> Figure:
    """A figure with whatever bound the metric has; of two upper bounds the one that allows for clumps."""
    kind = METRICS.get(measured.metric)
    form = _form(kind.unit if kind else "", measured.metric)
    low = next((measured.bounds[name] for name in _LOWER if name in measured.bounds), None)
    high = next((measured.bounds[name] for name in _UPPER if name in measured.bounds), None)
    summary = kind.summary if kind else measured.metric
    return Figure(
        key=measured.metric,
        label=label or summary[:1].upper() + summary[1:],
        value=measured.value,
        form=form,
        unit=unit or (kind.unit if kind and kind.unit.startswith("per ") else ""),
        low=low,
        high=high,
        sure=ONE_SIDED if low is not None or high is not None else "no interval",
        n=measured.n,
        of=measured.unit,
        why=measured.why,
        note=note,
    )


def counted(measured: Measured, label: str = "", note: str = "") -> Figure:
    """The same for what was counted in full and needs no interval."""
    made = figure(measured, label, note)
    return Figure(
        made.key, made.label, made.value, made.form, made.unit, None, None, "counted in full", made.n, made.of,
        made.why, made.note,
    )  # fmt: skip


def _form(unit: str, metric: str) -> Form:
    if unit == "share":
        return Form.SHARE
    if unit == "s" or metric.endswith("_s"):
        return Form.SECONDS
    return Form.DAYS if metric.endswith("_d") else Form.NUMBER
