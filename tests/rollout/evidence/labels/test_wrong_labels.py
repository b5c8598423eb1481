"""What is wrong with a file of labels is said, where it is and what to do; and nothing is stored."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from core.config import Config
from rollout.evidence.labels.formats import FORMATS, UnreadableLabels
from tests.support.label_files import (
    CAMTRAP_HEADER,
    CAMTRAP_ROWS,
    COCO,
    MEGADETECTOR,
    ZONE,
    camtrap,
    checked,
    write_file,
)


def _coco(**more: Any) -> dict[str, Any]:
    """A file with one annotation, in which something is altered: ``annotation_bbox=...``, ``image_file_name=...``."""
    document: dict[str, Any] = json.loads(json.dumps(COCO))
    document["annotations"], document["images"] = document["annotations"][:1], document["images"][:1]
    for key, value in more.items():
        part, _, name = key.partition("_")
        {"annotation": document["annotations"][0], "image": document["images"][0]}[part][name] = value
    return document


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"annotation_bbox": [80, 90, -40, 45]}, "no area, or is inverted: left, top, right, bottom are 80 90 40"),
        ({"annotation_bbox": [80, 90, 0, 45]}, "its box has no area, or is inverted"),
        ({"annotation_bbox": [80, 90, 4000, 45]}, "out of the picture: left, top, right, bottom are 80 90 4080"),
        ({"annotation_bbox": [-50, 90, 60, 45]}, "its box reaches out of the picture"),
        ({"annotation_bbox": [0.25, 0.5, 1e308, 1e308]}, "its box reaches out of the picture"),
        ({"annotation_bbox": [80, 90, 40]}, r"a box is \[left, top, width, height\] in pixels, not \[80, 90, 40\]"),
        ({"annotation_bbox": [80, 90, "40", None]}, "a box is"),
        ({"annotation_category_id": 99}, "annotation 1: there is no category 99"),
        ({"annotation_image_id": "zzz"}, "there is no image 'zzz' with a file_name"),
        ({"image_file_name": "100RECNX/RCNX0009.JPG"}, "there is no picture '100RECNX/RCNX0009.JPG' in .*--root"),
        ({"image_file_name": "../../etc/passwd"}, "leads out of .*--root"),
        ({"image_file_name": "/etc/hostname"}, "leads out of .*--root"),
        ({"image_file_name": "a\0b.jpg"}, "leads out of"),
        ({"image_file_name": "cct.json"}, "'cct.json' is no whole JPEG"),
        ({"image_datetime": "yesterday"}, "'yesterday' is no time; write it as 2027-01-15 02:30:00"),
        ({"image_datetime": "1970-01-01 00:00:00"}, "no time at which a camera can have taken it"),
        ({"image_datetime": "2099-01-01 00:00:00"}, "no time at which a camera can have taken it"),
        ({"image_datetime": "0001-01-01 00:00:00"}, "no time"),
    ],
)  # fmt: skip
def test_a_label_that_cannot_be_right_is_named(
    wrong: dict[str, Any], said: str, photographs: Path, config: Config
) -> None:
    plan = checked(write_file(photographs, "cct.json", _coco(**wrong)), "coco", config, timezone=ZONE)
    (problem,) = plan.problems
    assert problem.startswith("annotation 1: ")
    assert re.search(said, problem), problem


def test_a_word_that_nobody_knows_is_named_once_with_what_to_do(photographs: Path, config: Config) -> None:
    document = json.loads(json.dumps(COCO))
    document["categories"][2]["name"] = "Snow Leopard"
    document["annotations"].append({"id": 9, "image_id": "b", "category_id": 30})
    file = write_file(photographs, "cct.json", document)
    (problem,) = checked(file, "coco", config, timezone=ZONE).problems
    assert problem.startswith("'Snow Leopard', in 2 of the labels, is no word of the vocabulary: say what it is with ")
    assert '--map "Snow Leopard"=WORD' in problem
    assert "raccoon" in problem
    plan = checked(file, "coco", config, timezone=ZONE, words={"Snow Leopard": "other_animal"})
    assert [each.label for each in plan.labels] == ["other_animal", "raccoon", "empty", "other_animal"]
    plan = checked(file, "coco", config, timezone=ZONE, words={"Snow Leopard": ""})
    assert [each.label for each in plan.labels] == ["raccoon", "empty"]
    assert plan.skipped["passed over, as --map says"] == 2
    (problem,) = checked(file, "coco", config, timezone=ZONE, words={"Snow Leopard": "yeti"}).problems
    assert "Snow Leopard" in problem


@pytest.mark.parametrize(
    ("name", "document", "said"),
    [
        ("coco", "[]", "no COCO file: it has no list images, categories, annotations"),
        ("coco", "{", "is no JSON"),
        ("coco", "[" * 100_000, "is no JSON"),
        ("coco", '{"images": [], "categories": {}, "annotations": []}', "it has no list categories"),
        ("megadetector-json", '[{"file": "a.jpg", "detections": []}]', "it has no list images"),
        ("megadetector-json", '{"images": []}', "it has no detection_categories"),
        (
            "csv",
            "file,label,colour\na.jpg,bear,brown\n",
            "unknown columns: 'colour'. Known columns: agreement",
        ),
        ("csv", "picture\na.jpg\n", "it lacks 'file', 'label'; it has unknown columns: 'picture'"),
        ("csv", "file,label\na.jpg,bear,brown\n", "line 2: not as many values as the header has columns"),
        ("csv", "file,label,file\na.jpg,bear,b.jpg\n", "it has twice 'file'"),
        ("csv", "", "it lacks 'file', 'label'"),
        ("folders", "", "is no folder"),
        ("camtrap-dp", '{"name": "x"}', "no data package: it has no list resources"),
    ],
)
def test_a_file_that_is_something_else_is_refused_as_a_whole(
    name: str, document: str, said: str, tmp_path: Path
) -> None:
    file = write_file(tmp_path, "labels.json", document)
    with pytest.raises(UnreadableLabels) as refused:
        FORMATS[name].read(file)
    assert said in str(refused.value)
    with pytest.raises(UnreadableLabels):
        FORMATS[name].read(tmp_path / "missing.json")


def test_unknown_columns_of_a_package_are_named_and_so_is_a_medium_that_is_not_there(
    photographs: Path, config: Config
) -> None:
    camtrap(photographs, CAMTRAP_HEADER.replace("observationComments", "observationComments,mood"), "")
    with pytest.raises(UnreadableLabels, match=r"observations\.csv: it has unknown columns: 'mood'"):
        checked(photographs, "camtrap-dp", config)
    camtrap(photographs, rows=CAMTRAP_ROWS.replace("07840dcc", "ffffffff"))
    (problem,) = checked(photographs, "camtrap-dp", config).problems
    assert problem == "observations, line 3: there is no medium 'ffffffff' in media.csv"


@pytest.mark.parametrize(
    "detection",
    [
        {"category": "1", "conf": 0.9, "bbox": [0.1, 0.2, 0.3]},
        {"category": "1", "conf": 1.4, "bbox": [0.1, 0.2, 0.3, 0.4]},
        {"category": "1", "bbox": [0.1, 0.2, 0.3, 0.4]},
        "an animal",
    ],
)
def test_a_detection_that_is_none_is_named(detection: Any, photographs: Path, config: Config) -> None:
    document = {**MEGADETECTOR, "images": [{"file": "100RECNX/RCNX0001.JPG", "detections": [detection]}]}
    (problem,) = checked(write_file(photographs, "md.json", document), "megadetector-json", config).problems
    assert problem.startswith("image 0: a detection is a category, a conf from 0 to 1 and a bbox")


def test_pixels_given_for_relative_boxes_reach_out_of_the_picture(photographs: Path, config: Config) -> None:
    document = json.loads(json.dumps(MEGADETECTOR))
    document["images"] = document["images"][:1]
    document["images"][0]["detections"][0]["bbox"] = [80, 90, 40, 45]
    (problem,) = checked(
        write_file(photographs, "md.json", document), "megadetector-json", config, timezone=ZONE, machine=True
    ).problems
    assert "its box reaches out of the picture" in problem
    assert "the picture has 320 x 180 pixels" in problem
