"""COCO Camera Traps: one JSON with images, categories and annotations; boxes are left, top, width, height in pixels.

Plain COCO is the same without times and places. Category 0 is "empty" by convention.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rollout.evidence.labels.formats.portable import (
    ExportedItem,
    ExportNotes,
    ForeignFile,
    ForeignLabel,
    UnreadableLabels,
    numbers,
    parse_moment,
    read_json,
    write_json,
)
from rollout.evidence.labels.vocabulary import Label

FILE: Final = "coco.json"


def write(folder: Path, items: Sequence[ExportedItem], about: ExportNotes) -> None:
    """Write ``coco.json``. What only this project knows of a label lies in its annotation under ``bearwatch``."""
    words = [Label.EMPTY.value, *(key for key in about.vocabulary.words if key != Label.EMPTY)]
    number = {word: place for place, word in enumerate(words)}
    images = {item.file: _image(item, about) for item in items}
    write_json(
        folder / FILE,
        {
            "info": {
                "version": about.digest,
                "description": f"labels of people, exported by Bearwatch {about.version}",
                "date_created": about.at,
            },
            "images": list(images.values()),
            "categories": [
                {"id": number[word], "name": word, "scientific_name": about.vocabulary.words[word].taxon}
                for word in words
            ],
            "annotations": [_annotation(item, number[item.label.label]) for item in items],
        },
    )


def read(path: Path) -> ForeignFile:
    """Read a COCO or COCO Camera Traps file."""
    document = read_json(path)
    parts = {name: document.get(name) if isinstance(document, dict) else None for name in _PARTS}
    missing = [name for name, part in parts.items() if not isinstance(part, list)]
    if missing:
        raise UnreadableLabels(f"{path} is no COCO file: it has no list {', '.join(missing)}")
    found = ForeignFile()
    names = {each.get("id"): str(each.get("name", "")) for each in _records(parts["categories"])}
    images = {each.get("id"): each for each in _records(parts["images"])}
    for place, annotation in enumerate(_records(parts["annotations"])):
        where = f"annotation {annotation.get('id', place)}"
        image, said = images.get(annotation.get("image_id")), names.get(annotation.get("category_id"))
        if image is None or not isinstance(image.get("file_name"), str):
            found.problems.append(f"{where}: there is no image {annotation.get('image_id')!r} with a file_name")
        elif said is None:
            found.problems.append(f"{where}: there is no category {annotation.get('category_id')!r}")
        elif annotation.get("sequence_level_annotation"):
            found.skipped["about a sequence, not about one picture"] += 1
        elif image.get("corrupt"):
            found.skipped["marked as a corrupt picture"] += 1
        else:
            _add(found, where, annotation, image, said)
    return found


_PARTS: Final = ("images", "categories", "annotations")


def _add(found: ForeignFile, where: str, annotation: Mapping[str, Any], image: Mapping[str, Any], said: str) -> None:
    box = None
    if annotation.get("bbox") is not None:
        sides = numbers(annotation["bbox"], 4)
        if sides is None:
            found.problems.append(f"{where}: a box is [left, top, width, height] in pixels, not {annotation['bbox']!r}")
            return
        box = sides[0], sides[1], sides[0] + sides[2], sides[1] + sides[3]
    told = image.get("datetime") or image.get("date_captured")
    moment = parse_moment(str(told)) if told else None
    if told and moment is None:
        found.problems.append(f"{where}: {told!r} is no time; write it as 2027-01-15 02:30:00")
        return
    own = annotation.get("bearwatch")
    found.labels.append(
        ForeignLabel(
            where=where,
            file=image["file_name"],
            said=said,
            box=box,
            in_pixels=True,
            moment=moment,
            places=tuple(str(image[name]) for name in ("location",) if image.get(name) is not None),
            campsite=str(image.get("campsite") or ""),
            labeller=str(own.get("labellers", "")) if isinstance(own, dict) else "",
            infrared=own.get("infrared") if isinstance(own, dict) else None,
        )
    )


def _records(part: Any) -> list[dict[str, Any]]:
    return [each for each in part if isinstance(each, dict)]


def _image(item: ExportedItem, about: ExportNotes) -> dict[str, Any]:
    return {
        "id": item.label.picture,
        "file_name": item.file,
        "width": item.width,
        "height": item.height,
        "datetime": str(about.local(item.label)),
        "location": item.label.camera,
        "campsite": item.label.campsite,
        "seq_id": item.label.bear_night,
    }


def _annotation(item: ExportedItem, category: int) -> dict[str, Any]:
    label = item.label
    box: dict[str, Any] = {}
    if label.box is not None:
        left, top, right, bottom = label.box
        box = {"bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top), "iscrowd": 0}
    return {
        "id": label.item,
        "image_id": label.picture,
        "category_id": category,
        **box,
        "sequence_level_annotation": False,
        "bearwatch": {
            "source": label.source,
            "inclusion_probability": label.inclusion_probability,
            "weight": label.weight,
            "split": label.split,
            "labellers": " ".join(map(str, label.labellers)),
            "score_hidden": label.score_hidden,
            "agreement": label.agreement,
            "model": label.model,
            "infrared": label.infrared,
        },
    }
