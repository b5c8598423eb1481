"""What has happened in the rollout. Events are facts: each carries all that :func:`rollout.stages.evolve.evolve` needs.

They are stored as canonical JSON and never change: under a name of its own (:data:`EVENT_NAMES`), and field by field
under the field's name. A field that is added later needs a default; one that is renamed keeps its stored key with
``Annotated[..., pydantic.Field(alias="the_old_name")]``, and so do the fields of what an event holds, as places.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter

from db.models import Mode
from rollout.base.scopes import Places
from rollout.stages.commands import Effect, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened ``at``. ``by`` is who or what caused it; ``key`` that of the command, if it had one."""

    at: float
    by: str
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRead(Event):
    """The configuration was read, and says something else than before."""

    digest: str
    name: str
    author: str | None = None
    stage: int = 0
    """Where the current stage stands on the new plan."""
    terms: str = ""
    """Digest of all that a change could loosen."""
    rules: tuple[tuple[str, str], ...] = ()
    """What is under evidence beside the model, each as a digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStarted(Event):
    """A run of a stage. Its deadline is UTC, resolved once; ``timezone`` and ``tzdata`` say how."""

    run: int
    stage: int
    name: str
    mode: Mode
    places: Places
    deadline_at: float | None
    analysis_opens_at: Annotated[float, Field(alias="look_at")]
    timezone: str
    tzdata: str
    model: str | None
    approved_by: tuple[str, ...] = ()
    veto_s: float | None = None
    ranger_ack_s: float | None = None
    cameras_at_start: tuple[tuple[str, str], ...] = ()
    """Campsite and name of every camera that it began with; empty in events from before this was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionHeld(Event):
    """Somebody asked to go on, and the promotion was held. ``why`` are the reasons."""

    to: str
    why: tuple[str, ...]
    missing: bool
    """A gate was inconclusive: the approvals given so far were given in ignorance, and are cleared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalsCleared(Event):
    """What people had agreed to no longer counts; a new approval epoch begins."""

    epoch: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved(Event):
    """Somebody agreed to a step."""

    step: Step
    roles: tuple[str, ...]
    latch: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineNear(Event):
    """The stage ends soon. ``before_s`` are the warnings that this one stands for."""

    run: int
    before_s: tuple[float, ...]
    left_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired(Event):
    """Nobody promoted it in time. ``late_s`` is how much later than its deadline that was noticed."""

    run: int
    late_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue(Event):
    """A shadow stage has lasted longer than it should; nothing ends with it, somebody is told."""

    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerOpened(Event):
    """A breaker tripped, and is latched."""

    latch: str
    breaker: str
    unit: str
    reason: str
    effect: Effect
    campsites: tuple[str, ...] | None = None
    cameras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerClosed(Event):
    """Two people closed a breaker."""

    latch: str
    closed_by: tuple[str, ...]
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReplaced(Event):
    """Another model runs: evidence starts anew."""

    digest: str
    before: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyStopped(Event):
    """Somebody stopped it. The breaker that latches it is opened beside this."""

    campsites: tuple[str, ...] | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Demoted(Event):
    """Somebody took power back. With ``stage``, the rollout goes on as a run of that earlier stage in what is left."""

    campsites: tuple[str, ...]
    reason: str
    run: int | None = None
    stage: int | None = None
    name: str | None = None
    mode: Mode | None = None
    places: Places = ()
    deadline_at: float | None = None
    analysis_opens_at: Annotated[float | None, Field(alias="look_at")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverBegan(Event):
    """Authority has ended at ``places``; rangers are advised until one of those on call takes over the watch."""

    handover: int
    cause: str
    places: Places
    from_stage: str
    to: str
    """Whom it pages first: somebody on call, or empty."""
    next_at: float
    cameras: tuple[str, ...] = ()
    """When only some cameras of a campsite lose authority."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalated(Event):
    """Nobody has answered; the next one on call is paged."""

    handover: int
    level: int
    to: str
    next_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchTaken(Event):
    """A named ranger has taken over the watch."""

    handover: int
    waited_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StageExtended(Event):
    """The running stage has more time."""

    run: int
    deadline_at: float
    analysis_opens_at: Annotated[float, Field(alias="look_at")]
    approved_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseMissed(Event):
    """Authority was not renewed in time; a process other than the controller noticed."""

    expired_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeConfirmed(Event):
    """The effective mode was read back after a change, and is what it should be."""

    found: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeDiffers(Event):
    """The effective mode was read back, and is not what it should be."""

    expected: tuple[tuple[str, str], ...]
    found: tuple[tuple[str, str], ...]


EVENT_NAMES: Final[dict[type[Event], str]] = {
    PlanRead: "road_read",
    StageStarted: "stage_started",
    PromotionHeld: "widen_held",
    ApprovalsCleared: "approvals_cleared",
    Approved: "approved",
    DeadlineNear: "deadline_near",
    Expired: "expired",
    Overdue: "overdue",
    BreakerOpened: "breaker_opened",
    BreakerClosed: "breaker_closed",
    ModelReplaced: "model_replaced",
    EmergencyStopped: "killed",
    Demoted: "narrowed",
    HandoverBegan: "handover_began",
    Escalated: "escalated",
    WatchTaken: "watch_taken",
    StageExtended: "extended",
    LeaseMissed: "lease_missed",
    ModeConfirmed: "mode_confirmed",
    ModeDiffers: "mode_differs",
}
"""The name under which each kind of event is stored. A class may be renamed, its name here never."""


def kind_of(event: Event | type[Event]) -> str:
    """An event's name in the store: ``stage_started``."""
    return EVENT_NAMES[event if isinstance(event, type) else type(event)]


KINDS: Final[dict[str, type[Event]]] = {name: cls for cls, name in EVENT_NAMES.items()}
"""Every kind of event, by its name."""


_ADDED_LATER: Final = frozenset({"terms", "rules", "cameras_at_start"})
"""Fields that are left out while they are empty: an event from before they were is written as it was."""
_ADAPTERS: Final[dict[str, TypeAdapter[Any]]] = {kind: TypeAdapter(cls) for kind, cls in KINDS.items()}


def to_body(event: Event) -> dict[str, Any]:
    """An event as plain JSON values, under the keys that are stored."""
    body: dict[str, Any] = _ADAPTERS[kind_of(event)].dump_python(event, mode="json", by_alias=True)
    return {key: value for key, value in body.items() if value or key not in _ADDED_LATER}


def to_json(event: Event) -> str:
    """An event as canonical JSON."""
    return json.dumps(to_body(event), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def from_json(kind: str, body: str) -> Event:
    """The event that :func:`to_json` wrote. Raises KeyError for a kind that this version does not know."""
    event: Event = _ADAPTERS[kind].validate_python(json.loads(body))
    return event
