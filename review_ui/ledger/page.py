"""``/ledger``: what happened, in order, and the proof that nobody has changed it since."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from db.ledger import Verification, verify
from review_ui.auth.accounts import Account
from review_ui.ledger import view
from review_ui.ledger.view import Filters, LedgerScope
from review_ui.rendering.cursors import Before, NextBefore, next_after
from review_ui.site import LedgerReader, Site, SiteDep
from review_ui.web.page_chrome import page_chrome

router = APIRouter()

PAGE: Final = 50
VERIFY_S: Final = 5.0
"""A walk over the whole chain takes longer only with some 100,000 entries; then the command line does it."""
Kind = Annotated[str, Query(max_length=40)]
Subject = Annotated[str, Query(max_length=80)]
Place = Annotated[str, Query(max_length=63)]


@router.get("/ledger")
def ledger_page(
    request: Request,
    site: SiteDep,
    account: LedgerReader,
    kind: Kind = "",
    subject: Subject = "",
    campsite: Place = "",
    before: Before = None,
) -> Response:
    """Newest first."""
    return _page(request, site, account, _filters(kind, subject, campsite), before, None)


@router.post("/ledger/verify")
def verify_ledger(request: Request, site: SiteDep, account: LedgerReader) -> Response:
    """Walk the whole chain, for as long as a page may take, and say what was found."""
    return _page(request, site, account, Filters(), None, _verify(site))


@router.get("/ledger.jsonl")
def export_ledger(
    site: SiteDep, account: LedgerReader, kind: Kind = "", subject: Subject = "", campsite: Place = ""
) -> Response:
    """Everything that this person may read, oldest first, one JSON document a line."""
    return _export(site, account, _filters(kind, subject, campsite))


class LedgerEntryOut(BaseModel):
    """One entry. ``hash`` covers everything in it and ``previous``."""

    seq: int
    at: float
    kind: str
    subject: str
    actor: str
    campsite: str | None
    body: dict[str, Any]
    masked: list[str] = Field(description="what was left out of `body`: the model's opinion, until somebody answers")
    previous: str
    hash: str


class LedgerOut(BaseModel):
    """A page of the ledger, newest first."""

    entries: list[LedgerEntryOut]
    next_before: NextBefore
    until: float | None = Field(description="you watch blind: nothing later than this is shown")


class VerificationOut(BaseModel):
    """What a walk over the chain found."""

    unbroken: bool
    complete: bool = Field(description="false when it took too long and was broken off: use `bearwatch ledger verify`")
    broken_at: int | None
    why: str | None
    entries: int | None = Field(description="null while you watch blind")
    head: str | None = Field(description="hash of the last entry looked at; null while you watch blind")


@router.get("/api/v1/ledger", summary="The ledger, newest first")
def list_ledger(
    site: SiteDep,
    account: LedgerReader,
    kind: Kind = "",
    subject: Subject = "",
    campsite: Place = "",
    before: Before = None,
    limit: Annotated[int, Query(ge=1, le=500)] = PAGE,
) -> LedgerOut:
    """What you may read of it."""
    with site.database.read() as session:
        reader = LedgerScope.of(session, account, site.clock(), site.match_rule)
        entries = view.page(session, reader, _filters(kind, subject, campsite), before, limit)
    return LedgerOut(
        entries=[LedgerEntryOut.model_validate(each.plain()) for each in entries],
        next_before=next_after([each.seq for each in entries], limit),
        until=reader.until,
    )


@router.get("/api/v1/ledger/export", summary="The ledger as JSON lines, oldest first", response_class=StreamingResponse)
def api_export(
    site: SiteDep, account: LedgerReader, kind: Kind = "", subject: Subject = "", campsite: Place = ""
) -> Response:
    """What you may read of it."""
    return _export(site, account, _filters(kind, subject, campsite))


@router.post("/api/v1/ledger/verify", summary="Prove that no entry was changed, removed or put in between")
def post_verify(site: SiteDep, account: LedgerReader) -> VerificationOut:
    """It looks for at most five seconds."""
    found = _verify(site)
    with site.database.read() as session:
        blind = LedgerScope.of(session, account, site.clock(), site.match_rule).until is not None
    return VerificationOut(
        unbroken=found.broken_at is None,
        complete=found.complete,
        broken_at=found.broken_at,
        why=found.why,
        entries=None if blind else found.entries,
        head=None if blind else found.head,
    )


def _filters(kind: str, subject: str, campsite: str) -> Filters:
    """PostgreSQL takes no NUL in a text, and no such text is in the ledger."""
    return Filters(*(text.replace("\0", "").strip() for text in (kind, subject, campsite)))


def _verify(site: Site) -> Verification:
    began = time.monotonic()
    with site.database.read() as session:
        return verify(session, lambda: time.monotonic() - began > VERIFY_S)


def _export(site: Site, account: Account, filters: Filters) -> Response:
    def lines() -> Iterator[str]:
        with site.database.read() as session:
            yield from view.export(session, LedgerScope.of(session, account, site.clock(), site.match_rule), filters)

    headers = {"Content-Disposition": 'attachment; filename="ledger.jsonl"'}
    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=headers)


def _page(
    request: Request, site: Site, account: Account, filters: Filters, before: int | None, found: Verification | None
) -> Response:
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
        reader = LedgerScope.of(session, account, site.clock(), site.match_rule)
        entries = view.page(session, reader, filters, before, PAGE)
        asked = {"kind": filters.kind, "subject": filters.subject, "campsite": filters.campsite}
        context = {
            "chrome": around,
            "entries": entries,
            "kinds": view.kinds(session),
            "places": {key: c.name or key for key, c in site.config.campsites.items() if account.covers(key)},
            "filters": asked,
            "address": urlencode({key: value for key, value in asked.items() if value}),
            "before": before,
            "older": next_after([each.seq for each in entries], PAGE),
            "until": reader.until,
            "found": found,
        }
        return site.pages.render(request, "ledger.html", context)
