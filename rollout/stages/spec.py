"""The rollout plan as it is written: the ``rollout:`` section of the configuration, key by key.

Strict: an unknown key is an error. What the keys mean together is checked in :mod:`rollout.stages.spec_checks`;
:mod:`rollout.stages.spec_file` reads the file and names the line; :mod:`rollout.stages.plan` is what the rest of the
code uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, model_validator

from core.config import Name, TimeZone
from core.strict_model import Strict
from db.models import Mode
from rollout.base.durations import CivilDuration, Duration
from rollout.base.metrics import METRICS
from rollout.breakers.breaker_spec import Breakers
from rollout.stages.approval_spec import Approvals, OnCallEntry, StrList
from rollout.stages.time_rules import Freeze, FreshnessTimes, LeaseTimes

DEFAULT_NAME: Final = "rollout"
"""What a rollout plan is called that says no name."""
USUAL_R0: Final = 0.9
"""What an e-value speaks against where nothing is written."""

Operator = Literal["<", "<=", ">", ">=", "=="]


def _metric(name: str) -> str:
    if name not in METRICS:
        close = get_close_matches(name, METRICS, n=1)
        advice = f"did you mean {close[0]!r}?" if close else f"write one of: {', '.join(METRICS)}"
        raise ValueError(f"there is no such metric; {advice}")
    return name


def _only_95(value: float) -> float:
    if value != 0.95:
        raise ValueError("the bounds are made for 0.95; write that, or leave it out")
    return value


MetricName = Annotated[str, AfterValidator(_metric)]


class Metadata(Strict):
    """What the rollout plan is called, who wrote it, and whose clock it follows."""

    name: str = Field(default=DEFAULT_NAME, min_length=1, max_length=80, description="shown to people")
    timezone: TimeZone | None = Field(
        default=None, description="IANA name; deadlines are civil time here. Unset: that of the regions, if they agree"
    )
    author: str | None = Field(
        default=None, description="account of who wrote this rollout plan; they may not approve a step on it"
    )


class ModelRule(Strict):
    """Which model the evidence is about."""

    policy: Literal["pinned"] = Field(
        default="pinned", description="pinned: another model ends every live stage, and its evidence starts anew"
    )
    digest: str | None = Field(
        default=None,
        description="the only model that may be promoted, as the detector reports it; unset: the running one",
    )
    baseline: str = Field(default="motion-v1", description="scored beside the model, never acts")


class ScopeSpec(Strict):
    """A named part of the site: one campsite (all of its cameras or some), or a region."""

    campsite: Name | None = Field(default=None, description="one of the campsites")
    region: Name | None = Field(default=None, description="or one of the regions: all of its campsites")
    cameras: Literal["*"] | list[Name] = Field(default="*", description='"*", or some of the campsite\'s cameras')

    @model_validator(mode="after")
    def _one_of(self) -> ScopeSpec:
        if (self.campsite is None) == (self.region is None):
            raise ValueError("write either `campsite` or `region`")
        if self.region is not None and self.cameras != "*":
            raise ValueError("cameras can be chosen of a campsite, not of a region")
        if self.cameras == []:
            raise ValueError('names no camera; write "*" for all')
        return self


class Gate(Strict):
    """What must be true before the rollout goes on: a metric against a value, with the least data it may rest on."""

    metric: MetricName = Field(description="one of the metrics")
    op: Operator | None = Field(default=None, description="how the metric compares with `value`")
    value: float | None = Field(default=None, allow_inf_nan=False, description="what it is compared with")
    bound: str | None = Field(default=None, description="compare this one-sided bound instead of the point estimate")
    stat: Literal["point"] | None = Field(default=None, description="point: the point estimate, said aloud")
    window: Annotated[str, AfterValidator(lambda text: text if text == "stage" else str(Duration.parse(text)))] = Field(
        default="stage", description="stage, or the last so much of it, as 24h"
    )
    min_n: float | None = Field(default=None, gt=0, description="fewer independent units than this: inconclusive")
    min_samples: float | None = Field(default=None, gt=0, description="the same, for things that are counted")
    min_camera_days: float | None = Field(default=None, gt=0, description="the same, for rates")
    e_min: float | None = Field(default=None, gt=1, description="bound eprocess: the e-value that is enough")
    r0: float | None = Field(default=None, gt=0, lt=1, description="bound eprocess: what the e-value speaks against")
    dry_run: bool = Field(default=False, description="true: measured, shown and told of, but it holds nothing")
    on_fail: Literal["hold", "handover"] = Field(
        default="hold",
        description="handover: when it has failed at every analysis for an hour, a live stage ends, whatever its day",
    )

    @model_validator(mode="after")
    def _complete(self) -> Gate:
        if self.bound is not None and self.bound not in METRICS[self.metric].bounds:
            known = ", ".join(METRICS[self.metric].bounds) or "none, only the point estimate"
            raise ValueError(f"{self.metric} has no bound {self.bound!r}; it has: {known}")
        if self.bound is not None and self.stat is not None:
            raise ValueError("write either `bound` or `stat`")
        eprocess = self.bound == "eprocess"
        if eprocess and (self.op is not None or self.value is not None):
            raise ValueError("an e-process is compared with `e_min`; leave `op` and `value` out")
        if eprocess and self.e_min is None:
            raise ValueError("an e-process needs `e_min`, as 20")
        if not eprocess and (self.e_min is not None or self.r0 is not None):
            raise ValueError("`e_min` and `r0` belong to `bound: eprocess`")
        if not eprocess and (self.op is None or self.value is None):
            raise ValueError("write `op` and `value`")
        if self.dry_run and self.on_fail != "hold":
            raise ValueError("a dry run ends nothing; leave `on_fail` out, or `dry_run`")
        return self

    @property
    def least_n(self) -> float:
        """The least data that it may rest on."""
        return max(self.min_n or 0.0, self.min_samples or 0.0, self.min_camera_days or 0.0)

    @property
    def key(self) -> str:
        """Everything that it says: two gates of the same text may still demand different things."""
        return self.model_dump_json(exclude=unsaid(self.model_dump()))

    @property
    def e_bound(self) -> str:
        """Under which name its e-value stands: one for each recall that it speaks against."""
        return "eprocess" if self.r0 in (None, USUAL_R0) else f"eprocess@{self.r0:g}"

    def __str__(self) -> str:
        what = f"{self.metric} ({self.bound})" if self.bound else self.metric
        if self.bound == "eprocess":
            return self._with_dry_run(f"{what} >= {self.e_min:g}")
        text = f"{what} {self.op} {self.value:g}"
        return self._with_dry_run(text if self.window == "stage" else f"{text} in {self.window}")

    def _with_dry_run(self, text: str) -> str:
        return f"{text}, dry run" if self.dry_run else text


def unsaid(gate: Mapping[str, Any]) -> set[str]:
    """Keys that came later and are as they would be without them: a gate from before says the same, and is the same."""
    return {key for key, usual in (("dry_run", False), ("on_fail", "hold")) if gate[key] == usual}


class WatchRule(Strict):
    """Who must watch with their own eyes during a stage."""

    continuous: bool = Field(
        default=True, description="true: all of the stage's time counts; false: it is only asked for"
    )
    observers: int = Field(default=1, ge=1, le=20, description="so many people at once")
    share: float = Field(default=0.95, gt=0, le=1, description="share of the stage's time with that many on watch")


class Oversight(Strict):
    """How a ranger stays in charge while campers are warned automatically."""

    veto_window: CivilDuration = Field(
        default=Duration(0, 20), description="campers are warned after this, unless a ranger says no"
    )
    ranger_ack_within: CivilDuration = Field(default=Duration(0, 180), description="a ranger answers within this")


class StageDuration(Strict):
    """How long a stage lasts: exactly, or at least and at most."""

    fixed: CivilDuration | None = Field(default=None, description="as `duration: 7d`")
    min: CivilDuration | None = Field(default=None, description="evidence is not analysed before")
    max: CivilDuration | None = Field(default=None, description="it ends by then")

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return {"fixed": value} if not isinstance(value, dict) else value

    @model_validator(mode="after")
    def _consistent(self) -> StageDuration:
        if self.fixed is not None and (self.min is not None or self.max is not None):
            raise ValueError("write either one duration or {min, max}")
        if self.fixed is None and self.max is None:
            raise ValueError("write a duration as 7d, or {min: 14d, max: 120d}; every stage ends")
        if self.longest.nominal_s < 60:
            raise ValueError("a stage lasts a minute at least")
        if self.min is not None and self.max is not None and self.min.nominal_s > self.max.nominal_s:
            raise ValueError("min is longer than max")
        return self

    @property
    def longest(self) -> Duration:
        """It ends by then."""
        chosen = self.fixed or self.max
        assert chosen is not None
        return chosen


class StageSpec(Strict):
    """A piece of the rollout plan: where, how much may happen, how long, and what must be true to go on."""

    name: Name = Field(description="shown to people, and named by commands")
    scope: StrList = Field(min_length=1, description="scopes, campsites or regions by their keys")
    mode: Mode = Field(description="shadow, assisted or automatic")
    duration: StageDuration = Field(description="civil time: 1d ends at the same wall-clock time; or {min, max}")
    gates: list[Gate] = Field(
        default_factory=list, description="what must be true to leave it; a gate, or the name of a gate set"
    )
    watch: WatchRule | None = Field(default=None, description="who must watch with their own eyes")
    oversight: Oversight | None = Field(default=None, description="of an automatic stage: veto and answer")
    reason: str | None = Field(default=None, description="why it is narrower than the stage before it, if it is")
    overridden: str | None = Field(
        default=None,
        min_length=10,
        description="why it may ask for less than the floors (recall, false alarms, data of its own); shown on every "
        "page",
    )


class Evidence(Strict):
    """How evidence is gathered and when it is analysed."""

    encounter_gap: CivilDuration = Field(default=Duration(0, 1800), description="silence between two encounters")
    match_before: CivilDuration = Field(
        default=Duration(0, 120), description="the model may be earlier than a sighting by"
    )
    match_after: CivilDuration = Field(default=Duration(0, 600), description="and later by")
    same_camera: bool = Field(
        default=True, description="where an observer named a camera, only that one can have seen it too"
    )
    blind_only: Literal[True] = Field(default=True, description="only blind sightings count for recall")
    cluster: Literal["bear_night"] = Field(default="bear_night", description="what counts as independent")
    confidence: Annotated[float, AfterValidator(_only_95)] = Field(default=0.95, description="of each one-sided bound")
    analysis: Literal["stage_end", "anytime"] = Field(
        default="stage_end",
        validation_alias=AliasChoices("analysis", "look"),
        serialization_alias="look",
        description="stage_end: gates are analysed in the last day of a stage, since analysing daily promotes weak "
        "models; anytime: whenever asked, for rollout plans whose gates are e-processes",
    )


class Extension(Strict):
    """Whether a stage may be made longer when nobody can decide in time."""

    max: CivilDuration = Field(default=Duration(0, 72 * 3600), description="the longest extension")
    times: int = Field(default=1, ge=0, le=5, description="so often in one run of a stage")
    approvals: int = Field(default=2, ge=2, le=5, description="distinct people with distinct roles")
    requires: list[Literal["gates_green", "gates_not_red", "no_open_breaker"]] = Field(
        default=["gates_green", "no_open_breaker"],
        description="gates_green: every gate passes; gates_not_red: none fails; no_open_breaker",
    )


class ManualWatch(Strict):
    """Who takes over when the cameras may no longer warn."""

    on_call_required: Literal[True] = Field(
        default=True,
        description="nobody on call, no live stage",
        validation_alias=AliasChoices("on_call_required", "roster_required"),
        serialization_alias="roster_required",
    )
    ack_within: CivilDuration = Field(default=Duration(0, 300), description="then the next one on call is paged")
    escalate: list[str] | None = Field(default=None, description="keys of `on_call` in order; unset: as they stand")
    rehearse_every: CivilDuration = Field(default=Duration(30, 0), description="a drill at least this often")


def _at_noon(text: Any) -> Any:
    if text is False or text is None:
        return None
    if not isinstance(text, str) or not _is_clock(text):
        raise ValueError('write a local time in quotes, as "12:00", or false')
    return text


def _is_clock(text: str) -> bool:
    hours, _, minutes = text.partition(":")
    return len(text) == 5 and hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60


class Defaults(Strict):
    """What holds for every stage."""

    evidence: Evidence = Field(default_factory=Evidence, description="how evidence is gathered and analysed")
    missing_metric: Literal["inconclusive"] = Field(
        default="inconclusive", description="a metric that nobody measured never passes a gate"
    )
    inconclusive: Literal["hold"] = Field(
        default="hold", description="an inconclusive gate holds the rollout where it is"
    )
    on_expiry: Literal["handover_to_shadow"] = Field(
        default="handover_to_shadow", description="nobody promoted it in time: authority ends, a ranger takes over"
    )
    expire_at_local: Annotated[str | None, BeforeValidator(_at_noon)] = Field(
        default="12:00", description="stages longer than a day end earlier, at this local time, with staff on shift"
    )
    warn_before: list[CivilDuration] = Field(
        default=[Duration(0, 24 * 3600), Duration(0, 4 * 3600), Duration(0, 3600)],
        description="those on call are warned this long before a stage ends, once each",
    )
    extension: Extension = Field(default_factory=Extension, description="whether a stage may be made longer")
    manual_watch: ManualWatch = Field(default_factory=ManualWatch, description="who takes over")
    lease: LeaseTimes = Field(default_factory=LeaseTimes, description="authority dies by itself")
    freshness: FreshnessTimes = Field(
        default_factory=FreshnessTimes,
        validation_alias=AliasChoices("freshness", "sight"),
        serialization_alias="sight",
        description="warnings are paused while a camera's pictures do not arrive",
    )


class RolloutSection(Strict):
    """Everything about the rollout plan. Unset: the default plan over the configured places, with nobody on call."""

    apiVersion: Literal["bears/v1"] = Field(default="bears/v1", description="of a file of its own")
    kind: Literal["Rollout"] = Field(default="Rollout", description="of a file of its own")
    metadata: Metadata = Field(default_factory=Metadata, description="name, author, clock")
    model: ModelRule = Field(default_factory=ModelRule, description="which model the evidence is about")
    scopes: dict[Name, ScopeSpec] = Field(default_factory=dict, description="named parts of the site")
    defaults: Defaults = Field(default_factory=Defaults, description="what holds for every stage")
    approvals: Approvals = Field(default_factory=Approvals, description="who must agree to what")
    gate_sets: dict[Name, list[Gate]] = Field(default_factory=dict, description="gates that several stages share")
    stages: list[StageSpec] = Field(
        default_factory=list, description="the rollout plan, in order; the first is always shadow"
    )
    freezes: list[Freeze] = Field(
        default_factory=list, max_length=100, description="times in which nothing is promoted; what is live goes on"
    )
    breakers: Breakers = Field(
        default_factory=Breakers, description="circuit breakers: what differs from their defaults"
    )
    on_call: dict[Name, OnCallEntry] = Field(
        default_factory=dict,
        description="who takes over the watch, in order",
        validation_alias=AliasChoices("on_call", "roster"),
    )
