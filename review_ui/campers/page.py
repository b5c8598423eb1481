"""``/camp/{campsite}``: the one public page. Is there a bear warning, what to do, and how to tell the rangers.

It shows only what :mod:`rollout.alerting.active_warnings` says has been let out of the building; in shadow nothing at
all. Whoever writes is limited by address and by campsite, and leaves nothing of themselves behind.
"""

from __future__ import annotations

import math
import uuid
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import IntegrityError

from core.clock import civil
from db.models import MessageKind
from review_ui.campers.phrases import LANGUAGES, language
from review_ui.campers.view import Camp, Service, camp
from review_ui.rendering.problems import problem
from review_ui.site import Site, SiteDep, client_of
from review_ui.web.sighting_form import KEY_PATTERN, storable
from rollout.alerting.camper_messages import LONGEST_TEXT, CamperNote, NothingToAppeal, TooMany, receive

router = APIRouter()

Language = Annotated[str, Query(max_length=10)]
TRAP: Final = "leave_empty"
"""A field that people do not see and programs fill in. What fills it is thanked and thrown away. Its name means nothing
to browsers that fill in forms by themselves: a real report must never fall into it."""
MOST_FORM_CHARS: Final = 5000


class WarningOut(BaseModel):
    """A warning that stands."""

    since: float
    last_seen_at: float


class CampOut(BaseModel):
    """What campers may know."""

    campsite: str
    name: str
    service: Service = Field(
        description="`off`: nobody is warned here; `blind`: no camera is watched, a missing warning means "
        "nothing; `partly`, `full`: some or all cameras are watched"
    )
    warning: WarningOut | None
    unwatched_since: float | None = Field(default=None, description="since when cameras have not been watched")
    as_of: float


class CamperMessageIn(BaseModel):
    """A message to the rangers. Write no names and no numbers into it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"kind": "report", "text": "By the bins, with a cub", "idempotency_key": "a1b2c3d4e5f6"}]
        },
    )

    kind: MessageKind
    text: str = Field(default="", max_length=LONGEST_TEXT)
    idempotency_key: str = Field(pattern=KEY_PATTERN, description="the same key again is the same message")


@router.get("/camp")
def camps_page(request: Request, site: SiteDep, lang: Language = "") -> Response:
    """The campsites that have a page."""
    names = {key: each.name or key for key, each in site.config.campsites.items()}
    return _render(request, site, "camps.html", lang, {"camps": names})


@router.get("/camp/{campsite}")
def camp_page(request: Request, site: SiteDep, campsite: str, lang: Language = "", sent: str = "") -> Response:
    """Is there a warning? And what to do."""
    found = _camp(site, campsite)
    if found is None:
        return _no_such(request, site, lang)
    context = {"camp": found, "sent": sent if sent in set(MessageKind) else ""}
    return _render(request, site, "camp.html", lang, context)


@router.get("/camp/{campsite}/{kind}")
def camper_form(request: Request, site: SiteDep, campsite: str, kind: MessageKind, lang: Language = "") -> Response:
    """The form: one question, one button."""
    found = _camp(site, campsite)
    if found is None:
        return _no_such(request, site, lang)
    return _form(request, site, found, kind, lang, error="", typed="")


@router.post("/camp/{campsite}/{kind}")
def send_camper_message(
    request: Request,
    site: SiteDep,
    campsite: str,
    kind: MessageKind,
    text: Annotated[str, Form(max_length=MOST_FORM_CHARS)] = "",
    leave_empty: Annotated[str, Form(max_length=MOST_FORM_CHARS)] = "",
    idempotency_key: Annotated[str, Form(pattern=KEY_PATTERN)] = "",
    lang: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Take a message in; whatever is wrong with it, what was typed comes back."""
    found = _camp(site, campsite)
    if found is None:
        return _no_such(request, site, lang)
    spoken = _spoken(request, lang)
    words, text = LANGUAGES[spoken], storable(text)
    error, wait_s = "", 0.0
    if len(text) > LONGEST_TEXT:
        error = words["too_long"].format(most=LONGEST_TEXT, length=len(text))
    elif kind is MessageKind.COMPLAINT and not text:
        error = words["say_something"]
    elif not leave_empty:
        try:
            _receive(site, request, campsite, kind, text, idempotency_key or str(uuid.uuid4()))
        except TooMany as many:
            wait_s = many.wait_s
            error = words["too_many"].format(minutes=math.ceil(wait_s / 60))
        except NothingToAppeal:
            error = words["no_warning_to_appeal"]
    if error:
        return _form(request, site, found, kind, spoken, error=error, typed=text, wait_s=wait_s)
    return RedirectResponse(f"/camp/{campsite}?sent={kind}&lang={spoken}", status_code=303)


