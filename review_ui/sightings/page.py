"""``/sightings``: what a ranger saw with their own eyes, sealed before the model's opinion is shown."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.models import Camera, Sighting
from review_ui.auth.access_scope import AccessScope
from review_ui.auth.accounts import Account
from review_ui.live.watches import open_watches
from review_ui.sightings.sealing import KeyTaken, intact, log_sighting, match, match_is_hidden, recent
from review_ui.site import Site, SiteDep, Viewer, Watcher
from review_ui.web.animal_names import animal_names
from review_ui.web.page_chrome import page_chrome
from review_ui.web.sighting_form import Entered, SightingForm

router = APIRouter()
SHOWN = 50
SOMEBODY_ELSES = "This form was sent by somebody else already. Reload the page and try again."


@router.get("/sightings")
def sightings_page(request: Request, site: SiteDep, account: Viewer) -> Response:
    """The newest sightings."""
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
        rows = recent(session, SHOWN, account.id, around.scope)
        context = {"chrome": around, "sightings": rows, "animals": animal_names(session)}
        return site.pages.render(request, "sightings.html", context)


@router.get("/sightings/new")
def new_sighting(request: Request, site: SiteDep, account: Watcher, campsite: str = "", at: str = "") -> Response:
    """The empty form, at the campsite that is being watched; ``at`` is a moment that was said before."""
    with site.database.read() as session:
        watched = [watch.campsite_id for watch in open_watches(session, account.id, site.clock())]
    own = [key for key in site.config.campsites if account.covers(key)]
    first = campsite if campsite in own else next(iter(watched or own), "")
    said = SightingForm.typed({"campsite": first, "animal": "bear", "number": "1", "when": "at", "at": at})
    form = said if said.when == "at" else SightingForm(campsite=first)
    return form_page(request, site, account, form, {})


@router.post("/sightings")
async def log_by_form(request: Request, site: SiteDep, account: Watcher) -> Response:
    """Seal a sighting, by form. With mistakes, the form comes back with all that was typed."""
    typed = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    return await run_in_threadpool(_log, request, site, account, SightingForm.typed(typed))


@router.get("/sightings/{sighting_id:int}")
def sighting_page(request: Request, site: SiteDep, account: Viewer, sighting_id: int) -> Response:
    """One sighting, and whether the model saw it."""
    with site.database.read() as session:
        return site.pages.render(request, "sighting.html", _context(session, site, account, sighting_id))


@router.get("/sightings/{sighting_id:int}/match")
def sighting_match(request: Request, site: SiteDep, account: Viewer, sighting_id: int) -> Response:
    """The part of the sighting's page that changes: whether the model has seen it by now."""
    with site.database.read() as session:
        return site.pages.render(request, "_match.html", _context(session, site, account, sighting_id))


def form_page(
    request: Request, site: Site, account: Account, form: SightingForm, errors: dict[str, str], notice: str = ""
) -> Response:
    """The form with what was typed, and what is wrong with it."""
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
        animals = animal_names(session)
    context = {
        "chrome": around,
        "form": form,
        "errors": errors,
        "notice": notice,
        "animals": animals,
        "config": site.config,
        "campsites": {key: each for key, each in site.config.campsites.items() if account.covers(key)},
    }
    return site.pages.render(request, "sighting_form.html", context, status=422 if errors else 200)


def seal(site: Site, account: Account, entered: Entered, key: str) -> int:
    """Seal a sighting and tell all pages; returns its number. The same key twice is one sighting.

    A key that somebody else has used is a 409.
    """
    try:
        sighting_id = _seal_once(site, account, entered, key)
    except IntegrityError:
        sighting_id = _seal_once(site, account, entered, key)  # its twin was faster by a moment
    except KeyTaken:
        raise HTTPException(409, SOMEBODY_ELSES) from None
    site.wake_pages()
    return sighting_id


def _seal_once(site: Site, account: Account, entered: Entered, key: str) -> int:
    with site.database.write() as session:
        return log_sighting(session, account, entered, key, site.clock(), site.match_rule).id


def _log(request: Request, site: Site, account: Account, form: SightingForm) -> Response:
    with site.database.read() as session:
        animals = animal_names(session)
    entered, errors = form.entered(site.config, account, site.clock(), animals)
    if entered is None:
        return form_page(request, site, account, form, errors)
    return RedirectResponse(f"/sightings/{seal(site, account, entered, form.idempotency_key)}", status_code=303)


def _context(session: Session, site: Site, account: Account, sighting_id: int) -> dict[str, Any]:
    now = site.clock()
    around = page_chrome(session, site, account, now)
    sighting = find_sighting(session, sighting_id, account, around.scope)
    if sighting is None:
        raise HTTPException(404, "There is no such sighting, or it is hidden while you are on watch.")
    hidden = match_is_hidden(sighting, around.scope)
    rule = site.match_rule
    return {
        "chrome": around,
        "sighting": sighting,
        "camera": session.get(Camera, sighting.camera_id) if sighting.camera_id else None,
        "timezone": sighting.campsite.region.timezone,
        "animals": animal_names(session),
        "intact": intact(sighting),
        "hidden": hidden,
        "match": None if hidden else match(session, sighting, around.scope, rule),
        "matches_until": sighting.seen_at + rule.after_s,
    }


def find_sighting(session: Session, sighting_id: int, account: Account, scope: AccessScope) -> Sighting | None:
    """A sighting that this person may read: their own, or one at a campsite that is not hidden from them."""
    sighting = session.get(Sighting, sighting_id) if sighting_id < 2**31 else None
    if sighting is None or (sighting.user_id != account.id and sighting.campsite_id in scope.hidden):
        return None
    return sighting
