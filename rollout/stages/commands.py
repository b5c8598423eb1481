"""What people and processes may ask of the rollout. Values; :func:`rollout.stages.decide.decide` answers them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rollout.base.durations import Duration
from rollout.stages.gates import GateResult


@dataclass(frozen=True, slots=True)
class Person:
    """Who commands: an account and its roles."""

    name: str
    roles: tuple[str, ...]


class Effect(StrEnum):
    """What an open breaker does to authority, weakest first."""

    PAGE = "page"
    """Somebody is told; it stays open until people close it."""
    HOLD = "hold"
    """No promotion; what holds goes on holding."""
    REVIEW = "review"
    """Campers are warned only of what a ranger has confirmed; no promotion."""
    HANDOVER = "handover"
    """Authority ends at once."""

    @property
    def strength(self) -> int:
        """0 for the weakest."""
        return list(Effect).index(self)


class Step(StrEnum):
    """What people approve. Its value is what is stored; people and programs read and write :attr:`word`."""

    PROMOTE = "widen"
    EXTEND = "extend"
    RESET = "reset"
    MODEL = "model"
    """Another champion; which one is told by its digest."""

    @property
    def word(self) -> str:
        """``promote``, ``extend``, ``reset`` or ``model``."""
        return self.name.lower()

    @classmethod
    def _missing_(cls, value: object) -> Step | None:
        return next((step for step in cls if step.word == value), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByPerson:
    """A command that a person gives.

    ``key`` names it: the same key in the same approval epoch is the same command, given twice. ``epoch`` is the one
    that the person had before their eyes; None means the current one.
    """

    by: Person
    key: str | None = None
    epoch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote(ByPerson):
    """Go on to the next stage, or start the last one anew. ``gates`` is a fresh analysis of the current gates."""

    gates: tuple[GateResult, ...]
    able: tuple[str, ...]
    """Those on call whose accounts exist and are switched on."""
    open_trips: tuple[str, ...] = ()
    """Breakers that have tripped, also those that no controller has brought to the rollout yet."""
    rerun_stage: bool = False
    """Start the current stage anew instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve(ByPerson):
    """Agree to a step. Two people must; neither may be its author."""

    step: Step = Step.PROMOTE
    note: str = ""
    latch: str | None = None
    """Of a reset: which breaker; of another model: its digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extend(ByPerson):
    """Give the running stage more time."""

    longer: Duration
    gates: tuple[GateResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demote(ByPerson):
    """Take power back: from some campsites, or down to an earlier stage; down to shadow if neither is named."""

    campsites: tuple[str, ...] = ()
    to: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyStop(ByPerson):
    """Stop, everywhere or at some campsites. Anybody may, at any time; it is latched."""

    campsites: tuple[str, ...] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(ByPerson):
    """Go no further for now: nothing is promoted until two people close it, and what is live goes on. Anybody may."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchAck(ByPerson):
    """ "I have taken over the watch", by somebody on call."""

    handovers: tuple[int, ...] | None = None
    """None: all that are open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerReset(ByPerson):
    """Close a breaker, with a written cause. Counts as this person's agreement; the second one closes it."""

    latch: str
    cause: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class BreakerTripped:
    """A breaker found something. ``campsites`` None means everywhere; ``cameras`` narrows it to some cameras."""

    breaker: str
    unit: str
    reason: str
    effect: Effect = Effect.HANDOVER
    campsites: tuple[str, ...] | None = None
    cameras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelChanged:
    """Another model runs."""

    digest: str


@dataclass(frozen=True, slots=True)
class PlanChanged:
    """The configuration says something else, or is read for the first time. The new plan is the one given to decide."""


@dataclass(frozen=True, slots=True)
class ClockStepped:
    """A machine's clock was set: it jumped by ``by_s`` seconds against what has really passed."""

    by_s: float
    seen_by: str


@dataclass(frozen=True, slots=True)
class Untrusted:
    """What the rollout rests on was not written by it; ``why`` says what was found."""

    why: str


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """Authority was not renewed; seen by a process other than the controller."""

    seen_by: str
    expired_at: float


@dataclass(frozen=True, slots=True)
class ModeRead:
    """What was read back where authority acts: campsite to mode, and what should hold there."""

    expected: tuple[tuple[str, str], ...]
    found: tuple[tuple[str, str], ...]


Command = (
    Promote
    | Approve
    | Extend
    | Demote
    | EmergencyStop
    | Hold
    | WatchAck
    | BreakerReset
    | Tick
    | BreakerTripped
    | ModelChanged
    | PlanChanged
    | ClockStepped
    | Untrusted
    | LeaseLost
    | ModeRead
)


class Refused(Exception):
    """A command that may not be obeyed; the message says why and what to do. Nothing was written."""
