"""Camtrap DP 1.0, the camera-trap data package of TDWG: deployments, media and observations as CSV, and a description.

GBIF, Agouti, Wildlife Insights and the R package camtrapdp read and write it. Words that it has no place for ("not a
bear", a toy) travel as a tag ``bearwatch:WORD`` beside the nearest observation type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from core.messages import Box
from rollout.evidence.labels.formats.portable import (
    ExportedItem,
    ExportNotes,
    ForeignFile,
    ForeignLabel,
    UnreadableLabels,
    numbers,
    parse_moment,
    read_json,
    read_rows,
    write_json,
    write_rows,
)
from rollout.evidence.labels.vocabulary import Label

FILE: Final = "datapackage.json"
TABLES: Final = ("deployments", "media", "observations")
PROFILE: Final = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0/"
DEPLOYMENTS: Final = (
    "deploymentID", "locationID", "locationName", "latitude", "longitude", "coordinateUncertainty", "deploymentStart",
    "deploymentEnd", "setupBy", "cameraID", "cameraModel", "cameraDelay", "cameraHeight", "cameraDepth", "cameraTilt",
    "cameraHeading", "detectionDistance", "timestampIssues", "baitUse", "featureType", "habitat", "deploymentGroups",
    "deploymentTags", "deploymentComments",
)  # fmt: skip
MEDIA: Final = (
    "mediaID", "deploymentID", "captureMethod", "timestamp", "filePath", "filePublic", "fileName", "fileMediatype",
    "exifData", "favorite", "mediaComments",
)  # fmt: skip
OBSERVATIONS: Final = (
    "observationID", "deploymentID", "mediaID", "eventID", "eventStart", "eventEnd", "observationLevel",
    "observationType", "cameraSetupType", "scientificName", "count", "lifeStage", "sex", "behavior", "individualID",
    "individualPositionRadius", "individualPositionAngle", "individualSpeed", "bboxX", "bboxY", "bboxWidth",
    "bboxHeight", "classificationMethod", "classifiedBy", "classificationTimestamp", "classificationProbability",
    "observationTags", "observationComments",
)  # fmt: skip
COLUMNS: Final = dict(zip(TABLES, (DEPLOYMENTS, MEDIA, OBSERVATIONS), strict=True))
REQUIRED: Final = {
    "deployments": ("deploymentID",),
    "media": ("mediaID", "deploymentID", "timestamp", "filePath"),
    "observations": ("observationID", "deploymentID", "mediaID", "observationLevel", "observationType"),
}
TAG: Final = "bearwatch:"
_TYPES: Final = {
    Label.PERSON.value: "human",
    Label.VEHICLE.value: "vehicle",
    Label.EMPTY.value: "blank",
    Label.TEDDY.value: "blank",
    Label.OTHER.value: "blank",
    Label.NOT_BEAR.value: "unknown",
}
_WORDS: Final = {"human": Label.PERSON.value, "vehicle": Label.VEHICLE.value, "blank": Label.EMPTY.value}
_BOX: Final = ("bboxX", "bboxY", "bboxWidth", "bboxHeight")


def write(folder: Path, items: Sequence[ExportedItem], about: ExportNotes) -> None:
    """Write the package. Where the cameras stand is nowhere in the configuration: coordinates stay empty, for you."""
    cameras: dict[str, list[ExportedItem]] = {}
    for item in items:
        cameras.setdefault(item.label.camera, []).append(item)
    write_rows(folder / "deployments.csv", DEPLOYMENTS, (_deployment(of, about) for of in cameras.values()))
    pictures = {item.label.picture: item for item in items}
    write_rows(folder / "media.csv", MEDIA, (_medium(item, about) for item in pictures.values()))
    write_rows(folder / "observations.csv", OBSERVATIONS, (_observation(item, about) for item in items))
    write_json(folder / FILE, _package(items, about))


def read(path: Path) -> ForeignFile:
    """Read a package by its description, its folder, or any of its tables."""
    tables = _tables(path)
    rows = {
        name: [] if name == "deployments" and not table.is_file() else read_rows(table, REQUIRED[name], COLUMNS[name])
        for name, table in tables.items()
    }
    deployments = {row["deploymentID"]: row for _, row in rows["deployments"]}
    media = {row["mediaID"]: row for _, row in rows["media"]}
    found = ForeignFile()
    for line, row in rows["observations"]:
        why = _passed_over(row)
        if why is not None:
            found.skipped[why] += 1
        elif row["mediaID"] not in media:
            found.problems.append(f"observations, line {line}: there is no medium {row['mediaID']!r} in media.csv")
        else:
            _add(found, f"observations, line {line}", row, media[row["mediaID"]], deployments)
    return found


def _tables(path: Path) -> dict[str, Path]:
    """Where the three tables lie. Raises :class:`UnreadableLabels` for a description that names none."""
    folder = path if path.is_dir() else path.parent
    description = path / FILE if path.is_dir() else path if path.suffix == ".json" else folder / FILE
    names = {name: f"{name}.csv" for name in TABLES}
    if description.is_file():
        document = read_json(description)
        resources = document.get("resources") if isinstance(document, dict) else None
        if not isinstance(resources, list):
            raise UnreadableLabels(f"{description} is no data package: it has no list resources")
        for each in resources:
            if isinstance(each, dict) and each.get("name") in names and isinstance(each.get("path"), str):
                names[each["name"]] = each["path"]
    elif path.suffix == ".json":
        raise UnreadableLabels(f"{path} cannot be read: there is no such file")
    return {name: folder / file for name, file in names.items()}


def _passed_over(row: Mapping[str, str]) -> str | None:
    if row["observationLevel"] == "event" or not row["mediaID"]:
        return "about an event, not about one picture"
    if row.get("cameraSetupType"):
        return "while the camera was set up"
    if row["observationType"] in ("unknown", "unclassified") and not _tagged(row):
        return "nobody could say what it is"
    return None


def _add(
    found: ForeignFile,
    where: str,
    row: Mapping[str, str],
    medium: Mapping[str, str],
    deployments: Mapping[str, Mapping[str, str]],
) -> None:
    moment = parse_moment(medium["timestamp"])
    said = _tagged(row) or row.get("scientificName") or _WORDS.get(row["observationType"], row["observationType"])
    box, wrong = _box(row)
    if moment is None:
        found.problems.append(f"{where}: {medium['timestamp']!r} is no time; write it as 2027-01-15T02:30:00-08:00")
        return
    if wrong or "://" in medium["filePath"]:
        found.problems.append(f"{where}: {wrong or medium['filePath'] + ' is elsewhere; fetch the picture first'}")
        return
    place = deployments.get(row["deploymentID"], {})
    names = (place.get("cameraID"), place.get("locationID"), place.get("locationName"), row["deploymentID"])
    found.labels.append(
        ForeignLabel(
            where=where,
            file=medium["filePath"],
            said=said,
            box=box,
            moment=moment,
            places=tuple(dict.fromkeys(name for name in names if name)),
            labeller=row.get("classifiedBy", ""),
            machine=row.get("classificationMethod") == "machine",
            confidence=_share(row.get("classificationProbability", "")),
        )
    )


def _tagged(row: Mapping[str, str]) -> str | None:
    tags = (tag.strip() for tag in row.get("observationTags", "").split("|"))
    return next((tag.removeprefix(TAG) for tag in tags if tag.startswith(TAG)), None)


def _box(row: Mapping[str, str]) -> tuple[Box | None, str]:
    said = [row.get(name, "") for name in _BOX]
    if not any(said):
        return None, ""
    try:
        sides = numbers([float(each) for each in said], 4)
    except ValueError:
        sides = None
    if sides is None:
        return None, f"{', '.join(_BOX)} are four numbers in 0-1 coordinates, not {said}"
    return (sides[0], sides[1], sides[0] + sides[2], sides[1] + sides[3]), ""


def _share(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _moment(item: ExportedItem, about: ExportNotes) -> str:
    return about.local(item.label).isoformat(timespec="milliseconds")


def _deployment(items: Sequence[ExportedItem], about: ExportNotes) -> dict[str, object]:
    ordered = sorted(items, key=lambda item: item.label.captured_at)
    label = ordered[0].label
    return {
        "deploymentID": label.camera,
        "locationID": label.camera,
        "locationName": label.campsite,
        "deploymentStart": _moment(ordered[0], about),
        "deploymentEnd": _moment(ordered[-1], about),
        "cameraID": label.camera,
    }


def _medium(item: ExportedItem, about: ExportNotes) -> dict[str, object]:
    return {
        "mediaID": item.label.picture,
        "deploymentID": item.label.camera,
        "captureMethod": "activityDetection",
        "timestamp": _moment(item, about),
        "filePath": item.file,
        "filePublic": "false",
        "fileName": item.file.rpartition("/")[2],
        "fileMediatype": "image/jpeg",
    }


def _observation(item: ExportedItem, about: ExportNotes) -> dict[str, object]:
    label = item.label
    kind = _TYPES.get(label.label, "animal")
    box = item.relative_box
    sides: dict[str, object] = {}
    if box is not None:
        values = (box[0], box[1], box[2] - box[0], box[3] - box[1])
        sides = dict(zip(_BOX, (f"{value:.6f}" for value in values), strict=True))
    return {
        "observationID": label.item,
        "deploymentID": label.camera,
        "mediaID": label.picture,
        "eventID": label.bear_night,
        "eventStart": _moment(item, about),
        "eventEnd": _moment(item, about),
        "observationLevel": "media",
        "observationType": kind,
        "scientificName": about.vocabulary.words[label.label].taxon if kind == "animal" else "",
        **sides,
        "classificationMethod": "human",
        "classifiedBy": " ".join(f"person-{number}" for number in label.labellers),
        "classificationProbability": "" if label.agreement is None else f"{label.agreement:.4g}",
        "observationTags": f"{TAG}{label.label}",
        "observationComments": f"source {label.source}, split {label.split}",
    }


def _package(items: Sequence[ExportedItem], about: ExportNotes) -> dict[str, Any]:
    times = [item.label.captured_at for item in items]
    used = dict.fromkeys(item.label.label for item in items)
    taxa = [about.vocabulary.words[word] for word in used if word not in _TYPES]
    return {
        "resources": [
            {
                "name": name,
                "path": f"{name}.csv",
                "profile": "tabular-data-resource",
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "utf-8",
                "schema": f"{PROFILE}{name}-table-schema.json",
            }
            for name in TABLES
        ],
        "profile": f"{PROFILE}camtrap-dp-profile.json",
        "name": f"bearwatch-labels-{about.digest[:12]}",
        "id": about.digest,
        "created": datetime.fromtimestamp(about.at, UTC).isoformat(timespec="seconds"),
        "title": "Labels of people at campsites",
        "contributors": [{"title": f"Bearwatch {about.version}"}],
        "project": {
            "title": "Bearwatch",
            "samplingDesign": "targeted",
            "captureMethod": ["activityDetection", "timeLapse"],
            "individualAnimals": False,
            "observationLevel": ["media"],
        },
        "temporal": {
            "start": datetime.fromtimestamp(min(times), UTC).date().isoformat(),
            "end": datetime.fromtimestamp(max(times), UTC).date().isoformat(),
        },
        "taxonomic": [
            {"scientificName": word.taxon or word.name, "vernacularNames": {"en": word.name}} for word in taxa
        ],
    }
