"""Labels as other tools write them are read for what they say, and a model's are not taken for a person's."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.config import Config
from tests.support.factories import jpeg
from tests.support.label_files import (
    COCO,
    MEGADETECTOR,
    NOW,
    ZONE,
    bring,
    camtrap,
    checked,
    write_file,
)
from tests.support.labelling import Rangers


def test_what_megadetector_wrote_is_a_models_and_taken_only_when_asked_for(photographs: Path, config: Config) -> None:
    file = write_file(photographs, "md.json", MEGADETECTOR)
    plan = checked(file, "megadetector-json", config, timezone=ZONE, campsite="upper-pines")
    assert (list(plan.labels), list(plan.problems)) == ([], [])
    assert plan.skipped == {
        "made by a model; --machine takes them too": 2, "not processed there": 1, "a video": 1,
    }  # fmt: skip
    plan = checked(file, "megadetector-json", config, timezone=ZONE, campsite="upper-pines", machine=True)
    bear, empty = plan.labels
    assert (bear.label, bear.machine, bear.labeller) == ("bear", True, "md_v5a.0.0.pt")
    assert bear.box == pytest.approx((0.25, 0.5, 0.375, 0.75))
    assert (empty.label, empty.box) == ("empty", None)
    assert (bear.campsite, bear.camera) == ("upper-pines", "_place")
    assert datetime.fromtimestamp(bear.captured_at, UTC) == datetime(2026, 5, 30, 11, 57, 37, tzinfo=UTC)


def test_a_models_labels_count_among_those_that_a_model_selected(
    photographs: Path, config: Config, rangers: Rangers
) -> None:
    file = write_file(photographs, "md.json", MEGADETECTOR)
    plan = checked(file, "megadetector-json", config, timezone=ZONE, machine=True)
    assert bring(rangers, plan, "megadetector-json") == 2
    labels = rangers.snapshot(NOW).labels
    assert [(each.label, each.model, each.model_selected) for each in labels] == [
        ("bear", "md_v5a.0.0.pt", True), ("empty", "md_v5a.0.0.pt", True),
    ]  # fmt: skip
    assert {each.campsite for each in labels} == {"_place"}
    assert {each.bear_night for each in labels} == {"_place/2026-05-29"}


def test_the_newer_json_of_corrected_boxes_is_a_persons(photographs: Path, config: Config) -> None:
    """Tools with which people correct boxes write them with a confidence of 1."""
    corrected = json.loads(json.dumps(MEGADETECTOR))
    corrected["images"] = corrected["images"][:1]
    corrected["images"][0]["detections"] = [{"category": "1", "conf": 1.0, "bbox": [0.25, 0.5, 0.125, 0.25]}]
    plan = checked(write_file(photographs, "md.json", corrected), "megadetector-json", config, timezone=ZONE)
    assert [(each.label, each.machine) for each in plan.labels] == [("other_animal", False)]


def test_coco_camera_traps_is_read_with_its_places_and_without_what_is_about_a_sequence(
    photographs: Path, config: Config
) -> None:
    plan = checked(write_file(photographs, "cct.json", COCO), "coco", config, timezone=ZONE)
    assert list(plan.problems) == []
    assert plan.skipped == {"about a sequence, not about one picture": 1}
    assert [(each.label, each.camera, each.campsite) for each in plan.labels] == [
        ("bear", "_38", "_38"), ("raccoon", "_38", "_38"), ("empty", "upper-creek", "upper-pines"),
    ]  # fmt: skip
    assert plan.labels[0].box == pytest.approx((0.25, 0.5, 0.375, 0.75))
    assert plan.labels[1].box is None  # the whole picture, with the rounding of another tool


@pytest.mark.parametrize("by", ["description", "folder", "table"])
def test_a_camtrap_data_package_is_read_with_the_offsets_of_its_times(
    photographs: Path, config: Config, by: str
) -> None:
    description = camtrap(photographs)
    path = {"description": description, "folder": photographs, "table": photographs / "observations.csv"}[by]
    plan = checked(path, "camtrap-dp", config)
    assert list(plan.problems) == []
    assert plan.skipped == {
        "about an event, not about one picture": 1,
        "while the camera was set up": 1,
        "nobody could say what it is": 1,
        "made by a model; --machine takes them too": 1,
    }
    bear, empty = plan.labels
    assert (bear.label, bear.camera, bear.labeller) == ("bear", "upper-creek", "A ranger")
    assert bear.box == pytest.approx((0.25, 0.5, 0.375, 0.75))
    assert empty.label == "empty"
    assert empty.captured_at - bear.captured_at == 3.0
    assert datetime.fromtimestamp(bear.captured_at, UTC) == datetime(2026, 5, 30, 2, 57, 37, tzinfo=UTC)


def test_a_folder_of_folders_is_read_with_the_times_of_its_photographs(tmp_path: Path, config: Config) -> None:
    folder = tmp_path / "sorted"
    for name in ("Black Bear/Creek/IMG_1.JPG", "empty/IMG_2.jpg", "notes.txt", "empty/clip.mp4"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(jpeg(len(name)))
    told: Callable[[Path], datetime | None] = lambda path: datetime(2026, 5, 30, 4, 57, len(path.stem))  # noqa: E731
    plan = checked(folder, "folders", config, timezone=ZONE, taken_at=told)
    assert [(each.label, each.camera) for each in plan.labels] == [("bear", "upper-creek"), ("empty", "_place")]
    assert plan.skipped == {"not in a word's folder": 1, "no JPEG": 1}


def test_a_csv_of_two_columns_is_enough_when_the_pictures_know_their_times(photographs: Path, config: Config) -> None:
    file = write_file(photographs, "mine.csv", "file,label\n100RECNX/RCNX0001.JPG,bear\n")
    (problem,) = checked(file, "csv", config).problems
    assert problem == "line 2: neither the file nor the picture '100RECNX/RCNX0001.JPG' says when it was taken"
    told: Callable[[Path], datetime | None] = lambda _path: datetime(2026, 5, 30, 4, 57, 37)  # noqa: E731
    (problem,) = checked(file, "csv", config, taken_at=told).problems
    assert problem == "line 2: 2026-05-30 04:57:37 has no time zone; name the clock of the cameras with --timezone"
    (label,) = checked(file, "csv", config, taken_at=told, campsite="upper-pines").labels
    assert datetime.fromtimestamp(label.captured_at, UTC) == datetime(2026, 5, 30, 11, 57, 37, tzinfo=UTC)
