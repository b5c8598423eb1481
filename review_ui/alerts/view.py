"""One alert in full: its frames, what the rule saw, what people decided, and what left the building."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from core.config import Config, Point
from core.media import MediaStore
from core.messages import WHOLE_FRAME, Box, EncounterKind
from db.models import Alert, AlertStatus, Camera, Delivery, Encounter, EncounterFrame, Review, Verdict
from review_ui.auth.access_scope import AccessScope
from review_ui.rendering.pictures import PictureView, picture
from review_ui.web.alert_cards import AlertCard, DecidedCard, card_of, find_alert, standing_review


@dataclass(frozen=True, slots=True)
class CameraNow:
    """A camera that can be looked at now."""

    id: str
    name: str


def camera_now(config: Config, camera: str) -> CameraNow | None:
    """None where the camera is no longer read."""
    known = config.cameras.get(camera)
    return CameraNow(camera, known.name or camera) if known is not None and known.enabled else None


@dataclass(frozen=True, slots=True)
class FrameView:
    """One kept frame. ``box`` is None when nothing was found in it."""

    number: int
    captured_at: float
    picture: PictureView
    box: Box | None
    agrees: bool


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One thing that happened to the alert."""

    at: float
    who: str
    what: str
    undone: bool = False
    blind: bool = False


@dataclass(frozen=True, slots=True)
class ModelOpinion:
    """What the model thinks. Only shown after the first answer."""

    score: float
    label: str
    model: str
    threshold: float | None
    """From which score on its frames agree; None in old rows."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A named area of the camera's view, corners in 0-1 coordinates."""

    name: str
    corners: tuple[Point, ...]
    entered: bool

    @property
    def points(self) -> str:
        """The corners as an SVG polygon in a 100 by 100 view box."""
        return " ".join(f"{100 * x:.2f},{100 * y:.2f}" for x, y in self.corners)


@dataclass(frozen=True, slots=True)
class RecordingView:
    """What the camera's main stream shows: addresses of the files that are kept, and why something is missing."""

    still: PictureView | None
    clip_url: str | None
    clip_at: float | None
    clip_s: float | None
    why: str


@dataclass(frozen=True, slots=True)
class AlertDetail:
    """All that the alert page shows."""

    card: AlertCard
    frames: tuple[FrameView, ...]
    lost_frames: int
    recording: RecordingView | None
    """None where the camera has no main stream, or it has not been kept yet."""
    zones: tuple[Zone, ...]
    decided: DecidedCard | None
    history: tuple[HistoryLine, ...]
    opinion: ModelOpinion | None
    held: int
    """Visits of unknown animals to the same camera soon after, which were written down without an alert."""
    previous_id: int | None
    next_id: int | None
    second_review: int | None
    """The second review that the reader may take: until then the decision and all that followed are left out."""

    @property
    def cover_number(self) -> int:
        """Which frame to show first: the cover, else the last one."""
        cover = self.card.picture.key if self.card.picture else None
        return next((f.number for f in self.frames if f.picture.key == cover), len(self.frames))

    @property
    def span_s(self) -> float:
        """How long the agreeing frames lasted."""
        return max(0.0, self.card.last_at - self.card.first_at)


def alert_detail(
    session: Session, media: MediaStore, config: Config, alert_id: int, scope: AccessScope
) -> AlertDetail | None:
    """The file of an alert; None when there is none or it is hidden."""
    alert = find_alert(session, alert_id, scope)
    if alert is None:
        return None
    second_review = scope.second_reviews.get(alert.id)
    reviews = _reviews(session, alert) if second_review is None else []
    card = card_of(alert, media, scope)
    stands = standing_review(reviews)
    rows = list(alert.encounter.frames)
    frames = _frames(rows, media)
    previous_id, next_id = _neighbours(session, alert, scope)
    return AlertDetail(
        card=card,
        frames=frames,
        lost_frames=len(rows) - len(frames),
        recording=_recording(alert.encounter, media),
        zones=_zones(config, card),
        decided=DecidedCard(
            card, Verdict(stands.verdict), stands.user_id, stands.user.name, stands.created_at, stands.effective_at
        )
        if stands
        else None,
        history=_history(session, alert, reviews) if second_review is None else tuple(_raised(alert)),
        opinion=opinion(alert, bool(reviews)),
        held=_held(session, config, alert, scope) if card.unknown else 0,
        previous_id=previous_id,
        next_id=next_id,
        second_review=second_review,
    )


