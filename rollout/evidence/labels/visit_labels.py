"""Labels of visits: what people said of an encounter, for a few of its pictures.

A visit has up to :data:`PICTURES` of them: its best frame and the best of other moments, so that a bear that turned its
head is learnt from both sides, and a wrong crop can be taken out without losing the others. Animals that the model does
not know are among them: those about which somebody has decided or which somebody has seen, and those that still wait
for a name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, and_, cast, func, or_, select, true
from sqlalchemy.orm import Session

from core.messages import WHOLE_FRAME, Box, EncounterKind
from db.models import Alert, Camera, Encounter, EncounterFrame, Review
from db.places import campsite_at
from rollout.evidence.labels.label_scope import LabelScope
from rollout.evidence.labels.labelled import Labelled
from rollout.evidence.labels.spoken import DecidedAlert, SightedAnimal, by_campsite, decided_alerts, read_animals
from rollout.evidence.labels.vocabulary import Label, Source, read_vocabulary
from rollout.evidence.matching import MatchRule

PICTURES: Final = 3
"""Of one visit: more of them are hardly another picture."""
MOMENT_S: Final = 2.0
"""Pictures of one visit are at least so far apart."""
MOST_UNNAMED: Final = 1000
"""So many visits of animals without a name, the newest."""
_OF_ENCOUNTER: Final = (
    Encounter.id, Encounter.camera_id, Encounter.first_at, Encounter.last_at, Encounter.decided_at,
    Encounter.peak_score, Encounter.peak_box, Encounter.cover, Encounter.model, Encounter.infrared,
)  # fmt: skip
"""Columns rather than rows of the ORM: there are thousands of labels on every page."""


def of_visits(session: Session, scope: LabelScope, until: float, only: Collection[int] | None = None) -> list[Labelled]:
    """The labels of all visits as people had named them by ``until``, or of ``only`` some encounters; several pictures
    each."""
    if only is not None and not only:
        return []
    animals = read_animals(session, read_vocabulary(session), until, scope.hidden)
    sightings = by_campsite(animals.intact)
    decided = decided_alerts(session, until)
    chosen = true() if only is None else Encounter.id.in_(only)
    firsts = [
        *_decided(session, scope, sightings, decided, chosen),
        *_unknown(session, scope, sightings, decided, chosen),
    ]
    more = _moments(session, scope, chosen)
    return [*firsts, *(other for first in firsts for other in _others(first, more.get(first.visit or 0, ())))]


def visits_of(session: Session, items: Collection[str]) -> set[int]:
    """The encounters that some labels are about, by their names."""
    numbers = {kind: {int(item.split(":")[1]) for item in items if item.startswith(f"{kind}:")} for kind in _KINDS}
    frames = select(EncounterFrame.encounter_id).where(EncounterFrame.id.in_(numbers["frame"]))
    return numbers["encounter"] | set(session.scalars(frames))


_KINDS: Final = ("encounter", "frame")


def named(decided_bear: bool, seen: SightedAnimal | None) -> tuple[str, Source, bool]:
    """The label of a decided alert, its source, and whether the sighting beside it casts doubt. Pure.

    1. A bear that a blind observer saw too is a blind sighting's label; of the kind that any observer named.
    2. No bear, and an observer says which animal: that animal.
    3. Decision and observer disagree about the bear: the decision stands, and is doubted.
    """
    if decided_bear:
        agrees = seen is not None and seen.is_bear
        source = Source.BLIND_SIGHTING if seen is not None and agrees and seen.blind else Source.CONFIRMED_ALERT
        label = seen.label if seen is not None and agrees else Label.BEAR
        return label, source, seen is not None and not agrees
    if seen is None or seen.is_bear:
        return Label.NOT_BEAR, Source.REJECTED_ALERT, seen is not None
    return seen.label, Source.BLIND_SIGHTING if seen.blind else Source.REJECTED_ALERT, False


def moments(
    frames: Iterable[tuple[int, float, float]], taken_at: Sequence[float], most: int
) -> list[tuple[int, float, float]]:
    """The best of ``frames`` (number, time, score) that are :data:`MOMENT_S` from one another and from ``taken_at``.

    Pure. At most ``most``, the best first.
    """
    chosen: list[tuple[int, float, float]] = []
    for frame in sorted(frames, key=lambda each: (-each[2], each[1])):
        apart = all(abs(frame[1] - at) >= MOMENT_S for at in (*taken_at, *(each[1] for each in chosen)))
        if apart and len(chosen) < most:
            chosen.append(frame)
    return chosen


def _decided(
    session: Session,
    scope: LabelScope,
    sightings: Mapping[str, Sequence[SightedAnimal]],
    decided: Mapping[int, DecidedAlert],
    chosen: ColumnElement[bool],
) -> Iterator[Labelled]:
    query = (
        select(Alert.id.label("alert"), Alert.campsite_id.label("campsite"), *_OF_ENCOUNTER)
        .join(Encounter, Encounter.id == Alert.encounter_id)
        .where(_decision_shown(scope), chosen)
    )
    for row in session.execute(query):
        bear = decided[row.alert].bear if row.alert in decided else None
        if bear is not None:
            near = _near(sightings.get(row.campsite, ()), row.camera_id, row.first_at, row.last_at, scope.rule)
            label, source, doubted = named(bear, near[0] if near else None)
            yield _labelled(row, label, source, doubted, near)


def _unknown(
    session: Session,
    scope: LabelScope,
    sightings: Mapping[str, Sequence[SightedAnimal]],
    decided: Mapping[int, DecidedAlert],
    chosen: ColumnElement[bool],
) -> Iterator[Labelled]:
    """Animals that the model does not know and about which nobody has decided, named by whoever saw them there then."""
    query = (
        select(
            Alert.id.label("alert"),
            campsite_at(Encounter.camera_id, Encounter.decided_at).label("campsite"),
            *_OF_ENCOUNTER,
        )
        .select_from(Encounter)
        .join(Camera, Camera.id == Encounter.camera_id)
        .outerjoin(Alert, Alert.encounter_id == Encounter.id)
        .where(_undecided_shown(scope), chosen)
        .order_by(Encounter.id.desc())
        .limit(MOST_UNNAMED)
    )
    for row in session.execute(query):
        if row.alert is not None and (row.alert not in decided or decided[row.alert].bear is not None):
            continue
        near = _near(sightings.get(row.campsite, ()), row.camera_id, row.first_at, row.last_at, scope.rule)
        if not near:
            yield _labelled(row, Label.UNNAMED, Source.UNKNOWN, False, near)
        else:
            yield _labelled(row, near[0].label, Source.SIGHTING, near[0].is_bear, near)


def _decision_shown(scope: LabelScope) -> ColumnElement[bool]:
    """Condition on :class:`Alert`: somebody has decided, and this viewer may know what."""
    return and_(
        Alert.id.in_(select(Review.alert_id)),
        Alert.campsite_id.not_in(scope.hidden),
        Alert.id.not_in(scope.second_reviews),
    )


def _undecided_shown(scope: LabelScope) -> ColumnElement[bool]:
    """Condition on :class:`Encounter`, its camera and its alert, if it has one: nobody could say what it was.

    An alert that still waits for a first decision is not among them: that is made on its own page, without the score.
    """
    return and_(
        Encounter.kind == EncounterKind.UNKNOWN_ANIMAL,
        Encounter.cover.is_not(None),
        campsite_at(Encounter.camera_id, Encounter.decided_at).not_in(scope.hidden),
        or_(Alert.id.is_(None), Alert.id.in_(select(Review.alert_id))),
    )


def _labelled(row: Any, label: str, source: Source, doubted: bool, near: Sequence[SightedAnimal]) -> Labelled:
    x0, y0, x1, y1 = row.peak_box
    return Labelled(
        item=f"encounter:{row.id}",
        media=row.cover,
        box=(x0, y0, x1, y1),
        camera_id=row.camera_id,
        campsite_id=row.campsite,
        captured_at=row.decided_at,
        label=label,
        is_bear=label == Label.BEAR or any(each.is_bear and each.label == label for each in near[:1]),
        source=source,
        probability=1.0,
        score=None if source in (Source.UNKNOWN, Source.SIGHTING) else row.peak_score,
        model=row.model,
        infrared=row.infrared,
        alert_id=row.alert,
        visit=row.id,
        doubted=doubted,
        sightings=tuple(each.id for each in near),
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """One kept frame that agrees, the best of its moment."""

    id: int
    at: float
    score: float
    box: Box
    media: str


def _others(first: Labelled, frames: Sequence[Moment]) -> Iterator[Labelled]:
    """The other pictures of a visit, with its label."""
    cover_at = next((each.at for each in frames if each.media == first.media), first.captured_at)
    by_number = {each.id: each for each in frames if each.media != first.media}
    shown = moments(((each.id, each.at, each.score) for each in by_number.values()), [cover_at], PICTURES - 1)
    for number, at, score in shown:
        frame = by_number[number]
        yield replace(
            first,
            item=f"frame:{number}",
            media=frame.media,
            box=None if frame.box == WHOLE_FRAME else frame.box,
            captured_at=at,
            score=None if first.score is None else score,
        )


def _moments(session: Session, scope: LabelScope, chosen: ColumnElement[bool]) -> dict[int, list[Moment]]:
    """By encounter, the best agreeing frame of each stretch of :data:`MOMENT_S`, a few of the best of them."""
    stretch = cast((EncounterFrame.captured_at - Encounter.first_at) / MOMENT_S, Integer)
    best = (EncounterFrame.score.desc(), EncounterFrame.id)
    in_stretch = (
        select(
            EncounterFrame.id,
            EncounterFrame.encounter_id,
            EncounterFrame.captured_at,
            EncounterFrame.score,
            EncounterFrame.box,
            EncounterFrame.media,
            func.row_number().over(partition_by=(EncounterFrame.encounter_id, stretch), order_by=best).label("place"),
        )
        .join(Encounter, Encounter.id == EncounterFrame.encounter_id)
        .join(Camera, Camera.id == Encounter.camera_id)
        .outerjoin(Alert, Alert.encounter_id == Encounter.id)
        .where(EncounterFrame.agrees, EncounterFrame.media.is_not(None))
        .where(or_(_decision_shown(scope), _undecided_shown(scope)), chosen)
        .subquery()
    )
    of_visit = func.row_number().over(
        partition_by=in_stretch.c.encounter_id, order_by=(in_stretch.c.score.desc(), in_stretch.c.id)
    )
    few = select(in_stretch, of_visit.label("rank")).where(in_stretch.c.place == 1).subquery()
    found: dict[int, list[Moment]] = {}
    for row in session.execute(select(few).where(few.c.rank <= PICTURES + 1)):
        x0, y0, x1, y1 = row.box
        moment = Moment(row.id, row.captured_at, row.score, (x0, y0, x1, y1), row.media)
        found.setdefault(row.encounter_id, []).append(moment)
    return found


def _near(
    sightings: Sequence[SightedAnimal], camera: str, first_at: float, last_at: float, rule: MatchRule
) -> list[SightedAnimal]:
    """The sightings of a visit, by the rule of gates and reports; the one closest to its beginning first."""
    near = (
        each
        for each in sightings
        if each.at - rule.before_s <= last_at
        and first_at <= each.at + rule.after_s
        and not (rule.same_camera and each.camera not in (None, camera))
    )
    return sorted(near, key=lambda each: abs(each.at - first_at))
