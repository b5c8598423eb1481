"""``/cameras``: what each camera is worth, how it has been, a test, and its masks and zones on its own picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import redis
from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from core.charts.strip import strip
from core.jobs import HOUSEKEEPING, PROBE_CAMERA, enqueue
from core.messages import CameraStatus
from core.redaction import shown_address
from review_ui.auth.accounts import Account
from review_ui.cameras.areas import LONGEST, Areas, Typed, as_yaml, points, read
from review_ui.cameras.operating_points import OperatingPointOut, operating_points
from review_ui.cameras.view import marks, newest_picture, share, uptime
from review_ui.live.camera_status import CameraView
from review_ui.site import Operator, Site, SiteDep, Viewer
from review_ui.web.page_chrome import page_chrome
from rollout.authority.freshness import StaleCamera, stale_cameras

router = APIRouter()

NO_SUCH_CAMERA: Final = "There is no such camera among yours."
WEEK_HOURS: Final = 168


class HourOut(BaseModel):
    """One hour of a camera."""

    at: float
    scored: int = Field(description="minutes with at least one scored frame")
    of: int = Field(description="minutes of the hour that are over")


class CameraFileOut(BaseModel):
    """One camera in full."""

    id: str
    name: str
    campsite: str
    seeing: str
    why: str
    content_age_s: float | None
    width: int | None
    height: int | None
    source_fps: float | None
    analysed_fps: float | None
    reconnects: int | None
    hours: list[HourOut] = Field(description="the last 24, oldest first")
    test: dict[str, Any] | None = Field(description="what the last test has shown; null when there was none lately")
    operating_points: list[OperatingPointOut] = Field(
        description="its own threshold in each light, and why; empty before the first decision, and while one is blind"
    )


class AreasOut(BaseModel):
    """Checked masks and zones."""

    yaml: str = Field(description="to be put under the camera in the configuration file; nothing has been changed")


@router.get("/cameras")
def cameras_page(request: Request, site: SiteDep, account: Viewer) -> Response:
    """All cameras of one's campsites."""
    now = site.clock()
    with site.database.read() as session:
        stale = stale_cameras(session, now)
        views = _theirs(site, account, now, stale)
        hours = uptime(session, [view.id for view in views], now)
        context = {
            "chrome": page_chrome(session, site, account, now, stale),
            "cameras": views,
            "strips": {key: strip(marks(each)) for key, each in hours.items()},
            "shares": {key: share(each) for key, each in hours.items()},
        }
        return site.pages.render(request, "cameras.html", context)


@router.get("/cameras/{camera}")
def camera_page(request: Request, site: SiteDep, account: Viewer, camera: str) -> Response:
    """One camera."""
    view = _view(site, account, camera)
    areas = Areas.of(site.config.cameras[camera])
    return _page(request, site, account, view, Typed(as_yaml(areas), areas))


@router.post("/cameras/{camera}/areas")
def try_areas(
    request: Request,
    site: SiteDep,
    account: Operator,
    camera: str,
    text: Annotated[str, Form(max_length=4 * LONGEST)] = "",
) -> Response:
    """Show masks and zones on the picture and check them. It changes nothing: the configuration file does."""
    view = _view(site, account, camera)
    typed = read(text.replace("\r\n", "\n"))
    return _page(request, site, account, view, typed, tried=True)


@router.post("/cameras/{camera}/test")
def test_camera(site: SiteDep, account: Operator, camera: str) -> Response:
    """Ask the jobs process to open the camera once."""
    _view(site, account, camera)
    _ask(site, camera)
    return RedirectResponse(f"/cameras/{camera}#test", status_code=303)


