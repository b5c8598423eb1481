"""Examples of what the API says of the past and the present: reports, the ledger, nights, cameras, models, photos."""

from __future__ import annotations

from typing import Any, Final

_PICTURE: Final = "/media/2027-01-15/upper-creek/0f3c1d2e4b5a69788796a5b4c3d2e1f0.jpg"
_DIGEST: Final = "3f9a1c5e7b2d4860a1b2c3d4e5f60718293a4b5c6d7e8f900112233445566778"
CAMERA: Final = {
    "id": "upper-creek",
    "name": "Creek",
    "campsite": "upper-pines",
    "seeing": "sees",
    "why": "",
    "content_age_s": 0.4,
}
_MODEL: Final = {
    "name": "campsite@224:3f9a1c5e",
    "digest": _DIGEST,
    "labels": ["bear", "deer", "raccoon", "dog", "other_animal", "person", "empty"],
    "thresholds": {"day": 0.83, "night_ir": 0.9},
    "live": True,
    "evaluation": None,
    "datasheet": None,
}
_SHOT: Final = {"camera": "upper-creek", "picture": _PICTURE, "at": 1800000000.4, "about": False}

RECORD_EXAMPLES: Final[dict[str, Any]] = {
    "ShotOut": _SHOT,
    "NightOut": {
        "date": "2027-01-14",
        "timezone": "America/Los_Angeles",
        "start": 1799956800.0,
        "end": 1800043200.0,
        "cameras": [
            {
                "camera": "upper-creek",
                "campsite": "upper-pines",
                "hidden": False,
                "nobody_looked": [[1799970000.0, 1799970060.0]],
                "visits": [
                    {
                        "encounter": 12,
                        "alert": 17,
                        "first_at": 1800000000.0,
                        "last_at": 1800000003.2,
                        "status": "confirmed",
                        "second_look": False,
                    }
                ],
                "audits": [{"hour_at": 1799989200.0, "bear": "no", "by": "rosa"}],
            }
        ],
        "people": [
            {
                "campsite": "upper-pines",
                "sightings": [{"id": 4, "at": 1800000012.0, "what": "a bear", "by": "lena", "blind": True}],
                "watches": [{"start": 1799990000.0, "end": 1800020000.0, "by": "lena", "open": False}],
            }
        ],
        "weather": [],
    },
    "CameraFileOut": {
        **CAMERA,
        "width": 640,
        "height": 360,
        "source_fps": 15.0,
        "analysed_fps": 5.0,
        "reconnects": 0,
        "hours": [{"at": 1799996400.0, "looked": 60, "of": 60}],
        "test": None,
    },
    "Areas": {
        "masks": [[[0.0, 0.0], [1.0, 0.0], [1.0, 0.2]]],
        "zones": {"food lockers": [[0.6, 0.5], [0.9, 0.5], [0.9, 0.9], [0.6, 0.9]]},
    },
    "AreasOut": {"yaml": "masks:\n  - [[0, 0], [1, 0], [1, 0.2]]\n"},
    "ModelOut": _MODEL,
    "ModelsOut": {
        "working": [{"process": "detector:one", "model": "campsite@224:3f9a1c5e", "device": "cpu", "age_s": 1.4}],
        "models": [_MODEL],
        "next_after": None,
    },
    "PredictionOut": {
        "verdict": "bear",
        "label": "bear",
        "probabilities": {"bear": 0.97, "dog": 0.02, "empty": 0.01},
        "bear": 0.97,
        "threshold": 0.83,
        "unknown": False,
        "unknown_score": 0.31,
        "light": "day",
        "box": [0.31, 0.42, 0.55, 0.87],
        "crop": "the part in which most stands out",
        "width": 640,
        "height": 360,
        "model": "campsite@224:3f9a1c5e",
    },
    "LedgerOut": {
        "entries": [
            {
                "seq": 904,
                "at": 1800000041.0,
                "kind": "review.made",
                "subject": "alert:17",
                "actor": "user:3",
                "campsite": "upper-pines",
                "body": {"review": 31, "verdict": "bear", "status": "confirmed", "version": 2, "score_hidden": True},
                "masked": [],
                "previous": "8c1f0e2d3b4a59687786a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
                "hash": "b7e23ec29af22b0b4e41da31e868d57226121c84aa1f5b6f9c3d2e1f0a9b8c7d",
            }
        ],
        "next_before": None,
        "until": None,
    },
    "VerificationOut": {
        "unbroken": True,
        "complete": True,
        "broken_at": None,
        "why": None,
        "entries": 904,
        "head": "b7e23ec29af22b0b4e41da31e868d57226121c84aa1f5b6f9c3d2e1f0a9b8c7d",
    },
    "ReportsOut": {
        "kinds": [{"kind": "daily", "title": "Daily operations", "about": "Cameras, delays, queue, machine, cost."}],
        "daily": [
            {
                "day": "2027-01-14",
                "campsite": "upper-pines",
                "made_at": 1800047000.0,
                "light": "look",
                "words": "One camera was blind for 12 minutes.",
            }
        ],
        "next_before": None,
        "blind_to": [],
    },
    "ReportOut": {
        "kind": "daily",
        "title": "Daily operations",
        "first_day": "2027-01-14",
        "last_day": "2027-01-14",
        "start": 1799913600.0,
        "end": 1800000000.0,
        "running": False,
        "timezone": "America/Los_Angeles",
        "made_at": 1800003600.0,
        "model": "campsite@224:3f9a1c5e",
        "campsites": [{"id": "upper-pines", "name": "Upper Pines"}],
        "light": "look",
        "answers": [
            {
                "key": "cameras",
                "question": "Did the cameras see?",
                "light": "look",
                "words": "Creek was blind for 12 minutes.",
            }
        ],
        "sections": [
            {
                "key": "delays",
                "title": "From the lens to the ranger",
                "words": ["Half of the alerts were in the queue within 0.4 s."],
                "figures": [
                    {
                        "key": "alert_end_to_end",
                        "label": "Capture to queue",
                        "value": 0.38,
                        "said": "0.38 s",
                        "form": "seconds",
                        "unit": "",
                        "low": None,
                        "high": None,
                        "sure": "all of them were measured",
                        "n": 41.0,
                        "of": "alerts",
                        "why": "",
                        "note": "median",
                    }
                ],
                "plots": [],
                "tables": [
                    {
                        "key": "blind",
                        "title": "Blind cameras",
                        "columns": [
                            {"key": "camera", "label": "Camera", "form": "text"},
                            {"key": "blind_s", "label": "Blind for", "form": "seconds"},
                        ],
                        "rows": [["Creek", 720.0]],
                        "left_out": 0,
                        "note": "",
                    }
                ],
            }
        ],
        "limits": ["The cost is worked out from the prices in the configuration; it is not measured."],
    },
}
