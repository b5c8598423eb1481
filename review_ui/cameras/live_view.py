"""``/cameras/now``: what cameras show at this moment; and one still of a camera, taken now.

The stream is lines of JSON, each followed by as many bytes of a JPEG as it says. A line with ``size`` 0 says what a
camera is worth now: it comes every two seconds, so that a page knows that it is still told.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import anyio
import anyio.to_thread
import redis
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response
from starlette.responses import StreamingResponse

from core.message_fields import MalformedMessage
from core.messages import WHOLE_FRAME
from core.pictures.live_pictures import LivePicture
from core.pictures.reader_requests import PictureRequest, ask_reader, new_id, wait_for_answer
from db.ledger import record
from review_ui.auth.access_scope import access_scope
from review_ui.auth.accounts import Account
from review_ui.auth.rights import Right
from review_ui.auth.tokens import still_here
from review_ui.cameras.page import NO_SUCH_CAMERA
from review_ui.live.camera_status import CameraView
from review_ui.live.live_pictures import FETCH_EVERY_S, MOST_CAMERAS, TooManyLook
from review_ui.site import Site, SiteDep, Viewer
from review_ui.web.page_chrome import page_chrome
from rollout.authority.freshness import stale_cameras

router = APIRouter()

CHECK_EVERY_S: Final = 2.0
STILL_WITHIN_S: Final = 3.0
"""A still that was not taken by then is not waited for."""
FRESH_S: Final = 0.5
"""A picture taken so long before somebody asked is one of now."""
MAIN_STREAM_WITHIN_S: Final = 2.0
HIDDEN: Final = "What this camera shows is hidden while you are on watch there. It comes back when your watch ends."
TOO_MANY: Final = "Too many people look at cameras just now. Try again in a minute."
NO_PICTURE: Final = (
    "No picture of now came within three seconds. The camera is blind, its reader does not run, or it is read by a box "
    "at the campsite, which sends only what moves."
)
Cameras = Annotated[list[str], Query(alias="camera", min_length=1, max_length=MOST_CAMERAS)]


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether somebody may still look, and what each camera is worth. ``why_not`` is a sentence."""

    why_not: str | None
    views: Sequence[CameraView] = ()


@router.get("/cameras/now")
def now_page(request: Request, site: SiteDep, account: Viewer, campsite: str = "") -> Response:
    """The cameras of one campsite, side by side."""
    now = site.clock()
    with site.database.read() as session:
        around = page_chrome(session, site, account, now)
        views = [
            each for each in site.board.cameras(now, stale_cameras(session, now)) if account.covers(each.campsite_id)
        ]
    places = {each.campsite_id: each.campsite for each in views}
    chosen = campsite if campsite in places else next(iter(places), "")
    there = [each for each in views if each.campsite_id == chosen]
    context = {
        "chrome": around,
        "places": places,
        "chosen": chosen,
        "cameras": [each for each in there if not around.scope.hides_camera(each.id, each.campsite_id)][:MOST_CAMERAS],
        "hidden": sum(1 for each in there if around.scope.hides_camera(each.id, each.campsite_id)),
        "more": max(0, len(there) - MOST_CAMERAS),
    }
    return site.pages.render(request, "cameras_now.html", context)


@router.get("/cameras/live", response_class=StreamingResponse)
def live_stream(site: SiteDep, account: Viewer, cameras: Cameras) -> Response:
    """Pictures of some cameras as they come, until the browser has seen enough."""
    chosen = list(dict.fromkeys(cameras))
    _may_look(site, account, chosen)
    # Nothing on the way may hold pictures back, or try to make JPEGs smaller.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Content-Encoding": "identity"}
    return StreamingResponse(_pieces(site, account, chosen), media_type="application/octet-stream", headers=headers)


@router.get("/cameras/{camera}/still.jpg", response_class=Response)
async def still(site: SiteDep, account: Viewer, camera: str) -> Response:
    """One picture of now: of the main stream at its full size where there is one, else as the system looks at it."""
    await anyio.to_thread.run_sync(_may_look, site, account, [camera])
    taken = await anyio.to_thread.run_sync(_main_stream_still, site, camera) or await _analysed_still(site, camera)
    if taken is None:
        raise HTTPException(404, NO_PICTURE)
    name = f"{camera}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime(taken.taken_at))}Z.jpg"
    headers = {
        "Cache-Control": "no-store", "Content-Disposition": f'inline; filename="{name}"',
        "X-Taken-At": f"{taken.taken_at:.3f}",
    }  # fmt: skip
    return Response(taken.jpeg, media_type="image/jpeg", headers=headers)


