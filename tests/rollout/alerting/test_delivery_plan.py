"""What campers are to be told, from what they have been told: the pure plan."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.models import AlertStatus, DeliveryKind, DeliveryStatus, Mode
from rollout.alerting.delivery_plan import OutboxMessage, OutgoingKind, Plan, plan

OPEN, CONFIRMED, REJECTED, UNSURE = (
    AlertStatus.OPEN, AlertStatus.CONFIRMED, AlertStatus.REJECTED, AlertStatus.UNSURE,
)  # fmt: skip


def message(
    number: int,
    kind: DeliveryKind = DeliveryKind.WARNING,
    status: DeliveryStatus = DeliveryStatus.SENT,
    *,
    held: bool = False,
    confirmed: bool = True,
    shared: bool = False,
) -> OutboxMessage:
    """A message; sent ones may have arrived, others have not."""
    return OutboxMessage(number, kind, status, held, status is DeliveryStatus.SENT, confirmed, shared)


WARNED = message(1)
WARNED_UNCONFIRMED = message(1, confirmed=False)
HELD = message(1, status=DeliveryStatus.PENDING, held=True, confirmed=False)
RETRACTED = message(2, DeliveryKind.RETRACTION, confirmed=False)
RETRACTING = message(2, DeliveryKind.RETRACTION, DeliveryStatus.PENDING, confirmed=False)


@pytest.mark.parametrize(
    ("history", "was", "now_is", "mode", "expected"),
    [
        # Raised.
        ([], OPEN, OPEN, Mode.SHADOW, Plan()),
        ([], OPEN, OPEN, Mode.ASSISTED, Plan()),
        ([], OPEN, OPEN, Mode.AUTOMATIC, Plan(send=OutgoingKind.HELD_WARNING)),
        # Confirmed.
        ([], OPEN, CONFIRMED, Mode.SHADOW, Plan()),
        ([], OPEN, CONFIRMED, Mode.ASSISTED, Plan(send=OutgoingKind.WARNING)),
        ([HELD], OPEN, CONFIRMED, Mode.AUTOMATIC, Plan((1,), OutgoingKind.WARNING)),
        ([WARNED_UNCONFIRMED], OPEN, CONFIRMED, Mode.AUTOMATIC, Plan(send=OutgoingKind.CONFIRMED)),
        ([WARNED_UNCONFIRMED], OPEN, CONFIRMED, Mode.SHADOW, Plan()),
        ([WARNED], UNSURE, CONFIRMED, Mode.AUTOMATIC, Plan()),
        # Rejected: the veto.
        ([HELD], OPEN, REJECTED, Mode.AUTOMATIC, Plan((1,))),
        ([WARNED_UNCONFIRMED], OPEN, REJECTED, Mode.AUTOMATIC, Plan(send=OutgoingKind.LATE_RETRACTION)),
        ([WARNED], CONFIRMED, REJECTED, Mode.ASSISTED, Plan(send=OutgoingKind.LATE_RETRACTION)),
        ([WARNED], CONFIRMED, REJECTED, Mode.SHADOW, Plan(send=OutgoingKind.LATE_RETRACTION)),
        ([], OPEN, REJECTED, Mode.AUTOMATIC, Plan()),
        ([message(1, shared=True)], CONFIRMED, REJECTED, Mode.ASSISTED, Plan()),
        ([WARNED, RETRACTED], REJECTED, REJECTED, Mode.ASSISTED, Plan()),
        # Taken back without a "no".
        ([WARNED], CONFIRMED, OPEN, Mode.ASSISTED, Plan(send=OutgoingKind.RETRACTION)),
        ([WARNED], CONFIRMED, UNSURE, Mode.SHADOW, Plan(send=OutgoingKind.RETRACTION)),
        ([WARNED], CONFIRMED, OPEN, Mode.AUTOMATIC, Plan()),
        # The veto taken back.
        ([WARNED_UNCONFIRMED, RETRACTING], REJECTED, OPEN, Mode.AUTOMATIC, Plan((2,))),
        ([WARNED_UNCONFIRMED, RETRACTED], REJECTED, OPEN, Mode.AUTOMATIC, Plan(send=OutgoingKind.HELD_WARNING)),
        ([WARNED, RETRACTED], REJECTED, CONFIRMED, Mode.ASSISTED, Plan(send=OutgoingKind.WARNING)),
        ([WARNED, RETRACTING], REJECTED, CONFIRMED, Mode.ASSISTED, Plan((2,))),
        # Not sure is no veto.
        ([HELD], OPEN, UNSURE, Mode.AUTOMATIC, Plan()),
        ([WARNED_UNCONFIRMED], OPEN, UNSURE, Mode.SHADOW, Plan()),
    ],
)  # fmt: skip
def test_what_follows(
    history: list[OutboxMessage], was: AlertStatus, now_is: AlertStatus, mode: Mode, expected: Plan
) -> None:
    assert plan(history, was, now_is, mode) == expected


messages = st.builds(
    OutboxMessage,
    id=st.integers(1, 9),
    kind=st.sampled_from([DeliveryKind.WARNING, DeliveryKind.CONFIRMED, DeliveryKind.RETRACTION]),
    status=st.sampled_from(list(DeliveryStatus)),
    held=st.booleans(),
    may_have_arrived=st.booleans(),
    confirmed=st.booleans(),
    shared=st.booleans(),
)
histories = st.lists(messages, max_size=6, unique_by=lambda message: message.id)
"""What one address was told of one alert: rows of the outbox, each with an id of its own."""
statuses = st.sampled_from(list(AlertStatus))


@given(histories, statuses, statuses)
def test_in_shadow_nobody_is_ever_warned(history: list[OutboxMessage], was: AlertStatus, now_is: AlertStatus) -> None:
    assert plan(history, was, now_is, Mode.SHADOW).send in (None, OutgoingKind.RETRACTION, OutgoingKind.LATE_RETRACTION)


@given(histories, statuses, statuses, st.sampled_from(list(Mode)))
def test_nothing_is_retracted_that_nobody_can_have_read(
    history: list[OutboxMessage], was: AlertStatus, now_is: AlertStatus, mode: Mode
) -> None:
    if plan(history, was, now_is, mode).send in (OutgoingKind.RETRACTION, OutgoingKind.LATE_RETRACTION):
        assert any(m.may_have_arrived and m.kind is not DeliveryKind.RETRACTION for m in history)


@given(histories, statuses, statuses)
def test_assisted_campers_hear_of_no_bear_that_nobody_has_confirmed(
    history: list[OutboxMessage], was: AlertStatus, now_is: AlertStatus
) -> None:
    send = plan(history, was, now_is, Mode.ASSISTED).send
    assert send is not OutgoingKind.HELD_WARNING
    assert send not in (OutgoingKind.WARNING, OutgoingKind.CONFIRMED) or now_is is AlertStatus.CONFIRMED


@given(histories, statuses, st.sampled_from([Mode.ASSISTED, Mode.AUTOMATIC]))
def test_who_knows_nothing_of_a_confirmed_bear_is_told(
    history: list[OutboxMessage], was: AlertStatus, mode: Mode
) -> None:
    alive = [m for m in history if m.status is not DeliveryStatus.CANCELLED]
    silent = not alive or (alive[-1].kind is DeliveryKind.RETRACTION and alive[-1].may_have_arrived)
    if silent:
        assert plan(history, was, AlertStatus.CONFIRMED, mode).send is OutgoingKind.WARNING
