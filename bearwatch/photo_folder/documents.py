"""What was found, for machines: our own JSON, CSV for spreadsheets, and MegaDetector's JSON for Timelapse and others.

MegaDetector's format (version 1.4) is described in its repository, under "MegaDetector output format"; files are
relative to the folder, boxes are x, y, width, height in 0-1 of the upright picture.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from bearwatch.photo_folder.bursts import Burst, SortedPhoto
from bearwatch.photo_folder.sorting import SortedFolder
from core.version import VERSION
from detector.models.bundle import ModelBundle
from detector.models.imagenet_labels import NO_ANIMALS

ANIMAL, PERSON, VEHICLE = "1", "2", "3"
CATEGORIES = {ANIMAL: "animal", PERSON: "person", VEHICLE: "vehicle"}
LEAST = 0.05
"""Below this no detection is written."""
COLUMNS = ("file", "camera", "captured_at", "event", "verdict", "bear", "threshold", "light", "label", "probability")


def own_document(found: SortedFolder, events: Sequence[Burst], bundle: ModelBundle) -> dict[str, Any]:
    """Everything, by photograph and by event, with every file of the folder accounted for."""
    event_of = _event_of(events)
    return {
        "folder": str(found.folder),
        "model": bundle.short_digest,
        "photos": [_photo(photo, event_of[photo.file]) for photo in found.photos],
        "events": [_event(event) for event in events],
        "unreadable": [{"file": each.file, "why": each.why} for each in found.unreadable],
        "skipped": [{"file": each.file, "why": each.why} for each in found.skipped],
    }


def csv_document(found: SortedFolder, events: Sequence[Burst]) -> str:
    """One line a photograph, the unreadable ones among them."""
    event_of = _event_of(events)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for photo in found.photos:
        row = _photo(photo, event_of[photo.file])
        label = max(photo.probabilities, key=lambda name: photo.probabilities[name])
        writer.writerow([*(row[name] for name in COLUMNS[:-2]), label, photo.probabilities[label]])
    for each in found.unreadable:
        writer.writerow([each.file, "", "", "", f"unreadable: {each.why}", *[""] * 5])
    return text.getvalue()


def megadetector_document(found: SortedFolder, bundle: ModelBundle) -> dict[str, Any]:
    """The same in MegaDetector's format."""
    names = [name for name in bundle.labels.names if name not in NO_ANIMALS]
    numbers = {name: str(number) for number, name in enumerate(names)}
    images = [_megadetector_image(photo, numbers) for photo in found.photos]
    images += [{"file": each.file, "failure": "Failure image access"} for each in found.unreadable]
    return {
        "info": {
            "format_version": "1.4",
            "detector": f"bearwatch {VERSION} {bundle.short_digest}",
            "classifier": f"bearwatch {VERSION} {bundle.short_digest}",
        },
        "detection_categories": CATEGORIES,
        "classification_categories": {number: name for name, number in numbers.items()},
        "images": sorted(images, key=lambda image: str(image["file"])),
    }


def _megadetector_image(photo: SortedPhoto, numbers: dict[str, str]) -> dict[str, Any]:
    left, top, right, bottom = photo.box
    bbox = [round(value, 4) for value in (left, top, right - left, bottom - top)]
    shares = photo.probabilities
    of_animal = sum(shares[name] for name in numbers)
    confidence = {ANIMAL: of_animal, PERSON: shares.get("person", 0.0), VEHICLE: shares.get("vehicle", 0.0)}
    detections: list[dict[str, Any]] = [
        {"category": category, "conf": round(conf, 3), "bbox": bbox}
        for category, conf in confidence.items()
        if conf >= LEAST
    ]
    if detections and detections[0]["category"] == ANIMAL:
        among = sorted(((shares[name] / of_animal, number) for name, number in numbers.items()), reverse=True)
        detections[0]["classifications"] = [[number, round(share, 3)] for share, number in among if share >= LEAST]
    image: dict[str, Any] = {"file": photo.file, "detections": detections}
    if photo.captured_at is not None:
        image["datetime"] = photo.captured_at.strftime("%Y:%m:%d %H:%M:%S")
    return image


def _event_of(events: Sequence[Burst]) -> dict[str, int]:
    return {photo.file: event.number for event in events for photo in event.photos}


def _photo(photo: SortedPhoto, event: int) -> dict[str, Any]:
    return {
        "file": photo.file,
        "camera": photo.camera,
        "captured_at": photo.captured_at.isoformat() if photo.captured_at else None,
        "event": event,
        "verdict": photo.verdict,
        "bear": round(photo.bear, 4),
        "threshold": photo.threshold,
        "light": "infrared" if photo.infrared else "day",
        "box": [round(value, 4) for value in photo.box],
        "probabilities": photo.probabilities,
    }


def _event(event: Burst) -> dict[str, Any]:
    times = [photo.captured_at for photo in event.photos if photo.captured_at]
    return {
        "event": event.number,
        "camera": event.best.camera,
        "start": min(times).isoformat() if times else None,
        "end": max(times).isoformat() if times else None,
        "photos": len(event.photos),
        "verdict": event.verdict,
        "bear": round(event.best.bear, 4),
        "best": event.best.file,
    }
