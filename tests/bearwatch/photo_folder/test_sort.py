"""`bearwatch sort` on a real folder, with the built-in model: the right photographs, and every file accounted for."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import detector
from bearwatch.cli import main

KNOWN = Path(detector.__file__).parent / "known_pictures"


def _photograph(path: Path, source: Path, taken: str | None = None, orientation: int = 1) -> None:
    """A photograph as a trail camera writes it: with EXIF time and, where it hangs askew, orientation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as image:
        exif = image.getexif()
        exif[0x0112] = orientation
        if taken:
            exif.get_ifd(0x8769)[0x9003] = taken
        turned = image.transpose(Image.Transpose.ROTATE_90) if orientation == 6 else image
        turned.save(path, format="JPEG", quality=95, exif=exif)


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("card")
    for second in range(3):
        _photograph(folder / "creek" / f"IMG_{second}.JPG", KNOWN / "bear.jpg", f"2026:06:01 03:10:0{second}")
    _photograph(folder / "creek" / "IMG_9.JPG", KNOWN / "bear.jpg", "2026:06:01 05:00:00", orientation=6)
    _photograph(folder / "trail" / "IMG_0.JPG", KNOWN / "empty.jpg", "2026:06:01 03:10:01")
    _photograph(folder / "trail" / "no-suffix", KNOWN / "empty.jpg")
    (folder / "trail" / "IMG_1.JPG").write_bytes(b"")
    (folder / "trail" / "IMG_2.JPG").write_bytes(bytes(4000))
    whole = (folder / "creek" / "IMG_0.JPG").read_bytes()
    (folder / "trail" / "IMG_3.JPG").write_bytes(whole[: len(whole) * 4 // 5])  # the card was pulled out
    (folder / "trail" / "._IMG_0.JPG").write_bytes(b"\0\5\26\7")
    (folder / "trail" / "clip.MP4").write_bytes(b"....ftyp")
    (folder / "notes.txt").write_text("battery changed")
    (folder / "gone.jpg").symlink_to(folder / "never-there.jpg")
    return folder


@pytest.fixture(scope="module")
def sorted_once(card: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Any], Path]:
    data = tmp_path_factory.mktemp("data")
    out = data / "found.json"
    status = main(["sort", str(card), "--json", "--out", str(out), "--data", str(data)])
    return status, json.loads(out.read_text()), data


def test_the_bear_is_found_in_one_event_of_three_photographs_and_askew_too(
    sorted_once: tuple[int, dict[str, Any], Path],
) -> None:
    _, found, _ = sorted_once
    events = {event["best"].split("/")[0]: event for event in found["events"] if event["photos"] == 3}
    assert events["creek"]["verdict"] == "bear"
    assert (events["creek"]["start"], events["creek"]["end"]) == ("2026-06-01T03:10:00", "2026-06-01T03:10:02")
    verdicts = {photo["file"]: photo["verdict"] for photo in found["photos"]}
    assert verdicts["creek/IMG_9.JPG"] == "bear"  # upright only by its EXIF orientation
    assert verdicts["trail/IMG_0.JPG"] != "bear"


def test_every_file_is_judged_unreadable_or_skipped_with_a_reason(
    card: Path, sorted_once: tuple[int, dict[str, Any], Path]
) -> None:
    status, found, _ = sorted_once
    named = [each["file"] for kind in ("photos", "unreadable", "skipped") for each in found[kind]]
    there = [path.relative_to(card).as_posix() for path in card.rglob("*") if not path.is_dir()]
    assert sorted(named) == sorted(there)
    assert {each["file"] for each in found["unreadable"]} == {f"trail/IMG_{number}.JPG" for number in (1, 2, 3)}
    assert {each["file"] for each in found["skipped"]} == {
        "gone.jpg", "notes.txt", "trail/._IMG_0.JPG", "trail/clip.MP4",
    }  # fmt: skip
    assert all(each["why"] for kind in ("unreadable", "skipped") for each in found[kind])
    assert status == 1  # not everything could be read


def test_a_second_run_judges_only_what_is_new_and_goes_on_after_a_line_cut_off(
    card: Path, sorted_once: tuple[int, dict[str, Any], Path], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from detector.predictor import Predictor

    _, first, data = sorted_once
    (journal,) = (data / "sort").glob("*.jsonl")
    whole = journal.read_text()
    journal.write_text(whole[: whole.rindex('"probabilities"')])  # killed in the middle of the last line
    judged = list[int]()
    real = Predictor.predict_batch

    def counted(self: Predictor, images: Any) -> Any:
        judged.append(len(images))
        return real(self, images)

    monkeypatch.setattr(Predictor, "predict_batch", counted)
    assert main(["sort", str(card), "--json", "--data", str(data)]) == 1
    assert sum(judged) == 1
    assert json.loads(capsys.readouterr().out)["photos"] == first["photos"]


def test_csv_and_megadetector_forms_say_the_same(
    card: Path, sorted_once: tuple[int, dict[str, Any], Path], capsys: Any
) -> None:
    _, own, data = sorted_once
    assert main(["sort", str(card), "--csv", "--data", str(data)]) == 1
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    judged = {row["file"]: row["verdict"] for row in rows if not row["verdict"].startswith("unreadable")}
    assert judged == {photo["file"]: photo["verdict"] for photo in own["photos"]}
    assert len(rows) == len(own["photos"]) + len(own["unreadable"])
    assert main(["sort", str(card), "--md-json", "--data", str(data)]) == 1
    foreign = json.loads(capsys.readouterr().out)
    images = {image["file"]: image for image in foreign["images"]}
    assert images["trail/IMG_1.JPG"]["failure"]
    bear = next(n for n, name in foreign["classification_categories"].items() if name == "bear")
    (animal,) = (
        d for d in images["creek/IMG_0.JPG"]["detections"] if foreign["detection_categories"][d["category"]] == "animal"
    )
    assert animal["classifications"][0][0] == bear
    left, top, wide, high = animal["bbox"]
    assert 0 <= left <= left + wide <= 1.0001
    assert 0 <= top <= top + high <= 1.0001
    assert images["creek/IMG_0.JPG"]["datetime"] == "2026:06:01 03:10:00"


def test_a_folder_without_photographs_says_so(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "readme.txt").write_text("nothing here")
    assert main(["sort", str(tmp_path), "--data", str(tmp_path / "var")]) == 2
    assert "holds no photographs" in capsys.readouterr().err
    assert main(["sort", str(tmp_path / "nowhere"), "--data", str(tmp_path / "var")]) == 2
    assert "is not a folder" in capsys.readouterr().err


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.jpg"
    cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
    return path


def test_a_clock_that_was_never_set_is_no_time(large: Path) -> None:
    from bearwatch.photo_folder.capture_time import captured_at

    assert captured_at(large) is None
    for said, known in (("0000:00:00 00:00:00", False), ("1970:01:01 00:00:00", False), ("2026:02:30 00:00:00", False),
                        ("2026:06:01 03:10:00", True), ("garbage", False)):  # fmt: skip
        _photograph(large, KNOWN / "empty.jpg", said)
        assert (captured_at(large) is not None) == known, said
