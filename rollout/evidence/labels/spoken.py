"""What people have said, until a moment: decisions about alerts, second reviews, and animals that were seen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Appeal, Review, Sighting, Verdict
from rollout.base.review_rules import PastReview, standing
from rollout.evidence.labels.vocabulary import OF_ANIMAL, Vocabulary
from rollout.evidence.sealed_sightings import intact_seal
from rollout.evidence.seals import LATE_S

_BEAR = {Verdict.BEAR: True, Verdict.NOT_A_BEAR: False}


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one person has said of one thing. ``bear`` is None when they could not tell."""

    user: int
    bear: bool | None
    score_hidden: bool
    """Whether they did not know what the model says when they answered."""
    at: float


@dataclass(frozen=True, slots=True)
class DecidedAlert:
    """What rangers have decided about an alert, by a moment."""

    stands: Opinion | None
    """The decision that counts; None when all were taken back."""
    all: tuple[Opinion, ...]
    """The last decision of each person that was not taken back, the one that counts among them."""
    second: Opinion | None = None
    """The second review, blind to the first decision, if there was one."""

    @property
    def bear(self) -> bool | None:
        """What stands: a bear, no bear, or that nobody can tell."""
        return None if self.stands is None else self.stands.bear

    @property
    def disputed(self) -> bool:
        """Whether the second review says otherwise, and nobody has decided again since."""
        if self.stands is None or self.second is None or None in (self.stands.bear, self.second.bear):
            return False
        return self.second.bear is not self.stands.bear and self.stands.at <= self.second.at

    @property
    def confirmed(self) -> bool:
        """Whether the second review came to the same."""
        return self.second is not None and self.bear is not None and self.second.bear is self.bear


@dataclass(frozen=True, slots=True)
class SightedAnimal:
    """A sighting as far as labels need it."""

    at: float
    label: str
    blind: bool
    camera: str | None = None
    """The one that the observer named."""
    id: int = 0
    campsite: str = ""
    user: int = 0
    is_bear: bool = False


@dataclass(frozen=True)
class SightedAnimals:
    """Every animal that was seen: as sealed, and the numbers of the sightings that no longer say what was sealed."""

    intact: tuple[SightedAnimal, ...]
    broken: tuple[int, ...]

    @cached_property
    def by_id(self) -> dict[int, SightedAnimal]:
        """Those that are intact, by their numbers."""
        return {each.id: each for each in self.intact}


def decided_alerts(session: Session, until: float) -> dict[int, DecidedAlert]:
    """By alert, what had been decided about it by ``until``."""
    reviews: dict[int, list[Review]] = {}
    for row in session.scalars(select(Review).where(Review.created_at <= until).order_by(Review.id)):
        reviews.setdefault(row.alert_id, []).append(row)
    seconds = {
        appeal.alert_id: Opinion(
            appeal.second_user_id or 0, _BEAR.get(Verdict(appeal.second_verdict)), True, appeal.answered_at or 0.0
        )
        for appeal in session.scalars(select(Appeal).where(Appeal.answered_at <= until))
        if appeal.second_verdict is not None
    }
    return {alert: _decided(rows, seconds.get(alert)) for alert, rows in reviews.items()}


def read_animals(
    session: Session, vocabulary: Vocabulary, until: float, hidden: Collection[str] = ()
) -> SightedAnimals:
    """The animals that were seen, sealed by ``until``, but at ``hidden`` campsites; in order of their numbers.

    A sighting counts as blind by the rule of the evidence: sealed as such, and not long after it was seen.
    """
    intact: list[SightedAnimal] = []
    broken: list[int] = []
    query = select(Sighting).where(Sighting.campsite_id.not_in(hidden), Sighting.sealed_at <= until)
    for row in session.scalars(query.order_by(Sighting.id)):
        label = OF_ANIMAL.get(row.animal) or (row.animal if row.animal in vocabulary.words else None)
        if not intact_seal(row):
            broken.append(row.id)
        elif label is not None:
            blind = row.blind and row.sealed_at - row.seen_at <= LATE_S
            seen = SightedAnimal(
                at=row.seen_at, label=label, blind=blind, camera=row.camera_id, id=row.id, campsite=row.campsite_id,
                user=row.user_id, is_bear=label in vocabulary.bears,
            )  # fmt: skip
            intact.append(seen)
    return SightedAnimals(tuple(intact), tuple(broken))


def by_campsite(sightings: Iterable[SightedAnimal]) -> dict[str, list[SightedAnimal]]:
    """The sightings of each campsite."""
    found: dict[str, list[SightedAnimal]] = {}
    for each in sightings:
        found.setdefault(each.campsite, []).append(each)
    return found


def _decided(rows: Sequence[Review], second: Opinion | None) -> DecidedAlert:
    past = [PastReview(row.id, Verdict(row.verdict), row.undoes_id) for row in rows]
    stands = standing(past)
    undone = {row.undoes_id for row in rows}
    last = {
        row.user_id: Opinion(row.user_id, _BEAR.get(Verdict(row.verdict)), row.score_hidden, row.created_at)
        for row in rows
        if row.verdict != Verdict.UNDO and row.id not in undone
    }
    holder = next((row.user_id for row in rows if stands is not None and row.id == stands.id), None)
    return DecidedAlert(None if holder is None else last[holder], tuple(last.values()), second)
