"""Had it been live: what the alert rules would have sent to campers of the encounters that are stored. Pure.

The policy is not written down a second time: each alert's history is played to
:func:`rollout.alerting.delivery_plan.plan`, which is what decides when the system is live, and the outbox is played
beside it: what waits for a veto, what is cancelled before it leaves, what joins an earlier message about the same
visit.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final

from db.models import AlertStatus, DeliveryKind, DeliveryStatus, Mode
from rollout.alerting.delivery_plan import OutboxMessage, OutgoingKind, plan

_KINDS: Final = {
    OutgoingKind.WARNING: DeliveryKind.WARNING,
    OutgoingKind.HELD_WARNING: DeliveryKind.WARNING,
    OutgoingKind.CONFIRMED: DeliveryKind.CONFIRMED,
    OutgoingKind.RETRACTION: DeliveryKind.RETRACTION,
    OutgoingKind.LATE_RETRACTION: DeliveryKind.RETRACTION,
}


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """What people had decided about an alert from ``at`` on."""

    at: float
    status: AlertStatus


@dataclass(frozen=True, slots=True)
class PastAlert:
    """A stored alert: when it came, what people decided and when, and whether people saw that bear too.

    ``seen_at`` is when a person first saw the same visit with their own eyes, None when nobody did.
    """

    id: int
    campsite: str
    camera: str
    raised_at: float
    changes: tuple[PolicyChange, ...] = ()
    seen_at: float | None = None

    @property
    def status(self) -> AlertStatus:
        """What people have decided in the end."""
        return self.changes[-1].status if self.changes else AlertStatus.OPEN

    @property
    def truth(self) -> bool | None:
        """Whether there was a bear; None: nobody has said. What a person saw counts as much as a decision."""
        if self.status is AlertStatus.CONFIRMED:
            return True
        if self.status is AlertStatus.REJECTED:
            return False
        return True if self.seen_at is not None else None


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning that would have reached campers."""

    past: PastAlert
    at: float
    taken_back_at: float | None = None

    @property
    def lead_s(self) -> float | None:
        """How long before the ranger's own sighting it would have gone out; negative: after it."""
        return None if self.past.seen_at is None else self.past.seen_at - self.at


@dataclass(frozen=True, slots=True)
class Replayed:
    """What one mode would have done with everything."""

    mode: Mode
    warned: tuple[Warned, ...]
    joined: int
    """Warnings that would have joined an earlier one about the same visit."""
    vetoed: int
    """Warnings that a ranger would have stopped in the veto window."""
    silent_bears: int
    """Alerts of a bear of which nobody would have been warned."""

    @property
    def false(self) -> int:
        """Warnings without a bear, as people have decided."""
        return sum(each.past.truth is False for each in self.warned)

    @property
    def right(self) -> int:
        """Warnings with a bear."""
        return sum(each.past.truth is True for each in self.warned)

    @property
    def undecided(self) -> int:
        """Warnings of which nobody has said whether there was a bear."""
        return len(self.warned) - self.false - self.right


@dataclass(slots=True)
class _Box:
    """The outbox of one alert while it is played."""

    past: PastAlert
    status: AlertStatus = AlertStatus.OPEN
    messages: list[OutboxMessage] = field(default_factory=list)
    sent_at: float | None = None
    taken_back_at: float | None = None
    joined: bool = False
    vetoed: bool = False


@dataclass(frozen=True, slots=True)
class _Happening:
    box: _Box
    change: PolicyChange | None = None
    send: int | None = None
    """The message whose time has come."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long a warning waits for a veto, how long "not a bear" can be taken back, and what is the same visit."""

    veto_s: float
    undo_s: float
    same_visit_s: float


def replay(past: Sequence[PastAlert], mode: Mode, times: Times) -> Replayed:
    """Play all alerts under ``mode`` in order of time.

    1. An alert is raised: the rules say what would be sent then. A held warning waits for the veto.
    2. People decide: the rules plan again; what has not left may be cancelled, what has left may be taken back.
    3. A message leaves unless it was cancelled. It joins another warning at the same campsite that left a short
       while before it: the same visit.

    In shadow nothing ever happens.
    """
    numbers = count(1)
    queue: list[tuple[float, int, _Happening]] = []
    last: dict[str, float] = {}
    boxes = [_Box(each) for each in past]

    def push(at: float, happening: _Happening) -> None:
        heapq.heappush(queue, (at, next(numbers), happening))

    for box in boxes:
        push(box.past.raised_at, _Happening(box))
        for change in box.past.changes:
            push(max(change.at, box.past.raised_at), _Happening(box, change))
    while queue and mode is not Mode.SHADOW:
        at, _, happening = heapq.heappop(queue)
        if happening.send is not None:
            _leave(happening.box, happening.send, at, last, times.same_visit_s)
        else:
            for number, due_at in _decide(happening, at, mode, times):
                push(due_at, _Happening(happening.box, send=number))
    return _replayed(mode, boxes)


def _decide(happening: _Happening, at: float, mode: Mode, times: Times) -> Iterator[tuple[int, float]]:
    """Ask the rules; yields the messages that it writes, each with the moment at which it is due."""
    box = happening.box
    was, box.status = box.status, happening.change.status if happening.change else box.status
    found = plan(box.messages, was, box.status, mode)
    for number in found.cancel:
        cancelled = box.messages[number]
        box.vetoed = box.vetoed or (cancelled.held and box.status is AlertStatus.REJECTED)
        box.messages[number] = replace(cancelled, status=DeliveryStatus.CANCELLED)
    if found.send is not None:
        number = len(box.messages)
        held = found.send is OutgoingKind.HELD_WARNING
        confirmed = box.status is AlertStatus.CONFIRMED
        box.messages.append(
            OutboxMessage(number, _KINDS[found.send], DeliveryStatus.PENDING, held, False, confirmed, shared=False)
        )
        waits_s = times.veto_s if held else times.undo_s if found.send is OutgoingKind.LATE_RETRACTION else 0.0
        yield number, at + waits_s


def _leave(box: _Box, number: int, at: float, last: dict[str, float], same_visit_s: float) -> None:
    message = box.messages[number]
    if message.status is not DeliveryStatus.PENDING:
        return
    box.messages[number] = replace(message, status=DeliveryStatus.SENT, may_have_arrived=True)
    if message.kind is DeliveryKind.RETRACTION:
        box.taken_back_at = at
    elif message.kind is DeliveryKind.WARNING:
        before = last.get(box.past.campsite)
        if before is not None and at - before <= same_visit_s:
            box.joined = True
        elif box.sent_at is None:
            box.sent_at = last[box.past.campsite] = at


def _replayed(mode: Mode, boxes: Iterable[_Box]) -> Replayed:
    found = list(boxes)
    warned = [Warned(box.past, box.sent_at, box.taken_back_at) for box in found if box.sent_at is not None]
    return Replayed(
        mode=mode,
        warned=tuple(sorted(warned, key=lambda each: (each.at, each.past.id))),
        joined=sum(box.joined and box.sent_at is None for box in found),
        vetoed=sum(box.vetoed for box in found),
        silent_bears=sum(box.past.truth is True and box.sent_at is None and not box.joined for box in found),
    )
