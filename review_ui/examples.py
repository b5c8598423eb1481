"""One example of each of the API's documents, by the name of its model. A test checks that they are what they show."""

from __future__ import annotations

from typing import Any, Final

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
_CAMERA: Final = {
    "id": "upper-creek",
    "name": "Creek",
    "campsite": "upper-pines",
    "seeing": "sees",
    "why": "",
    "content_age_s": 0.4,
}

EXAMPLES: Final[dict[str, Any]] = {
    "AlertOut": _ALERT,
    "AlertsOut": {"alerts": [_ALERT], "next_after": None},
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
    "WatchesOut": {"watches": [_WATCH]},
    "CameraOut": _CAMERA,
    "CamerasOut": {"cameras": [_CAMERA]},
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
    "TokensOut": {"tokens": [_TOKEN]},
    "NewTokenOut": {"id": 2, "token": "bw_Jx0s4v7y9zA1bC2dE3fG4hI5jK6lM7nO8pQ9rS0tUv"},
    "PersonIn": {"name": "night-ranger", "role": "ranger", "campsites": ["upper-pines"]},
    "PersonChange": {"role": "lead_ranger", "campsites": []},
    "PersonOut": _PERSON,
    "PeopleOut": {"people": [_PERSON], "next_after": None},
    "PasswordOut": {"id": 3, "password": "k7mq-x2vd-9hst-4bnw"},
    "Problem": {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such alert, or it is hidden while you are on watch.",
    },
}
