"""``bearwatch labels``: out, in, and back again; what is wrong is said and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image
from sqlalchemy import func, select

from bearwatch.cli import main
from core.config import Config
from core.media import MediaStore
from db.ledger import verify
from db.models import ImportedLabel, LabelImport, LedgerEntry, Verdict
from db.session import Database
from tests.support.factories import T0, jpeg
from tests.support.label_files import COCO, write_file
from tests.support.labelling import Rangers

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def rangers(sqlite_database: Database, config: Config, tmp_path: Path) -> Rangers:
    """A site in ``tmp_path`` with one decided visit."""
    rangers = Rangers(sqlite_database, config, MediaStore(tmp_path / "media"))
    _, alert = rangers.visit()
    rangers.says(alert, rangers.rosa, Verdict.BEAR, T0 + 60)
    return rangers


@pytest.fixture
def labels(
    rangers: Rangers, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """The command at that site, ten days later."""
    file = tmp_path / "bearwatch.yaml"
    file.write_text(yaml.safe_dump(rangers.config.model_dump(mode="json", include={"regions", "campsites", "cameras"})))
    monkeypatch.setattr("bearwatch.cli.labels.now_s", lambda: T0 + 10 * 86400.0)

    def call(*words: str | Path) -> tuple[int, str, str]:
        status = main(["labels", *map(str, words), "--config", str(file), "--data", str(tmp_path)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A card of a trail camera with a COCO file of two pictures."""
    folder = tmp_path / "card"
    (folder / "100RECNX").mkdir(parents=True)
    for number in (1, 2):
        (folder / "100RECNX" / f"RCNX000{number}.JPG").write_bytes(jpeg(140 + number, 320, 180))
    write_file(folder, "cct.json", COCO)
    return folder


def _counts(rangers: Rangers) -> tuple[int, int, int]:
    with rangers.database.read() as session:
        imports, labels, entries = (
            session.scalar(select(func.count()).select_from(each)) or 0
            for each in (LabelImport, ImportedLabel, LedgerEntry)
        )
        return imports, labels, entries


def test_labels_leave_with_their_pictures(labels: Command, tmp_path: Path) -> None:
    status, out, _ = labels("export", "--format", "coco", tmp_path / "out", "--json")
    assert status == 0
    said = json.loads(out)
    assert (said["labels"], said["pictures"], said["left_out"]) == (1, 1, {})
    document = json.loads(Path(said["written"]).read_text())
    (image,) = document["images"]
    assert (tmp_path / "out" / image["file_name"]).is_file()
    assert document["annotations"][0]["bearwatch"]["source"] == "decision"
    assert document["info"]["version"] == said["digest"]


def test_what_is_left_out_is_said(labels: Command, rangers: Rangers, tmp_path: Path) -> None:
    encounter, alert = rangers.visit(T0 + 3600)
    rangers.says(alert, rangers.rosa, Verdict.BEAR, T0 + 3700)
    rangers.second(alert, Verdict.BEAR, Verdict.NOT_A_BEAR, T0 + 3800)
    status, out, _ = labels("export", "--format", "csv", tmp_path / "out")
    assert status == 0
    assert "1 left out: two people, or two labels of one picture, say different things." in out
    assert f"encounter:{encounter}" not in (tmp_path / "out" / "labels.csv").read_text()


def test_a_night_without_labels_is_no_export(labels: Command, tmp_path: Path) -> None:
    status, out, err = labels("export", "--format", "coco", tmp_path / "out", "--from", "2027-01-16")
    assert (status, out) == (1, "")
    assert "there is no label to export: nobody has labelled a picture there and then" in err
    assert "Nothing was changed." in err
    assert not (tmp_path / "out").exists()
    status, _, _ = labels("export", "--format", "coco", tmp_path / "o1", "--from", "2027-01-14", "--to", "2027-01-14")
    assert status == 0
    status, _, err = labels("export", "--format", "coco", tmp_path / "o2", "--to", "2027-01-13")
    assert status == 1


