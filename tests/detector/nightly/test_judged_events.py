"""Labels that judge become events, and scores become alerts within a budget."""

from __future__ import annotations

import numpy as np

from detector.nightly.judged_events import LightThresholds, events_of, thresholds_at_budget
from rollout.evidence.challenger_gate import Budget
from tests.detector.nightly.test_curriculum import label


def test_pictures_of_one_visit_are_one_event_until_it_was_quiet_for_half_an_hour() -> None:
    seen = [label(1, 0.0), label(2, 1700.0), label(3, 3400.0), label(4, 5300.0), label(5, 5400.0, label="bear")]
    events = events_of(seen)
    assert len(events.firsts) == 3
    assert events.is_bear.sum() == 1
    scores = {"encounter:1": 0.1, "encounter:2": 0.8, "encounter:3": 0.3, "encounter:4": 0.2, "encounter:5": 0.9}
    highest = events.highest(np.array([scores[each.item] for each in events.labels]))
    assert sorted(highest.tolist()) == [0.2, 0.8, 0.9]


def test_the_same_animal_at_two_campsites_is_two_events() -> None:
    assert len(events_of([label(1, 0.0), label(2, 10.0, campsite="south")]).firsts) == 2


def test_slices_are_by_kind_light_and_campsite_and_none_is_empty() -> None:
    events = events_of([label(1, 0.0, label="bear", infrared=True), label(2, 0.0, label="raccoon", campsite="south")])
    slices = events.slices()
    assert set(slices) == {"bear", "raccoon", "at north", "at south", "bears by infra-red"}
    assert all(inside.any() for inside in slices.values())
    assert events_of([]).slices() == {}


def test_each_light_gets_its_share_of_the_budget_and_both_one_threshold_where_one_has_few_events() -> None:
    dice = np.random.default_rng(2)
    many = [label(n, 4000.0 * n, infrared=n % 2 == 0) for n in range(200)]
    events, scores = events_of(many), dice.random(200)
    found = thresholds_at_budget(scores, events, Budget(0.1, 200.0))
    alerts = found.alerts(scores, events.infrared)
    assert found.day != found.infrared
    assert (alerts & events.infrared).sum() == 10
    assert (alerts & ~events.infrared).sum() == 10
    few = events_of([label(n, 4000.0 * n, infrared=n < 10) for n in range(200)])
    both = thresholds_at_budget(scores, few, Budget(0.1, 200.0))
    assert both.day == both.infrared
    assert both.alerts(scores, few.infrared).sum() == 20


def test_camera_days_are_nights_of_cameras_with_a_label() -> None:
    seen = [label(1, 0.0), label(2, 1.0), label(3, 2.0, camera="other"), label(4, 3.0, bear_night="north/2027-01-02")]
    assert events_of(seen).camera_days == 3.0


def test_a_threshold_of_one_alerts_of_what_is_certain_alone() -> None:
    sure = np.array([1.0, 0.99])
    assert LightThresholds(1.0, 1.0).alerts(sure, np.array([False, True])).tolist() == [True, False]
