"""``/try`` and ``/api/v1/predict``: hand in a photo, see what the model says of it. Nothing of it is kept.

The page decodes no picture and knows no network: a detector that runs anyway looks at it
(:mod:`core.pictures.photo_request`).
"""

from __future__ import annotations

import base64
import logging
import math
from typing import Any, Final, Self

import anyio
import anyio.to_thread
import redis
from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from core.charts.strip import WIDE, Mark, strip
from core.charts.svg import Svg
from core.messages import WHOLE_FRAME
from core.pictures.photo_request import WAIT_S, NoDetector, PhotoAnswer, TooBusy, UnreadablePhoto, ask
from core.pictures.picture_format import MAX_BYTES, BadPhoto, inspect, too_large
from core.rate_limit import RateExceeded, RateLimit
from review_ui.auth.accounts import Account
from review_ui.rendering.wording import label_words
from review_ui.site import BadToken, Site, SiteDep, Viewer, site_of, visitor
from review_ui.web.page_chrome import page_chrome

log = logging.getLogger(__name__)
router = APIRouter()

PATHS: Final = ("/try", "/api/v1/predict", "/api/predict")
MAX_BODY_BYTES: Final = MAX_BYTES + 1024 * 1024
"""The picture and what a form puts around it."""
PER_MINUTE: Final = 12
FIELDS: Final = ("photo", "file", "image")
_BEATS_FOR_S: Final = 10.0
_threads: Final = anyio.CapacityLimiter(4)
"""Its own: photos that wait for a detector must not keep alerts from being served."""


_lookups: Final = anyio.CapacityLimiter(2)
"""For the question who it is, before a large body is read."""


class PredictionOut(BaseModel):
    """What the model says of a picture."""

    verdict: str = Field(description="`bear`, `unknown animal`, or the likeliest label")
    label: str = Field(description="the likeliest label")
    probabilities: dict[str, float] = Field(description="every label of the model, likeliest first; they sum to 1")
    bear: float
    threshold: float = Field(description="the bear score from which a picture of this light counts as a bear")
    unknown: bool = Field(description="an animal, no bear, that the model does not know")
    unknown_score: float
    light: str = Field(description="`day` or `infrared`")
    box: tuple[float, float, float, float] = Field(description="the part that decided, in 0-1 coordinates")
    crop: str = Field(description="that part, a JPEG as data: address")
    width: int
    height: int
    model: str

    @classmethod
    def of(cls, said: PhotoAnswer) -> Self:
        """From a detector's answer."""
        return cls(
            verdict=said.verdict,
            label=said.label,
            probabilities=dict(said.ranked),
            bear=said.bear,
            threshold=said.threshold,
            unknown=said.unknown,
            unknown_score=said.unknown_score,
            light="infrared" if said.infrared else "day",
            box=said.box,
            crop=data_url(said.crop),
            width=said.width,
            height=said.height,
            model=said.model,
        )


class PictureBodies:
    """Lets the routes that take a picture have bodies as large as one, from those who are logged in; inside the limit
    that holds for all others."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.larger = RequestBodyLimitMiddleware(app, MAX_BODY_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        large = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in PATHS
        if large and await anyio.to_thread.run_sync(_is_known, Request(scope), limiter=_lookups):
            await self.larger(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _is_known(request: Request) -> bool:
    try:
        return visitor(request, site_of(request)) is not None
    except BadToken:
        return False


@router.get("/try")
def try_page(request: Request, site: SiteDep, account: Viewer) -> Response:
    """The empty form."""
    return _page(request, site, account)


@router.post("/try")
async def try_photo(request: Request, site: SiteDep, account: Viewer) -> Response:
    """The same page, with the answer or with what was wrong."""
    try:
        said = await predict(request, site, account)
    except HTTPException as refused:
        return await run_in_threadpool(
            _page, request, site, account, None, str(refused.detail), refused.status_code, refused.headers
        )
    return await run_in_threadpool(_page, request, site, account, said)


@router.post("/api/predict", include_in_schema=False)
@router.post(
    "/api/v1/predict",
    summary="What the model says of a picture",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {"type": "object", "properties": {"photo": {"type": "string", "format": "binary"}}}
                },
                **{kind: {"schema": {"type": "string", "format": "binary"}}
                   for kind in ("image/jpeg", "image/png", "image/webp")},
            },
        }
    },
    responses={
        413: {"description": "too many bytes or pixels"},
        415: {"description": "no JPEG, PNG or WebP"},
        422: {"description": "damaged or cut off"},
        429: {"description": "too many photos in this minute"},
        503: {"description": "no detector answers; try again"},
    },
)  # fmt: skip
async def predict_api(request: Request, site: SiteDep, account: Viewer) -> PredictionOut:
    """Send the picture as the body, or as the field ``photo`` of a form. Nothing of it is kept."""
    return PredictionOut.of(await predict(request, site, account))


async def predict(request: Request, site: Site, account: Account) -> PhotoAnswer:
    """Have the picture of a request looked at.

    Raises:
        HTTPException: 4xx with what is wrong with the picture or the rate, 503 with what to do when nobody answers.
    """
    try:
        picture = await _picture(request)
        inspect(picture)
        return await anyio.to_thread.run_sync(_ask, site, account, picture, limiter=_threads)
    except BadPhoto as bad:
        raise HTTPException(bad.status, str(bad)) from bad
    except UnreadablePhoto as unreadable:
        raise HTTPException(422, f"The picture cannot be read: {unreadable}.") from unreadable


def data_url(jpeg: bytes) -> str:
    """A JPEG as an address that needs no second request."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


