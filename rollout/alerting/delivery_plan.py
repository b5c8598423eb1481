"""What campers are to be told of one alert, given what they have been told. Pure: no database, no clock.

Three things may have been said to one address about one alert: that there is a bear, that a ranger has confirmed it,
that there is none after all. :func:`plan` compares that with what people and model say now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from db.models import AlertStatus, DeliveryKind, DeliveryStatus, Mode


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One message of the outbox about one alert to one address, in the order of writing.

    ``may_have_arrived``: sent, or tried, or in a worker's hands at this moment. ``confirmed``: its words said that a
    ranger had confirmed it. ``shared``: another alert that still stands relies on the same message.
    """

    id: int
    kind: DeliveryKind
    status: DeliveryStatus
    held: bool
    may_have_arrived: bool
    confirmed: bool
    shared: bool


class OutgoingKind(StrEnum):
    """What to write into the outbox."""

    WARNING = "warning"
    """There is a bear, a ranger has confirmed it: at once."""
    HELD_WARNING = "held_warning"
    """The model has seen a bear: unless a ranger says no in time."""
    CONFIRMED = "confirmed"
    """A ranger has confirmed what was warned of."""
    RETRACTION = "retraction"
    """There is none after all: at once."""
    LATE_RETRACTION = "late_retraction"
    """The same, once "not a bear" can no longer be taken back."""


KIND: Final = {
    OutgoingKind.WARNING: DeliveryKind.WARNING,
    OutgoingKind.HELD_WARNING: DeliveryKind.WARNING,
    OutgoingKind.CONFIRMED: DeliveryKind.CONFIRMED,
    OutgoingKind.RETRACTION: DeliveryKind.RETRACTION,
    OutgoingKind.LATE_RETRACTION: DeliveryKind.RETRACTION,
}
"""What kind of message says it."""
SAYS_CONFIRMED: Final = frozenset({OutgoingKind.WARNING, OutgoingKind.CONFIRMED})
"""Those whose words say that a ranger has confirmed the bear."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Messages to cancel, and what to say."""

    cancel: tuple[int, ...] = ()
    send: OutgoingKind | None = None


def plan(history: Sequence[OutboxMessage], was: AlertStatus, now_is: AlertStatus, mode: Mode) -> Plan:
    """What follows for one address when an alert's status goes from ``was`` to ``now_is`` under ``mode``.

    ``was`` equal to ``now_is`` means that the alert has just been raised, or has just become a bear's.

    1. Confirmed: a retraction that has not left is cancelled. In a live mode, whoever knows nothing is warned at once,
       a held warning is replaced by one that need not wait, and whoever was warned unconfirmed is told.
    2. Rejected: what has not left is cancelled; whoever may have been warned gets a retraction, whatever the mode. It
       waits until the decision can no longer be taken back.
    3. No longer confirmed, and not rejected: the same, at once, unless the mode is automatic: there the model's word
       stands until a ranger rejects it.
    4. Otherwise open: a retraction that has not left is cancelled; in automatic mode whoever knows nothing gets a held
       warning.

    What another alert that stands relies on is neither cancelled nor retracted.
    """
    alive = [message for message in history if message.status is not DeliveryStatus.CANCELLED]
    if now_is is AlertStatus.CONFIRMED:
        return _confirmed(alive, mode)
    left_confirmed = was is AlertStatus.CONFIRMED and mode is not Mode.AUTOMATIC
    if now_is is AlertStatus.REJECTED or left_confirmed:
        return _taken_back(
            alive, OutgoingKind.LATE_RETRACTION if now_is is AlertStatus.REJECTED else OutgoingKind.RETRACTION
        )
    unsent = _unsent_retractions(alive)
    rest = [message for message in alive if message.id not in unsent]
    warn = mode is Mode.AUTOMATIC and not _warned(rest)
    return Plan(unsent, OutgoingKind.HELD_WARNING if warn else None)


def _confirmed(alive: Sequence[OutboxMessage], mode: Mode) -> Plan:
    unsent = _unsent_retractions(alive)
    rest = [message for message in alive if message.id not in unsent]
    if mode is Mode.SHADOW:
        return Plan(unsent)
    if not _warned(rest):
        return Plan(unsent, OutgoingKind.WARNING)
    waiting = tuple(m.id for m in rest if m.held and m.status is DeliveryStatus.PENDING and not m.may_have_arrived)
    if waiting:
        return Plan((*unsent, *waiting), OutgoingKind.WARNING)
    since = rest[_last_retraction(rest) + 1 :]
    return Plan(unsent, None if any(message.confirmed for message in since) else OutgoingKind.CONFIRMED)


def _taken_back(alive: Sequence[OutboxMessage], retraction: OutgoingKind) -> Plan:
    since = alive[_last_retraction(alive) + 1 :]
    if any(message.shared for message in since):
        return Plan()
    waiting = tuple(message.id for message in since if message.status is DeliveryStatus.PENDING)
    arrived = any(message.may_have_arrived for message in since)
    return Plan(waiting, retraction if arrived else None)


def _warned(alive: Sequence[OutboxMessage]) -> bool:
    """Whether the last word was that there is a bear."""
    return bool(alive) and alive[-1].kind is not DeliveryKind.RETRACTION


def _last_retraction(alive: Sequence[OutboxMessage]) -> int:
    return max((i for i, message in enumerate(alive) if message.kind is DeliveryKind.RETRACTION), default=-1)


def _unsent_retractions(alive: Sequence[OutboxMessage]) -> tuple[int, ...]:
    return tuple(
        message.id
        for message in alive
        if message.kind is DeliveryKind.RETRACTION
        and message.status is DeliveryStatus.PENDING
        and not message.may_have_arrived
    )