@router.get("/api/v1/camp/{campsite}", summary="Is there a bear warning at a campsite? Needs no login")
def get_camp(site: SiteDep, campsite: str) -> CampOut:
    """The same as the public page."""
    found = _camp(site, campsite)
    if found is None:
        raise HTTPException(404, "There is no such campsite.")
    warning = found.warning
    return CampOut(
        campsite=found.id,
        name=found.name,
        service=found.service,
        warning=WarningOut(since=warning.since, last_seen_at=warning.last_seen_at) if warning else None,
        unwatched_since=found.unwatched_since,
        as_of=site.clock(),
    )


@router.post(
    "/api/v1/camp/{campsite}/messages",
    summary="Report a bear, complain, or appeal a warning. Needs no login",
    status_code=201,
    responses={
        404: {"description": "there is no such campsite"},
        409: {"description": "an appeal, but there is no warning now"},
        429: {"description": "too many messages from this address or about this campsite"},
    },
)
def post_camper_message(request: Request, site: SiteDep, campsite: str, body: CamperMessageIn) -> Any:
    """Take a message in."""
    if campsite not in site.config.campsites:
        raise HTTPException(404, "There is no such campsite.")
    text = storable(body.text)
    if body.kind is MessageKind.COMPLAINT and not text:
        raise HTTPException(422, "A complaint needs words.")
    try:
        _receive(site, request, campsite, body.kind, text, body.idempotency_key)
    except TooMany as many:
        wait = {"Retry-After": str(math.ceil(many.wait_s))}
        return problem(429, str(many), headers=wait)
    except NothingToAppeal:
        return problem(409, "There is no warning at this campsite now.")
    return JSONResponse({"received": True}, status_code=201)


def _camp(site: Site, campsite: str) -> Camp | None:
    if campsite not in site.config.campsites:
        return None
    with site.database.read() as session:
        return camp(session, site.board, campsite, site.clock())


def _receive(site: Site, request: Request, campsite: str, kind: MessageKind, text: str, key: str) -> None:
    client = client_of(request)
    message = CamperNote(campsite, kind, text, client.address, key, client.shared)
    for last in (False, True):
        try:
            receive(site.database, site.limiter, message, site.clock())
            break
        except IntegrityError:
            if last:  # the first time, its twin or the first message of the day was faster by a moment
                raise
    site.wake_pages()


def _form(
    request: Request,
    site: Site,
    found: Camp,
    kind: MessageKind,
    lang: str,
    *,
    error: str,
    typed: str,
    wait_s: float = 0.0,
) -> Response:
    context = {
        "camp": found,
        "kind": kind,
        "error": error,
        "typed": typed,
        "key": str(uuid.uuid4()),
        "trap": TRAP,
        "days": site.config.retention.camper_days,
        "longest": LONGEST_TEXT,
    }
    headers = {"Retry-After": str(math.ceil(wait_s))} if wait_s else None
    status = 429 if wait_s else 422 if error else 200
    return _render(request, site, "camp_form.html", lang, context, status, headers)


def _no_such(request: Request, site: Site, lang: str) -> Response:
    return _render(request, site, "camp_missing.html", lang, {}, 404)


def _spoken(request: Request, lang: str) -> str:
    return language(lang, request.headers.get("accept-language", ""))


def _render(
    request: Request,
    site: Site,
    template: str,
    lang: str,
    context: dict[str, Any],
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    spoken = _spoken(request, lang)
    extra = {
        "lang": spoken,
        "w": LANGUAGES[spoken],
        "languages": {key: table["language"] for key, table in LANGUAGES.items()},
        "hour": lambda at, timezone: f"{civil(at, timezone):%H:%M}",
    }
    headers = {"Vary": "Accept-Language", **(headers or {})}
    return site.pages.render(request, template, {**context, **extra}, status=status, headers=headers)