async def _picture(request: Request) -> bytes:
    """The bytes of the picture, from a form or from the bare body."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if int(request.headers.get("content-length") or 0) > MAX_BODY_BYTES:
        raise too_large()
    if kind == "multipart/form-data":
        async with request.form(max_files=1, max_fields=4) as form:
            for name in FIELDS:
                file = form.get(name)
                if isinstance(file, UploadFile):
                    return await file.read(MAX_BYTES + 1)
        raise BadPhoto("Choose a picture first: the form came without one, in the field photo.", 400)
    if kind.startswith("image/") or kind == "application/octet-stream":
        return await request.body()
    raise BadPhoto("Send the picture as the body with its type (image/jpeg), or as the field photo of a form.", 415)


def _ask(site: Site, account: Account, picture: bytes) -> PhotoAnswer:
    try:
        site.limiter.hit(RateLimit(PER_MINUTE, 60.0, ("photos", str(account.id))))
        return ask(site.telemetry.client, picture)
    except RateExceeded as exceeded:
        words = f"That were {PER_MINUTE} photos in a minute; go on in the next one."
        raise HTTPException(429, words, {"Retry-After": str(math.ceil(exceeded.wait_s))}) from exceeded
    except TooBusy as busy:
        raise _not_now("Other photos are being looked at. Try again in a few seconds.") from busy
    except NoDetector as nobody:
        log.warning("a photo was not looked at: %s", nobody)
        raise _not_now(_nobody(site)) from nobody
    except redis.RedisError as error:
        raise _not_now("Redis does not answer, so that no detector can be asked. Try again in a minute.") from error


def _nobody(site: Site) -> str:
    now = site.clock()
    beats = site.telemetry.heartbeats()
    lives = any(
        name.startswith("detector:") and now - float(facts.get("at", 0.0)) < _BEATS_FOR_S
        for name, facts in beats.items()
    )
    if lives:
        return "A detector runs, but has not answered in time: the cameras come first. Try again soon."
    return (
        f"No detector has taken it within {WAIT_S:.0f} s, and none says that it runs. Start one (bearwatch up, or "
        "bearwatch detector): without it no camera is watched by the model either."
    )


def _not_now(words: str) -> HTTPException:
    return HTTPException(503, words, {"Retry-After": "5"})


def _page(
    request: Request,
    site: Site,
    account: Account,
    said: PhotoAnswer | None = None,
    error: str = "",
    status: int = 200,
    headers: Any = None,
) -> Response:
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
    context = {
        "chrome": around,
        "said": said,
        "share_bar": _share_bar,
        "error": error,
        "box": None if said is None or said.box == WHOLE_FRAME else said.box,
        "picture": data_url(said.picture) if said else "",
        "crop": data_url(said.crop) if said else "",
        "label_words": label_words,
        "max_mb": MAX_BYTES // 1024 // 1024,
    }
    return site.pages.render(request, "try.html", context, status=status, headers=headers)


def _share_bar(share: float) -> Svg:
    return strip([Mark(0, WIDE, "share-of"), Mark(0, WIDE * share, "share-is")], kind="share-bar", smallest=0)
