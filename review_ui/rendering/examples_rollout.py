"""Examples of what the API says of the rollout, of audits and of what is drawn by lot."""

from __future__ import annotations

from typing import Any, Final

_UPPER: Final = {"campsites": ["upper-pines"], "names": ["Upper Pines"], "others": 0}

ROAD_EXAMPLES: Final[dict[str, Any]] = {
    "RoadOut": {
        "name": "from shadow to everywhere",
        "shipped": True,
        "at": 1800000123.0,
        "phase": "assisted",
        "epoch": 4,
        "here": 1,
        "next": "one-campsite-one-week",
        "model": "campsite@224:3f9a1c5e",
        "granted": _UPPER,
        "stages": [
            {
                "number": 1,
                "name": "one-campsite-one-day",
                "mode": "assisted",
                "places": _UPPER,
                "duration": "1 day",
                "progress": "here",
                "days": 0.6,
            }
        ],
        "clock": {
            "since": 1799950000.0,
            "look_at": 1800036400.0,
            "may_look": False,
            "deadline_at": 1800036400.0,
            "left_s": 36277.0,
            "share": 0.58,
            "timezone": "America/Los_Angeles",
            "lease_until": 1800000183.0,
        },
        "looked": {"at": 1799999400.0, "age_s": 723.0, "late": False},
        "blind_to": [],
        "gates": [
            {
                "gate": "recall",
                "metric": "recall_blind",
                "title": "Bears found, of those that people saw blind",
                "wants": "at least 80%, surely",
                "outcome": "inconclusive",
                "value": 0.93,
                "compared": 0.78,
                "limit": 0.8,
                "operator": ">=",
                "bound": "lower",
                "share": True,
                "value_unit": "",
                "n": 41.0,
                "unit": "visits",
                "need": 48.0,
                "have": 41.0,
                "days": 4.0,
                "missing": "7 more visits, in about 4 days",
                "course": [{"at": 1799913000.0, "outcome": "inconclusive", "value": 0.92, "compared": 0.76}],
            }
        ],
        "missing": [{"kind": "gate", "text": "7 more visits that people see blind"}],
        "approvals": [
            {
                "by": "lena",
                "roles": ["lead_ranger"],
                "step": "widen",
                "breaker": None,
                "at": 1799990000.0,
                "lapses_at": 1800594800.0,
                "counts": True,
                "void": "",
                "note": "read every miss of the last two weeks",
            }
        ],
        "approvals_needed": "a model owner",
        "may_approve": ["widen"],
        "may_not_approve": [],
        "breakers": [],
        "handovers": [],
        "roster": [{"user": "rosa", "addresses": 1, "able": True, "why": ""}],
        "campsites": [{"campsite": "upper-pines", "name": "Upper Pines", "mode": "assisted", "advising": True}],
        "resting": [
            {
                "camera": "upper-trail",
                "name": "Trail",
                "campsite": "upper-pines",
                "campsite_name": "Upper Pines",
                "since": 1800000060.0,
                "why": "no detector reports",
            }
        ],
        "problem": None,
    },
    "StagePlanOut": {
        "name": "one-campsite-one-week",
        "mode": "assisted",
        "duration": "1 week",
        "shortest_days": 7.0,
        "days": 11.0,
        "demands": [{"gate": "recall", "summary": "at least 80% of the bears, surely", "need": 48.0, "unit": "visits"}],
    },
    "HistoryOut": {
        "events": [
            {
                "seq": 31,
                "at": 1799950000.0,
                "kind": "stage_started",
                "actor": "olga",
                "title": "One campsite, one day",
                "details": "Upper Pines, assisted, for 1 day",
            }
        ],
        "next_before": None,
    },
    "AuditDeskOut": {
        "sheets": [
            {
                "id": 40,
                "campsite": "upper-pines",
                "camera": "upper-creek",
                "hour_at": 1799989200.0,
                "due_at": 1800086400.0,
                "thumbnails": ["/audit/sheets/40/0.jpg", "/audit/sheets/40/1.jpg"],
                "minutes": [0, 1],
            }
        ],
        "progress": {"due": 28, "done": 26, "open": 2, "share": 0.93},
    },
    "LotsOut": {
        "hours": [
            {
                "id": 3,
                "campsite": "upper-pines",
                "name": "Upper Pines",
                "starts_at": 1800010000.0,
                "ends_at": 1800013600.0,
                "timezone": "America/Los_Angeles",
                "state": "coming",
                "watched_share": None,
            }
        ],
        "share": 0.88,
        "least_share": 0.8,
        "experiments": [],
    },
    "ScheduledOut": {"id": 2},
}
