"""Every page, once: what the browser walks, what is photographed, what is weighed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sheet:
    """A page's name for files, its path, and whether it needs nobody to be logged in.

    ``pattern`` is the route's path when it has parameters, so that a test can tell which routes are covered.
    """

    name: str
    path: str
    pattern: str = ""
    public: bool = False
    who: str = "root"
    """Whose browser looks at it. Rosa has decided, and so nothing of it is hidden from her for a second review."""


REPORTS = ("shadow", "daily", "loop", "rollout")
PAGES: tuple[Sheet, ...] = (
    Sheet("watch", "/", who="rosa"),
    Sheet("alert", "/alerts/{open}", "/alerts/{alert_id:int}"),
    Sheet("alert-decided", "/alerts/{decided}", "/alerts/{alert_id:int}", who="rosa"),
    Sheet("sighting-new", "/sightings/new"),
    Sheet("sightings", "/sightings"),
    Sheet("sighting", "/sightings/{sighting}", "/sightings/{sighting_id:int}"),
    Sheet("audit", "/audit"),
    Sheet("audit-sheet", "/audit/sheets/1", "/audit/sheets/{sheet_id:int}"),
    Sheet("rollout", "/rollout"),
    Sheet("rollout-history", "/rollout/history"),
    Sheet("rollout-stop", "/rollout/stop"),
    Sheet("experiments", "/experiments"),
    Sheet("reports", "/reports"),
    *(Sheet(f"report-{each}", f"/reports/{each}", "/reports/{kind}") for each in REPORTS),
    Sheet("models", "/models"),
    Sheet("model", "/models/{model}", "/models/{digest}"),
    Sheet("labels", "/labels", who="rosa"),
    Sheet("label-groups", "/labels/groups", who="rosa"),
    Sheet("label-changes", "/labels/changes", who="rosa"),
    Sheet("label-change", "/labels/changes/{change}", "/labels/changes/{change_id:int}", who="rosa"),
    Sheet("try", "/try"),
    Sheet("cameras", "/cameras"),
    Sheet("cameras-now", "/cameras/now"),
    Sheet("camera", "/cameras/upper-creek", "/cameras/{camera}"),
    Sheet("people", "/people"),
    Sheet("person", "/people/{person}", "/people/{user_id:int}"),
    Sheet("account", "/account"),
    Sheet("ledger", "/ledger"),
    Sheet("appeals", "/appeals"),
    Sheet("appeal", "/appeals/{appeal}", "/appeals/{appeal_id:int}"),
    Sheet("alerts", "/alerts", who="rosa"),
    Sheet("nights", "/nights", who="rosa"),
    Sheet("night", "/nights/{night}", "/nights/{date}", who="rosa"),
    Sheet("offline", "/offline"),
    Sheet("login", "/login", public=True),
    Sheet("camps", "/camp", public=True),
    Sheet("camp", "/camp/upper-pines", "/camp/{campsite}", public=True),
    Sheet("camp-report", "/camp/upper-pines/report", "/camp/{campsite}/{kind}", public=True),
)
