"""The ``breakers:`` section: what trips each breaker, how far that reaches, and what happens then.

Every breaker has a default and is always there: a configuration changes numbers, it takes no breaker away.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, model_validator

from core.strict_model import Strict
from rollout.breakers.conditions import Condition, parse
from rollout.breakers.trip_scope import Scope

ABOUT_THE_MODEL: Final = frozenset(
    {"missed_sighting_1", "recall_edetector", "false_alarm_rate", "canary_clip", "self_proof"}
)
"""Breakers that find what another model could do better: a new champion gives way to the one before when one of them
opens. The burst of one camera, drift of the season and everything about machines are not among them."""


class Then(StrEnum):
    """What a trip leads to."""

    HANDOVER = "handover"
    """Authority drops at once for the scope; rangers are advised until one of them takes over the watch."""
    RATE_LIMIT_AND_REVIEW = "rate_limit_and_review"
    """Campers are warned only of what a ranger has confirmed; everything is recorded and shown as before."""
    PAGE_ONLY_BELOW_2X = "page_only_below_2x"
    """Staff are paged; from twice the budget on it is a handover."""
    HOLD_AND_FREEZE_TRAINING = "hold_and_freeze_training"
    """No promotion and no training on what the model selected itself; what holds goes on holding."""


class DetectorSpec(StrEnum):
    """Sequential detectors, for what one number at one moment cannot show."""

    LIKELIHOOD_RATIO = "cusum_lr"
    """Mixture of likelihood-ratio e-detectors (Shiryaev-Roberts) over hits and misses of bears that people found
    without the model's help. The word in a plan is of the CUSUM that it was at first."""
    BETTING_MIX = "betting_mix"
    """Mixture of bets against "the capped mean is at most ``mean0``", a step a day."""
    BLOCK_PERM_OR_OOD_BETTING = "block_perm_or_ood_betting"
    """Block permutation of camera-days' scores, or bets against "unknown animals are rare"."""
    EFFORT_EPROCESS = "effort_eprocess"
    """E-process against "review effort goes where the bears are, within ``1 + delta``"."""


PARAMETERS: Final[dict[DetectorSpec, dict[str, float | str]]] = {
    DetectorSpec.LIKELIHOOD_RATIO: {"p0": 0.10, "p1": 0.30, "c": 200.0, "unit": "blind_encounter"},
    DetectorSpec.BETTING_MIX: {"mean0": 0.5, "cap": 4.0, "c": 1000.0, "unit": "day"},
    DetectorSpec.BLOCK_PERM_OR_OOD_BETTING: {"c": 1000.0, "unit": "day"},
    DetectorSpec.EFFORT_EPROCESS: {"delta": 0.5, "e_alarm": 100.0, "unit": "independent_positive"},
}
"""Each detector's parameters and their defaults; a parameter that is not here does not belong to it."""
_ALL_PARAMETERS: Final = ("p0", "p1", "mean0", "cap", "c", "delta", "e_alarm", "unit")

Probability = Annotated[float, Field(gt=0.0, lt=1.0)]


class BreakerSpec(Strict):
    """One breaker: a condition or a detector, its reach, and what a trip leads to."""

    when: str | None = Field(default=None, description="condition that trips it, as `redis_lag_s > 60 for 2m`")
    detector: DetectorSpec | None = Field(default=None, description="or a sequential detector, with its parameters")
    scope: Scope = Field(default=Scope.ROLLOUT, description="how far a trip reaches: camera, site, region, rollout")
    then: Then = Field(default=Then.HANDOVER, description="what a trip leads to")
    site_if: str | None = Field(
        default=None, description="when a camera trips: true of its campsite, it is the campsite's trip too"
    )
    p0: Probability | None = Field(default=None, description="share of misses that is still good")
    p1: Probability | None = Field(default=None, description="share of misses to find out soon, as are those around it")
    mean0: float | None = Field(default=None, gt=0.0, description="mean per camera-day that is still good")
    cap: float | None = Field(default=None, gt=0.0, description="counts above this count as this")
    c: float | None = Field(
        default=None,
        ge=20.0,
        description="mean units between false alarms, at least; unset: what the number of campsites needs",
    )
    delta: float | None = Field(default=None, gt=0.0, description="how far effort may stay behind the bears")
    e_alarm: float | None = Field(default=None, ge=20.0, description="e-value that trips it")
    unit: str | None = Field(default=None, description="what the detector takes a step for")

    @model_validator(mode="after")
    def _consistent(self) -> BreakerSpec:
        if (self.when is None) == (self.detector is None):
            raise ValueError("write either `when` or `detector`")
        self._check_parameters()
        for text, reach in ((self.when, self.scope), (self.site_if, Scope.SITE)):
            if text is not None:
                self._check_scope(parse(text), reach)
        if self.site_if is not None and (self.scope is not Scope.CAMERA or "for " in self.site_if):
            raise ValueError("`site_if` belongs to a breaker of scope camera, and takes no duration")
        return self

    def _check_parameters(self) -> None:
        allowed = PARAMETERS[self.detector] if self.detector else {}
        for name in _ALL_PARAMETERS:
            if getattr(self, name) is not None and name not in allowed:
                belongs = f"{self.detector} takes {', '.join(allowed)}" if allowed else "a `when` takes no parameters"
                raise ValueError(f"`{name}` does not belong here; {belongs}")
        if self.unit is not None and self.unit != allowed.get("unit"):
            raise ValueError(f"unit {self.unit!r} is not what {self.detector} counts; write {allowed['unit']}")
        if self.detector is DetectorSpec.LIKELIHOOD_RATIO and not self.number("p0") < self.number("p1"):
            raise ValueError("p0 must be below p1: p0 is the share of misses that is still good")
        if self.detector is DetectorSpec.BETTING_MIX and not self.number("mean0") < self.number("cap"):
            raise ValueError("mean0 must be below cap")

    def _check_scope(self, condition: Condition, reach: Scope) -> None:
        if condition.scope.width > reach.width:
            raise ValueError(
                f"{condition.text!r} is known per {condition.scope}; write scope: {condition.scope} or a wider one"
            )

    @property
    def condition(self) -> Condition | None:
        """``when``, parsed."""
        return parse(self.when) if self.when else None

    @property
    def site_condition(self) -> Condition | None:
        """``site_if``, parsed."""
        return parse(self.site_if) if self.site_if else None

    def number(self, name: str) -> float:
        """A parameter of the detector, or its default. Raises KeyError for one that it does not have."""
        if self.detector is None:
            raise KeyError(name)
        given = getattr(self, name)
        return float(PARAMETERS[self.detector][name] if given is None else given)


