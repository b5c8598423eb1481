"""One example of each of the API's documents, by the name of its model. A test checks that they are what they show."""

from __future__ import annotations

from typing import Any, Final

from review_ui.rendering.examples_labels import LABEL_EXAMPLES
from review_ui.rendering.examples_record import CAMERA, RECORD_EXAMPLES
from review_ui.rendering.examples_rollout import ROAD_EXAMPLES

_ALERT: Final = {
    "id": 17,
    "version": 1,
    "status": "open",
    "kind": "bear",
    "campsite": "upper-pines",
    "camera": "upper-creek",
    "captured_at": 1800000000.4,
    "first_at": 1800000000.0,
    "last_at": 1800000003.2,
    "hits": 12,
    "zones": ["food lockers"],
    "late": False,
    "mode": "shadow",
    "box": [0.31, 0.42, 0.55, 0.87],
    "cover": "/media/2027-01-15/upper-creek/0f3c1d2e4b5a69788796a5b4c3d2e1f0.jpg",
}
_SIGHTING: Final = {
    "id": 4,
    "campsite": "upper-pines",
    "camera": "upper-creek",
    "animal": "bear",
    "number": 1,
    "note": "beside the food lockers, went up the creek",
    "seen_at": 1800000012.0,
    "sealed_at": 1800000031.5,
    "seal": "9b2f6d1c8a7e4f30b5c6d7e8f9a0b1c2d3e4f5061728394a5b6c7d8e9f0a1b2c",
    "blind": True,
}
_MATCH: Final = {"kind": "bear", "alert": 17, "camera": "Creek", "lead_s": 12.0}
_WATCH: Final = {"id": 9, "campsite": "upper-pines", "started_at": 1799990000.0, "ends_at": 1800040400.0}
_PERSON: Final = {
    "id": 3,
    "name": "night-ranger",
    "role": "ranger",
    "active": True,
    "campsites": ["upper-pines"],
    "second_factor": False,
    "must_change_password": True,
    "sessions": 0,
    "tokens": 0,
    "last_seen_at": None,
}
_TOKEN: Final = {
    "id": 2,
    "name": "siren at the gate",
    "rights": ["view"],
    "campsites": ["upper-pines"],
    "created_at": 1800000000.0,
    "expires_at": 1807776000.0,
    "last_used_at": None,
}
_CAMERA: Final = {**CAMERA, "unwatched_s": None}

_WEATHER: Final = {
    "region": "sierra",
    "at": 1800000000.0,
    "temperature_c": 4.2,
    "rain_mm": 0.6,
    "wind_ms": 2.1,
    "sky": "fog",
    "source": "station at the ranger house",
}

