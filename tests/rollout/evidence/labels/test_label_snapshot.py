"""A snapshot of the labels: each with its origin, what was left out and why, and the same again for the same moment."""

from __future__ import annotations

import pytest

from core.config import Config
from core.media import MediaStore
from db.models import (
    EditAction,
    Encounter,
    SheetKind,
    Sighting,
    Verdict,
)
from db.session import Database
from rollout.evidence.labels import LabelSource, split_of
from tests.support.factories import T0, jpeg
from tests.support.labelling import Rangers
from tests.support.rollout.evidence_rows import seal_sighting


def test_a_decision_is_a_label_with_everything_about_how_it_came(
    database: Database, config: Config, media: MediaStore
) -> None:
    rangers = Rangers(database, config, media)
    encounter, alert = rangers.visit()
    rangers.says(alert, rangers.rosa, Verdict.BEAR, T0 + 60)
    (label,) = rangers.snapshot().labels
    assert (label.item, label.label, label.source) == (f"encounter:{encounter}", "bear", LabelSource.DECISION)
    assert (label.camera, label.campsite, label.bear_night) == ("upper-creek", "upper-pines", "upper-pines/2027-01-14")
    assert (label.inclusion_probability, label.weight, label.model, label.model_selected) == (
        1,
        0.5,
        "test-model",
        True,
    )
    assert (label.labellers, label.score_hidden, label.agreement) == ((rangers.rosa,), True, None)
    assert label.box == pytest.approx((0.4 * 64, 0.4 * 36, 0.6 * 64, 0.8 * 36))
    assert (media.root / label.picture).is_file()
    assert label.split is split_of("upper-pines/2027-01-14")
    assert label.infrared is False  # the picture was taken by daylight, whatever the clock says


def test_what_was_said_later_does_not_change_an_earlier_snapshot(rangers: Rangers) -> None:
    _, alert = rangers.visit()
    first = rangers.says(alert, rangers.rosa, Verdict.BEAR, T0 + 60)
    before = rangers.snapshot(T0 + 100)
    rangers.says(alert, rangers.rosa, Verdict.UNDO, T0 + 200, undoes=first)
    rangers.says(alert, rangers.ben, Verdict.NOT_A_BEAR, T0 + 300, hidden=False)
    assert rangers.snapshot(T0 + 100) == before
    assert rangers.snapshot(T0 + 50).labels == ()
    assert rangers.snapshot(T0 + 250).labels == ()  # taken back, and nothing in its place
    (after,) = rangers.snapshot(T0 + 400).labels
    assert (after.label, after.labellers, after.score_hidden) == ("not_bear", (rangers.ben,), False)
    assert rangers.snapshot(T0 + 400).digest != before.digest
    assert rangers.snapshot(T0 + 401).digest == rangers.snapshot(T0 + 400).digest


def test_a_blind_sighting_weighs_whole_and_was_not_chosen_by_the_model(rangers: Rangers) -> None:
    _, alert = rangers.visit()
    rangers.says(alert, rangers.rosa, Verdict.BEAR, T0 + 60)
    with rangers.database.write() as session:
        seal_sighting(session, T0 + 5, user_id=rangers.ben)
    (label,) = rangers.snapshot().labels
    assert (label.source, label.weight, label.model_selected) == (LabelSource.SIGHTING, 1.0, False)
    assert (label.labellers, label.agreement, label.score_hidden) == ((rangers.rosa, rangers.ben), 1.0, True)


def test_a_sighting_that_was_altered_after_it_was_sealed_names_nothing_and_is_counted(rangers: Rangers) -> None:
    _, alert = rangers.visit()
    rangers.says(alert, rangers.rosa, Verdict.BEAR, T0 + 60)
    with rangers.database.write() as session:
        broken = seal_sighting(session, T0 + 5, user_id=rangers.ben).id
        session.get_one(Sighting, broken).note = "written in later"
        alone = seal_sighting(session, T0 + 7200, user_id=rangers.ben).id
    snapshot = rangers.snapshot()
    assert [each.source for each in snapshot.labels] == [LabelSource.DECISION]
    assert snapshot.left_out == {"seal_broken": 1, "sighting_without_picture": 1}
    assert snapshot.left_out_items == {
        "seal_broken": (f"sighting:{broken}",), "sighting_without_picture": (f"sighting:{alone}",),
    }  # fmt: skip


def test_an_audit_weighs_what_it_stands_for_and_a_planted_sheet_trains_nothing(rangers: Rangers) -> None:
    sheet = rangers.sheet(SheetKind.RANDOM, "yes", [1], 0.25)
    rare = rangers.sheet(SheetKind.RANDOM, "no", [], 0.001, hour_at=T0 + 7200)
    rangers.sheet(SheetKind.PLANTED, "yes", [2], None, hour_at=T0 + 14400)
    snapshot = rangers.snapshot()
    found = {each.item: (each.label, each.source, each.weight, each.model_selected) for each in snapshot.labels}
    assert found == {
        f"sheet:{sheet}:1": ("bear", LabelSource.AUDIT, 4.0, False),
        f"sheet:{rare}:1": ("not_bear", LabelSource.AUDIT, 20.0, False),
    }
    assert all(each.labellers == (rangers.lea,) and each.score_hidden for each in snapshot.labels)
    assert all(each.model is None and each.box is None and each.infrared for each in snapshot.labels)
    assert snapshot.left_out == {"planted": 1}
    assert snapshot.left_out_items == {}  # which sheet was planted is told nobody


