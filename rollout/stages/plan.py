"""The plan as the code uses it: places resolved, deadlines computable, and one digest over all of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import time
from typing import Any

from db.models import Mode
from rollout.base.durations import Duration, last_local_time
from rollout.base.scopes import Place, Places
from rollout.breakers.breaker_spec import Breakers
from rollout.evidence.comparison import EvidenceRule
from rollout.evidence.matching import MatchRule
from rollout.stages.approval_spec import Approvals
from rollout.stages.spec import (
    DEFAULT_NAME,
    USUAL_R0,
    Defaults,
    Evidence,
    Extension,
    Gate,
    Oversight,
    RolloutSection,
    StageDuration,
    WatchRule,
    unsaid,
)

STRENGTH = {Mode.SHADOW: 0, Mode.ASSISTED: 1, Mode.AUTOMATIC: 2}
"""How much may happen, as a number."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A piece of the plan."""

    name: str
    mode: Mode
    places: Places
    duration: StageDuration
    gates: tuple[Gate, ...]
    watch: WatchRule | None = None
    oversight: Oversight | None = None


@dataclass(frozen=True, slots=True)
class OnCallPerson:
    """A named person on call."""

    key: str
    user: str
    contacts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """Everything that :func:`rollout.stages.decide.decide` needs to know of the configuration."""

    name: str
    timezone: str
    author: str | None
    pinned: str | None
    """The only model that may be promoted; None: the one that runs."""
    baseline: str
    stages: tuple[Stage, ...]
    on_call: tuple[OnCallPerson, ...]
    """In the order in which they are paged."""
    defaults: Defaults
    approvals: Approvals
    breakers: Breakers = field(default_factory=Breakers)
    staff: tuple[str, ...] = ()
    """Addresses that hear of every handover, beside the one who is paged."""
    digest: str = ""
    is_default: bool = False
    """True when nothing is configured and this is the default plan."""
    terms: str = ""
    """Digest of all that a change could loosen (:mod:`rollout.stages.plan_terms`)."""
    rules: tuple[tuple[str, str], ...] = ()
    """What is under evidence beside the model, by name, each as a digest."""
    cameras: tuple[tuple[str, str], ...] = ()
    """Campsite and name of each camera that is switched on."""
    freezes: tuple[tuple[float, float, str], ...] = ()
    """When nothing is promoted: from, until, and why."""
    overridden: tuple[str, ...] = ()
    """Stages that ask for less than the floors, and why they may: every page says so."""

    @property
    def ack_within_s(self) -> float:
        """How long a page may go unanswered."""
        return self.defaults.manual_watch.ack_within.nominal_s

    @property
    def lease_ttl_s(self) -> float:
        """How long authority lives after its last renewal."""
        return self.defaults.lease.ttl.nominal_s

    @property
    def lease_renew_s(self) -> float:
        """How often it is renewed."""
        return self.defaults.lease.renew.nominal_s

    def evidence_rule(self) -> EvidenceRule:
        """How its sightings and detections are matched and counted, the same for gates, breakers, reports and pages."""
        named = {gate.r0 for stage in self.stages for gate in stage.gates if gate.r0 not in (None, USUAL_R0)}
        return evidence_rule(self.defaults.evidence, also_against=tuple(sorted(r0 for r0 in named if r0 is not None)))

    @property
    def extension(self) -> Extension:
        """Whether a stage may be made longer."""
        return self.defaults.extension

    def named(self, name: str) -> int | None:
        """The index of a stage, None when there is none of this name."""
        return next((index for index, stage in enumerate(self.stages) if stage.name == name), None)

    def deadline(self, stage: Stage, start: float) -> float:
        """When a stage that starts at ``start`` ends, in UTC.

        1. Civil time: 1d is the same wall-clock time on the next day.
        2. A stage longer than a day ends earlier, at the last ``expire_at_local``, when staff are on shift; but
           never before half of its time is over.
        """
        longest = stage.duration.longest
        end = longest.after(start, self.timezone)
        clock = self.defaults.expire_at_local
        if clock is None or longest.nominal_s <= 86400:
            return end
        earlier = last_local_time(end, time.fromisoformat(clock), self.timezone)
        return earlier if earlier - start >= (end - start) / 2 else end

    def analysis_opens_at(self, stage: Stage, start: float, deadline: float) -> float:
        """From when on a stage's gates may be analysed.

        1. ``analysis: anytime``, or a stage with a minimum: as soon as the minimum is over.
        2. Otherwise near its end: in the last day, or in the last quarter of a stage that lasts less than four days.
        """
        if stage.duration.min is not None:
            return stage.duration.min.after(start, self.timezone)
        if self.defaults.evidence.analysis == "anytime":
            return start
        return deadline - min(86400.0, (deadline - start) / 4)

    def analysed_repeatedly(self, stage: Stage) -> bool:
        """Whether a stage's gates may be analysed for longer than its last day, and so again and again."""
        return stage.duration.min is not None or self.defaults.evidence.analysis == "anytime"


def evidence_rule(
    evidence: Evidence, least_recall: float = USUAL_R0, also_against: tuple[float, ...] = ()
) -> EvidenceRule:
    """``defaults.evidence`` as the metrics use it; ``least_recall`` is the share that the e-value speaks against, and
    ``also_against`` are those that gates name beside it.
    """
    match = MatchRule(evidence.match_before.nominal_s, evidence.match_after.nominal_s, evidence.same_camera)
    return EvidenceRule(evidence.encounter_gap.nominal_s, match, evidence.confidence, least_recall, also_against)


def empty_plan() -> RolloutPlan:
    """A plan that leads nowhere and calls nobody: enough for a stop while the configuration cannot be read."""
    shadow = Stage("shadow", Mode.SHADOW, (), StageDuration(fixed=Duration(1, 0)), ())
    return RolloutPlan("none", "UTC", None, None, "", (shadow,), (), Defaults(), Approvals())


def digest_of(section: RolloutSection, stages: Iterable[Stage]) -> str:
    """A digest over what the section says and the places that it means.

    Contacts are left out: a new telephone number is not another plan. A key that is renamed keeps its old name here, as
    its ``serialization_alias``: the same plan has the same digest in every version.
    """
    said = section.model_dump(mode="json", by_alias=True, exclude={"on_call"})
    for stage in said["stages"]:
        del stage["overridden"]  # a plan from before there were floors is the same plan; its terms hold it
    without_unsaid(said)
    said["roster"] = {key: entry.user for key, entry in section.on_call.items()}
    if section.metadata.name == DEFAULT_NAME:
        said["metadata"]["name"] = "road"  # what a plan without a name was called at first
    said["places"] = [place_lines(stage.places) for stage in stages]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def without_unsaid(said: dict[str, Any]) -> None:
    """Leave out, in place, what came later and is as it would be without it: a plan from before stays the same plan."""
    if not said["freezes"]:
        del said["freezes"]
    for gates in (*(stage["gates"] for stage in said["stages"]), *said.get("gate_sets", {}).values()):
        for gate in gates:
            for key in unsaid(gate):
                del gate[key]


def place_lines(places: Places) -> list[str]:
    """Places as people read them: ``upper-pines`` or ``upper-pines (creek, trail)``."""
    return [_line(place) for place in places]


def _line(place: Place) -> str:
    return place.campsite if place.cameras is None else f"{place.campsite} ({', '.join(place.cameras)})"


def shown(duration: StageDuration) -> str:
    """A stage's duration as people read it."""
    if duration.min is None:
        return str(duration.longest)
    return f"{duration.min} to {duration.longest}"
