"""How much hangs on the assumptions: a section of the shadow report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rollout.base.metrics import Measured
from rollout.reports.document import Cell, Column, Figure, Form, Section, table
from rollout.reports.metric_figures import figure

_ASSUMED: Final = {
    1: "they miss independently (odds ratio 1)",
    2: "the odds of a miss double (odds ratio 2)",
    4: "the odds of a miss are four times as high (odds ratio 4)",
}


def sensitivity_section(measured: Mapping[str, Measured]) -> Section:
    """What recall would be under other assumptions, from the metrics of one assessment."""
    got, recall = measured["recall_dependence_or2"], measured["recall_blind"]
    odds: list[tuple[Cell, ...]] = [
        (_ASSUMED[ratio], got.detail.get(f"or{ratio}")) for ratio in _ASSUMED if got.detail.get(f"or{ratio}")
    ]
    by_audits = _by_audits(got)
    if by_audits is not None:
        odds.append((by_audits, got.detail["recall_or_estimated"]))
    gaps: list[tuple[Cell, ...]] = [("30 min, as used", recall.detail.get("visits"), _visit_recall(recall))]
    others: Mapping[str, Mapping[str, float]] = recall.detail.get("other_gaps", {})
    gaps += [(gap, by["visits"], by["recall"]) for gap, by in others.items()]
    chance = recall.detail.get("chance_match")
    return Section(
        "sensitivity",
        "How much hangs on the assumptions",
        (
            "If ranger and model tend to miss the same bears, true recall is lower than the one measured. An odds "
            "ratio of 1 means that they miss independently; gates use 2: the odds that the model misses a bear "
            "double when the ranger misses it.",
        ),
        figures=(
            figure(got, "Recall if the model's odds of a miss double where the ranger misses a bear"),
            Figure("chance_match", "Matches that chance alone would make", chance, Form.SHARE, why=recall.why,
                   sure="by shifting the sightings one to four hours"),
            Figure("recall_corrected", "Recall without them", recall.detail.get("corrected"), Form.SHARE,
                   low=recall.detail.get("cp_lower_corrected"), sure="one-sided 95%", n=recall.n, of=recall.unit,
                   why=recall.why),
        ),
        tables=(
            table("dependence", "Recall by dependence", (Column("odds", "Assumed"), Column("recall", "Recall",
                  Form.SHARE)), odds, "Not enough data: no bear was seen by a blind ranger and the model.",
                  f"Nobody knows yet which it is: {got.detail['or_why']}." if "or_why" in got.detail else ""),
            table("gaps", "Visits told apart by another gap", (Column("gap", "Gap"), Column("visits", "Visits",
                  Form.NUMBER), Column("recall", "Recall over visits", Form.SHARE)), gaps if recall.value is not None
                  else [], "Not enough data: no blind sightings."),
        ),
    )  # fmt: skip


def _by_audits(dependence: Measured) -> str | None:
    """The odds ratio that bears on contact sheets suggest, in words; None when there are too few."""
    if "or_estimated" not in dependence.detail:
        return None
    low, high = dependence.detail["or_interval"]
    return f"odds ratio {dependence.detail['or_estimated']:.2g}, as audits suggest ({low:.2g} to {high:.2g})"


def _visit_recall(recall: Measured) -> float | None:
    visits = recall.detail.get("visits")
    return recall.detail["visits_hit"] / visits if visits else None
