"""``/api/v1/sightings`` and ``/api/v1/watches``: what people saw with their own eyes, and when they looked."""

from __future__ import annotations

from typing import Self

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field
from sqlalchemy import select

from core.messages import EncounterKind
from db.models import Sighting, Watch
from review_ui.auth.access_scope import access_scope
from review_ui.live.watches import UnknownCampsite, end_watch, open_watches, start_watch, still_watching
from review_ui.rendering.cursors import After, Limit, NextAfter, StrictBody, next_after
from review_ui.rendering.problems import ProblemDocument
from review_ui.sightings.page import find_sighting, seal
from review_ui.sightings.sealing import match, match_is_hidden
from review_ui.site import SiteDep, Viewer, Watcher
from review_ui.web.animal_names import animal_names
from review_ui.web.sighting_form import KEY_PATTERN, LONGEST_NOTE, MOST_ANIMALS, SightingForm

router = APIRouter(prefix="/api/v1")

NO_SUCH_SIGHTING = "There is no such sighting, or it is hidden while you are on watch."
NO_SUCH_WATCH = "You are on no such watch."


class SightingIn(StrictBody):
    """An animal seen with one's own eyes."""

    campsite: str = Field(max_length=63)
    camera: str | None = Field(default=None, max_length=63)
    animal: str = Field(default="bear", max_length=40)
    number: int = Field(default=1, ge=1, le=MOST_ANIMALS)
    seen_at: float = Field(description="seconds since 1970, UTC; within the last 24 hours", allow_inf_nan=False)
    note: str = Field(default="", max_length=LONGEST_NOTE)
    idempotency_key: str = Field(pattern=KEY_PATTERN, description="the same key again is the same sighting")


class MatchOut(BaseModel):
    """The encounter that fits a sighting."""

    kind: EncounterKind
    alert: int | None
    camera: str
    lead_s: float = Field(description="positive when the model was first")


class SightingRowOut(BaseModel):
    """A sealed sighting, in a list."""

    id: int
    campsite: str
    camera: str | None
    animal: str
    number: int
    note: str
    seen_at: float
    sealed_at: float
    seal: str
    blind: bool = Field(description="whether the model's view was hidden from the observer all along")
    not_blind_why: str | None = Field(description="why it is not blind, in a sentence; null for a blind one")

    @classmethod
    def row(cls, sighting: Sighting) -> SightingRowOut:
        """From a row."""
        return SightingRowOut(
            id=sighting.id,
            campsite=sighting.campsite_id,
            camera=sighting.camera_id,
            animal=sighting.animal,
            number=sighting.number,
            note=sighting.note,
            seen_at=sighting.seen_at,
            sealed_at=sighting.sealed_at,
            seal=sighting.seal,
            blind=sighting.blind,
            not_blind_why=sighting.not_blind_why,
        )


class SightingOut(SightingRowOut):
    """A sealed sighting, and whether the model saw it."""

    match: MatchOut | None = Field(description="null when the model has not seen it, or when its view is hidden")


class SightingsOut(BaseModel):
    """A page of sightings."""

    sightings: list[SightingRowOut]
    next_after: NextAfter


class WatchIn(StrictBody):
    """Where to watch."""

    campsite: str = Field(max_length=63)


class WatchOut(BaseModel):
    """A watch that one is on."""

    id: int
    campsite: str
    started_at: float
    ends_at: float | None = Field(description="when it ends by itself unless confirmed")

    @classmethod
    def of(cls, watch: Watch) -> Self:
        """From a row."""
        return cls(id=watch.id, campsite=watch.campsite_id, started_at=watch.started_at, ends_at=watch.ends_at)


class WatchesOut(BaseModel):
    """The watches that one is on."""

    watches: list[WatchOut]
    next_after: NextAfter


