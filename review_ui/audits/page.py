"""``/audit``: camera-hours drawn at random, as contact sheets, looked at without knowing anything else about them."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, HTTPException, Path, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.clock import civil
from db.models import AuditSheet, BearSeen
from review_ui.audits.view import Desk, desk, find_sheet, picture_url, sheet_view
from review_ui.auth.accounts import Account
from review_ui.rendering.cursors import StrictBody
from review_ui.site import Auditor, Site, SiteDep
from review_ui.web.page_chrome import page_chrome
from review_ui.web.sighting_form import KEY_PATTERN
from rollout.evidence.audits import AnswerRefused, AuditProgress, OpenSheet, answer

router = APIRouter()

NO_SUCH_SHEET: Final = "There is no such sheet, somebody else has answered it, or it is hidden while you are on watch."
MOST_MARKS: Final = 60
AT_ONCE: Final = 50

Index = Annotated[int, Path(ge=0, lt=MOST_MARKS * 10)]
SheetId = Annotated[int, Path(ge=1, lt=2**31)]


@router.get("/audit")
def audit_page(request: Request, site: SiteDep, account: Auditor, done: int = 0) -> Response:
    """The next sheet, or that there is none."""
    with site.database.read() as session:
        waiting = desk(session, account, site.clock(), site.match_rule)
        sheet = session.get(AuditSheet, waiting.waiting[0].id) if waiting.waiting else None
        return _page(request, session, site, account, waiting, sheet, done=done)


@router.get("/audit/sheets/{sheet_id:int}")
def sheet_page(request: Request, site: SiteDep, account: Auditor, sheet_id: int) -> Response:
    """One sheet, to answer it or to answer it again."""
    with site.database.read() as session:
        return _page(
            request, session, site, account, desk(session, account, site.clock(), site.match_rule),
            _sheet(session, site, account, sheet_id),
        )  # fmt: skip


@router.post("/audit/sheets/{sheet_id:int}")
def answer_sheet(
    request: Request,
    site: SiteDep,
    account: Auditor,
    sheet_id: int,
    bear: Annotated[BearSeen, Form()],
    idempotency_key: Annotated[str, Form(pattern=KEY_PATTERN)],
    mark: Annotated[list[int], Form(max_length=MOST_MARKS * 10)] = [],  # noqa: B006  # FastAPI copies it
) -> Response:
    """Write the answer down, and go on to the next sheet. Nothing is revealed."""
    try:
        _answer(site, account, sheet_id, bear, mark, idempotency_key)
    except AnswerRefused as refused:
        with site.database.read() as session:
            return _page(
                request, session, site, account, desk(session, account, site.clock(), site.match_rule),
                _sheet(session, site, account, sheet_id), marked=frozenset(mark), problem=str(refused),
            )  # fmt: skip
    return RedirectResponse(f"/audit?done={sheet_id}", status_code=303)


@router.get("/audit/sheets/{sheet_id:int}/{index:int}.jpg")
def sheet_picture(request: Request, site: SiteDep, account: Auditor, sheet_id: int, index: int) -> Response:
    """One picture of a sheet; the same rights as any other picture, asked each time."""
    with site.database.read() as session:
        keys = _sheet(session, site, account, sheet_id).thumbnails
    if not 0 <= index < len(keys):
        raise HTTPException(404, NO_SUCH_SHEET)
    # The tag says which place on which sheet: that of the picture itself would tell where else it is shown.
    headers = {"Cache-Control": "private, no-cache", "ETag": f'"{sheet_id}-{index}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    jpeg = site.media.get(keys[index])
    if jpeg is None:
        raise HTTPException(404, "This picture is no longer kept.")
    return Response(jpeg, media_type="image/jpeg", headers=headers)


class AuditSheetOut(BaseModel):
    """A camera-hour to be looked at. Nothing else about it is told."""

    id: int
    campsite: str
    camera: str
    hour_at: float
    due_at: float
    thumbnails: list[str] = Field(description="addresses of the pictures, in order")
    minutes: list[int] = Field(description="in which minute of the hour each was taken")


class AuditProgressOut(BaseModel):
    """The last seven days of the campsites that you may see."""

    due: int
    done: int
    open: int
    share: float | None = Field(description="done over due; null when nothing was due")


class AuditDeskOut(BaseModel):
    """What waits for you."""

    sheets: list[AuditSheetOut]
    progress: AuditProgressOut


class AuditAnswerIn(StrictBody):
    """What you found on a sheet."""

    bear: BearSeen
    marked: list[int] = Field(default=[], max_length=MOST_MARKS * 10, description="pictures that show it, from 0")
    idempotency_key: str = Field(pattern=KEY_PATTERN)


class AuditAnswerOut(BaseModel):
    """An answer as it was written down. It does not say whether it was right."""

    id: int
    sheet: int
    bear: BearSeen
    marked: list[int]
    answered_at: float


@router.get("/api/v1/audit/sheets", summary="Contact sheets that wait for you")
def list_sheets(site: SiteDep, account: Auditor) -> AuditDeskOut:
    """At most fifty, in your own order."""
    with site.database.read() as session:
        waiting = desk(session, account, site.clock(), site.match_rule)
    return AuditDeskOut(sheets=[_out(each) for each in waiting.waiting[:AT_ONCE]], progress=_progress(waiting.progress))


@router.post(
    "/api/v1/audit/sheets/{sheet_id}/answers",
    summary="Say whether a bear is on a contact sheet",
    status_code=201,
)
def post_answer(site: SiteDep, account: Auditor, sheet_id: SheetId, body: AuditAnswerIn) -> AuditAnswerOut:
    """The same key again is the same answer. Another one about a sheet of yours takes its place."""
    try:
        return _answer(site, account, sheet_id, body.bear, body.marked, body.idempotency_key)
    except AnswerRefused as refused:
        raise HTTPException(422, {"marked": f"{refused}."}) from None


def _sheet(session: Session, site: Site, account: Account, sheet_id: int) -> AuditSheet:
    sheet = find_sheet(session, account, sheet_id, site.clock(), site.match_rule) if 0 < sheet_id < 2**31 else None
    if sheet is None:
        raise HTTPException(404, NO_SUCH_SHEET)
    return sheet


def _answer(site: Site, account: Account, sheet_id: int, bear: BearSeen, marked: list[int], key: str) -> AuditAnswerOut:
    for again in (True, False):
        try:
            with site.database.write() as session:
                _sheet(session, site, account, sheet_id)
                row = answer(session, sheet_id, account.id, bear, marked, key, site.clock())
                if row.user_id != account.id or row.sheet_id != sheet_id:
                    raise HTTPException(422, {"idempotency_key": "This key belongs to another answer."})
                return AuditAnswerOut(
                    id=row.id, sheet=row.sheet_id, bear=BearSeen(row.bear), marked=row.marked,
                    answered_at=row.answered_at,
                )  # fmt: skip
        except IntegrityError:
            if not again:  # the same key twice at once: the second read finds the first one's answer
                raise
    raise AssertionError("unreachable")  # pragma: no cover


def _page(
    request: Request,
    session: Session,
    site: Site,
    account: Account,
    waiting: Desk,
    sheet: AuditSheet | None,
    *,
    done: int = 0,
    marked: frozenset[int] | None = None,
    problem: str = "",
) -> Response:
    around = page_chrome(session, site, account, site.clock())
    next_up = [each for each in waiting.waiting if sheet is None or each.id != sheet.id][:1]
    context: dict[str, Any] = {
        "chrome": around,
        "desk": waiting,
        "done": done if done and find_sheet(session, account, done, site.clock(), site.match_rule) else 0,
        "problem": f"{problem[:1].upper()}{problem[1:]}." if problem else "",
        "shown": None,
        "prefetch": [picture_url(each.id, index) for each in next_up for index in range(len(each.thumbnails))],
        "key": uuid.uuid4(),
    }
    if sheet is not None:
        zone = site.config.regions[site.config.campsites[sheet.campsite_id].region].timezone
        context |= {
            "shown": sheet_view(session, site.media, account, sheet, marked),
            "campsite": site.config.campsites[sheet.campsite_id].name or sheet.campsite_id,
            "timezone": zone,
            "offset": civil(sheet.hour_at, zone).minute,
            "hour": civil(sheet.hour_at, zone),
        }
    return site.pages.render(request, "audit.html", context, status=422 if problem else 200)


def _out(sheet: OpenSheet) -> AuditSheetOut:
    return AuditSheetOut(
        id=sheet.id,
        campsite=sheet.campsite_id,
        camera=sheet.camera_id,
        hour_at=sheet.hour_at,
        due_at=sheet.due_at,
        thumbnails=[picture_url(sheet.id, index) for index in range(len(sheet.thumbnails))],
        minutes=list(sheet.minutes),
    )


def _progress(found: AuditProgress) -> AuditProgressOut:
    return AuditProgressOut(due=found.due, done=found.done, open=found.open, share=found.share)
