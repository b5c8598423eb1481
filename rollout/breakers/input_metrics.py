"""What a breaker's condition may ask for: every quantity, what it is of, and how often somebody must update it."""

from __future__ import annotations

from dataclasses import dataclass

from rollout.breakers.trip_scope import Scope

REPORTED_EVERY_S = 20.0
"""Processes report each second; this is the interval that counts, so that a restart is not yet "no data"."""
HOUR_S = 3600.0
DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class InputMetric:
    """``scope`` says of what there is one value each. Nobody updating it for three ``interval_s`` is ``no_data``."""

    summary: str
    scope: Scope
    interval_s: float
    source: str


INPUT_METRICS: dict[str, InputMetric] = {
    "missed_confirmed_sightings_24h": InputMetric(
        "bears that a person saw in the last 24 h and the model did not",
        Scope.SITE,
        REPORTED_EVERY_S,
        "database, tracker",
    ),
    "false_alarms_1h_camera": InputMetric(
        "alerts of the last hour that a ranger rejected, or nobody has decided for 15 minutes",
        Scope.CAMERA,
        REPORTED_EVERY_S,
        "database, tracker",
    ),
    "alert_end_to_end_p99_s": InputMetric(
        "from capture to the ranger's queue, 99th percentile of the last hour's alerts and test clips",
        Scope.REGION,
        REPORTED_EVERY_S,
        "database, tracker",
    ),
    "redis_lag_s": InputMetric(
        "age of the oldest frame or score not yet handled", Scope.REGION, REPORTED_EVERY_S, "Redis"
    ),
    "redis_len": InputMetric("frames, scores and jobs that wait", Scope.REGION, REPORTED_EVERY_S, "Redis"),
    "camera_silent_s": InputMetric(
        "since the camera last showed something new", Scope.CAMERA, REPORTED_EVERY_S, "ingest"
    ),
    "live_cameras": InputMetric("cameras that see", Scope.SITE, REPORTED_EVERY_S, "ingest"),
    "cameras": InputMetric("cameras that should see", Scope.SITE, REPORTED_EVERY_S, "configuration"),
    "gpu_c": InputMetric("hottest GPU, degrees Celsius", Scope.REGION, REPORTED_EVERY_S, "detector"),
    "gpus_up": InputMetric(
        "GPUs that answer, of the detector that has fewest", Scope.REGION, REPORTED_EVERY_S, "detector"
    ),
    "cpu_c": InputMetric("hottest processor, degrees Celsius", Scope.REGION, REPORTED_EVERY_S, "machines"),
    "cpu_load": InputMetric("busiest machine: load per processor", Scope.REGION, REPORTED_EVERY_S, "machines"),
    "memory_used": InputMetric("fullest machine: share of memory in use", Scope.REGION, REPORTED_EVERY_S, "machines"),
    "disk_free": InputMetric(
        "fullest machine: share of the disk that is free", Scope.REGION, REPORTED_EVERY_S, "machines"
    ),
    "spend_24h": InputMetric("computed cost of the last 24 h", Scope.ROLLOUT, REPORTED_EVERY_S, "tariff"),
    "budget_24h": InputMetric("what a day may cost", Scope.ROLLOUT, REPORTED_EVERY_S, "configuration"),
    "unknown_animal_share": InputMetric(
        "share of the last day's encounters with an animal the model does not know",
        Scope.SITE,
        REPORTED_EVERY_S,
        "database, tracker",
    ),
    "loop_e": InputMetric(
        "e-value against 'review effort follows the bears'", Scope.ROLLOUT, REPORTED_EVERY_S, "database"
    ),
    "planted_clip_missed": InputMetric("test clips missed in a row", Scope.CAMERA, HOUR_S, "canary job"),
    "self_proof_failed": InputMetric(
        "times in a row that a detector did not recognise its known pictures, of the worst one",
        Scope.REGION,
        REPORTED_EVERY_S,
        "detector",
    ),
    "lease_expired": InputMetric(
        "1 when the controller has not renewed authority in time", Scope.ROLLOUT, REPORTED_EVERY_S, "controller"
    ),
}
"""Every quantity that a ``when`` may name. An unknown name is an error when the configuration is loaded."""
