"""Had it been live: the alert rules' decisions, played over what is stored."""

from __future__ import annotations

import pytest

from db.models import AlertStatus, Mode
from rollout.reports.sections.counterfactual import PastAlert, PolicyChange, Times, replay

TIMES = Times(veto_s=20.0, undo_s=10.0, same_visit_s=600.0)
BEAR, NO, OPEN = AlertStatus.CONFIRMED, AlertStatus.REJECTED, AlertStatus.OPEN
_numbers = iter(range(1, 1000))


def _alert(
    at: float = 0.0, *changes: tuple[float, AlertStatus], campsite: str = "up", seen_at: float | None = None
) -> PastAlert:
    return PastAlert(next(_numbers), campsite, "creek", at, tuple(PolicyChange(*each) for each in changes), seen_at)


def test_in_shadow_nobody_is_ever_warned() -> None:
    found = replay([_alert(0.0, (5.0, BEAR)), _alert(9000.0)], Mode.SHADOW, TIMES)
    assert found.warned == ()
    assert found.silent_bears == 1


def test_assisted_warns_when_a_ranger_has_said_bear_and_not_before() -> None:
    found = replay([_alert(0.0, (45.0, BEAR)), _alert(9000.0), _alert(20000.0, (20005.0, NO))], Mode.ASSISTED, TIMES)
    assert [each.at for each in found.warned] == [45.0]
    assert (found.right, found.false, found.undecided) == (1, 0, 0)


def test_automatic_warns_after_the_veto_window_and_a_veto_in_time_stops_it() -> None:
    past = [_alert(0.0), _alert(5000.0, (5015.0, NO)), _alert(9000.0, (9300.0, NO)), _alert(20000.0, (20005.0, BEAR))]
    found = replay(past, Mode.AUTOMATIC, TIMES)
    assert [each.at for each in found.warned] == [20.0, 9020.0, 20005.0]
    assert found.vetoed == 1
    assert (found.right, found.false, found.undecided) == (1, 1, 1)


def test_a_late_no_takes_the_warning_back_once_it_can_no_longer_be_undone() -> None:
    (warned,) = replay([_alert(0.0, (300.0, NO))], Mode.AUTOMATIC, TIMES).warned
    assert warned.taken_back_at == 310.0


def test_no_that_is_taken_back_in_time_takes_nothing_back() -> None:
    (warned,) = replay([_alert(0.0, (300.0, NO), (305.0, OPEN))], Mode.AUTOMATIC, TIMES).warned
    assert warned.taken_back_at is None


def test_two_cameras_of_one_visit_warn_once() -> None:
    past = [_alert(0.0, (30.0, BEAR)), _alert(60.0, (90.0, BEAR)), _alert(70.0, (95.0, BEAR), campsite="down")]
    found = replay(past, Mode.ASSISTED, TIMES)
    assert [(each.past.campsite, each.at) for each in found.warned] == [("up", 30.0), ("down", 95.0)]
    assert found.joined == 1
    assert found.silent_bears == 0


def test_the_lead_is_counted_against_the_rangers_own_sighting() -> None:
    early, late = _alert(0.0, (10.0, BEAR), seen_at=70.0), _alert(5000.0, (5300.0, BEAR), seen_at=5100.0)
    found = replay([early, late], Mode.ASSISTED, TIMES)
    assert [each.lead_s for each in found.warned] == [60.0, -200.0]


def test_a_bear_that_only_a_sighting_proves_is_right_when_warned_and_silent_when_not() -> None:
    seen = _alert(0.0, seen_at=5.0)
    assert replay([seen], Mode.AUTOMATIC, TIMES).right == 1
    assert replay([seen], Mode.ASSISTED, TIMES).silent_bears == 1


@pytest.mark.parametrize("mode", [Mode.ASSISTED, Mode.AUTOMATIC])
def test_the_order_in_which_alerts_are_given_changes_nothing(mode: Mode) -> None:
    past = [_alert(at, (at + 40.0, BEAR if at % 200 else NO)) for at in range(0, 6000, 100)]
    assert replay(past, mode, TIMES) == replay(past[::-1], mode, TIMES)