def _reviews(session: Session, alert: Alert) -> list[Review]:
    query = select(Review).where(Review.alert_id == alert.id).options(joinedload(Review.user)).order_by(Review.id)
    return list(session.scalars(query))


def opinion(alert: Alert, answered: bool) -> ModelOpinion | None:
    """The model's score and label, once somebody has answered; until then nobody sees them."""
    if not answered:
        return None
    encounter = alert.encounter
    return ModelOpinion(encounter.peak_score, encounter.label, encounter.model, encounter.threshold)


def _held(session: Session, config: Config, alert: Alert, scope: AccessScope) -> int:
    held = (
        select(func.count(Encounter.id))
        .join(Camera, Camera.id == Encounter.camera_id)
        .where(
            Encounter.camera_id == alert.camera_id,
            Encounter.held.is_(True),
            Encounter.decided_at >= alert.captured_at,
            Encounter.decided_at < alert.captured_at + config.detector.unknown_cooldown_s,
            scope.encounters(),
        )
    )
    return session.scalar(held) or 0


def _frames(rows: list[EncounterFrame], media: MediaStore) -> tuple[FrameView, ...]:
    found: list[FrameView] = []
    for row in rows:
        image = picture(media, row.media)
        if image is None:
            continue
        x0, y0, x1, y1 = row.box
        box: Box | None = None if (x0, y0, x1, y1) == WHOLE_FRAME else (x0, y0, x1, y1)
        found.append(FrameView(len(found) + 1, row.captured_at, image, box, row.agrees))
    return tuple(found)


def _recording(encounter: Encounter, media: MediaStore) -> RecordingView | None:
    row = encounter.recording
    if row is None:
        return None
    still = picture(media, row.still)
    clip = row.clip if row.clip is not None and media.path(row.clip).is_file() else None
    gone = "" if still or clip or row.why else "they are no longer kept"
    url = None if clip is None else f"/media/{clip}"
    return RecordingView(still, url, row.clip_at, row.clip_s, row.why or gone)


def _zones(config: Config, card: AlertCard) -> tuple[Zone, ...]:
    camera = config.cameras.get(card.camera_id)
    if camera is None:
        return ()
    return tuple(Zone(name, tuple(corners), name in card.zones) for name, corners in camera.zones.items())


def _neighbours(session: Session, alert: Alert, scope: AccessScope) -> tuple[int | None, int | None]:
    """The waiting alerts before and after this one, by time."""
    waiting = select(Alert.id).where(Alert.status == AlertStatus.OPEN, scope.alerts(), Alert.id != alert.id)
    here = (alert.captured_at, alert.id)
    older = (Alert.captured_at < here[0]) | ((Alert.captured_at == here[0]) & (Alert.id < here[1]))
    previous = session.scalar(waiting.where(older).order_by(Alert.captured_at.desc(), Alert.id.desc()).limit(1))
    following = session.scalar(waiting.where(~older).order_by(Alert.captured_at, Alert.id).limit(1))
    return previous, following


def _history(session: Session, alert: Alert, reviews: list[Review]) -> tuple[HistoryLine, ...]:
    undone = {review.undoes_id for review in reviews}
    lines = _raised(alert)
    for review in reviews:
        verdict = Verdict(review.verdict)
        lines.append(
            HistoryLine(
                review.created_at,
                review.user.name,
                "took the decision back" if verdict is Verdict.UNDO else f"decided: {_SAID[verdict]}",
                undone=review.id in undone,
                blind=review.score_hidden and verdict is not Verdict.UNDO,
            )
        )
    deliveries = session.scalars(select(Delivery).where(Delivery.alert_id == alert.id).order_by(Delivery.id))
    lines += [HistoryLine(d.created_at, "Outbox", f"{d.kind}: {d.status}") for d in deliveries]
    return tuple(sorted(lines, key=lambda line: line.at))


def _raised(alert: Alert) -> list[HistoryLine]:
    waited = max(0.0, alert.created_at - alert.captured_at)
    if alert.unknown_at is not None:
        return [
            HistoryLine(alert.unknown_at, "Tracker", "raised the alert: an animal that the model does not know"),
            HistoryLine(alert.created_at, "Tracker", f"recognised a bear {waited:.1f} s after the frame"),
        ]
    unknown = ": an animal that the model does not know" if alert.kind == EncounterKind.UNKNOWN_ANIMAL else ""
    return [HistoryLine(alert.created_at, "Tracker", f"raised the alert {waited:.1f} s after the frame{unknown}")]


_SAID = {Verdict.BEAR: "bear", Verdict.NOT_A_BEAR: "not a bear", Verdict.UNSURE: "unsure"}
