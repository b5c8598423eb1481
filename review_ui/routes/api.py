"""``/api/v1``: the same things as JSON, under the same rights and the same blindness."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Annotated, Any, Self

from fastapi import APIRouter, Header, HTTPException, Query
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Alert, AlertStatus, Verdict
from review_ui.decisions import Answer, Conflict, apply
from review_ui.forms import KEY_PATTERN, SightingForm
from review_ui.health import Health, health
from review_ui.routes.alerts import NO_SUCH_ALERT
from review_ui.routes.sightings import find_sighting, seal
from review_ui.sightings import LONGEST_NOTE, MOST_ANIMALS, match
from review_ui.site import Reviewer, SiteDep, Viewer
from review_ui.views.cards import AlertCard, card_of, find_alert
from review_ui.views.casefile import CaseFile, casefile
from review_ui.visibility import hidden_campsites

router = APIRouter(prefix="/api/v1")


class Strict(BaseModel):
    """A body in which an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


class AlertOut(BaseModel):
    """One alert, as the queue shows it."""

    id: int
    version: int
    status: AlertStatus
    campsite: str
    camera: str
    captured_at: float
    first_at: float
    last_at: float
    hits: int
    zones: list[str]
    late: bool
    mode: str
    box: tuple[float, float, float, float]
    cover: str | None = Field(description="address of the best frame's picture")

    @classmethod
    def of(cls, card: AlertCard) -> Self:
        """From a card."""
        return cls(
            id=card.id,
            version=card.version,
            status=card.status,
            campsite=card.campsite_id,
            camera=card.camera_id,
            captured_at=card.captured_at,
            first_at=card.first_at,
            last_at=card.last_at,
            hits=card.hits,
            zones=list(card.zones),
            late=card.late,
            mode=card.mode,
            box=card.box,
            cover=card.picture.url if card.picture else None,
        )


class FrameOut(BaseModel):
    """One kept frame."""

    captured_at: float
    picture: str
    box: tuple[float, float, float, float] | None
    agrees: bool


class HistoryOut(BaseModel):
    """One thing that happened to an alert."""

    at: float
    who: str
    what: str
    undone: bool


class OpinionOut(BaseModel):
    """What the model thinks."""

    score: float
    label: str
    model: str


class AlertFileOut(AlertOut):
    """One alert in full."""

    frames: list[FrameOut]
    history: list[HistoryOut]
    opinion: OpinionOut | None = Field(description="null until somebody has answered")

    @classmethod
    def of_file(cls, file: CaseFile) -> Self:
        """From a case file."""
        said = file.opinion
        return cls(
            **AlertOut.of(file.card).model_dump(),
            frames=[
                FrameOut(captured_at=f.captured_at, picture=f.picture.url, box=f.box, agrees=f.agrees)
                for f in file.frames
            ],
            history=[HistoryOut(at=h.at, who=h.who, what=h.what, undone=h.undone) for h in file.history],
            opinion=OpinionOut(score=said.score, label=said.label, model=said.model) if said else None,
        )


class AlertsOut(BaseModel):
    """A page of alerts."""

    alerts: list[AlertOut]
    next_after: int | None = Field(description="give it as `after` to get the next page; null on the last one")


class DecisionIn(Strict):
    """A decision about the version of an alert that was seen."""

    verdict: Verdict
    seen_version: int = Field(ge=1, lt=2**31)
    idempotency_key: str = Field(pattern=KEY_PATTERN, description="the same key again is the same decision")


class DecisionOut(BaseModel):
    """The decision that stands."""

    review: int
    verdict: Verdict
    status: str
    version: int
    effective_at: float


class SightingIn(Strict):
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

    alert: int | None
    camera: str
    lead_s: float = Field(description="positive when the model was first")


class SightingOut(BaseModel):
    """A sealed sighting."""

    id: int
    campsite: str
    seen_at: float
    sealed_at: float
    seal: str
    blind: bool
    match: MatchOut | None = Field(description="null when the model has not seen it, or when its view is hidden")


class CameraOut(BaseModel):
    """What a camera is worth now."""

    id: str
    name: str
    campsite: str
    seeing: str
    why: str
    content_age_s: float | None


