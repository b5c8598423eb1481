"""What a label counts, worked out by hand."""

from __future__ import annotations

import pytest

from rollout.evidence.labels import LabelSource, Split, TrainingLabel
from rollout.evidence.labels.vocabulary import Source
from rollout.evidence.labels.weights import SelectedShare, bounded, thinned, weight_of


def _label(number: int = 1, campsite: str = "upper-pines", selected: bool = True, weight: float = 0.5) -> TrainingLabel:
    return TrainingLabel(
        item=f"encounter:{number}", label="bear", source=LabelSource.DECISION, inclusion_probability=1.0,
        weight=weight, camera="creek", campsite=campsite, infrared=False, captured_at=0.0,
        bear_night=f"{campsite}/2027-01-14", split=Split.TRAIN, picture="p.jpg", box=None, labellers=(1,),
        score_hidden=True, agreement=None, model="m", model_selected=selected,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("source", "probability", "weight"),
    [
        (Source.BLIND_SIGHTING, 1.0, 1.0),
        (Source.CONFIRMED_ALERT, 1.0, 0.5),
        (Source.REJECTED_ALERT, 1.0, 0.5),
        (Source.AUDIT, 1.0, 1.0),
        (Source.AUDIT, 0.25, 4.0),  # one of four: it stands for four
        (Source.AUDIT, 0.05, 20.0),
        (Source.AUDIT, 0.0012, 20.0),  # it stands for 833, and is not let steer the network
        (Source.IMPORT, 1.0, 0.5),
    ],
)
def test_a_label_counts_by_how_its_picture_was_chosen(source: Source, probability: float, weight: float) -> None:
    assert weight_of(source, probability) == weight


@pytest.mark.parametrize("probability", [0.0, -0.1, 1.5, float("nan")])
def test_a_probability_that_is_none_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="inclusion probability"):
        weight_of(Source.AUDIT, probability)


def test_every_source_has_a_weight() -> None:
    assert all(weight_of(source, 1.0) > 0 for source in Source)


def test_where_people_look_most_the_fewest_of_the_models_labels_are_kept() -> None:
    # Effort .6, .3 and .1: the least is .1, so that 1/6, 1/3 and all are kept. 1,200 labels each: 200, 400, 1,200.
    labels = [_label(number, site) for number, site in enumerate(["a", "b", "c"] * 1200)]
    kept = thinned(labels, {"a": 0.6, "b": 0.3, "c": 0.1})
    counts = {site: sum(each.campsite == site for each in kept) for site in "abc"}
    assert counts["c"] == 1200
    assert counts["a"] == pytest.approx(200, abs=40)  # three standard deviations: sqrt(1200 · 1/6 · 5/6) = 13
    assert counts["b"] == pytest.approx(400, abs=50)
    again = thinned(labels[::-1], {"a": 0.6, "b": 0.3, "c": 0.1})
    assert {each.item for each in again} == {each.item for each in kept}  # the same ones night after night
    closer = thinned(labels, {"a": 0.4, "b": 0.3, "c": 0.3})
    assert {each.item for each in kept} <= {each.item for each in closer}


def test_what_people_found_by_themselves_is_never_thinned() -> None:
    labels = [_label(number, "a", selected=False) for number in range(50)]
    assert thinned(labels, {"a": 0.9, "b": 0.1}) == labels
    assert thinned(labels, {}) == labels


def test_the_model_never_has_more_than_its_share() -> None:
    # Selected: 40 · .5 = 20. Others: 1 + 1 = 2. At most 80 %: 2 are a fifth of 10, so that the selected may weigh 8.
    labels = [*(_label(number) for number in range(40)), *(_label(90 + n, selected=False, weight=1.0) for n in (0, 1))]
    assert SelectedShare.of(labels).share == pytest.approx(20 / 22)
    after = bounded(labels)
    assert [each.weight for each in after[:40]] == pytest.approx([8 / 40] * 40)
    assert [each.weight for each in after[40:]] == [1.0, 1.0]
    share = SelectedShare.of(after)
    assert (share.labels, share.selected) == (42, 40)
    assert share.share == pytest.approx(0.8)
    assert bounded(after) == after


def test_within_its_share_nothing_is_scaled_and_without_anything_else_neither() -> None:
    few = [_label(1), _label(2, selected=False, weight=4.0)]  # .5 of 4.5
    assert bounded(few) == few
    alone = [_label(number) for number in range(5)]
    assert bounded(alone) == alone
    assert bounded([]) == []
    assert SelectedShare.of([]).share == 0.0
