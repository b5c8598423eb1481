"""What a label is, and how much it surprises the model."""

from __future__ import annotations

import csv

import pytest

from db.models import EditAction
from rollout.evidence.labels.collection import Applied, edit_of
from rollout.evidence.labels.csv_export import COLUMNS, manifest
from rollout.evidence.labels.labelled import Labelled
from rollout.evidence.labels.spoken import SightedAnimal
from rollout.evidence.labels.visit_labels import MOMENT_S, moments, named
from rollout.evidence.labels.vocabulary import Label, Source
from tests.support.factories import T0


def _labelled(label: Label = Label.BEAR, score: float | None = 0.9, **more: object) -> Labelled:
    facts = {
        "item": "encounter:1", "media": "2027-01-15/upper-creek/" + "0" * 32 + ".jpg", "box": (0.1, 0.2, 0.3, 0.4),
        "camera_id": "upper-creek", "campsite_id": "upper-pines", "captured_at": T0, "label": label,
        "source": Source.CONFIRMED_ALERT, "probability": 1.0, "score": score, "model": "m",
        "is_bear": label is Label.BEAR,
    }  # fmt: skip
    return Labelled(**{**facts, **more})  # type: ignore[arg-type]  # facts of a made-up label


@pytest.mark.parametrize(
    ("bear", "seen", "expected"),
    [
        (True, None, (Label.BEAR, Source.CONFIRMED_ALERT, False)),
        (True, SightedAnimal(0, Label.BEAR, True, is_bear=True), (Label.BEAR, Source.BLIND_SIGHTING, False)),
        (True, SightedAnimal(0, Label.BEAR, False, is_bear=True), (Label.BEAR, Source.CONFIRMED_ALERT, False)),
        (True, SightedAnimal(0, Label.DEER, True), (Label.BEAR, Source.CONFIRMED_ALERT, True)),
        (False, None, (Label.NOT_BEAR, Source.REJECTED_ALERT, False)),
        (False, SightedAnimal(0, Label.DEER, True), (Label.DEER, Source.BLIND_SIGHTING, False)),
        (False, SightedAnimal(0, Label.DEER, False), (Label.DEER, Source.REJECTED_ALERT, False)),
        (False, SightedAnimal(0, Label.BEAR, True, is_bear=True), (Label.NOT_BEAR, Source.REJECTED_ALERT, True)),
    ],
)
def test_a_label_follows_from_the_decision_and_from_what_was_seen(
    bear: bool, seen: SightedAnimal | None, expected: tuple[Label, Source, bool]
) -> None:
    assert named(bear, seen) == expected


def test_a_label_that_the_model_did_not_expect_weighs_more() -> None:
    assert _labelled(Label.BEAR, 0.1).loss > _labelled(Label.BEAR, 0.9).loss
    assert _labelled(Label.NOT_BEAR, 0.9).loss > _labelled(Label.NOT_BEAR, 0.1).loss
    assert _labelled(Label.BEAR, 0.0).loss < 10  # a number that can be compared
    assert _labelled(Label.BEAR, None).loss == _labelled(Label.DEER, None).loss


def test_the_last_applied_edit_holds() -> None:
    labelled = _labelled()
    assert edit_of(labelled, {}) is labelled
    kept = edit_of(labelled, {"encounter:1": Applied(3, EditAction.KEEP, "bear")})
    assert (kept.label, kept.kept, kept.removed, kept.changed_by) == (Label.BEAR, True, False, 3)
    other = edit_of(labelled, {"encounter:1": Applied(4, EditAction.RELABEL, "deer")})
    assert (other.label, other.kept) == (Label.DEER, True)
    assert edit_of(labelled, {"encounter:1": Applied(5, EditAction.REMOVE, "")}).removed


def test_the_manifest_names_the_picture_its_source_and_how_the_label_came() -> None:
    labels = [
        _labelled(infrared=True),
        _labelled(Label.NOT_BEAR, item="encounter:2"),
        _labelled(item="encounter:3", removed=True),
        _labelled(item="encounter:4", media=None),
        _labelled(Label.DEER, item="sheet:5:7", box=None, source=Source.AUDIT, probability=0.0123, captured_at=T0 + 1),
    ]
    rows = list(csv.DictReader(manifest(labels, {"upper-pines": "America/Los_Angeles"})))
    assert tuple(rows[0]) == COLUMNS
    assert [row["item"] for row in rows] == ["encounter:1", "encounter:2", "sheet:5:7"]
    assert [row["source"] for row in rows] == ["upper-creek"] * 3
    assert [row["label_source"] for row in rows] == ["confirmed_alert", "confirmed_alert", "audit"]
    assert [row["day_night"] for row in rows] == ["night_ir", "dark", "dark"]
    assert (rows[2]["probability"], rows[0]["box"], rows[2]["box"]) == ("0.0123", "0.1000 0.2000 0.3000 0.4000", "")
    training = list(csv.DictReader(manifest(labels, {}, for_training=True)))
    assert [row["label"] for row in training] == ["bear", "deer"]


def test_the_pictures_of_a_visit_are_apart_in_time_and_the_best_of_their_moments() -> None:
    frames = [(1, T0 + 0.1, 0.9), (2, T0 + 5, 0.7), (3, T0 + 5.5, 0.8), (4, T0 + 20, 0.6), (5, T0 + 40, 0.5)]
    assert [number for number, _, _ in moments(frames, [T0], 2)] == [3, 4]
    assert [number for number, _, _ in moments(frames, [], 9)] == [1, 3, 4, 5]
    assert moments(frames, [at for _, at, _ in frames], 2) == []
    assert moments([(1, T0 + MOMENT_S, 0.4)], [T0], 2) == [(1, T0 + MOMENT_S, 0.4)]


def test_an_animal_without_a_name_is_in_no_manifest() -> None:
    unnamed = _labelled(Label.UNNAMED, source=Source.UNKNOWN, score=None)
    assert list(csv.DictReader(manifest([unnamed], {}))) == []
