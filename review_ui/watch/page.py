"""``/``: what waits, what was decided, which cameras see; and going on watch."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from review_ui.auth.access_scope import AccessScope
from review_ui.auth.accounts import Account
from review_ui.live.exposure import blind_from
from review_ui.live.watches import UnknownCampsite, end_watch, open_watches, start_watch, still_watching
from review_ui.site import Site, SiteDep, Viewer, Watcher
from review_ui.web.alert_cards import queue
from review_ui.web.page_chrome import page_chrome
from rollout.authority.freshness import stale_cameras
from rollout.control.status_words import and_list

router = APIRouter()


@router.get("/")
def watch_page(request: Request, site: SiteDep, account: Viewer) -> Response:
    """The watch page."""
    with site.database.read() as session:
        return site.pages.render(request, "watch.html", _context(session, site, account))


@router.get("/fragments/watch")
def watch_fragment(request: Request, site: SiteDep, account: Viewer) -> Response:
    """The part of the watch page that changes; fetched when something has happened."""
    with site.database.read() as session:
        return site.pages.render(request, "_watch.html", _context(session, site, account))


@router.get("/fragments/banner")
def banner_fragment(request: Request, site: SiteDep, account: Viewer, campsite: str = "") -> Response:
    """The banner above every page; above a page about one campsite, what holds there."""
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
        ours = campsite in site.config.campsites and account.covers(campsite)
        context = {"chrome": around.about(campsite) if ours else around}
        return site.pages.render(request, "_banner.html", context)


@router.post("/watches")
def go_on_watch(site: SiteDep, account: Watcher, campsite: Annotated[str, Form(max_length=63)]) -> Response:
    """Go on watch."""
    try:
        with site.database.write() as session:
            start_watch(session, account, campsite, site.clock(), site.settings.bearwatch_watch_ends_after_s)
    except UnknownCampsite:
        return RedirectResponse("/", status_code=303)
    site.wake_pages()
    return RedirectResponse("/", status_code=303)


@router.post("/watches/{watch_id:int}/still")
def go_on_watching(site: SiteDep, account: Watcher, watch_id: int) -> Response:
    """Say that one is still there: the watch goes on."""
    with site.database.write() as session:
        still_watching(session, account, watch_id, site.clock(), site.settings.bearwatch_watch_ends_after_s)
    site.wake_pages()
    return RedirectResponse("/", status_code=303)


@router.post("/watches/{watch_id:int}/end")
def go_off_watch(site: SiteDep, account: Watcher, watch_id: int) -> Response:
    """End one's watch."""
    with site.database.write() as session:
        end_watch(session, account, watch_id, site.clock())
    site.wake_pages()
    return RedirectResponse("/", status_code=303)


def _unseen(site: Site, scope: AccessScope) -> dict[str, str]:
    """The cameras that are hidden from a watcher, in words, of campsites where others advise."""
    found: dict[str, list[str]] = {}
    for key, camera in site.config.cameras.items():
        if camera.campsite in scope.blind and scope.hides_camera(key, camera.campsite):
            found.setdefault(camera.campsite, []).append(camera.name or key)
    advised = {site.config.cameras[key].campsite for key in scope.advising if key in site.config.cameras}
    return {campsite: and_list(names) for campsite, names in found.items() if campsite in advised}


def _context(session: Session, site: Site, account: Account) -> dict[str, Any]:
    now = site.clock()
    stale = stale_cameras(session, now)
    around = page_chrome(session, site, account, now, stale)
    watches = open_watches(session, account.id, now)
    watched = {watch.campsite_id for watch in watches}
    return {
        "chrome": around,
        "queue": queue(session, site.media, around.scope, now),
        "cameras": [each for each in site.board.cameras(now, stale) if account.covers(each.campsite_id)],
        "watches": watches,
        "hidden": around.scope.blind,
        "blind_from": blind_from(session, account, now, site.match_rule),
        "unseen": _unseen(site, around.scope),
        "asks_before_s": site.settings.watch_asks_before_s,
        "free_campsites": [
            (key, c.name or key)
            for key, c in site.config.campsites.items()
            if key not in watched and account.covers(key)
        ],
        "undo_keys": uuid.uuid4,
    }