def _when(text: str, scope: Scope, then: Then = Then.HANDOVER, site_if: str | None = None) -> BreakerSpec:
    return BreakerSpec(when=text, scope=scope, then=then, site_if=site_if)


class Breakers(Strict):
    """All breakers. What a configuration leaves out keeps its default."""

    missed_sighting_1: BreakerSpec = _when("missed_confirmed_sightings_24h >= 2", Scope.SITE)
    recall_edetector: BreakerSpec = BreakerSpec(detector=DetectorSpec.LIKELIHOOD_RATIO, scope=Scope.ROLLOUT)
    false_alarm_burst: BreakerSpec = _when("false_alarms_1h_camera >= 6", Scope.CAMERA, Then.RATE_LIMIT_AND_REVIEW)
    false_alarm_rate: BreakerSpec = BreakerSpec(detector=DetectorSpec.BETTING_MIX, scope=Scope.ROLLOUT)
    latency: BreakerSpec = _when("alert_end_to_end_p99_s > 30 for 5m", Scope.REGION)
    queue_depth: BreakerSpec = _when("redis_lag_s > 60 for 2m or redis_len > 20000", Scope.REGION)
    camera_loss: BreakerSpec = _when("camera_silent_s > 120", Scope.CAMERA, site_if="live_cameras/cameras < 0.75")
    gpu_temp: BreakerSpec = _when("gpu_c >= 87 for 2m or gpus_up < 1", Scope.REGION)
    machine: BreakerSpec = _when(
        "disk_free < 0.03 for 2m or memory_used > 0.97 for 5m or cpu_c >= 97 for 5m or cpu_load > 8 for 10m",
        Scope.REGION,
    )
    cost: BreakerSpec = _when("spend_24h > 1.5*budget_24h", Scope.ROLLOUT, Then.PAGE_ONLY_BELOW_2X)
    drift: BreakerSpec = BreakerSpec(detector=DetectorSpec.BLOCK_PERM_OR_OOD_BETTING, scope=Scope.SITE)
    loop: BreakerSpec = BreakerSpec(
        detector=DetectorSpec.EFFORT_EPROCESS, scope=Scope.ROLLOUT, then=Then.HOLD_AND_FREEZE_TRAINING
    )
    canary_clip: BreakerSpec = _when("planted_clip_missed >= 2 consecutive", Scope.REGION)
    self_proof: BreakerSpec = _when("self_proof_failed >= 2 consecutive", Scope.REGION)
    controller: BreakerSpec = _when("lease_expired", Scope.ROLLOUT)
    no_data: BreakerSpec = _when("any breaker input older than 3 intervals", Scope.REGION)

    @model_validator(mode="after")
    def _in_its_place(self) -> Breakers:
        for name, spec in self.specs().items():
            self._keep_kind(name, spec)
        return self

    def _keep_kind(self, name: str, spec: BreakerSpec) -> None:
        """A breaker keeps its kind, so that its name keeps its meaning."""
        default: BreakerSpec = Breakers.model_fields[name].default
        condition, usual = spec.condition, default.condition
        if spec.detector is not default.detector:
            wanted = f"detector: {default.detector}" if default.detector else f"when: {default.when!r}"
            raise ValueError(f"{name} takes {wanted}")
        if condition and usual and (condition.stale_intervals is None) != (usual.stale_intervals is None):
            raise ValueError(f"{name} takes a condition such as {usual.text!r}")
        if spec.then is Then.PAGE_ONLY_BELOW_2X and name != "cost":
            raise ValueError(f"{name}: page_only_below_2x belongs to `cost`, which has a budget")

    def specs(self) -> dict[str, BreakerSpec]:
        """The breakers by name, in the order of the documentation."""
        return {name: getattr(self, name) for name in Breakers.model_fields}
