"""What makes the page an app: its worker, its manifest, what it shows without a network, and being told of alerts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field, StringConstraints

from review_ui.push.encryption import BadKey
from review_ui.push.sending import Device, Sender
from review_ui.push.subscriptions import NotAService, own_device, site_key, subscribe, try_out, unsubscribe
from review_ui.rendering.pages import STATIC_DIR
from review_ui.rendering.style_sheets import BUNDLES, parts
from review_ui.site import SignedIn, SiteDep

router = APIRouter()

WORKER: Final = STATIC_DIR / "worker.js"
SHELL: Final = ("css/*.css", "js/*.js", "vendor/*.js", "icon.svg")
"""What the pages need to be drawn without a network."""

Endpoint = Annotated[str, StringConstraints(max_length=800, pattern=r"^https?://[!-~]+$")]


class Keys(BaseModel):
    """A browser's public key and its shared secret with whoever may write to it."""

    p256dh: str = Field(max_length=100)
    auth: str = Field(max_length=40)


class PushRequest(BaseModel):
    """What a browser's push manager gives out, and the campsites that it is about; none: all; null: as before."""

    endpoint: Endpoint
    keys: Keys
    campsites: list[Annotated[str, StringConstraints(max_length=63)]] | None = Field(default=None, max_length=1000)


class Which(BaseModel):
    """Which browser it is about."""

    endpoint: Endpoint


@router.get("/sw.js", include_in_schema=False)
def worker(site: SiteDep) -> Response:
    """The service worker. It must live at the root, and browsers must see each new version."""
    at = f"/static/{site.pages.version}/"
    start = f"const STATIC = {json.dumps(at)};\nconst SHELL = {json.dumps([at + name for name in _shell()])};\n"
    headers = {"Cache-Control": "no-cache", "Service-Worker-Allowed": "/"}
    return Response(start + WORKER.read_text(), media_type="text/javascript", headers=headers)


@router.get("/manifest.webmanifest", include_in_schema=False)
def manifest(site: SiteDep) -> Response:
    """How the page is installed as an app."""
    at = f"/static/{site.pages.version}/"
    icons = [
        {"src": f"{at}icon.svg", "type": "image/svg+xml", "sizes": "any"},
        {"src": f"{at}icon-192.png", "type": "image/png", "sizes": "192x192"},
        {"src": f"{at}icon-512.png", "type": "image/png", "sizes": "512x512"},
        {"src": f"{at}icon-maskable-512.png", "type": "image/png", "sizes": "512x512", "purpose": "maskable"},
    ]
    about = {
        "id": "/",
        "name": "Bearwatch",
        "short_name": "Bearwatch",
        "description": "The queue of bear alerts, and the decisions about them.",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#46301c",
        "theme_color": "#46301c",
        "icons": icons,
    }
    return Response(
        json.dumps(about), media_type="application/manifest+json", headers={"Cache-Control": "public, max-age=3600"}
    )


@router.get("/offline", include_in_schema=False)
def offline(request: Request, site: SiteDep) -> Response:
    """What the worker shows for a page that it has not kept."""
    return site.pages.render(request, "offline.html")


@router.get("/account/push", include_in_schema=False)
def push_key(site: SiteDep, account: SignedIn) -> Response:
    """The key to subscribe with; null where nobody can be told."""
    possible = bool(site.settings.bearwatch_push_services)
    return JSONResponse({"key": site_key(site.database, site.clock()).public if possible else None})


@router.post("/account/push", include_in_schema=False)
def ask(site: SiteDep, account: SignedIn, body: PushRequest) -> Response:
    """Be told of new alerts on this device."""
    device = Device(body.endpoint, body.keys.p256dh, body.keys.auth)
    try:
        with site.database.write() as session:
            subscribe(session, account, device, body.campsites, site.settings.bearwatch_push_services, site.clock())
    except (NotAService, BadKey) as error:
        raise HTTPException(422, str(error)) from None
    return Response(status_code=204)


@router.post("/account/push/mine", include_in_schema=False)
def mine(site: SiteDep, account: SignedIn, body: Which) -> Response:
    """What this device is told of: campsites, none for all; null where it is told nothing."""
    with site.database.read() as session:
        row = own_device(session, account, body.endpoint)
    return JSONResponse({"campsites": None if row is None else row.campsites})


@router.post("/account/push/test", include_in_schema=False)
def test(site: SiteDep, account: SignedIn, body: Which) -> Response:
    """Send a quiet message to this device, at once."""
    wrong = try_out(site.database, account, body.endpoint, Sender.of(site.settings), site.clock())
    return JSONResponse({"detail": wrong}, status_code=409) if wrong else Response(status_code=204)


@router.post("/account/push/end", include_in_schema=False)
def end(site: SiteDep, account: SignedIn, body: Which) -> Response:
    """Be told no more on this device."""
    with site.database.write() as session:
        unsubscribe(session, account, body.endpoint, site.clock())
    return Response(status_code=204)


def _shell(directory: Path = STATIC_DIR) -> list[str]:
    files = (path for pattern in SHELL for path in directory.glob(pattern))
    found = {str(path.relative_to(directory)) for path in files}
    return sorted((found - parts()) | set(BUNDLES))
