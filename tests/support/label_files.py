"""Labels as other tools write them: MegaDetector's JSON, COCO Camera Traps, a Camtrap data package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.config import Config
from rollout.evidence.labels.formats import FORMATS
from rollout.evidence.labels.import_store import ImportOrigin, store_import
from rollout.evidence.labels.importing import ImportOptions, ImportPlan, check_import
from rollout.evidence.labels.vocabulary import Vocabulary
from tests.support.factories import T0
from tests.support.labelling import Rangers

ZONE = "America/Los_Angeles"
NOW = T0 + 10 * 86400.0


def checked(path: Path, name: str, config: Config, **options: Any) -> ImportPlan:
    """What an import would store."""
    root = path if path.is_dir() else path.parent
    return check_import(FORMATS[name].read(path), config, Vocabulary.of(), ImportOptions(root, **options), NOW)


def bring(rangers: Rangers, plan: ImportPlan, name: str) -> int:
    """Store it; how many labels were new."""
    assert plan.problems == []
    origin = ImportOrigin(name, "labels", "0" * 64, ZONE, False, None)
    return store_import(rangers.database, rangers.media, plan.labels, origin, NOW).stored


def write_file(folder: Path, name: str, document: Any) -> Path:
    """A file with this text, or this document as JSON."""
    file = folder / name
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    return file


MEGADETECTOR: dict[str, Any] = {
    "info": {
        "format_version": "1.4",
        "detector": "md_v5a.0.0.pt",
        "detection_completion_time": "2026-06-01 12:00:00",
        "detector_metadata": {"megadetector_version": "v5a.0.0", "typical_detection_threshold": 0.2},
    },
    "detection_categories": {"1": "animal", "2": "person", "3": "vehicle"},
    "classification_categories": {"0": "black bear", "1": "elk"},
    "images": [
        {
            "file": "100RECNX\\RCNX0001.JPG",
            "datetime": "2026:05:30 04:57:37",
            "detections": [
                {"category": "1", "conf": 0.926, "bbox": [0.25, 0.5, 0.125, 0.25],
                 "classifications": [["0", 0.901], ["1", 0.071]]},
                {"category": "1", "conf": 0.061, "bbox": [0.0451, 0.1849, 0.3642, 0.4636]},
            ],
        },
        {"file": "100RECNX/RCNX0002.JPG", "datetime": "2026:05:30 04:57:40", "detections": [], "failure": None},
        {"file": "100RECNX/RCNX0003.JPG", "failure": "Failure image access", "detections": None},
        {"file": "100RECNX/clip.mp4", "frame_rate": 20, "frames_processed": [0, 20],
         "detections": [{"category": "2", "conf": 0.871, "bbox": [0.1, 0.2, 0.3, 0.4], "frame_number": 0}]},
    ],
}  # fmt: skip


COCO: dict[str, Any] = {
    "info": {"version": "1.0", "description": "Caltech Camera Traps", "year": 2016},
    "categories": [{"id": 0, "name": "empty"}, {"id": 6, "name": "raccoon"}, {"id": 30, "name": "Black Bear"}],
    "images": [
        {"id": "a", "file_name": "100RECNX/RCNX0001.JPG", "width": 320, "height": 180, "location": 38,
         "datetime": "2026-05-30 04:57:37", "seq_id": "s1", "seq_num_frames": 2, "frame_num": 1},
        {"id": "b", "file_name": "100RECNX/RCNX0002.JPG", "width": 320, "height": 180, "location": "Creek",
         "date_captured": "2026-05-30 04:57:40", "seq_id": "s1", "seq_num_frames": 2, "frame_num": 2},
    ],
    "annotations": [
        {"id": 1, "image_id": "a", "category_id": 30, "bbox": [80, 90, 40, 45]},
        {"id": 2, "image_id": "a", "category_id": 6, "bbox": [0, 0, 320.9, 180.5]},
        {"id": 3, "image_id": "b", "category_id": 0},
        {"id": 4, "image_id": "b", "category_id": 30, "sequence_level_annotation": True},
    ],
}  # fmt: skip


CAMTRAP_MEDIA = (
    "mediaID,deploymentID,captureMethod,timestamp,filePath,filePublic,fileName,fileMediatype,exifData,favorite,"
    "mediaComments\n"
    "07840dcc,00a2c20d,activityDetection,2026-05-30T04:57:37+02:00,100RECNX/RCNX0001.JPG,false,RCNX0001.JPG,image/jpeg,,,\n"
    "401386c7,00a2c20d,activityDetection,2026-05-30T02:57:40Z,100RECNX/RCNX0002.JPG,false,RCNX0002.JPG,image/jpeg,,,\n"
)
CAMTRAP_DEPLOYMENTS = (
    "deploymentID,locationID,locationName,latitude,longitude,deploymentStart,deploymentEnd,cameraID,cameraModel\n"
    "00a2c20d,e254a13c,Creek,51.496,4.774,2026-05-30T04:57:37+02:00,2026-07-01T11:41:41+02:00,320,Reconyx-HF2X\n"
)
CAMTRAP_HEADER = (
    "observationID,deploymentID,mediaID,eventID,eventStart,eventEnd,observationLevel,observationType,cameraSetupType,"
    "scientificName,count,lifeStage,sex,behavior,individualID,individualPositionRadius,individualPositionAngle,"
    "individualSpeed,bboxX,bboxY,bboxWidth,bboxHeight,classificationMethod,classifiedBy,classificationTimestamp,"
    "classificationProbability,observationTags,observationComments\n"
)
CAMTRAP_ROWS = (
    "o1,00a2c20d,,e1,2026-05-30T02:57:37Z,2026-05-30T02:57:44Z,event,animal,,Ursus americanus,1,,,,,,,,,,,,human,"
    "P,,,,\n"
    "o2,00a2c20d,07840dcc,e1,2026-05-30T02:57:37Z,2026-05-30T02:57:37Z,media,animal,,Ursus americanus,1,adult,"
    "female,,,,,,0.25,0.5,0.125,0.25,human,A ranger,2026-06-09T09:39:52Z,,,\n"
    "o3,00a2c20d,401386c7,e1,2026-05-30T02:57:40Z,2026-05-30T02:57:40Z,media,blank,,,,,,,,,,,,,,,human,A ranger,,,,\n"
    "o4,00a2c20d,401386c7,e1,2026-05-30T02:57:40Z,2026-05-30T02:57:40Z,media,animal,,Procyon lotor,1,,,,,,,,,,,,"
    "machine,SpeciesNet,,0.83,,\n"
    "o5,00a2c20d,401386c7,e1,2026-05-30T02:57:40Z,2026-05-30T02:57:40Z,media,human,setup,,1,,,,,,,,,,,,human,A,,,,\n"
    "o6,00a2c20d,401386c7,e1,2026-05-30T02:57:40Z,2026-05-30T02:57:40Z,media,unknown,,,,,,,,,,,,,,,human,A,,,,\n"
)


def camtrap(folder: Path, header: str = CAMTRAP_HEADER, rows: str = CAMTRAP_ROWS) -> Path:
    """A package whose tables lie where its description says."""
    write_file(folder, "deployments.csv", CAMTRAP_DEPLOYMENTS)
    write_file(folder, "media.csv", CAMTRAP_MEDIA)
    write_file(folder, "observations.csv", header + rows)
    resources = [{"name": name, "path": f"{name}.csv"} for name in ("deployments", "media", "observations")]
    return write_file(folder, "datapackage.json", {"resources": resources, "name": "mica"})
