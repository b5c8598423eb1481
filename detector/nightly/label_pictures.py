"""From labels to pictures that the trainer reads: the same file, light and box, whatever has become of it since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.messages import Box
from core.pictures.jpeg_header import read_jpeg_header
from detector.evaluate.manifest import LabelledPicture, UndecodablePicture, read_picture
from rollout.evidence.labels import TrainingLabel

_LIGHT = {True: "night_ir", False: "day"}


@dataclass(frozen=True, slots=True)
class LabelPictures:
    """``pictures`` in the order of the labels that have one; ``places`` of those; and why not the others."""

    pictures: tuple[LabelledPicture, ...]
    places: tuple[int, ...]
    left_out: tuple[str, ...]


def label_pictures(labels: Sequence[TrainingLabel], media: Path) -> LabelPictures:
    """The pictures of labels, below the media directory. One that went since the labels were read is left out."""
    pictures, places, left_out = list[LabelledPicture](), list[int](), list[str]()
    for place, label in enumerate(labels):
        try:
            pictures.append(_picture(label, media))
            places.append(place)
        except UndecodablePicture as error:
            left_out.append(f"{label.item}: {error}")
    return LabelPictures(tuple(pictures), tuple(places), tuple(left_out))


def _picture(label: TrainingLabel, media: Path) -> LabelledPicture:
    """Raises :class:`UndecodablePicture`."""
    path = media / label.picture
    columns = {
        "source": label.campsite,
        "group": label.bear_night,
        "event": label.item,
        "day_night": _LIGHT[label.infrared],
        "kind": "camtrap",
    }
    return LabelledPicture(label.picture, path, label.label, columns, _box(label, path))


def _box(label: TrainingLabel, path: Path) -> Box | None:
    """In 0-1 coordinates, from pixels."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UndecodablePicture(f"{path}: {error.strerror or error}") from error
    header = read_jpeg_header(content)
    if header is None or not header.whole:
        read_picture(path)  # says what is wrong, or that it is a picture of another kind
        raise UndecodablePicture(f"{path}: no whole JPEG")
    if label.box is None:
        return None
    left, top, right, bottom = label.box
    box = left / header.width, top / header.height, right / header.width, bottom / header.height
    if not (0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1):
        raise UndecodablePicture(
            f"{path}: the box {label.box} lies outside of {header.width} by {header.height} pixels"
        )
    return box