def test_an_import_is_stored_recorded_and_undone(labels: Command, rangers: Rangers, card: Path) -> None:
    status, out, err = labels(
        "import", card / "cct.json", "--format", "coco", "--timezone", "UTC", "--as", "ben", "--json"
    )
    assert (status, err) == (0, "")
    said = json.loads(out)
    assert (said["import"], said["stored"], said["already_here"]) == (1, 3, 0)
    assert said["skipped"] == {"about a sequence, not about one picture": 1}
    found = rangers.labels(T0 + 11 * 86400.0)
    assert {item: each.label for item, each in found.items()} == {
        "encounter:1": "bear", "import:1": "bear", "import:2": "raccoon", "import:3": "empty",
    }  # fmt: skip
    assert all((rangers.media.root / each.picture).is_file() for each in found.values())
    with rangers.database.read() as session:
        entry = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "labels.imported")).one()
        assert (entry.actor, json.loads(entry.body)["labels"]) == (f"user:{rangers.ben}", 3)
    status, out, _ = labels("import", card / "cct.json", "--format", "coco", "--timezone", "UTC")
    assert (status, out.splitlines()[0]) == (0, "Nothing new: every label of it is here already.")
    status, out, _ = labels("undo", "1")
    assert (status, out) == (0, "Import 1 is undone; its 3 labels count no more.\n")
    assert set(rangers.labels(T0 + 11 * 86400.0)) == {"encounter:1"}
    assert _counts(rangers)[:2] == (1, 3)  # the rows stay
    status, _, err = labels("undo", "1")
    assert (status, "there is no import 1 that stands" in err) == (1, True)
    status, out, _ = labels("import", card / "cct.json", "--format", "coco", "--timezone", "UTC", "--json")
    assert json.loads(out)["stored"] == 3
    status, _, err = labels("undo", "x")
    assert "import 2: 3 labels from cct.json (coco), 2027-01-25" in err
    with rangers.database.read() as session:
        assert verify(session).broken_at is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bbox": [0, 0, 4000, 100]}, "annotation 1: its box reaches out of the picture"),
        ({"category_id": 7}, "annotation 1: there is no category 7"),
    ],
)
def test_one_label_that_is_wrong_stops_them_all(
    wrong: dict[str, Any], said: str, labels: Command, rangers: Rangers, card: Path
) -> None:
    document = json.loads(json.dumps(COCO))
    document["annotations"][0].update(wrong)
    file = write_file(card, "cct.json", document)
    before, pictures = _counts(rangers), sorted(rangers.media.root.rglob("*"))
    status, out, err = labels("import", file, "--format", "coco", "--timezone", "UTC", "--json")
    assert (status, err.splitlines()[0].startswith(f"bearwatch labels import: {said}")) == (1, True)
    assert err.splitlines()[-1] == "Nothing was changed."
    assert len(json.loads(out)["problems"]) == 1
    assert (_counts(rangers), sorted(rangers.media.root.rglob("*"))) == (before, pictures)


def test_many_problems_are_counted_rather_than_told_one_by_one(labels: Command, card: Path) -> None:
    document = {**COCO, "annotations": [{"id": n, "image_id": "zz", "category_id": 0} for n in range(200)]}
    status, _, err = labels("import", write_file(card, "cct.json", document), "--format", "coco")
    assert status == 1
    assert len(err.splitlines()) == 22
    assert "… and 180 more" in err


def test_a_disk_that_is_full_half_way_leaves_nothing(
    labels: Command, rangers: Rangers, card: Path, full_disk: Path, tmp_path: Path
) -> None:
    before = _counts(rangers)
    (tmp_path / "media").rename(tmp_path / "media-before")
    (tmp_path / "media").symlink_to(full_disk)
    status, _, err = labels("import", card / "cct.json", "--format", "coco", "--timezone", "UTC")
    assert (status, "no space left for pictures" in err) == (1, True)
    assert _counts(rangers) == before
    assert list(full_disk.rglob("*.jpg")) == []


def test_folders_take_the_times_of_the_photographs_themselves(labels: Command, tmp_path: Path) -> None:
    folder = tmp_path / "sorted" / "Black Bear"
    folder.mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0132] = "2026:05:30 04:57:37"
    Image.new("RGB", (64, 36), (90, 60, 30)).save(folder / "IMG_0001.JPG", exif=exif)
    status, out, err = labels("import", folder.parent, "--format", "folders", "--campsite", "upper-pines", "--json")
    assert (status, err, json.loads(out)["stored"]) == (0, "", 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["export", "out"], "name the format with --format: coco, folders, camtrap-dp, megadetector-json, csv"),
        (
            ["export", "out", "--format", "coco", "--campsite", "yosemite"],
            "no campsite yosemite; there are lower-pines",
        ),
        (["export", "out", "--format", "coco", "--from", "14.1.2027"], "a day is written as 2027-01-15"),
        (["import", "x", "--format", "coco", "--timezone", "Mars/Olympus"], "unknown time zone 'Mars/Olympus'"),
        (["import", "x", "--format", "coco", "--map", "bear"], "--map is written as THERE=HERE"),
        (["undo", "1", "--as", "nobody"], "there is no account 'nobody' that is switched on"),
    ],
)
def test_what_is_asked_for_wrongly_is_said(words: list[str], said: str, labels: Command) -> None:
    status, out, err = labels(*words)
    assert (status, out) == (2, "")
    assert said in err


def test_a_file_that_is_not_there_is_named(labels: Command, tmp_path: Path) -> None:
    status, _, err = labels("import", tmp_path / "none.json", "--format", "coco")
    assert (status, "none.json cannot be read: No such file or directory" in err) == (1, True)
