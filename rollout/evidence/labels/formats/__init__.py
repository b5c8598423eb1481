"""Labels in the formats of other tools: written for them, and read from them.

Each format is a module with ``write(folder, items, about)`` and ``read(path)``; what is read is what the file says,
not yet what it means here (:mod:`rollout.evidence.labels.importing`).
"""

from rollout.evidence.labels.formats import camtrap_dp, coco, csv_labels, label_folders, megadetector_json
from rollout.evidence.labels.formats.portable import (
    ExportedItem,
    ExportNotes,
    ForeignFile,
    ForeignLabel,
    LabelFormat,
    UnreadableLabels,
)

FORMATS: dict[str, LabelFormat] = {
    "coco": LabelFormat("coco.json", coco.write, coco.read),
    "folders": LabelFormat("labels.csv", label_folders.write, label_folders.read),
    "camtrap-dp": LabelFormat("datapackage.json", camtrap_dp.write, camtrap_dp.read),
    "megadetector-json": LabelFormat("megadetector.json", megadetector_json.write, megadetector_json.read),
    "csv": LabelFormat("labels.csv", csv_labels.write, csv_labels.read),
}
"""By the name that the command takes."""

__all__ = [
    "FORMATS",
    "ExportNotes",
    "ExportedItem",
    "ForeignFile",
    "ForeignLabel",
    "LabelFormat",
    "UnreadableLabels",
]
