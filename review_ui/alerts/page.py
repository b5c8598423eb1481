"""``/alerts/{id}``: look at one alert, decide, take back."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from db.models import Verdict
from review_ui.alerts.decisions import Conflict, DecisionAnswer, apply
from review_ui.alerts.view import alert_detail
from review_ui.auth.accounts import Account
from review_ui.site import Reviewer, Site, SiteDep, Viewer
from review_ui.web.page_chrome import page_chrome
from review_ui.web.sighting_form import KEY_PATTERN

router = APIRouter()

NO_SUCH_ALERT = "There is no such alert, or it is hidden while you are on watch."


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
    return {"chrome": around.about(file.card.campsite_id), "file": file, "card": file.card, "key": str(uuid.uuid4())}
