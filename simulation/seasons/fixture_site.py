"""The simulated county: six campsites with four cameras each, its people, and the plans that are compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from core.config import Config
from rollout.breakers.trip_scope import Places
from rollout.stages.commands import Person
from rollout.stages.default_plan import default_stages
from rollout.stages.plan import RolloutPlan
from rollout.stages.spec_file import plan_from

ZONE: Final = "America/Los_Angeles"
SITES: Final = ("upper-pines", "lower-pines", "north-pines", "camp-4", "tuolumne", "wawona")
CAMERAS_EACH: Final = 4
ON_CALL: Final = ("rosa", "ruth", "chin")
LEAD: Final = Person("lena", ("lead_ranger",))
OWNER: Final = Person("omar", ("model_owner",))
OPERATOR: Final = Person("olga", ("operator",))
COUNTY_STAGE: Final = 3
"""The stage in which the county is live."""


def camera_name(site: int, number: int) -> str:
    """A camera of a campsite."""
    return f"{SITES[site]}-{number + 1}"


CAMERAS: Final = tuple(camera_name(site, number) for site in range(len(SITES)) for number in range(CAMERAS_EACH))


@dataclass(frozen=True, slots=True)
class Policy:
    """A way through the rollout."""

    name: str
    summary: str
    plan: RolloutPlan
    breakers: bool = True
    often: bool | None = None
    """Whether gates are judged by bounds that allow for many analyses; None: as the plan itself says."""
    daily: bool = False
    """People ask every day, also in a live stage."""


@cache
def places() -> Places:
    """The county's places, as the breakers see them."""
    return Places.of(_config())


def _config(**rollout: Any) -> Config:
    on_call = {name: {"user": name, "contact": [f"json://127.0.0.1:9/{name}"]} for name in ON_CALL}
    cameras = {
        camera_name(site, number): {"campsite": SITES[site], "url": "rtsp://127.0.0.1:1/camera"}
        for site in range(len(SITES))
        for number in range(CAMERAS_EACH)
    }
    return Config.model_validate(
        {
            "regions": {"sierra": {"timezone": ZONE}},
            "campsites": {site: {"region": "sierra"} for site in SITES},
            "cameras": cameras,
            "rollout": {"on_call": on_call, **rollout},
        }
    )


def _anytime_plan(bound: str) -> RolloutPlan:
    """The default stages, analysed on any day, with every gate on all nights' recall at one kind of bound."""
    stages = default_stages(_config())
    for stage in stages:
        stage["gates"] = [_with_bound(gate, bound) for gate in stage["gates"]]
    return plan_from(_config(stages=stages, defaults={"evidence": {"analysis": "anytime"}}))


def _with_bound(gate: dict[str, Any], bound: str) -> dict[str, Any]:
    if gate["metric"] not in ("recall_blind", "recall_blind_cumulative"):
        return gate
    if bound == "eprocess":
        return {"metric": gate["metric"], "bound": "eprocess", "e_min": 20, "r0": 0.9}
    return {"metric": gate["metric"], "bound": bound, "op": ">=", "value": 0.9}


@cache
def policies() -> dict[str, Policy]:
    """Every policy, by its name."""
    default_plan = plan_from(_config())
    found = (
        Policy("default", "the default plan", default_plan),
        Policy("peeking", "gates analysed daily, at a bound made for one run", _anytime_plan("cp_lower"), often=False,
               daily=True),
        Policy("no-breakers", "the default plan, with neither breakers nor freshness", default_plan, breakers=False),
        Policy("anytime", "e-values only, and a stage may be left on any day", _anytime_plan("eprocess"), daily=True),
    )  # fmt: skip
    return {policy.name: policy for policy in found}
