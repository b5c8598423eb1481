"""Labelled pictures: a CSV with the columns ``file`` and ``label``, and any others to slice by.

Two columns keep what belongs together on one side of every split: ``event`` (one visit of one animal, however many
pictures and cameras) and ``group`` (whatever else is to be held out together). A ``boxes.csv`` beside the manifest
(``file,x0,y0,x1,y1``, in 0-1 coordinates) says where the bear is; training cuts such pictures as live crops.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.messages import Box

BOXES = "boxes.csv"
SYNONYMS = {"object": "other", "nothing": "empty"}
"""Labels of manifests that mean one of the model's."""
SPLITS = ("split", "group")
"""Columns that deal pictures out to sides which must not share an event."""
LARGEST_PIXELS = 100_000_000
"""Pictures above this are not decoded: a few kilobytes can claim to be gigapixels."""


class ManifestError(ValueError):
    """The file is no manifest: it cannot be read, lacks a column, or has an event on both sides of a split."""


class UndecodablePicture(ValueError):
    """The file is missing, is no picture, is cut off, or is too large."""


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One row. ``file`` as the manifest says it, ``path`` where it lies, ``columns`` everything else.

    ``box`` is where the labelled animal is, in 0-1 coordinates; None where nobody has said so.
    """

    file: str
    path: Path
    label: str
    columns: Mapping[str, str] = field(default_factory=dict)
    box: Box | None = None

    @property
    def source(self) -> str:
        """Who took or collected the picture; ``unknown`` without such a column."""
        return self.columns.get("source") or "unknown"

    @property
    def group(self) -> str:
        """What is held out together: the column ``group`` if there is one, else the source.

        ``NTLNP via somebody`` and ``NTLNP via somebody else`` are the same cameras: the part before ``via`` counts. So
        does the part before a parenthesis, which says with what a picture was taken, not where.
        """
        return self.columns.get("group") or self.source.partition(" via ")[0].partition(" (")[0]

    @property
    def event(self) -> str:
        """What happened once, in however many pictures: the column ``event``, else the picture is one of its own."""
        return self.columns.get("event") or self.file

    @property
    def light(self) -> str:
        """The column ``day_night``; empty without one."""
        return self.columns.get("day_night") or ""


def read_manifest(manifest: Path, root: Path | None = None) -> list[LabelledPicture]:
    """The rows in order. ``root`` is the folder of the files; None: the manifest's own.

    Raises:
        ManifestError: see there; with the line where there is one.
    """
    folder = root or manifest.parent
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            lacking = {"file", "label"} - set(reader.fieldnames or ())
            if lacking:
                raise ManifestError(f"{manifest} lacks the column {' and '.join(sorted(lacking))}")
            boxes = _read_boxes(manifest.with_name(BOXES))
            pictures = [_picture(manifest, reader.line_num, row, folder, boxes) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{manifest} cannot be read: {error}") from error
    _refuse_split_events(manifest, pictures)
    return pictures


def _refuse_split_events(manifest: Path, pictures: Sequence[LabelledPicture]) -> None:
    """An event on both sides of a split would be judged by a network that has seen it."""
    for column in SPLITS:
        sides: dict[str, str] = {}
        for picture in pictures:
            side, event = picture.columns.get(column), picture.columns.get("event")
            if side and event and sides.setdefault(event, side) != side:
                raise ManifestError(
                    f"{manifest}: the event {event!r} is on both sides of a split, in the {column} {sides[event]!r} "
                    f"and {side!r}; give all its pictures the same {column}"
                )


def _read_boxes(path: Path) -> dict[str, Box]:
    """Where the animal is, by file; nothing where there is no such list."""
    if not path.is_file():
        return {}
    found: dict[str, Box] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        for row in reader:
            try:
                box = float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"])
                name = row["file"]
            except (KeyError, TypeError, ValueError) as error:
                raise ManifestError(f"{path}, line {reader.line_num}: no file,x0,y0,x1,y1 ({error!r})") from error
            if not all(map(math.isfinite, box)) or not (0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1):
                raise ManifestError(f"{path}, line {reader.line_num}: {box} is no box in 0-1 coordinates")
            found[name] = box
    return found


def _picture(
    manifest: Path, line: int, row: Mapping[str, str | None], folder: Path, boxes: Mapping[str, Box]
) -> LabelledPicture:
    file, label = row.get("file"), row.get("label")
    if not file or not label:
        raise ManifestError(f"{manifest}, line {line}: a row needs a file and a label")
    others = {name: value or "" for name, value in row.items() if name not in ("file", "label", None)}
    return LabelledPicture(file, folder / file, label, others, boxes.get(file))


def read_picture(path: Path) -> NDArray[np.uint8]:
    """The picture as (height, width, 3) BGR.

    Raises:
        UndecodablePicture: see there.
    """
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise UndecodablePicture(f"{path}: {error.strerror or error}") from error
    return decode_picture(content, str(path))


def decode_picture(content: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """The bytes (n,) of a picture file as (height, width, 3) BGR. ``name`` is for the message.

    Raises:
        UndecodablePicture: see there.
    """
    try:
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    except cv2.error as error:  # OpenCV's own limit on pixels, among others
        raise UndecodablePicture(f"{name}: cannot be decoded ({error.err})") from error
    if image is None:
        raise UndecodablePicture(f"{name}: no picture that can be decoded")
    if image.shape[0] * image.shape[1] > LARGEST_PIXELS:
        raise UndecodablePicture(f"{name}: too large, {image.shape[1]}x{image.shape[0]} pixels")
    return np.asarray(image, dtype=np.uint8)


def snapshot_hash(pictures: Sequence[LabelledPicture]) -> str:
    """SHA-256 (hex) over the labels and contents, in any order of the rows. Missing files count as empty."""
    lines = sorted(f"{picture.label} {_content_hash(picture.path)}" for picture in pictures)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _content_hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "-"
