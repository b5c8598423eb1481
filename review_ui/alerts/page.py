"""``/alerts``: find alerts again. ``/alerts/{id}``: look at one, decide, take back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.responses import StreamingResponse

from db.models import Verdict
from review_ui.alerts.decisions import Conflict, DecisionAnswer, apply
from review_ui.alerts.search import FiltersDep, cards_found, csv_of, models_that_alerted, people_who_decided
from review_ui.alerts.view import alert_detail, camera_now
from review_ui.auth.access_scope import access_scope
from review_ui.auth.accounts import Account
from review_ui.rendering.cursors import Before, next_after
from review_ui.rendering.wording import STATUS_WORDS
from review_ui.site import Reviewer, Site, SiteDep, Viewer
from review_ui.web.page_chrome import page_chrome
from review_ui.web.sighting_form import KEY_PATTERN

router = APIRouter()

PAGE: Final = 48
NO_SUCH_ALERT = "There is no such alert, or it is hidden while you are on watch."


@router.get("/alerts")
def alerts_page(
    request: Request, site: SiteDep, account: Viewer, filters: FiltersDep, before: Before = None
) -> Response:
    """Newest first."""
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
        cards = cards_found(session, site.media, around.scope, filters, before, PAGE)
        context = {
            "chrome": around,
            "cards": cards,
            "filters": filters,
            "address": urlencode(filters.asked()),
            "before": before,
            "older": next_after([card.id for card in cards], PAGE),
            "places": {key: each.name or key for key, each in site.config.campsites.items() if account.covers(key)},
            "cameras": {
                key: each.name or key for key, each in site.config.cameras.items() if account.covers(each.campsite)
            },
            "people": people_who_decided(session, around.scope),
            "models": models_that_alerted(session, around.scope),
            "status_words": STATUS_WORDS,
        }
        return site.pages.render(request, "alerts.html", context)


@router.get("/alerts.csv")
def alerts_csv(site: SiteDep, account: Viewer, filters: FiltersDep) -> Response:
    """All that fit, for a spreadsheet."""

    def lines() -> Iterator[str]:
        with site.database.read() as session:
            scope = access_scope(session, account, site.clock(), site.match_rule)
            yield from csv_of(session, site.media, scope, filters)

    headers = {"Content-Disposition": 'attachment; filename="alerts.csv"'}
    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/alerts/{alert_id:int}")
def alert_page(request: Request, site: SiteDep, account: Viewer, alert_id: int) -> Response:
    """One alert."""
    with site.database.read() as session:
        return site.pages.render(request, "alert.html", _context(session, site, account, alert_id))


@router.get("/alerts/{alert_id:int}/panel")
def alert_panel(request: Request, site: SiteDep, account: Viewer, alert_id: int) -> Response:
    """The part of the alert page that changes: the decision, the facts and the history."""
    with site.database.read() as session:
        return site.pages.render(request, "_panel.html", _context(session, site, account, alert_id))


@router.post("/alerts/{alert_id:int}/decision")
def decide_alert(
    request: Request,
    site: SiteDep,
    account: Reviewer,
    alert_id: int,
    verdict: Annotated[Verdict, Form()],
    seen_version: Annotated[int, Form(ge=1, lt=2**31)],
    idempotency_key: Annotated[str, Form(pattern=KEY_PATTERN)],
    then: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Decide, by form. Afterwards the alert's page says what stands, or who was first."""
    outcome = apply(site, account, alert_id, DecisionAnswer(verdict, seen_version, idempotency_key))
    if outcome is None:
        raise HTTPException(404, NO_SUCH_ALERT)
    if isinstance(outcome, Conflict):
        return _conflict_page(request, site, account, alert_id, outcome)
    return RedirectResponse("/" if then == "watch" else f"/alerts/{alert_id}", status_code=303)


def _conflict_page(request: Request, site: Site, account: Account, alert_id: int, conflict: Conflict) -> Response:
    with site.database.read() as session:
        context = {**_context(session, site, account, alert_id), "conflict": conflict}
        return site.pages.render(request, "conflict.html", context, status=409)


def _context(session: Session, site: Site, account: Account, alert_id: int) -> dict[str, Any]:
    around = page_chrome(session, site, account, site.clock())
    file = alert_detail(session, site.media, site.config, alert_id, around.scope)
    if file is None:
        raise HTTPException(404, NO_SUCH_ALERT)
    card = file.card
    hidden = around.scope.hides_camera(card.camera_id, card.campsite_id)
    return {
        "chrome": around.about(card.campsite_id),
        "file": file,
        "card": card,
        "key": str(uuid.uuid4()),
        "now_view": None if hidden else camera_now(site.config, card.camera_id),
    }