@router.get("/sightings", summary="List sightings, oldest first")
def list_sightings(site: SiteDep, account: Viewer, after: After = 0, limit: Limit = 50) -> SightingsOut:
    """One's own sightings, and others' at campsites that one may see now."""
    with site.database.read() as session:
        scope = access_scope(session, account, site.clock(), site.match_rule)
        readable = (Sighting.user_id == account.id) | Sighting.campsite_id.not_in(scope.hidden)
        rows = session.scalars(
            select(Sighting).where(Sighting.id > after, readable).order_by(Sighting.id).limit(limit)
        ).all()
    return SightingsOut(
        sightings=[SightingRowOut.row(row) for row in rows], next_after=next_after([row.id for row in rows], limit)
    )


@router.post(
    "/sightings",
    summary="Seal a sighting",
    status_code=201,
    responses={409: {"description": "the key belongs to somebody else's sighting", "model": ProblemDocument}},
)
def post_sighting(site: SiteDep, account: Watcher, body: SightingIn) -> SightingOut:
    """Seal what a person saw; afterwards the model's view of it is in the answer."""
    form = SightingForm(
        campsite=body.campsite,
        camera=body.camera or "",
        animal=body.animal,
        number=str(body.number),
        when="at",
        at=repr(body.seen_at),
        note=body.note,
        idempotency_key=body.idempotency_key,
    )
    with site.database.read() as session:
        animals = animal_names(session)
    entered, errors = form.entered(site.config, account, site.clock(), animals)
    if entered is None:
        raise HTTPException(422, errors)
    return get_sighting(site, account, seal(site, account, entered, body.idempotency_key))


@router.get("/sightings/{sighting_id}", summary="One sighting, and whether the model saw it")
def get_sighting(site: SiteDep, account: Viewer, sighting_id: int) -> SightingOut:
    """One sighting."""
    with site.database.read() as session:
        scope = access_scope(session, account, site.clock(), site.match_rule)
        row = find_sighting(session, sighting_id, account, scope)
        if row is None:
            raise HTTPException(404, NO_SUCH_SIGHTING)
        rule = site.match_rule
        found = None if match_is_hidden(row, scope) else match(session, row, scope, rule)
    seen = found and MatchOut(kind=found.kind, alert=found.alert_id, camera=found.camera, lead_s=found.lead_s)
    return SightingOut(**SightingRowOut.row(row).model_dump(), match=seen)


@router.get("/watches", summary="The watches that you are on")
def list_watches(site: SiteDep, account: Watcher, after: After = 0, limit: Limit = 50) -> WatchesOut:
    """One's own open watches, by number."""
    with site.database.read() as session:
        rows = sorted(open_watches(session, account.id, site.clock()), key=lambda row: row.id)
        page = [WatchOut.of(row) for row in rows if row.id > after][:limit]
    return WatchesOut(watches=page, next_after=next_after([watch.id for watch in page], limit))


@router.post("/watches", summary="Go on watch", status_code=201)
def post_watch(site: SiteDep, account: Watcher, body: WatchIn) -> WatchOut:
    """Whoever watches the campsite already goes on watching. In a shadow stage the model's view of it closes now."""
    try:
        with site.database.write() as session:
            row = start_watch(session, account, body.campsite, site.clock(), site.settings.bearwatch_watch_ends_after_s)
            watch = WatchOut.of(row)
    except UnknownCampsite:
        raise HTTPException(422, {"campsite": "There is no such campsite among yours."}) from None
    site.wake_pages()
    return watch


@router.post("/watches/{watch_id}/still", summary="Say that you are still watching", status_code=204)
def post_still(site: SiteDep, account: Watcher, watch_id: int) -> None:
    """The watch goes on; it ends by itself so much later."""
    with site.database.write() as session:
        lasts = still_watching(session, account, watch_id, site.clock(), site.settings.bearwatch_watch_ends_after_s)
    if not lasts:
        raise HTTPException(404, NO_SUCH_WATCH)
    site.wake_pages()


@router.post("/watches/{watch_id}/end", summary="End a watch", status_code=204)
def post_end(site: SiteDep, account: Watcher, watch_id: int) -> None:
    """End one's own watch."""
    with site.database.write() as session:
        ended = end_watch(session, account, watch_id, site.clock())
    if not ended:
        raise HTTPException(404, NO_SUCH_WATCH)
    site.wake_pages()
