"""``/api/v1``: the same things as JSON, under the same rights and the same blindness."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from fastapi import APIRouter, Header, HTTPException, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field

from core.messages import EncounterKind
from db.models import AlertStatus, Verdict
from review_ui.alerts.decisions import Conflict, DecisionAnswer, apply
from review_ui.alerts.page import NO_SUCH_ALERT
from review_ui.alerts.search import FiltersDep, alerts_after
from review_ui.alerts.view import AlertDetail, alert_detail
from review_ui.auth.access_scope import access_scope
from review_ui.rendering.cursors import After, AfterKey, Limit, NextAfter, NextAfterKey, StrictBody, next_after, page_of
from review_ui.rendering.problems import ProblemDocument, problem
from review_ui.site import Reviewer, SiteDep, Viewer
from review_ui.web.alert_cards import AlertCard, card_of
from review_ui.web.health import Health, health
from review_ui.web.sighting_form import KEY_PATTERN
from rollout.authority.freshness import stale_cameras

router = APIRouter(prefix="/api/v1")


class EventStream(StreamingResponse):
    """Server-sent events, written in pieces of as many as there are: FastAPI's own stream takes them one by one."""

    media_type = "text/event-stream"


class AlertOut(BaseModel):
    """One alert, as the queue shows it."""

    id: int
    version: int
    status: AlertStatus | None = Field(
        description="null while a second review waits for you: what was decided first is hidden from you until then"
    )
    kind: EncounterKind = Field(description="`bear`, or `unknown_animal`: one that the model does not know")
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
            kind=card.kind,
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


class AlertHistoryOut(BaseModel):
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
    threshold: float | None = Field(description="the bear score from which its frames agree; null in old ones")


class RecordingOut(BaseModel):
    """What the camera's main stream shows of it."""

    still: str | None = Field(description="address of the deciding moment at full size")
    clip: str | None = Field(description="address of an MP4 file with the seconds before, as it came from the camera")
    clip_at: float | None = Field(description="when the clip begins")
    clip_s: float | None
    why: str = Field(description="why something is missing; empty when both are there")


class AlertFileOut(AlertOut):
    """One alert in full."""

    frames: list[FrameOut]
    recording: RecordingOut | None = Field(
        description="null where the camera has no main stream, and for some seconds after the alert"
    )
    history: list[AlertHistoryOut]
    opinion: OpinionOut | None = Field(description="null until somebody has answered")
    second_review: int | None = Field(
        description="the second review that you may give at `/api/v1/appeals/…`; until then its decision is hidden"
    )
    held: int = Field(description="of an unknown animal: visits to the camera soon after, without alerts of their own")

    @classmethod
    def of_file(cls, file: AlertDetail) -> Self:
        """From a case file."""
        said = file.opinion
        return cls(
            **AlertOut.of(file.card).model_dump(),
            frames=[
                FrameOut(captured_at=f.captured_at, picture=f.picture.url, box=f.box, agrees=f.agrees)
                for f in file.frames
            ],
            recording=_recording(file),
            held=file.held,
            history=[AlertHistoryOut(at=h.at, who=h.who, what=h.what, undone=h.undone) for h in file.history],
            opinion=OpinionOut(score=said.score, label=said.label, model=said.model, threshold=said.threshold)
            if said
            else None,
            second_review=file.second_review,
        )


def _recording(file: AlertDetail) -> RecordingOut | None:
    kept = file.recording
    if kept is None:
        return None
    still = kept.still.url if kept.still else None
    return RecordingOut(still=still, clip=kept.clip_url, clip_at=kept.clip_at, clip_s=kept.clip_s, why=kept.why)


class AlertsOut(BaseModel):
    """A page of alerts."""

    alerts: list[AlertOut]
    next_after: NextAfter


class DecisionIn(StrictBody):
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


class CameraOut(BaseModel):
    """What a camera is worth now."""

    id: str
    name: str
    campsite: str
    seeing: str
    why: str
    content_age_s: float | None
    unwatched_s: float | None = Field(
        default=None, description="how long nobody has looked at its pictures although campers rely on it"
    )


