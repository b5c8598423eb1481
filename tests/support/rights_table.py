"""Who may do what, route by route: the table that ``tests/review_ui/people/test_rights.py`` walks.

**A new route gets one line here**; the walk fails while it is missing. The line says which right the route needs
(``None``: it is for everybody; :data:`SIGNED_IN`: for whoever is logged in, but not for programs), and what it does for
somebody who has the right, but not the campsite:

* ``FILTERED`` (unless it says otherwise): it answers, without anything of that campsite. The walk looks for the
  campsite's names in what it answers.
* ``HIDDEN``: it is about one thing of a campsite (an alert, a picture, a sighting), and answers 404 as if there were no
  such thing. The walk asks it about a thing of the person's campsite and about one of another.
* ``WHOLE``: it is about the site as a whole, names of campsites included, but nothing that happened there.

``form`` and ``json`` are what is sent; ``{campsite}`` in them, and parameters in the path, are filled in by the walk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from review_ui.auth.rights import Right


class Elsewhere(StrEnum):
    """What happens about a campsite that is not the person's."""

    FILTERED = "filtered"
    HIDDEN = "hidden"
    WHOLE = "whole"


FILTERED, HIDDEN, WHOLE = Elsewhere
SIGNED_IN: Final = "signed in"


@dataclass(frozen=True)
class Door:
    """What a route asks for. ``streams``: it answers without end, so that nobody walks through it."""

    right: Right | str | None
    elsewhere: Elsewhere = FILTERED
    form: Mapping[str, Any] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None
    streams: bool = False


DECISION = {"verdict": "bear", "seen_version": 999, "idempotency_key": "a-decision-key"}
SIGHTING = {
    "campsite": "{campsite}",
    "animal": "bear",
    "number": "1",
    "when": "now",
    "idempotency_key": "a-key-of-mine",
}

