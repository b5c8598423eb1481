"""MegaDetector's batch output: images with detections, boxes left, top, width, height in 0-1 coordinates.

AddaxAI, Timelapse and SpeciesNet read and write it. It is made for what models say: a detection below certainty is
taken as a model's, one with a confidence of 1 as a person's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from core.messages import WHOLE_FRAME
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

FILE: Final = "megadetector.json"
FORMAT_VERSION: Final = "1.5"
PEOPLE: Final = "people"
LEAST_CONFIDENCE: Final = 0.2
"""Below it a model's detection counts as none, as MegaDetector's authors propose for its fifth version."""


def write(folder: Path, items: Sequence[ExportedItem], about: ExportNotes) -> None:
    """Write ``megadetector.json``, every label with a confidence of 1; a label of a whole picture has its whole box."""
    words = sorted({item.label.label for item in items} - {Label.EMPTY.value})
    number = {word: str(place) for place, word in enumerate(words, 1)}
    images: dict[str, dict[str, Any]] = {}
    for item in items:
        image = images.setdefault(
            item.file,
            {
                "file": item.file,
                "width": item.width,
                "height": item.height,
                "datetime": str(about.local(item.label)),
                "location": item.label.camera,
                "campsite": item.label.campsite,
                "detections": [],
            },
        )
        if item.label.label != Label.EMPTY:
            left, top, right, bottom = item.relative_box or WHOLE_FRAME
            box = [round(each, 6) for each in (left, top, right - left, bottom - top)]
            image["detections"].append({"category": number[item.label.label], "conf": 1.0, "bbox": box})
    write_json(
        folder / FILE,
        {
            "info": {
                "format_version": FORMAT_VERSION,
                "detector": PEOPLE,
                "detection_completion_time": str(about.at),
            },
            "detection_categories": {place: word for word, place in number.items()},
            "images": list(images.values()),
        },
    )


def read(path: Path) -> ForeignFile:
    """Read a batch output. What failed there, and videos, are passed over and counted."""
    document = read_json(path)
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        raise UnreadableLabels(f"{path} is no MegaDetector output: it has no list images")
    categories = document.get("detection_categories")
    if not isinstance(categories, dict):
        raise UnreadableLabels(f"{path} is no MegaDetector output: it has no detection_categories")
    info = document.get("info")
    detector = str(info.get("detector", "megadetector")) if isinstance(info, dict) else "megadetector"
    classes = document.get("classification_categories")
    found = ForeignFile()
    for place, image in enumerate(document["images"]):
        where = f"image {place}"
        if not isinstance(image, dict) or not isinstance(image.get("file"), str):
            found.problems.append(f"{where}: it has no file")
        elif image.get("failure") or image.get("detections") is None:
            found.skipped["not processed there"] += 1
        elif image.get("frame_rate") or image.get("frames_processed"):
            found.skipped["a video"] += 1
        else:
            _read_image(found, where, image, categories, classes if isinstance(classes, dict) else {}, detector)
    return found


def _read_image(
    found: ForeignFile,
    where: str,
    image: Mapping[str, Any],
    categories: Mapping[str, Any],
    classes: Mapping[str, Any],
    detector: str,
) -> None:
    told = image.get("datetime")
    moment = parse_moment(str(told)) if told else None
    if told and moment is None:
        found.problems.append(f"{where}: {told!r} is no time; write it as 2027-01-15 02:30:00")
        return
    places = tuple(str(image[name]) for name in ("location",) if image.get(name))
    campsite = str(image.get("campsite") or "")
    by_people = detector == PEOPLE
    drawn = 0
    for detection in image["detections"]:
        sides = numbers(detection.get("bbox"), 4) if isinstance(detection, dict) else None
        confidence = _confidence(detection)
        if sides is None or confidence is None:
            found.problems.append(
                f"{where}: a detection is a category, a conf from 0 to 1 and a bbox [left, top, width, height] in 0-1 "
                f"coordinates, not {detection!r}"
            )
            return
        if str(detection.get("category")) not in categories or (not by_people and confidence < LEAST_CONFIDENCE):
            continue  # the format says: as if it were not there
        drawn += 1
        box = sides[0], sides[1], sides[0] + sides[2], sides[1] + sides[3]
        found.labels.append(
            ForeignLabel(
                where=f"{where}, detection {drawn}",
                file=image["file"],
                said=next(_classified(detection, classes), str(categories[str(detection["category"])])),
                box=None if box == WHOLE_FRAME else box,
                moment=moment,
                places=places,
                campsite=campsite,
                labeller="" if by_people else detector,
                machine=not by_people and confidence < 1.0,
                confidence=confidence,
            )
        )
    if not drawn:
        found.labels.append(
            ForeignLabel(
                where=where,
                file=image["file"],
                said=Label.EMPTY,
                moment=moment,
                places=places,
                campsite=campsite,
                labeller="" if by_people else detector,
                machine=not by_people,
            )
        )


def _confidence(detection: Any) -> float | None:
    value = detection.get("conf") if isinstance(detection, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        return None
    return float(value)


def _classified(detection: Mapping[str, Any], classes: Mapping[str, Any]) -> Iterator[str]:
    """What a classifier made of a detection, its likeliest word."""
    made = detection.get("classifications")
    for each in made if isinstance(made, list) else ():
        if isinstance(each, list) and each and str(each[0]) in classes:
            yield str(classes[str(each[0])])
