"""A folder for each word with its pictures in it, as many a training script wants it; boxes and origin lie beside it.

``bear/upper-creek_20270115T080000.000Z_encounter-12.jpg``: camera and time are in the name. A folder from elsewhere is
read with its first level as the words and its second, if there is one, as the cameras; times then come from the
photographs themselves.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rollout.evidence.labels.formats import csv_labels
from rollout.evidence.labels.formats.portable import (
    ExportedItem,
    ExportNotes,
    ForeignFile,
    ForeignLabel,
    UnreadableLabels,
)

FILE: Final = csv_labels.FILE
_OWN_LISTS: Final = (csv_labels.FILE, csv_labels.BOXES)
SUFFIXES: Final = frozenset({".jpg", ".jpeg"})
_OWN_NAME = re.compile(r"(?P<camera>[A-Za-z0-9_-]+)_(?P<at>\d{8}T\d{6}\.\d{3})Z_[a-z]+(-\d+)+\.jpe?g", re.IGNORECASE)


def write(folder: Path, items: Sequence[ExportedItem], about: ExportNotes) -> None:
    """Move each picture into its word's folder, and write what folders cannot say into ``labels.csv``."""
    moved = []
    for item in items:
        at = datetime.fromtimestamp(item.label.captured_at, UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3]
        name = f"{item.label.label}/{item.label.camera}_{at}Z_{item.label.item.replace(':', '-')}.jpg"
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(folder / item.file, folder / name)
        moved.append(replace(item, file=name))
    for file in {item.file for item in items}:
        (folder / file).unlink()
    for left in sorted({(folder / item.file).parent for item in items}, key=lambda each: -len(each.parts)):
        while left != folder and not any(left.iterdir()):
            left.rmdir()
            left = left.parent
    csv_labels.write(folder, moved, about)


def read(path: Path) -> ForeignFile:
    """Read a folder of folders. Files directly in it say nothing, and are passed over."""
    if not path.is_dir():
        raise UnreadableLabels(f"{path} is no folder; give the one in which each word has a folder of its own")
    found = ForeignFile()
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        inner = file.relative_to(path)
        if inner.name in _OWN_LISTS:
            continue
        if len(inner.parts) == 1 or any(part.startswith(".") for part in inner.parts):
            found.skipped["not in a word's folder"] += 1
        elif file.suffix.lower() not in SUFFIXES:
            found.skipped["no JPEG"] += 1
        else:
            found.labels.append(_label(inner))
    return found


def _label(file: Path) -> ForeignLabel:
    own = _OWN_NAME.fullmatch(file.name)
    moment = datetime.strptime(own["at"], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC) if own else None
    places = (own["camera"],) if own else tuple(file.parts[1:2] if len(file.parts) > 2 else ())
    return ForeignLabel(where=str(file), file=str(file), said=file.parts[0], moment=moment, places=places)
