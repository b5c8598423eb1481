"""Alerts as cards: what waits, what wants a second review, what was decided lately."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session, joinedload

from core.media import MediaStore
from core.messages import Box, EncounterKind
from db.models import Alert, AlertStatus, Campsite, Review, Verdict
from review_ui.auth.access_scope import AccessScope
from review_ui.rendering.pictures import Crop, PictureView, crop, picture
from rollout.base.review_rules import PastReview, standing

QUEUE_SHOWN: Final = 30
DECIDED_SHOWN: Final = 8
DECIDED_FOR_S: Final = 12 * 3600.0
THERE_FOR_S: Final = 120.0
"""So long after its last frame an animal counts as there now."""
GROWS_FOR_S: Final = 600.0
"""An encounter without a new frame for so long grows no more, even where no tracker is left to close it."""


@dataclass(frozen=True, slots=True)
class AlertCard:
    """One alert, without anything that would give the model's certainty away."""

    id: int
    version: int
    status: AlertStatus | None
    """None: hidden from whoever may take a second review of it."""
    kind: EncounterKind
    campsite_id: str
    campsite: str
    camera_id: str
    camera: str
    timezone: str
    captured_at: float
    first_at: float
    last_at: float
    hits: int
    zones: tuple[str, ...]
    late: bool
    closed: bool
    mode: str
    box: Box
    picture: PictureView | None
    crop: Crop | None
    remembered_at: float | None = None
    """When the rejected alert was that it resembles closely; None where there is none, or where it is hidden."""

    @property
    def unknown(self) -> bool:
        """Whether it is about an animal that the model does not know."""
        return self.kind is EncounterKind.UNKNOWN_ANIMAL

    def grows(self, now: float) -> bool:
        """Whether more frames may still be added to what it is about."""
        return not self.closed and now - self.last_at < GROWS_FOR_S

    def is_danger(self, now: float) -> bool:
        """Whether it is about a bear that is there now, and nothing that was rejected resembles it."""
        there = not self.closed and now - self.last_at < THERE_FOR_S
        return there and not self.unknown and self.remembered_at is None


@dataclass(frozen=True, slots=True)
class DecidedCard:
    """An alert with the decision that stands."""

    card: AlertCard
    verdict: Verdict
    user_id: int
    by: str
    at: float
    effective_at: float


@dataclass(frozen=True, slots=True)
class Queue:
    """What the watch page shows of the alerts."""

    waiting: tuple[AlertCard, ...]
    """A bear that is there now comes first, what resembles something rejected last."""
    waiting_count: int
    unsure: tuple[DecidedCard, ...]
    decided: tuple[DecidedCard, ...]
    there_now: bool = False
    """Whether the first of those that wait is about a bear that is still seen."""

    @property
    def longest_wait(self) -> AlertCard | None:
        """What has waited longest of what is new, where something else stands before it."""
        new = [card for card in self.waiting if card.remembered_at is None]
        oldest = min(new, key=lambda card: card.captured_at, default=None)
        return None if oldest is None or oldest is self.waiting[0] else oldest

    @property
    def groups(self) -> tuple[tuple[str, tuple[AlertCard, ...]], ...]:
        """What waits behind the first: what is new, then what resembles something rejected."""
        new = tuple(card for card in self.waiting[1:] if card.remembered_at is None)
        old = tuple(card for card in self.waiting[1:] if card.remembered_at is not None)
        named = (("Also waiting", new), ("As before at the same place, not a bear then", old))
        return tuple((words, cards) for words, cards in named if cards)

    @property
    def bears_first(self) -> bool:
        """Whether bears stand in front of an animal that the model does not know, which may have waited longer."""
        return bool(self.waiting) and not self.waiting[0].unknown and any(card.unknown for card in self.waiting)


def queue(session: Session, media: MediaStore, scope: AccessScope, now: float) -> Queue:
    """Alerts that this viewer may see: the unreviewed ones, then unsure ones, then what was decided lately."""
    waiting = open_alerts(session, scope, QUEUE_SHOWN)
    decided = _decided(session, scope, now)
    cards = [
        DecidedCard(
            card_of(alert, media, scope), Verdict(review.verdict), review.user_id, review.user.name, review.created_at,
            review.effective_at,
        )
        for alert, review in decided
    ]  # fmt: skip
    if len(waiting) == QUEUE_SHOWN:
        waiting = [*waiting, *_newest_bear(session, scope, {alert.id for alert in waiting})]
    shown = danger_first([card_of(alert, media, scope) for alert in waiting], now)[:QUEUE_SHOWN]
    return Queue(
        waiting=tuple(shown),
        there_now=bool(shown) and shown[0].is_danger(now),
        waiting_count=count_open(session, scope),
        unsure=tuple(card for card in cards if card.verdict is Verdict.UNSURE),
        decided=tuple(card for card in cards if card.verdict is not Verdict.UNSURE)[:DECIDED_SHOWN],
    )


