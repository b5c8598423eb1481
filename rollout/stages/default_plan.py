"""The default plan, over the places that are configured.

It is the one that a careful person would walk: in shadow until the model has proved itself beside blind observers;
one campsite for one day with somebody watching closely; two campsites for a week; the county for a month; then
warnings that go out by themselves while a ranger may still say no.
"""

from __future__ import annotations

from typing import Any

from core.config import Config

HEALTH: list[dict[str, Any]] = [
    {"metric": "inference_latency_p99_s", "op": "<=", "value": 5, "min_samples": 50},
    {"metric": "alert_end_to_end_p99_s", "op": "<=", "value": 30, "min_samples": 20},
    {"metric": "camera_uptime", "op": ">=", "value": 0.97},
    {"metric": "audit_done_over_due", "op": ">=", "value": 0.9},
    {"metric": "open_breakers", "op": "==", "value": 0},
    {"metric": "canary_clip_recall", "op": ">=", "value": 1.0, "window": "24h"},
    {"metric": "manual_watch_drill_age_d", "op": "<=", "value": 30},
]
SENT: dict[str, Any] = {"metric": "delivery_latency_p99_s", "op": "<=", "value": 60}
"""Not asked of a single day: where no bear comes, nothing is sent."""
SHADOW: list[dict[str, Any]] = [
    {"metric": "encounters_blind", "op": ">=", "value": 46},
    {"metric": "recall_blind", "bound": "cp_lower", "op": ">=", "value": 0.9},
    {"metric": "recall_blind_night", "bound": "cp_lower", "op": ">=", "value": 0.8, "min_n": 14},
    {"metric": "recall_dependence_or2", "op": ">=", "value": 0.8},
    {
        "metric": "false_alarms_per_camera_day",
        "bound": "quasipoisson_upper",
        "op": "<=",
        "value": 0.5,
        "min_camera_days": 60,
    },
    {"metric": "recall_minus_baseline", "bound": "paired_lower", "op": ">", "value": 0},
    {"metric": "recall_audit", "bound": "gamma_lower", "op": ">=", "value": 0.75},
]
ONE_DAY: list[dict[str, Any]] = [
    {"metric": "missed_sightings", "op": "==", "value": 0},
    {"metric": "false_alarms_per_camera_day", "stat": "point", "op": "<=", "value": 2},
]
ONE_WEEK: list[dict[str, Any]] = [
    {"metric": "encounters_blind_cumulative", "op": ">=", "value": 61},
    {"metric": "recall_blind_cumulative", "bound": "cp_lower", "op": ">=", "value": 0.9},
    {"metric": "false_alarms_per_camera_day", "bound": "quasipoisson_upper", "op": "<=", "value": 0.5},
    {"metric": "appeals_upheld_open", "op": "==", "value": 0},
    SENT,
]
ONE_MONTH: list[dict[str, Any]] = [
    {"metric": "recall_blind_cumulative", "bound": "eprocess", "e_min": 20, "r0": 0.9},
    {"metric": "recall_audit_cumulative", "bound": "gamma_lower", "op": ">=", "value": 0.8},
    {"metric": "loop_e", "op": "<", "value": 20},
    {"metric": "selected_label_share", "op": "<=", "value": 0.7},
    SENT,
]
OVERSEEN: list[dict[str, Any]] = [
    {"metric": "camper_warning_precision", "bound": "cp_lower", "op": ">=", "value": 0.8, "min_n": 30},
    SENT,
]


def default_stages(config: Config) -> list[dict[str, Any]]:
    """The stages, as a configuration would write them. The first campsite with a camera goes first."""
    seen = [camera.campsite for camera in config.enabled_cameras().values()]
    sites = [site for site in config.campsites if site in seen]
    first = sites[0] if sites else next(iter(config.campsites))
    region = config.campsites[first].region
    county = [site for site in sites if config.campsites[site].region == region] or [first]
    county = [first, *(site for site in county if site != first)]
    health = [dict(gate) for gate in HEALTH]
    return [
        {
            "name": "shadow",
            "scope": county,
            "mode": "shadow",
            "duration": {"min": "14d", "max": "120d"},
            "gates": SHADOW,
        },
        {
            "name": "one-campsite-one-day",
            "scope": county[:1],
            "mode": "assisted",
            "duration": "1d",
            "watch": {"continuous": True, "observers": 2},
            "gates": [*health, *ONE_DAY],
        },
        {
            "name": "two-campsites-one-week",
            "scope": county[:2],
            "mode": "assisted",
            "duration": "7d",
            "gates": [*health, *ONE_WEEK],
        },
        {
            "name": "county-one-month",
            "scope": county,
            "mode": "assisted",
            "duration": "30d",
            "gates": [*health, *ONE_MONTH],
        },
        {
            "name": "county-automatic-overseen",
            "scope": county,
            "mode": "automatic",
            "oversight": {"veto_window": "20s", "ranger_ack_within": "3m"},
            "duration": "30d",
            "gates": [*health, *OVERSEEN],
        },
    ]