@router.get("/api/v1/cameras/{camera}", summary="One camera: its state, its last 24 hours, its last test")
def get_camera(site: SiteDep, account: Viewer, camera: str) -> CameraFileOut:
    """What is known of it."""
    view, status = _view(site, account, camera), _status(site, camera)
    with site.database.read() as session:
        hours = uptime(session, [camera], site.clock())[camera]
        hidden = page_chrome(session, site, account, site.clock()).scope.hides_camera(view.id, view.campsite_id)
        points = [] if hidden else operating_points(session, camera)
    return CameraFileOut(
        id=view.id,
        name=view.name,
        campsite=view.campsite_id,
        seeing=view.seeing,
        why=view.why,
        content_age_s=view.content_age_s,
        width=status.width if status else None,
        height=status.height if status else None,
        source_fps=status.source_fps if status else None,
        analysed_fps=status.analysed_fps if status else None,
        reconnects=status.reconnects if status else None,
        hours=[HourOut(at=hour.at, scored=hour.scored, of=hour.of) for hour in hours],
        test=_test(site, camera),
        operating_points=points,
    )


@router.post("/api/v1/cameras/{camera}/test", summary="Open a camera once, from where the jobs run", status_code=202)
def post_test(site: SiteDep, account: Operator, camera: str) -> dict[str, Any]:
    """The answer comes with the camera itself, some seconds later."""
    _view(site, account, camera)
    _ask(site, camera)
    return {"asked": True}


@router.post("/api/v1/cameras/{camera}/areas", summary="Check masks and zones, and get them as YAML")
def post_areas(site: SiteDep, account: Operator, camera: str, body: Areas) -> AreasOut:
    """Nothing is changed: paste the answer into the configuration file."""
    _view(site, account, camera)
    return AreasOut(yaml=as_yaml(body))


def _theirs(site: Site, account: Account, now: float, stale: Mapping[str, StaleCamera]) -> list[CameraView]:
    return [view for view in site.board.cameras(now, stale) if account.covers(view.campsite_id)]


def _view(site: Site, account: Account, camera: str) -> CameraView:
    now = site.clock()
    with site.database.read() as session:
        stale = stale_cameras(session, now)
    view = next((each for each in _theirs(site, account, now, stale) if each.id == camera), None)
    if view is None:
        raise HTTPException(404, NO_SUCH_CAMERA)
    return view


def _status(site: Site, camera: str) -> CameraStatus | None:
    try:
        return site.telemetry.cameras().get(camera)
    except redis.RedisError:
        return None


def _test(site: Site, camera: str) -> dict[str, Any] | None:
    try:
        return site.telemetry.probe(camera)
    except redis.RedisError:
        return None


def _ask(site: Site, camera: str) -> None:
    try:
        site.telemetry.report_probe(camera, {"asked_at": site.clock()})
        enqueue(site.telemetry.client, HOUSEKEEPING, PROBE_CAMERA, camera)
    except redis.RedisError:
        raise HTTPException(
            503, "Redis is unreachable: nobody can be asked to open the camera. Try again later."
        ) from None


def _page(
    request: Request, site: Site, account: Account, view: CameraView, typed: Typed, *, tried: bool = False
) -> Response:
    configured = site.config.cameras[view.id]
    areas = typed.areas or Areas()
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
        hidden = around.scope.hides_camera(view.id, view.campsite_id)
        context = {
            "chrome": around.about(view.campsite_id),
            "camera": view,
            "status": _status(site, view.id),
            "address": shown_address(configured.url),
            "configured": configured,
            "picture": None if hidden else newest_picture(session, site.media, view.id),
            "hidden": hidden,
            "points": [] if hidden else operating_points(session, view.id),
            "fixed_threshold": site.config.detector.threshold,
            "timezone": site.config.region_of(view.id).timezone,
            "typed": typed,
            "tried": tried,
            "longest": LONGEST,
            "masks": [points(each) for each in areas.masks],
            "zones": {name: points(each) for name, each in areas.zones.items()},
            "test": _test(site, view.id),
            **_week(session, view.id, site.clock()),
        }
        return site.pages.render(request, "camera.html", context, status=422 if typed.problems else 200)


def _week(session: Session, camera: str, now: float) -> dict[str, Any]:
    hours = uptime(session, [camera], now, WEEK_HOURS)[camera]
    days = [hours[place : place + 24] for place in range(0, WEEK_HOURS, 24)]
    return {"days": [(day[0].at, strip(marks(day)), share(day)) for day in days]}