@router.get("/alerts", summary="List alerts, oldest first")
def list_alerts(
    site: SiteDep,
    account: Viewer,
    status: AlertStatus | None = None,
    after: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> AlertsOut:
    """Alerts by number, of one status or of all."""
    with site.database.read() as session:
        rows = _alerts_after(session, status, after, limit, hidden_campsites(session, account.id, site.clock()))
        cards = [AlertOut.of(card_of(alert, site.media)) for alert in rows]
    return AlertsOut(alerts=cards, next_after=cards[-1].id if len(cards) == limit else None)


@router.get("/alerts/{alert_id}", summary="One alert with its frames and history")
def get_alert(site: SiteDep, account: Viewer, alert_id: int) -> AlertFileOut:
    """One alert."""
    with site.database.read() as session:
        hidden = hidden_campsites(session, account.id, site.clock())
        file = casefile(session, site.media, site.config, alert_id, hidden)
    if file is None:
        raise HTTPException(404, NO_SUCH_ALERT)
    return AlertFileOut.of_file(file)


@router.post(
    "/alerts/{alert_id}/decisions",
    summary="Decide, or take a decision back",
    response_model=DecisionOut,
    responses={409: {"description": "somebody else was first, or there is nothing to take back"}},
)
def post_decision(site: SiteDep, account: Reviewer, alert_id: int, body: DecisionIn) -> Any:
    """Decide about the version that was seen."""
    answer = Answer(body.verdict, body.seen_version, body.idempotency_key)
    outcome = apply(site, account, alert_id, answer)
    if outcome is None:
        raise HTTPException(404, NO_SUCH_ALERT)
    if isinstance(outcome, Conflict):
        return JSONResponse(_conflict(outcome), status_code=409)
    return DecisionOut(
        review=outcome.review_id,
        verdict=outcome.verdict,
        status=outcome.status,
        version=outcome.version,
        effective_at=outcome.effective_at,
    )


@router.post("/sightings", summary="Seal a sighting", status_code=201)
def post_sighting(site: SiteDep, account: Reviewer, body: SightingIn) -> SightingOut:
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
    entered, errors = form.entered(site.config, site.clock())
    if entered is None:
        raise HTTPException(422, errors)
    return get_sighting(site, account, seal(site, account, entered, body.idempotency_key))


@router.get("/sightings/{sighting_id}", summary="One sighting, and whether the model saw it")
def get_sighting(site: SiteDep, account: Viewer, sighting_id: int) -> SightingOut:
    """One sighting."""
    with site.database.read() as session:
        hidden = hidden_campsites(session, account.id, site.clock())
        row = find_sighting(session, sighting_id, account, hidden)
        if row is None:
            raise HTTPException(404, "There is no such sighting, or it is hidden while you are on watch.")
        found = None if row.campsite_id in hidden else match(session, row)
    return SightingOut(
        id=row.id,
        campsite=row.campsite_id,
        seen_at=row.seen_at,
        sealed_at=row.sealed_at,
        seal=row.seal,
        blind=row.blind,
        match=MatchOut(alert=found.alert_id, camera=found.camera, lead_s=found.lead_s) if found else None,
    )


@router.get("/cameras", summary="What every camera is worth now")
def list_cameras(site: SiteDep, account: Viewer) -> list[CameraOut]:
    """All configured cameras."""
    return [
        CameraOut(
            id=view.id,
            name=view.name,
            campsite=view.campsite_id,
            seeing=view.seeing,
            why=view.why,
            content_age_s=view.content_age_s,
        )
        for view in site.board.cameras(site.clock())
    ]


@router.get("/health", summary="What works, and which processes live")
def get_health(site: SiteDep, account: Viewer) -> Health:
    """The state of the whole site."""
    return health(site)


@router.get("/events", summary="Live events (server-sent)", response_class=EventSourceResponse)
async def events(
    site: SiteDep,
    account: Viewer,
    after: Annotated[int | None, Query(ge=0)] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    """``ledger``: something happened. ``cameras``: what the cameras are worth, every two seconds. ``resync``: reload.

    A browser that comes back sends ``Last-Event-ID`` and gets everything since; ``after`` does the same on the first
    connection.
    """
    seen = int(last_event_id) if last_event_id and last_event_id.isdigit() else after
    async for event in site.hub.events(account, seen):
        yield event


def _conflict(conflict: Conflict) -> dict[str, Any]:
    return {
        "detail": conflict.message,
        "version": conflict.version,
        "status": conflict.status,
        "who": conflict.who,
        "verdict": conflict.verdict,
        "at": conflict.at,
    }


def _alerts_after(
    session: Session, status: AlertStatus | None, after: int, limit: int, hidden: Collection[str]
) -> list[Alert]:
    wanted = select(Alert.id).where(Alert.id > after, Alert.campsite_id.not_in(hidden))
    if status is not None:
        wanted = wanted.where(Alert.status == status)
    ids = session.scalars(wanted.order_by(Alert.id).limit(limit)).all()
    return [alert for alert in (find_alert(session, alert_id, hidden) for alert_id in ids) if alert is not None]
