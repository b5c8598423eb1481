"""A CSV with one label a line: the manifest that ``bearwatch train`` and ``bearwatch evaluate`` read, with its origin.

``source`` is the camera, as in every manifest; how the label came to be is ``label_source``. ``box`` is left, top,
right, bottom in 0-1 coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from core.messages import Box
from rollout.evidence.labels.formats.portable import (
    ExportedItem,
    ExportNotes,
    ForeignFile,
    ForeignLabel,
    numbers,
    parse_moment,
    read_rows,
    write_rows,
)
from rollout.evidence.labels.training_label import TrainingLabel

FILE: Final = "labels.csv"
BOXES: Final = "boxes.csv"
"""Where the animal is, beside a manifest: what training cuts its crops from."""
COLUMNS: Final = (
    "file", "label", "source", "probability", "label_source", "day_night", "campsite", "captured_at", "box", "item",
    "event", "bear_night", "weight", "split", "labellers", "score_hidden", "agreement", "model",
)  # fmt: skip
"""``event`` is the bear-night too: what ``train`` and ``evaluate`` keep on one side."""
_LIGHTS: Final = {"day": False, "night_ir": True}


def write(folder: Path, items: Sequence[ExportedItem], _about: ExportNotes) -> None:
    """Write ``labels.csv``, and ``boxes.csv`` with one box a picture."""
    write_rows(folder / FILE, COLUMNS, (row(item) for item in items))
    boxes = {item.file: item.relative_box for item in reversed(items) if item.relative_box is not None}
    sides = ("x0", "y0", "x1", "y1")
    write_rows(
        folder / BOXES,
        ("file", *sides),
        ({"file": file, **dict(zip(sides, box, strict=True))} for file, box in reversed(boxes.items())),
    )


def row(item: ExportedItem) -> dict[str, object]:
    """One line."""
    label = item.label
    box = item.relative_box
    return {
        "file": item.file,
        "label": label.label,
        "source": label.camera,
        "probability": f"{label.inclusion_probability:.9g}",
        "label_source": label.source,
        "day_night": "night_ir" if label.infrared else "day",
        "campsite": label.campsite,
        "captured_at": f"{label.captured_at:.3f}",
        "box": "" if box is None else " ".join(f"{side:.6f}" for side in box),
        "item": label.item,
        "event": label.bear_night,
        "bear_night": label.bear_night,
        "weight": f"{label.weight:.9g}",
        "split": label.split,
        "labellers": " ".join(map(str, label.labellers)),
        "score_hidden": int(label.score_hidden),
        "agreement": _agreement(label),
        "model": label.model or "",
    }


def read(path: Path) -> ForeignFile:
    """Read a CSV with at least the columns ``file`` and ``label``; what was exported with them is read where it is
    there."""
    found = ForeignFile()
    for line, said in read_rows(path, ("file", "label"), COLUMNS):
        where = f"line {line}"
        told = said.get("captured_at", "")
        moment = _moment(told)
        box, wrong = _box(said.get("box", ""))
        if not said["file"] or not said["label"]:
            found.problems.append(f"{where}: a line needs a file and a label")
        elif told and moment is None:
            found.problems.append(f"{where}: {told!r} is no time; write it as 2027-01-15T02:30:00-08:00")
        elif wrong:
            found.problems.append(f"{where}: {wrong}")
        else:
            camera = said.get("source", "")
            found.labels.append(
                ForeignLabel(
                    where=where,
                    file=said["file"],
                    said=said["label"],
                    box=box,
                    moment=moment,
                    places=(camera,) if camera else (),
                    campsite=said.get("campsite", ""),
                    labeller=said.get("labellers", ""),
                    infrared=_LIGHTS.get(said.get("day_night", "")),
                )
            )
    return found


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return parse_moment(text) if text else None


def _box(text: str) -> tuple[Box | None, str]:
    if not text:
        return None, ""
    try:
        sides = numbers([float(each) for each in text.split()], 4)
    except ValueError:
        sides = None
    if sides is None:
        return None, f"a box is left, top, right and bottom in 0-1 coordinates, not {text!r}"
    return (sides[0], sides[1], sides[2], sides[3]), ""


def _agreement(label: TrainingLabel) -> str:
    return "" if label.agreement is None else f"{label.agreement:.4g}"
