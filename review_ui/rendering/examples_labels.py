"""Examples of what the API says of labels, of campers' messages and of second looks."""

from __future__ import annotations

from typing import Any, Final

_LABEL: Final = {
    "item": "encounter:12",
    "file": "2027-01-15/upper-creek/0f3c1d2e4b5a69788796a5b4c3d2e1f0.jpg",
    "label": "bear",
    "source": "confirmed_alert",
    "probability": 1.0,
    "score": 0.41,
    "loss": 0.8916,
    "campsite": "upper-pines",
    "camera": "upper-creek",
    "captured_at": 1800000000.4,
    "visit": 12,
    "doubted": False,
    "kept": False,
    "removed": False,
}
_CHANGE: Final = {
    "id": 6,
    "author": 3,
    "status": "draft",
    "reason": None,
    "digest": "5d41402abc4b2a76b9719d911017c592ae2f1c3b7a9e8d6c5b4a39281706f5e4",
    "count": 1,
    "edits": [{"item": "encounter:12", "action": "relabel", "before": "not_bear", "after": "raccoon"}],
}
_MESSAGE: Final = {
    "id": 8,
    "campsite": "upper-pines",
    "kind": "report",
    "text": "a bear with a cub behind the showers",
    "created_at": 1800000300.0,
}

LABEL_EXAMPLES: Final[dict[str, Any]] = {
    "LabelOut": _LABEL,
    "LabelsOut": {"labels": [_LABEL], "next_after": None},
    "EditIn": {"item": "encounter:12", "action": "relabel", "seen": "not_bear", "label": "raccoon", "visit": True},
    "ChangeOut": _CHANGE,
    "ChangesOut": {"changes": [{**_CHANGE, "edits": []}], "next_before": None},
    "ApplyIn": {"seen": _CHANGE["digest"], "reason": "all of them are the same raccoon"},
    "CamperMessageOut": _MESSAGE,
    "CamperMessagesOut": {"messages": [_MESSAGE], "next_after": None},
    "WordsIn": {"text": "went there at once; the cub was up a tree, both have left"},
    "CampOut": {
        "campsite": "upper-pines",
        "name": "Upper Pines",
        "service": "full",
        "warning": {"since": 1800000041.0, "last_seen_at": 1800000100.2},
        "unwatched_since": None,
        "as_of": 1800000123.0,
    },
    "SecondLooksOut": {
        "second_looks": [{"id": 11, "campsite": "upper-pines", "captured_at": 1800000000.4}],
        "next_after": None,
    },
    "SecondLookOut": {
        "id": 11,
        "campsite": "upper-pines",
        "frames": ["/media/2027-01-15/upper-creek/0f3c1d2e4b5a69788796a5b4c3d2e1f0.jpg"],
        "answered_at": None,
        "first_verdict": None,
        "second_verdict": None,
        "outcome": None,
    },
    "AnswerIn": {"verdict": "not_a_bear"},
}