DOORS: dict[tuple[str, str], Door] = {
    # Everybody
    ("GET", "/api/v1/openapi.json"): Door(None),
    ("GET", "/healthz"): Door(None),
    ("GET", "/login"): Door(None),
    ("POST", "/login"): Door(None),
    ("GET", "/login/code"): Door(None),
    ("POST", "/login/code"): Door(None),
    ("GET", "/login/openid"): Door(None),
    ("GET", "/login/openid/back"): Door(None),
    ("POST", "/logout"): Door(None),
    ("GET", "/metrics"): Door(None),
    ("POST", "/theme"): Door(None),
    ("GET", "/sw.js"): Door(None),
    ("GET", "/manifest.webmanifest"): Door(None),
    ("GET", "/offline"): Door(None),
    ("GET", "/alerts"): Door(Right.VIEW),
    ("GET", "/alerts.csv"): Door(Right.VIEW),
    # Watch
    ("GET", "/"): Door(Right.VIEW),
    ("GET", "/api/v1/watches"): Door(Right.WATCH),
    ("POST", "/api/v1/watches"): Door(Right.WATCH, json={"campsite": "nowhere"}),
    ("POST", "/api/v1/watches/{watch_id}/end"): Door(Right.WATCH),
    ("POST", "/api/v1/watches/{watch_id}/still"): Door(Right.WATCH),
    ("GET", "/fragments/banner"): Door(Right.VIEW),
    ("GET", "/fragments/watch"): Door(Right.VIEW),
    ("POST", "/watches"): Door(Right.WATCH, form={"campsite": "nowhere"}),
    ("POST", "/watches/{watch_id:int}/end"): Door(Right.WATCH),
    ("POST", "/watches/{watch_id:int}/still"): Door(Right.WATCH),
    # Alerts
    ("GET", "/alerts/{alert_id:int}"): Door(Right.VIEW, HIDDEN),
    ("POST", "/alerts/{alert_id:int}/decision"): Door(Right.REVIEW, HIDDEN, form=DECISION),
    ("GET", "/alerts/{alert_id:int}/panel"): Door(Right.VIEW, HIDDEN),
    ("GET", "/api/v1/alerts"): Door(Right.VIEW),
    ("GET", "/api/v1/alerts/{alert_id}"): Door(Right.VIEW, HIDDEN),
    ("POST", "/api/v1/alerts/{alert_id}/decisions"): Door(Right.REVIEW, HIDDEN, json=DECISION),
    ("GET", "/media/{key:path}"): Door(Right.VIEW, HIDDEN),
    # Sightings
    ("GET", "/api/v1/sightings"): Door(Right.VIEW),
    ("POST", "/api/v1/sightings"): Door(Right.WATCH, json={"campsite": "{campsite}"}),
    ("GET", "/api/v1/sightings/{sighting_id}"): Door(Right.VIEW, HIDDEN),
    ("GET", "/sightings"): Door(Right.VIEW),
    ("POST", "/sightings"): Door(Right.WATCH, form=SIGHTING),
    ("GET", "/sightings/new"): Door(Right.WATCH),
    ("GET", "/sightings/{sighting_id:int}"): Door(Right.VIEW, HIDDEN),
    ("GET", "/sightings/{sighting_id:int}/match"): Door(Right.VIEW, HIDDEN),
    # People
    ("GET", "/account"): Door(SIGNED_IN),
    ("POST", "/account/password"): Door(SIGNED_IN),
    ("GET", "/account/push"): Door(SIGNED_IN),
    ("POST", "/account/push"): Door(SIGNED_IN),
    ("POST", "/account/push/end"): Door(SIGNED_IN),
    ("POST", "/account/push/mine"): Door(SIGNED_IN),
    ("POST", "/account/push/test"): Door(SIGNED_IN),
    ("POST", "/account/second-factor"): Door(SIGNED_IN),
    ("POST", "/account/second-factor/codes"): Door(SIGNED_IN),
    ("POST", "/account/second-factor/confirm"): Door(SIGNED_IN),
    ("POST", "/account/second-factor/remove"): Door(SIGNED_IN),
    ("POST", "/account/sessions/end"): Door(SIGNED_IN),
    ("POST", "/account/sessions/end-others"): Door(SIGNED_IN),
    ("POST", "/account/tokens"): Door(SIGNED_IN),
    ("POST", "/account/tokens/{token_id:int}/end"): Door(SIGNED_IN),
    ("GET", "/api/v1/me"): Door(Right.VIEW),
    ("GET", "/api/v1/people"): Door(Right.PEOPLE),
    ("POST", "/api/v1/people"): Door(Right.PEOPLE),
    ("PUT", "/api/v1/people/{user_id}"): Door(Right.PEOPLE),
    ("POST", "/api/v1/people/{user_id}/activate"): Door(Right.PEOPLE),
    ("POST", "/api/v1/people/{user_id}/deactivate"): Door(Right.PEOPLE),
    ("POST", "/api/v1/people/{user_id}/password"): Door(Right.PEOPLE),
    ("POST", "/api/v1/people/{user_id}/revoke"): Door(Right.PEOPLE),
    ("DELETE", "/api/v1/people/{user_id}/second-factor"): Door(Right.PEOPLE),
    ("GET", "/api/v1/tokens"): Door(SIGNED_IN),
    ("POST", "/api/v1/tokens"): Door(SIGNED_IN),
    ("DELETE", "/api/v1/tokens/{token_id}"): Door(SIGNED_IN),
    ("GET", "/people"): Door(Right.PEOPLE, WHOLE),
    ("POST", "/people"): Door(Right.PEOPLE, WHOLE),
    ("GET", "/people/{user_id:int}"): Door(Right.PEOPLE),
    ("POST", "/people/{user_id:int}"): Door(Right.PEOPLE),
    ("POST", "/people/{user_id:int}/activate"): Door(Right.PEOPLE),
    ("POST", "/people/{user_id:int}/deactivate"): Door(Right.PEOPLE),
    ("POST", "/people/{user_id:int}/password"): Door(Right.PEOPLE),
    ("POST", "/people/{user_id:int}/revoke"): Door(Right.PEOPLE),
    ("POST", "/people/{user_id:int}/second-factor"): Door(Right.PEOPLE),
    # Ledger
    ("GET", "/ledger"): Door(Right.LEDGER),
    ("GET", "/ledger.jsonl"): Door(Right.LEDGER),
    ("POST", "/ledger/verify"): Door(Right.LEDGER),
    ("GET", "/api/v1/ledger"): Door(Right.LEDGER),
    ("GET", "/api/v1/ledger/export"): Door(Right.LEDGER),
    ("POST", "/api/v1/ledger/verify"): Door(Right.LEDGER),
    # The API's own
    ("GET", "/api/v1/cameras"): Door(Right.VIEW),
    ("GET", "/api/v1/events"): Door(Right.VIEW, streams=True),
    ("GET", "/api/v1/health"): Door(Right.VIEW),
    # Try a photo
    ("POST", "/api/predict"): Door(Right.VIEW),
    ("POST", "/api/v1/predict"): Door(Right.VIEW),
    ("GET", "/try"): Door(Right.VIEW),
    ("POST", "/try"): Door(Right.VIEW),
    # Campers
    ("GET", "/api/v1/appeals"): Door(Right.REVIEW),
    ("GET", "/api/v1/appeals/{appeal_id}"): Door(Right.REVIEW),
    ("POST", "/api/v1/appeals/{appeal_id}/answer"): Door(Right.REVIEW),
    ("POST", "/api/v1/appeals/{appeal_id}/settlement"): Door(Right.REVIEW),
    ("GET", "/api/v1/camp/{campsite}"): Door(None),
    ("POST", "/api/v1/camp/{campsite}/messages"): Door(None),
    ("GET", "/api/v1/camper-messages"): Door(Right.REVIEW),
    ("POST", "/api/v1/camper-messages/{message_id}"): Door(Right.REVIEW),
    ("GET", "/appeals"): Door(Right.REVIEW),
    ("GET", "/appeals/{appeal_id:int}"): Door(Right.REVIEW),
    ("POST", "/appeals/{appeal_id:int}/answer"): Door(Right.REVIEW),
    ("POST", "/appeals/{appeal_id:int}/settle"): Door(Right.REVIEW),
    ("GET", "/camp"): Door(None),
    ("GET", "/camp/{campsite}"): Door(None),
    ("GET", "/camp/{campsite}/{kind}"): Door(None),
    ("POST", "/camp/{campsite}/{kind}"): Door(None),
    ("POST", "/camper-messages/{message_id:int}"): Door(Right.REVIEW),
    # Labels
    ("GET", "/api/v1/labels"): Door(Right.LABEL),
    ("GET", "/api/v1/labels/animals"): Door(Right.LABEL),
    ("GET", "/api/v1/labels/changes"): Door(Right.LABEL),
    ("GET", "/api/v1/labels/changes/{change_id}"): Door(Right.LABEL),
    ("POST", "/api/v1/labels/animals"): Door(Right.LABEL),
    ("POST", "/api/v1/labels/changes/{change_id}/apply"): Door(Right.LABEL),
    ("POST", "/api/v1/labels/edits"): Door(Right.LABEL),
    ("GET", "/labels"): Door(Right.LABEL),
    ("GET", "/labels.csv"): Door(Right.LABEL),
    ("GET", "/labels/groups"): Door(Right.LABEL),
    ("POST", "/labels/groups"): Door(Right.LABEL),
    ("GET", "/labels/changes"): Door(Right.LABEL),
    ("GET", "/labels/changes/{change_id:int}"): Door(Right.LABEL),
    ("POST", "/labels/changes/{change_id:int}/apply"): Door(Right.LABEL),
    ("POST", "/labels/changes/{change_id:int}/revert"): Door(Right.LABEL),
    ("POST", "/labels/changes/{change_id:int}/withdraw"): Door(Right.LABEL),
    ("POST", "/labels/animals"): Door(Right.LABEL),
    ("POST", "/labels/edits"): Door(Right.LABEL),
    # Cameras
    ("GET", "/api/v1/cameras/{camera}"): Door(Right.VIEW),
    ("POST", "/api/v1/cameras/{camera}/areas"): Door(Right.OPERATE, json={"masks": []}),
    ("POST", "/api/v1/cameras/{camera}/test"): Door(Right.OPERATE),
    ("GET", "/cameras"): Door(Right.VIEW),
    ("GET", "/cameras/live"): Door(Right.VIEW),
    ("GET", "/cameras/now"): Door(Right.VIEW),
    ("GET", "/cameras/{camera}"): Door(Right.VIEW),
    ("GET", "/cameras/{camera}/still.jpg"): Door(Right.VIEW),
    ("POST", "/cameras/{camera}/areas"): Door(Right.OPERATE),
    ("POST", "/cameras/{camera}/test"): Door(Right.OPERATE),
    # Models
    ("GET", "/api/v1/models"): Door(Right.VIEW),
    ("GET", "/api/v1/models/registry"): Door(Right.VIEW),
    ("POST", "/api/v1/models/rollback"): Door(Right.MODELS, json={}),
    ("POST", "/api/v1/models/{digest}/register"): Door(Right.MODELS, json={}),
    ("POST", "/api/v1/models/{digest}/approvals"): Door(Right.APPROVE_PROMOTION, json={}),
    ("POST", "/api/v1/models/{digest}/promote"): Door(Right.MODELS, json={}),
    ("POST", "/api/v1/models/{digest}/challenge"): Door(Right.MODELS, json={}),
    ("POST", "/api/v1/models/withdraw"): Door(Right.MODELS, json={}),
    ("GET", "/api/v1/models/{digest}/compare/{other}"): Door(Right.VIEW),
    ("GET", "/api/v1/models/{digest}"): Door(Right.VIEW),
    ("GET", "/models"): Door(Right.VIEW),
    ("POST", "/models/rollback"): Door(Right.MODELS),
    ("GET", "/models/{digest}"): Door(Right.VIEW),
    ("POST", "/models/{digest}/approve"): Door(Right.APPROVE_PROMOTION),
    ("POST", "/models/{digest}/promote"): Door(Right.MODELS),
    ("POST", "/models/{digest}/challenge"): Door(Right.MODELS),
    ("POST", "/models/withdraw"): Door(Right.MODELS),
    ("POST", "/models/{digest}/register"): Door(Right.MODELS),
    # Rollout
    ("GET", "/api/v1/rollout"): Door(Right.VIEW),
    ("GET", "/api/v1/rollout/history"): Door(Right.VIEW),
    ("GET", "/api/v1/rollout/plan"): Door(Right.VIEW),
    ("POST", "/api/v1/rollout/approvals"): Door(Right.APPROVE_PROMOTION, json={}),
    ("POST", "/api/v1/rollout/breakers/reset"): Door(Right.APPROVE_PROMOTION, json={}),
    ("POST", "/api/v1/rollout/extend"): Door(Right.OPERATE, json={}),
    ("POST", "/api/v1/rollout/analysis"): Door(Right.VIEW),
    ("POST", "/api/v1/rollout/demote"): Door(Right.STOP, json={}),
    ("POST", "/api/v1/rollout/hold"): Door(Right.STOP, json={}),
    ("POST", "/api/v1/rollout/stop"): Door(Right.STOP, json={}),
    ("POST", "/api/v1/rollout/watch"): Door(Right.WATCH, json={}),
    ("POST", "/api/v1/rollout/promote"): Door(Right.OPERATE, json={}),
    ("GET", "/fragments/rollout"): Door(Right.VIEW),
    ("GET", "/rollout"): Door(Right.VIEW),
    ("GET", "/rollout/history"): Door(Right.VIEW),
    ("GET", "/rollout/stop"): Door(Right.STOP),
    ("POST", "/rollout/ack"): Door(Right.WATCH),
    ("POST", "/rollout/approve"): Door(Right.APPROVE_PROMOTION),
    ("POST", "/rollout/breakers/reset"): Door(Right.APPROVE_PROMOTION),
    ("POST", "/rollout/extend"): Door(Right.OPERATE),
    ("POST", "/rollout/analysis"): Door(Right.VIEW),
    ("POST", "/rollout/demote"): Door(Right.STOP),
    ("POST", "/rollout/hold"): Door(Right.STOP),
    ("POST", "/rollout/stop"): Door(Right.STOP),
    ("POST", "/rollout/promote"): Door(Right.OPERATE),
    # Audits
    ("GET", "/api/v1/audit/sheets"): Door(Right.AUDIT),
    ("POST", "/api/v1/audit/sheets/{sheet_id}/answers"): Door(Right.AUDIT),
    ("GET", "/audit"): Door(Right.AUDIT),
    ("GET", "/audit/sheets/{sheet_id:int}"): Door(Right.AUDIT),
    ("POST", "/audit/sheets/{sheet_id:int}"): Door(Right.AUDIT),
    ("GET", "/audit/sheets/{sheet_id:int}/{index:int}.jpg"): Door(Right.AUDIT),
    # Drawn at random
    ("GET", "/api/v1/experiments"): Door(Right.VIEW),
    ("POST", "/api/v1/weather"): Door(Right.OPERATE, json={"observations": []}),
    ("POST", "/api/v1/experiments"): Door(Right.OPERATE, json={}),
    ("POST", "/api/v1/experiments/{experiment_id}/end"): Door(Right.OPERATE),
    ("GET", "/experiments"): Door(Right.VIEW),
    ("POST", "/experiments"): Door(Right.OPERATE),
    ("POST", "/experiments/{experiment_id:int}/end"): Door(Right.OPERATE),
    # Reports
    ("GET", "/api/v1/reports"): Door(Right.REPORTS),
    ("GET", "/api/v1/reports/daily/{day}/{campsite}"): Door(Right.REPORTS),
    ("GET", "/api/v1/reports/{kind}"): Door(Right.REPORTS),
    ("GET", "/reports"): Door(Right.REPORTS),
    ("GET", "/reports/stored/{day}/{campsite}/{suffix}"): Door(Right.REPORTS),
    ("GET", "/reports/{kind}"): Door(Right.REPORTS),
    ("GET", "/reports/{kind}/{suffix}"): Door(Right.REPORTS),
    # Nights
    ("GET", "/api/v1/nights/{date}"): Door(Right.VIEW),
    ("GET", "/api/v1/nights/{date}/frames"): Door(Right.VIEW),
    ("GET", "/nights"): Door(Right.VIEW),
    ("GET", "/nights/{date}"): Door(Right.VIEW),
    ("GET", "/nights/{date}/frames"): Door(Right.VIEW),
}