def _may_look(site: Site, account: Account, cameras: Sequence[str]) -> None:
    """Refuse, or write down who looks: people camp where these cameras are."""
    now = site.clock()
    standing = _standing(site, account, cameras)
    if standing.why_not is not None:
        raise HTTPException(404 if standing.why_not == NO_SUCH_CAMERA else 403, standing.why_not)
    with site.database.write() as session:
        for view in standing.views:
            record(
                session,
                at=now,
                kind="camera.viewed",
                subject=f"camera:{view.id}",
                actor=f"user:{account.id}",
                campsite=view.campsite_id,
                body={},
            )


def _standing(site: Site, account: Account, cameras: Sequence[str]) -> Standing:
    now = site.clock()
    with site.database.read() as session:
        standing = still_here(session, [account], now).get(account.session)
        if standing is None or not standing.may(Right.VIEW):
            return Standing("You are no longer logged in.")
        scope = access_scope(session, standing, now, site.match_rule)
        known = {each.id: each for each in site.board.cameras(now, stale_cameras(session, now))}
    views = [known[camera] for camera in cameras if camera in known and standing.covers(known[camera].campsite_id)]
    if len(views) < len(cameras):
        return Standing(NO_SUCH_CAMERA)
    if any(scope.hides_camera(view.id, view.campsite_id) for view in views):
        return Standing(HIDDEN)
    return Standing(None, views)


async def _pieces(site: Site, account: Account, cameras: Sequence[str]) -> AsyncIterator[bytes]:
    pictures, shown = site.live_pictures, dict[str, float]()
    checked = float("-inf")
    try:
        with pictures.looking(cameras):
            while not pictures.closed:
                if time.monotonic() - checked >= CHECK_EVERY_S:
                    checked = time.monotonic()
                    standing = await anyio.to_thread.run_sync(_standing, site, account, cameras)
                    if standing.why_not is not None:
                        yield _line({"end": standing.why_not, "size": 0})
                        return
                    yield b"".join(_says(view, pictures.away) for view in standing.views)
                new = [each for camera in cameras if (each := pictures.newest.get(camera)) is not None]
                new = [each for each in new if each.taken_at != shown.get(each.camera)]
                if new:
                    shown |= {each.camera: each.taken_at for each in new}
                    yield b"".join(_with_picture(each, site.clock()) for each in new)
                await anyio.sleep(FETCH_EVERY_S)
    except TooManyLook:
        yield _line({"end": TOO_MANY, "size": 0})


async def _analysed_still(site: Site, camera: str) -> LivePicture | None:
    asked_at = site.clock()
    try:
        with site.live_pictures.looking([camera]), anyio.move_on_after(STILL_WITHIN_S):
            while True:
                newest = site.live_pictures.newest.get(camera)
                if newest is not None and newest.taken_at >= asked_at - FRESH_S:
                    return newest
                await anyio.sleep(FETCH_EVERY_S)
    except TooManyLook:
        raise HTTPException(429, TOO_MANY) from None
    return None


def _main_stream_still(site: Site, camera: str) -> LivePicture | None:
    """None where there is no main stream, or it does not answer."""
    if not site.config.cameras[camera].record_url:
        return None
    client, now = site.telemetry.client, site.clock()
    number = new_id()
    request = PictureRequest(number, camera, now, (WHOLE_FRAME,), f"still:{number}", now + MAIN_STREAM_WITHIN_S)
    try:
        answer = (
            wait_for_answer(client, request.reply_to, MAIN_STREAM_WITHIN_S) if ask_reader(client, request) else None
        )
    except (redis.RedisError, MalformedMessage):
        return None
    if answer is None or not answer.parts or answer.taken_at < now - MAIN_STREAM_WITHIN_S:
        return None
    return LivePicture(camera, answer.taken_at, answer.parts[0])


def _with_picture(picture: LivePicture, now: float) -> bytes:
    age_s = round(max(0.0, now - picture.taken_at), 3)
    return _line({"camera": picture.camera, "age_s": age_s, "size": len(picture.jpeg)}) + picture.jpeg


def _says(view: CameraView, redis_away: bool) -> bytes:
    text = "Redis is unreachable: no picture comes" if redis_away else view.text
    return _line({"camera": view.id, "seeing": view.seeing, "says": text, "size": 0})


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"
