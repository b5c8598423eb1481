"""Where the rollout stands, as a value, and what that grants. It follows from the events alone
(:mod:`rollout.stages.evolve`); what may be commanded in a state is in :mod:`rollout.stages.decide`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from db.models import Mode
from rollout.base.scopes import Place, Places, campsites_of
from rollout.stages.commands import Effect, Step


class Phase(StrEnum):
    """The rollout's four states."""

    SHADOW = "shadow"
    ASSISTED = "assisted"
    AUTOMATIC = "automatic"
    HANDOVER = "handover"
    """Authority is gone; rangers are advised and paged until one of those on call takes over the watch."""


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's agreement."""

    by: str
    roles: tuple[str, ...]
    step: Step
    at: float
    latch: str | None = None
    note: str = ""
    void: str = ""
    """Why it does not count, as the account stands: filled in by :mod:`rollout.stages.account_checks`, never by an
    event.
    """


@dataclass(frozen=True, slots=True)
class Latch:
    """An open breaker."""

    id: str
    breaker: str
    unit: str
    reason: str
    effect: Effect
    at: float
    campsites: tuple[str, ...] | None
    cameras: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Handover:
    """A watch that nobody has taken over yet."""

    id: int
    cause: str
    places: Places
    cameras: tuple[str, ...]
    from_stage: str
    since: float
    level: int
    to: str
    next_at: float


@dataclass(frozen=True)  # without slots: `rollout.evolve` copies it by its dictionary
class State:
    """Where the rollout stands. The beginning is the default: in shadow, nothing read, nothing granted."""

    seq: int = 0
    at: float = 0.0
    plan_digest: str = ""
    """Digest of the configuration that was read last."""
    author: str | None = None
    terms: str = ""
    """Digest of all that a change of the plan could loosen, as it was read last; empty: not known."""
    rules: tuple[tuple[str, str], ...] = ()
    """What is under evidence beside the model, as it was read last."""
    model: str | None = None
    evidence_since: float | None = None
    """Since when this model gathers evidence."""
    run: int = 0
    stage: int = 0
    stage_name: str = ""
    mode: Mode = Mode.SHADOW
    """The stage's; what holds at a campsite is in :func:`grants`."""
    started_at: float | None = None
    deadline_at: float | None = None
    analysis_opens_at: float | None = None
    timezone: str = ""
    tzdata: str = ""
    granted: Places = ()
    cameras_at_start: tuple[tuple[str, str], ...] = ()
    """Campsite and name of every camera that the stage began with; empty: not known."""
    withdrawn: tuple[str, ...] = ()
    """Cameras that lost authority while their campsites kept it."""
    veto_s: float | None = None
    ranger_ack_s: float | None = None
    warned: tuple[float, ...] = ()
    overdue: bool = False
    extensions: int = 0
    epoch: int = 1
    """Counts how often approvals were cleared."""
    approvals: tuple[Approval, ...] = ()
    proposer: str | None = None
    """Who first asked to go on in this epoch."""
    latches: tuple[Latch, ...] = ()
    handovers: tuple[Handover, ...] = ()
    handovers_made: int = 0
    watched_at: float | None = None
    """When somebody last took over the watch."""
    unconfirmed: bool = False
    """Authority has changed and was not read back since."""
    keys: frozenset[tuple[int, str]] = frozenset()
    """Commands obeyed in this approval epoch and the one before."""

    @property
    def live(self) -> bool:
        """Whether campers may be warned anywhere."""
        return bool(self.granted)

    @property
    def phase(self) -> Phase:
        """Which of the four states this is. Parts may be handed over while the rest is live."""
        if self.granted:
            return Phase(self.mode.value)
        return Phase.HANDOVER if self.handovers else Phase.SHADOW

    def latch(self, latch_id: str) -> Latch | None:
        """An open breaker."""
        return next((latch for latch in self.latches if latch.id == latch_id), None)


@dataclass(frozen=True, slots=True)
class Grant:
    """What holds at one campsite."""

    mode: Mode
    advises: bool
    """Rangers are told of every alert: authority holds, or the watch has not been taken over yet."""
    only: tuple[str, ...] | None = None
    """The only cameras with authority; None: all."""
    without: tuple[str, ...] = ()
    """Cameras whose authority was withdrawn."""
    reviewed: tuple[str, ...] = ()
    """Cameras of which campers are warned only after a ranger has confirmed."""


def grants(state: State) -> dict[str, Grant]:
    """What holds at each campsite that is live or being handed over; everywhere else nothing does."""
    found = {name: Grant(Mode.SHADOW, True) for each in state.handovers for name in campsites_of(each.places)}
    reviews = [latch for latch in state.latches if latch.effect is Effect.REVIEW]
    for place in state.granted:
        found[place.campsite] = Grant(
            mode=_mode_at(state, place, reviews),
            advises=True,
            only=place.cameras,
            without=state.withdrawn,
            reviewed=tuple(sorted({camera for latch in reviews for camera in latch.cameras})),
        )
    return found


def _mode_at(state: State, place: Place, reviews: Iterable[Latch]) -> Mode:
    reviewed = any(not r.cameras and (r.campsites is None or place.campsite in r.campsites) for r in reviews)
    return Mode.ASSISTED if reviewed and state.mode is Mode.AUTOMATIC else state.mode
