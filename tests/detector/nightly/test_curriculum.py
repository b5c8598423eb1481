"""Which labels a night is trained on: half new, half replay of every stratum, and never one that judges."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from detector.nightly.curriculum import Curriculum, NightDraws, curriculum
from rollout.evidence.labels import LabelSource, Split, TrainingLabel

EVEN = {"north": 0.5, "south": 0.5}
PLAN = NightDraws(labels=50, batch=8, passes=2.0, seed=3, new_since=1000.0)


def label(number: int, at: float, **changes: object) -> TrainingLabel:
    known = TrainingLabel(
        f"encounter:{number}", "deer", LabelSource.DECISION, 1.0, 0.5, "cam", "north", False, at, "north/2027-01-01",
        Split.TRAIN, "2027-01-01/cam/x.jpg", None, (1,), True, None, "m", False,
    )  # fmt: skip
    return replace(known, **changes)  # type: ignore[arg-type]


def older_and_new() -> list[TrainingLabel]:
    """Of long ago 90 deer by day and 3 bears at night; of last night 40 raccoons."""
    old = [label(n, 100.0 + n) for n in range(90)]
    rare = [label(n, 100.0 + n, label="bear", infrared=True) for n in range(90, 93)]
    return [*old, *rare, *(label(n, 2000.0 + n, label="raccoon") for n in range(100, 140))]


def drawn(found: Curriculum) -> list[TrainingLabel]:
    return [found.labels[place] for place in found.order.tolist()]


def test_half_of_every_batch_is_new_and_half_is_old() -> None:
    found = curriculum(older_and_new(), EVEN, PLAN)
    assert found.new == 40
    assert found.summary["steps"] == 24
    assert found.summary["new_by_labeller"] == {"1": 40}
    batches = found.order.reshape(-1, 8)
    assert ((batches < 40).sum(axis=1) == 4).all()


def test_every_new_label_comes_before_any_comes_again() -> None:
    found = curriculum(older_and_new(), EVEN, PLAN)
    fresh = found.order.reshape(-1, 8)[:, :4].ravel()
    assert sorted(fresh[:40].tolist()) == list(range(40))
    assert set(Counter(fresh.tolist()).values()) <= {2, 3}


def test_three_bears_at_night_are_replayed_as_often_as_ninety_deer() -> None:
    counts = Counter(each.label for each in drawn(curriculum(older_and_new(), EVEN, replace(PLAN, passes=40.0))))
    assert 0.8 < counts["bear"] / counts["deer"] < 1.25


def test_golden_rolling_and_planted_labels_never_train() -> None:
    judging = [label(n, 3000.0, split=Split.GOLDEN, label="bear") for n in range(200, 260)]
    rolling = [label(n, 3000.0, split=Split.ROLLING, label="bear") for n in range(260, 320)]
    planted = [label(0, 3000.0, item=f"planted:{n}", label="bear") for n in range(5)]
    found = curriculum([*older_and_new(), *judging, *rolling, *planted], EVEN, PLAN)
    assert found.labels == curriculum(older_and_new(), EVEN, PLAN).labels
    assert found.summary["in_snapshot"] == 133 + 125
    assert found.summary["may_train"] == 133


def test_of_too_many_new_labels_the_newest_come_and_the_others_wait() -> None:
    many = [*older_and_new(), *(label(n, 5000.0 + n) for n in range(400, 430))]
    found = curriculum(many, EVEN, PLAN)
    assert found.new == 50
    assert found.summary["waiting"] == 20
    assert sum(each.captured_at >= 5000 for each in found.labels[:50]) == 30


def test_what_the_model_selected_is_thinned_where_people_look_most() -> None:
    """Nine reviews in ten are in the north: of what the model chose there one label in nine is kept."""
    chosen = [label(n, 2000.0, model_selected=True, campsite="north") for n in range(900)]
    chosen += [label(n, 2000.0, model_selected=True, campsite="south") for n in range(900, 1000)]
    found = curriculum(chosen, {"north": 0.9, "south": 0.1}, replace(PLAN, labels=1000))
    kept = Counter(each.campsite for each in found.labels)
    assert kept["south"] == 100
    assert 70 < kept["north"] < 135
    assert found.summary["thinned_out"] == 1000 - sum(kept.values())


def test_the_weight_of_what_the_model_selected_is_bounded() -> None:
    labels = [label(n, 2000.0, model_selected=True) for n in range(40)] + [label(n, 2000.0) for n in range(40, 42)]
    found = curriculum(labels, EVEN, PLAN)
    selected = sum(each.weight for each in found.labels if each.model_selected)
    assert selected / sum(each.weight for each in found.labels) <= 0.8 + 1e-9
    assert found.summary["selected_share"] <= 0.8


def test_the_first_night_has_nothing_to_replay_and_none_of_it_is_lost() -> None:
    found = curriculum(older_and_new(), EVEN, replace(PLAN, labels=500, new_since=None))
    assert found.new == 133
    assert found.summary["replayed"] == 0
    assert set(found.order.tolist()) == set(range(133))


def test_a_night_without_labels_has_no_steps() -> None:
    found = curriculum([], {}, PLAN)
    assert (found.new, len(found.order), found.summary["steps"]) == (0, 0, 0)
    only_old = curriculum([label(1, 10.0)], EVEN, PLAN)
    assert (only_old.new, len(only_old.order)) == (0, 0)


def test_the_same_seed_lays_out_the_same_night() -> None:
    one, again = (curriculum(older_and_new(), EVEN, PLAN) for _ in range(2))
    assert (one.order == again.order).all()
    assert not np.array_equal(one.order, curriculum(older_and_new(), EVEN, replace(PLAN, seed=4)).order)