class CamerasOut(BaseModel):
    """A page of cameras."""

    cameras: list[CameraOut]
    next_after: NextAfterKey


@router.get("/alerts", summary="List alerts, oldest first")
def list_alerts(
    site: SiteDep,
    account: Viewer,
    filters: FiltersDep,
    after: After = 0,
    limit: Limit = 50,
) -> AlertsOut:
    """Alerts by number: all, or those that fit everything that is asked for."""
    with site.database.read() as session:
        scope = access_scope(session, account, site.clock(), site.match_rule)
        rows = alerts_after(session, scope, filters, after, limit)
        cards = [AlertOut.of(card_of(alert, site.media, scope)) for alert in rows]
    return AlertsOut(alerts=cards, next_after=next_after([card.id for card in cards], limit))


@router.get("/alerts/{alert_id}", summary="One alert with its frames and history")
def get_alert(site: SiteDep, account: Viewer, alert_id: int) -> AlertFileOut:
    """One alert."""
    with site.database.read() as session:
        scope = access_scope(session, account, site.clock(), site.match_rule)
        file = alert_detail(session, site.media, site.config, alert_id, scope)
    if file is None:
        raise HTTPException(404, NO_SUCH_ALERT)
    return AlertFileOut.of_file(file)


@router.post(
    "/alerts/{alert_id}/decisions",
    summary="Decide, or take a decision back",
    response_model=DecisionOut,
    responses={
        409: {"description": "somebody else was first, or there is nothing to take back", "model": ProblemDocument}
    },
)
def post_decision(site: SiteDep, account: Reviewer, alert_id: int, body: DecisionIn) -> Any:
    """Decide about the version that was seen."""
    answer = DecisionAnswer(body.verdict, body.seen_version, body.idempotency_key)
    outcome = apply(site, account, alert_id, answer)
    if outcome is None:
        raise HTTPException(404, NO_SUCH_ALERT)
    if isinstance(outcome, Conflict):
        return _conflict(outcome)
    return DecisionOut(
        review=outcome.review_id,
        verdict=outcome.verdict,
        status=outcome.status,
        version=outcome.version,
        effective_at=outcome.effective_at,
    )


@router.get("/cameras", summary="What every camera is worth now")
def list_cameras(site: SiteDep, account: Viewer, after: AfterKey = "", limit: Limit = 200) -> CamerasOut:
    """All configured cameras, by their keys."""
    now = site.clock()
    with site.database.read() as session:
        stale = stale_cameras(session, now)
    cameras = [
        CameraOut(
            id=view.id,
            name=view.name,
            campsite=view.campsite_id,
            seeing=view.seeing,
            why=view.why,
            content_age_s=view.content_age_s,
            unwatched_s=view.unwatched_s,
        )
        for view in site.board.cameras(now, stale)
        if account.covers(view.campsite_id)
    ]
    shown, following = page_of(cameras, lambda each: each.id, after, limit)
    return CamerasOut(cameras=shown, next_after=following)


@router.get("/health", summary="What works, and which processes live")
def get_health(site: SiteDep, account: Viewer) -> Health:
    """The state of the whole site."""
    return health(site, account)


@router.get("/events", summary="Live events (server-sent)", response_class=EventStream)
async def events(
    site: SiteDep,
    account: Viewer,
    after: Annotated[int | None, Query(ge=0, lt=2**53)] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """``ledger``: something happened. ``cameras``: what the cameras are worth, every two seconds. ``resync``: reload.

    A browser that comes back sends ``Last-Event-ID`` and gets everything since; ``after`` does the same on the first
    connection.
    """

    pieces = site.hub.pieces(account, last_seen(last_event_id, after))
    return EventStream(pieces, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})


def last_seen(last_event_id: str | None, after: int | None) -> int | None:
    """The newest event that a page has seen: what its browser says when it comes back, else what its address says."""
    return int(last_event_id) if last_event_id and re.fullmatch(r"[0-9]{1,18}", last_event_id) else after


def _conflict(conflict: Conflict) -> Response:
    return problem(
        409,
        conflict.message,
        version=conflict.version,
        alert_status=conflict.status,
        who=conflict.who,
        verdict=conflict.verdict,
        at=conflict.at,
    )