def test_two_rangers_who_agree_blind_make_an_appeal_and_two_who_do_not_make_nothing(rangers: Rangers) -> None:
    _, agreed = rangers.visit(T0)
    disputed_visit, disputed = rangers.visit(T0 + 7200)
    for alert in (agreed, disputed):
        rangers.says(alert, rangers.rosa, Verdict.BEAR, T0 + 7300)
    rangers.second(agreed, Verdict.BEAR, Verdict.BEAR, T0 + 7400)
    rangers.second(disputed, Verdict.BEAR, Verdict.NOT_A_BEAR, T0 + 7400)
    snapshot = rangers.snapshot()
    (label,) = snapshot.labels
    assert (label.source, label.labellers, label.agreement) == (LabelSource.APPEAL, (rangers.rosa, rangers.lea), 1.0)
    assert snapshot.left_out_items == {"contradicted": (f"encounter:{disputed_visit}",)}
    rangers.says(disputed, rangers.ben, Verdict.NOT_A_BEAR, T0 + 7500)  # somebody who knows both has decided again
    settled = rangers.labels()[f"encounter:{disputed_visit}"]
    assert settled.label == "not_bear"
    assert settled.agreement == pytest.approx(2 / 3)
    assert rangers.snapshot().left_out == {}


def test_what_the_cleaner_decided_is_settled_and_has_its_authors(rangers: Rangers) -> None:
    encounter, alert = rangers.visit()
    item = f"encounter:{encounter}"
    rangers.says(alert, rangers.lea, Verdict.NOT_A_BEAR, T0 + 60)
    with rangers.database.write() as session:
        seal_sighting(session, T0 + 5, user_id=rangers.ben)
    assert rangers.snapshot().left_out_items == {"contradicted": (item,)}
    rangers.corrects(item, EditAction.RELABEL, "not_bear", "raccoon", T0 + 100)
    label = rangers.labels()[item]
    assert (label.label, label.source, label.weight) == ("raccoon", LabelSource.CLEANER, 0.5)
    assert label.labellers == (rangers.rosa, rangers.ben, rangers.lea)
    assert label.score_hidden is False  # the cleaner shows what the model scored
    assert label.agreement == 1.0  # Ben has changed his mind
    rangers.corrects(item, EditAction.REMOVE, "raccoon", "", T0 + 200)
    assert rangers.snapshot().labels == ()
    assert rangers.snapshot().left_out_items == {"removed": (item,)}


def test_labels_whose_picture_is_gone_or_cut_off_are_left_out_and_counted(rangers: Rangers) -> None:
    items = []
    for number, at in enumerate((T0, T0 + 3600, T0 + 7200)):
        encounter, alert = rangers.visit(at)
        rangers.says(alert, rangers.rosa, Verdict.BEAR, at + 60)
        own = rangers.media.put("upper-creek", at, jpeg(100 + number))
        with rangers.database.write() as session:
            session.get_one(Encounter, encounter).cover = own
        items.append((f"encounter:{encounter}", own))
    rangers.media.path(items[0][1]).unlink()
    rangers.media.path(items[1][1]).write_bytes(jpeg(101)[:-200])
    snapshot = rangers.snapshot()
    assert [each.item for each in snapshot.labels] == [items[2][0]]
    assert snapshot.left_out_items == {"picture_deleted": (items[0][0],), "picture_unreadable": (items[1][0],)}


def test_an_auditor_and_a_ranger_who_contradict_one_another_are_both_left_out(rangers: Rangers) -> None:
    encounter, alert = rangers.visit(T0 + 1190)
    with rangers.database.write() as session:
        session.get_one(Encounter, encounter).last_at = T0 + 1300  # it stayed all through the thumbnail's minute
    rangers.says(alert, rangers.rosa, Verdict.BEAR, T0 + 1400)
    sheet = rangers.sheet(SheetKind.RANDOM, "no", [], 0.5)
    assert rangers.snapshot().left_out_items == {"contradicted": (f"encounter:{encounter}", f"sheet:{sheet}:1")}
    with rangers.database.write() as session:
        session.get_one(Encounter, encounter).last_at = T0 + 1230  # it may have left before the thumbnail was taken
    assert rangers.snapshot().left_out == {}


def test_what_nobody_can_name_is_no_label(rangers: Rangers) -> None:
    _, alert = rangers.visit()
    rangers.says(alert, rangers.rosa, Verdict.UNSURE, T0 + 60)
    assert rangers.snapshot().labels == ()
