"""Labels leave in the formats of other tools and come back as they were; files as those tools write them are read."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from core.config import Config
from core.media import MediaStore
from db.models import EditAction, SheetKind, Verdict
from db.session import Database
from detector.evaluate.manifest import read_manifest
from rollout.evidence.labels import LabelSource, TrainingLabel
from rollout.evidence.labels.exporting import CannotExport, ExportChoice, chosen, export_labels
from rollout.evidence.labels.formats import FORMATS, ExportNotes
from rollout.evidence.labels.vocabulary import Vocabulary
from tests.support.factories import T0
from tests.support.label_files import CAMTRAP_HEADER, NOW, ZONE, bring, checked
from tests.support.labelling import Rangers


@pytest.fixture
def labelled(rangers: Rangers) -> Rangers:
    """A bear, a raccoon by day and an empty picture by night, and a bear that an auditor found."""
    for number, (camera, verdict) in enumerate(
        (("upper-creek", Verdict.BEAR), ("upper-trail", Verdict.NOT_A_BEAR), ("lower-meadow", Verdict.NOT_A_BEAR))
    ):
        encounter, alert = rangers.visit(T0 + 3600.25 * number, camera)
        rangers.says(alert, rangers.rosa, verdict, T0 + 9000)
        if camera == "upper-trail":
            rangers.corrects(f"encounter:{encounter}", EditAction.RELABEL, "not_bear", "raccoon", T0 + 9100)
    _, alert = rangers.visit(T0 + 7200, "upper-trail")
    rangers.says(alert, rangers.rosa, Verdict.NOT_A_BEAR, T0 + 9000)
    rangers.corrects("encounter:4", EditAction.RELABEL, "not_bear", "empty", T0 + 9100)
    rangers.sheet(SheetKind.RANDOM, "yes", [1], 0.25)
    return rangers


def export(rangers: Rangers, name: str, folder: Path) -> tuple[Path, list[TrainingLabel]]:
    """Everything, in one format; what to read again, and what was written."""
    snapshot = rangers.snapshot(NOW)
    about = ExportNotes(Vocabulary.of(), {"upper-pines": ZONE, "lower-pines": ZONE}, snapshot.digest, NOW, "0.2")
    labels = chosen(snapshot, ExportChoice())
    export_labels(folder, FORMATS[name], labels, rangers.media, about)
    return (folder if name == "folders" else folder / FORMATS[name].file), labels


@pytest.fixture
def elsewhere(tmp_path: Path, config: Config, postgresql_database: Database) -> Rangers:
    """Another site with the same cameras, on PostgreSQL."""
    return Rangers(postgresql_database, config, MediaStore(tmp_path / "media-elsewhere"))


@pytest.mark.parametrize("name", FORMATS)
def test_labels_come_back_as_they_left(name: str, labelled: Rangers, elsewhere: Rangers, tmp_path: Path) -> None:
    path, labels = export(labelled, name, tmp_path / "out")
    assert len(labels) == 5
    assert bring(elsewhere, checked(path, name, elsewhere.config), name) == 5
    back = {(each.picture.rpartition("/")[2], each.label): each for each in elsewhere.snapshot(NOW).labels}
    assert len(back) == 5
    for each in labels:
        again = back[each.picture.rpartition("/")[2], each.label]
        assert (again.camera, again.campsite, again.bear_night, again.split) == (
            each.camera, each.campsite, each.bear_night, each.split,
        )  # fmt: skip
        assert again.captured_at == pytest.approx(each.captured_at, abs=0.001)
        assert (again.source, again.weight, again.model_selected) == (LabelSource.IMPORT, 0.5, False)
        if name == "folders" or (name == "megadetector-json" and each.label == "empty"):
            assert again.box is None
        else:
            assert again.box == (None if each.box is None else pytest.approx(each.box, abs=0.01))


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_here_already_is_not_brought_in_twice(name: str, labelled: Rangers, tmp_path: Path) -> None:
    path, _ = export(labelled, name, tmp_path / "out")
    plan = checked(path, name, labelled.config)
    before = sorted(labelled.media.root.rglob("*.jpg"))
    stored = bring(labelled, plan, name)
    # Without its box, or for "empty" with none, it is another label of the same picture.
    assert stored == {"folders": 4, "megadetector-json": 1}.get(name, 0)
    assert bring(labelled, plan, name) == 0
    assert len(sorted(labelled.media.root.rglob("*.jpg"))) == len(before) + stored


@pytest.mark.parametrize("name", ["csv", "folders"])
def test_the_trainer_reads_an_export(name: str, labelled: Rangers, tmp_path: Path) -> None:
    export(labelled, name, tmp_path / "out")
    pictures = read_manifest(tmp_path / "out" / "labels.csv")
    assert sorted(each.label for each in pictures) == ["bear", "bear", "empty", "not_bear", "raccoon"]
    assert all(each.path.is_file() for each in pictures)
    assert {each.event for each in pictures} == {"upper-pines/2027-01-14", "lower-pines/2027-01-14"}
    assert sum(each.box is not None for each in pictures) == 4
    assert {each.columns["split"] for each in pictures} <= {"train", "golden", "rolling"}


def test_an_export_is_whole_or_not_there(labelled: Rangers, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("keep me")
    with pytest.raises(CannotExport, match="not empty"):
        export(labelled, "coco", out)
    labels = labelled.snapshot(NOW).labels
    labelled.media.path(labels[-1].picture).unlink()
    about = ExportNotes(Vocabulary.of(), {}, "0" * 64, NOW, "0.2")
    with pytest.raises(CannotExport, match="removed meanwhile"):
        export_labels(tmp_path / "new", FORMATS["csv"], labels, labelled.media, about)
    with pytest.raises(CannotExport, match="no label to export"):
        export_labels(tmp_path / "new", FORMATS["csv"], [], labelled.media, about)
    assert {each.name for each in tmp_path.iterdir() if each.is_dir()} == {"media", "out"}
    assert [each.name for each in out.iterdir()] == ["notes.txt"]


def test_a_full_disk_leaves_no_half_export(labelled: Rangers, full_disk: Path) -> None:
    with pytest.raises(CannotExport, match="No space left"):
        export(labelled, "coco", full_disk / "out")
    assert [each.name for each in full_disk.iterdir()] == ["filler"]


def test_what_is_exported_for_camtrap_dp_has_the_columns_of_the_standard(labelled: Rangers, tmp_path: Path) -> None:
    export(labelled, "camtrap-dp", tmp_path / "out")
    rows = list(csv.DictReader((tmp_path / "out" / "observations.csv").read_text().splitlines()))
    assert ",".join(rows[0]) + "\n" == CAMTRAP_HEADER
    bear = next(row for row in rows if row["observationID"] == "encounter:1")
    assert (bear["observationType"], bear["scientificName"], bear["classificationMethod"]) == (
        "animal", "Ursidae", "human",
    )  # fmt: skip
    assert bear["eventStart"].endswith("-08:00")
    assert float(bear["bboxX"]) == pytest.approx(0.4)
    assert {row["observationType"] for row in rows} == {"animal", "blank", "unknown"}
    package = json.loads((tmp_path / "out" / "datapackage.json").read_text())
    assert [each["name"] for each in package["resources"]] == ["deployments", "media", "observations"]