def danger_first(cards: Sequence[AlertCard], now: float) -> list[AlertCard]:
    """The bear that came last of those that are there now in front, everything else as it was. Pure.

    Whoever opens the page at night looks at what happens, not at what has waited since supper.
    """
    there = [card for card in cards if card.is_danger(now)]
    if not there:
        return list(cards)
    first = max(there, key=lambda card: (card.captured_at, card.id))
    return [first, *(card for card in cards if card is not first)]


def open_alerts(session: Session, scope: AccessScope, limit: int) -> Sequence[Alert]:
    """Unreviewed alerts: bears before animals that the model does not know, and of each the oldest first; then what
    resembles closely what was rejected at the same place."""
    return session.scalars(
        select(Alert)
        .where(Alert.status == AlertStatus.OPEN, scope.alerts())
        .order_by(
            case((Alert.resembles_id.is_(None), 0), else_=1),
            case((Alert.kind == EncounterKind.BEAR, 0), else_=1),
            Alert.captured_at,
            Alert.id,
        )
        .options(*FULL)
        .limit(limit)
    ).all()


def _newest_bear(session: Session, scope: AccessScope, known: Collection[int]) -> Sequence[Alert]:
    """The bear that came last, where so many wait that it is not among those that are shown."""
    query = select(Alert).where(Alert.status == AlertStatus.OPEN, scope.alerts(), Alert.kind == EncounterKind.BEAR)
    found = session.scalars(query.order_by(Alert.captured_at.desc(), Alert.id.desc()).options(*FULL).limit(1)).all()
    return [alert for alert in found if alert.id not in known]


def count_open(session: Session, scope: AccessScope) -> int:
    """How many unreviewed alerts there are."""
    visible = select(func.count(Alert.id)).where(Alert.status == AlertStatus.OPEN, scope.alerts())
    return session.scalar(visible) or 0


def find_alert(session: Session, alert_id: int, scope: AccessScope) -> Alert | None:
    """An alert by its number; None both when there is none and when it is hidden, so that nobody can tell which."""
    if not 0 < alert_id < 2**31:
        return None
    return session.scalar(_full(select(Alert).where(Alert.id == alert_id, scope.alerts())))


def card_of(alert: Alert, media: MediaStore, scope: AccessScope) -> AlertCard:
    """An alert as a card for somebody who may see it."""
    encounter = alert.encounter
    cover = picture(media, encounter.cover)
    x0, y0, x1, y1 = encounter.peak_box
    box: Box = (x0, y0, x1, y1)
    return AlertCard(
        id=alert.id,
        version=alert.version,
        status=None if alert.id in scope.second_reviews else AlertStatus(alert.status),
        kind=EncounterKind(alert.kind),
        campsite_id=alert.campsite_id,
        campsite=alert.campsite.name,
        camera_id=alert.camera_id,
        camera=alert.camera.name,
        timezone=alert.campsite.region.timezone,
        captured_at=alert.captured_at,
        first_at=encounter.first_at,
        last_at=encounter.last_at,
        hits=encounter.hits,
        zones=tuple(encounter.zones),
        late=encounter.late,
        closed=encounter.closed_at is not None,
        mode=alert.mode,
        box=box,
        picture=cover,
        crop=crop(cover, box) if cover else None,
        remembered_at=_remembered_at(alert, scope),
    )


def _remembered_at(alert: Alert, scope: AccessScope) -> float | None:
    """Nothing of a decision is told to whoever may take the second review of either."""
    before = alert.resembles
    if before is None or {alert.id, before.id} & set(scope.second_reviews):
        return None
    return before.captured_at


def standing_review(reviews: Sequence[Review]) -> Review | None:
    """The decision that counts among all reviews of one alert."""
    last = standing([PastReview(r.id, Verdict(r.verdict), r.undoes_id) for r in reviews])
    return next((review for review in reviews if last and review.id == last.id), None)


def _decided(session: Session, scope: AccessScope, now: float) -> list[tuple[Alert, Review]]:
    """Alerts with their standing decisions, newest decision first; none of those that wait for a second review."""
    alerts = session.scalars(
        _full(
            select(Alert)
            .where(
                Alert.status != AlertStatus.OPEN,
                scope.alerts(),
                Alert.id.not_in(scope.second_reviews),
                Alert.id.in_(select(Review.alert_id).where(Review.created_at > now - DECIDED_FOR_S)),
            )
            .order_by(Alert.id.desc())
            .limit(4 * DECIDED_SHOWN)
        )
    ).all()
    reviews = session.scalars(
        select(Review)
        .where(Review.alert_id.in_([alert.id for alert in alerts]))
        .options(joinedload(Review.user))
        .order_by(Review.id)
    ).all()
    pairs = [(alert, standing_review([r for r in reviews if r.alert_id == alert.id])) for alert in alerts]
    made = [(alert, review) for alert, review in pairs if review is not None]
    return sorted(made, key=lambda pair: pair[1].id, reverse=True)


FULL: Final = (
    joinedload(Alert.encounter),
    joinedload(Alert.camera),
    joinedload(Alert.campsite).joinedload(Campsite.region),
)
"""What a card is made of, read with its alert."""


def _full(query: Select[Alert]) -> Select[Alert]:
    return query.options(*FULL)