EXAMPLES: Final[dict[str, Any]] = {
    **LABEL_EXAMPLES,
    **RECORD_EXAMPLES,
    **ROAD_EXAMPLES,
    "AlertOut": _ALERT,
    "AlertsOut": {"alerts": [_ALERT], "next_after": None},
    "AlertFileOut": {
        **_ALERT,
        "frames": [
            {"captured_at": 1800000000.4, "picture": _ALERT["cover"], "box": [0.31, 0.42, 0.55, 0.87], "agrees": True}
        ],
        "history": [
            {"at": 1800000000.8, "who": "Tracker", "what": "raised the alert 0.4 s after the frame", "undone": False}
        ],
        "opinion": None,
        "second_look": None,
        "held": 0,
    },
    "DecisionIn": {"verdict": "bear", "seen_version": 1, "idempotency_key": "6f1c2d3e-0a1b-4c5d-8e9f-001122334455"},
    "DecisionOut": {
        "review": 31,
        "verdict": "bear",
        "status": "confirmed",
        "version": 2,
        "effective_at": 1800000041.0,
    },
    "SightingIn": {
        "campsite": "upper-pines",
        "camera": "upper-creek",
        "animal": "bear",
        "number": 1,
        "seen_at": 1800000012.0,
        "note": "beside the food lockers, went up the creek",
        "idempotency_key": "0b8d7c6e-1111-4222-8333-444455556666",
    },
    "SightingRowOut": _SIGHTING,
    "SightingOut": {**_SIGHTING, "match": _MATCH},
    "SightingsOut": {"sightings": [_SIGHTING], "next_after": None},
    "MatchOut": _MATCH,
    "WatchIn": {"campsite": "upper-pines"},
    "WatchOut": _WATCH,
    "WatchesOut": {"watches": [_WATCH], "next_after": None},
    "CameraOut": _CAMERA,
    "CamerasOut": {"cameras": [_CAMERA], "next_after": None},
    "Health": {
        "database": True,
        "redis": True,
        "open_pages": 2,
        "cameras_seeing": 3,
        "cameras_blind": 0,
        "processes": {"ingest": {"at": 1800000000.0, "age_s": 1.2}},
    },
    "MeOut": {
        "id": 3,
        "name": "night-ranger",
        "role": "ranger",
        "rights": ["view", "review", "watch", "audit", "label", "stop"],
        "campsites": ["upper-pines"],
        "blind_to": ["upper-pines"],
    },
    "TokenIn": {"name": "siren at the gate", "rights": ["view"], "campsites": ["upper-pines"], "days": 90},
    "TokenOut": _TOKEN,
    "TokensOut": {"tokens": [_TOKEN], "next_after": None},
    "NewTokenOut": {"id": 2, "token": "bw_Jx0s4v7y9zA1bC2dE3fG4hI5jK6lM7nO8pQ9rS0tUv"},
    "PersonIn": {"name": "night-ranger", "role": "ranger", "campsites": ["upper-pines"]},
    "PersonChange": {"role": "lead_ranger", "campsites": []},
    "PersonOut": _PERSON,
    "PeopleOut": {"people": [_PERSON], "next_after": None},
    "PasswordOut": {"id": 3, "password": "k7mq-x2vd-9hst-4bnw"},
    "ApproveIn": {
        "epoch": 3,
        "idempotency_key": "5f0e1d2c-2222-4333-8444-555566667777",
        "password": "",
        "step": "widen",
        "note": "read every miss of the last two weeks",
    },
    "WidenIn": {"epoch": 3, "idempotency_key": None, "password": "", "again": False},
    "ExtendIn": {"epoch": 4, "idempotency_key": None, "password": "", "longer": "24h"},
    "NarrowIn": {"to": "one-campsite-one-day", "campsites": [], "reason": "fog for the next three nights"},
    "StopIn": {"campsites": [], "reason": "warnings go out in daylight", "idempotency_key": None},
    "TakeOverIn": {"handover": 2},
    "ResetIn": {
        "epoch": 4,
        "idempotency_key": None,
        "password": "",
        "breaker": "false_alarm_burst@camera:upper-creek",
        "cause": "a branch in the wind; cut off, and a mask drawn over the tree",
    },
    "OutcomeOut": {"done": True, "phase": "handover", "why": [], "events": ["killed", "breaker_opened"]},
    "AuditAnswerIn": {"bear": "yes", "marked": [14, 15], "idempotency_key": "7a6b5c4d-3333-4444-8555-666677778888"},
    "AuditAnswerOut": {"id": 5, "sheet": 40, "bear": "yes", "marked": [14, 15], "answered_at": 1800000100.0},
    "WeatherIn": {"observations": [_WEATHER]},
    "WeatherStoredOut": {"new": 1, "replaced": 0},
    "NightWeatherOut": {
        **{k: v for k, v in _WEATHER.items() if k != "region"},
        "own": False,
        "campsite": "upper-pines",
    },
    "ExperimentIn": {
        "name": "do alarms change what we see",
        "campsites": ["upper-pines", "lower-pines"],
        "first_night": "2027-07-14",
        "nights": 28,
        "block": 4,
    },
    "Problem": {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such alert, or it is hidden while you are on watch.",
    },
}

ANSWERS: Final[dict[tuple[str, str], Any]] = {
    ("GET", "/api/v1/events"): (
        'id: 904\nevent: ledger\ndata: {"kind":"alert.raised","subject":"alert:17","campsite":"upper-pines"}\n\n'
    ),
    ("POST", "/api/v1/camp/{campsite}/messages"): {"received": True},
    ("POST", "/api/v1/cameras/{camera}/test"): {"asked": True},
}
"""What is answered where no model describes it."""
