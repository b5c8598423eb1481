"""What the rollout knows in numbers: one value type for every metric that a gate or a breaker may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

SMALLEST_SHOWN: Final = 1e-6
"""What is nearer to nothing is "almost 0" to people."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric as it stands: its value, its interval and how much data it rests on.

    ``value`` is the point estimate; None means "not enough data", and ``why`` says what is missing. ``bounds`` holds
    the one-sided bounds that were computed, by their name in the rollout configuration, such as ``cp_lower``. ``n`` is
    the number of independent units (bear-nights, camera-days, deliveries), of the kind that ``unit`` names. ``detail``
    is for people: counts, the baseline beside it, the sensitivity.
    """

    metric: str
    value: float | None
    bounds: Mapping[str, float] = field(default_factory=dict)
    n: float = 0.0
    unit: str = ""
    why: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


def readable(value: float, digits: int = 3) -> str:
    """A number to so many significant digits as people write it: ``0.953``, ``2,440``, never with an exponent."""
    if 0 < abs(value) < SMALLEST_SHOWN:
        return f"almost {'-' if value < 0 else ''}0"
    return f"{Decimal(f'{value:.{digits}g}'):,f}"


def with_unit(number: str, unit: str) -> str:
    """A number, written out, with what it counts: ``1 bear-night``, ``46 bear-nights``, ``1 s``."""
    if number != "1":
        return f"{number} {unit}".strip()
    for joint in (" of ", " that "):
        counted, found, more = unit.partition(joint)
        if found:
            return f"1 {_one(counted)}{joint}{more}"
    return f"1 {_one(unit)}".strip()


def _one(unit: str) -> str:
    """The singular of a unit; one without a plural, such as ``share`` or ``s``, is as it is."""
    if unit.endswith("ies"):
        return f"{unit[:-3]}y"
    return unit[:-1] if len(unit) > 2 and unit.endswith("s") else unit


@dataclass(frozen=True, slots=True)
class MetricKind:
    """What a metric is: shown to people, and checked when a configuration names it.

    ``unit`` is what the value counts; ``bounds`` are the names of the bounds that the metric can give.
    """

    summary: str
    unit: str = ""
    bounds: tuple[str, ...] = ()


METRICS: dict[str, MetricKind] = {
    "encounters_blind": MetricKind("bear-nights that a blind observer logged", "bear-nights"),
    "encounters_blind_cumulative": MetricKind("the same over all stages with this model", "bear-nights"),
    "recall_blind": MetricKind(
        "share of blind sightings that the model saw too", "share", ("cp_lower", "anytime_lower", "eprocess")
    ),
    "recall_blind_cumulative": MetricKind(
        "the same over all stages with this model", "share", ("cp_lower", "anytime_lower", "eprocess")
    ),
    "recall_blind_night": MetricKind("recall on blind sightings by night", "share", ("cp_lower", "anytime_lower")),
    "recall_blind_worst_campsite": MetricKind("recall on blind sightings at the campsite where it is lowest", "share"),
    "recall_dependence_or2": MetricKind(
        "recall if the odds that the model misses a bear double when the ranger misses it", "share"
    ),
    "recall_minus_baseline": MetricKind(
        "recall minus that of the motion-only baseline", "share", ("paired_lower", "anytime_lower")
    ),
    "recall_audit": MetricKind(
        "recall by audits of camera-hours drawn at random", "share", ("gamma_lower", "anytime_lower")
    ),
    "recall_audit_cumulative": MetricKind(
        "the same over all stages with this model", "share", ("gamma_lower", "anytime_lower")
    ),
    "false_alarms_per_camera_day": MetricKind(
        "alerts without a bear", "per camera-day", ("poisson_upper", "quasipoisson_upper", "anytime_upper")
    ),
    "camper_warning_precision": MetricKind("share of warnings with a bear", "share", ("cp_lower",)),
    "missed_sightings": MetricKind("sightings that the model missed", "sightings"),
    "time_to_detect_p50_s": MetricKind("from the first sight of a bear to the alert, median", "s"),
    "time_to_detect_p90_s": MetricKind("from the first sight of a bear to the alert, 90th percentile", "s"),
    "inference_latency_p99_s": MetricKind("from capture to the decided encounter, 99th percentile", "s"),
    "alert_end_to_end_p99_s": MetricKind("from capture to the ranger's queue, 99th percentile", "s"),
    "delivery_latency_p99_s": MetricKind("from a decision to the message sent, 99th percentile", "s"),
    "camera_uptime": MetricKind("share of camera time with fresh content", "share"),
    "audit_done_over_due": MetricKind("share of due audits that were done", "share"),
    "open_breakers": MetricKind("breakers that are open", "breakers"),
    "canary_clip_recall": MetricKind("share of test clips that were seen", "share"),
    "manual_watch_drill_age_d": MetricKind("since the last manual-watch drill", "days"),
    "watch_coverage": MetricKind("share of the stage's time with as many people on watch as it asks for", "share"),
    "appeals_upheld_open": MetricKind("appeals upheld and not yet settled", "appeals"),
    "complaints_per_camera_day": MetricKind("complaints by campers", "per camera-day"),
    "loop_e": MetricKind("e-value against 'review effort follows the bears'", "e-value"),
    "selected_label_share": MetricKind("share of labels that the model selected itself", "share"),
    "unknown_animal_share": MetricKind("share of encounters with an animal that the model does not know", "share"),
}
"""Every metric that a gate or a breaker may name. An unknown name is an error when the configuration is loaded."""
