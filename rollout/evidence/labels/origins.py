"""Who has said what of a label: its labellers, whether they knew the score, and how far they agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import AuditAnswer, BearSeen, ImportedLabel, LabelImport
from rollout.evidence.labels.collection import Applied, applied_edits
from rollout.evidence.labels.imported import ITEM
from rollout.evidence.labels.labelled import Labelled
from rollout.evidence.labels.spoken import DecidedAlert, Opinion, SightedAnimals, decided_alerts, read_animals
from rollout.evidence.labels.training_label import LabelSource
from rollout.evidence.labels.vocabulary import Source, Vocabulary, read_vocabulary

_BEAR_SEEN = {BearSeen.YES: True, BearSeen.NO: False}


@dataclass(frozen=True, slots=True)
class Said:
    """What is known of the people behind one label."""

    labellers: tuple[int, ...]
    score_hidden: bool
    agreement: float | None


@dataclass(frozen=True, slots=True)
class Origins:
    """Everything that people have said by a moment."""

    alerts: Mapping[int, DecidedAlert]
    animals: SightedAnimals
    answers: Mapping[int, tuple[Opinion, ...]]
    """By the answer that counts of a contact sheet, the last answers of all who have answered that sheet."""
    edits: Mapping[str, Applied]
    vocabulary: Vocabulary
    foreign_clocks: Mapping[str, str]
    """By imported label, the clock of the place that it is from."""

    def said_of(self, each: Labelled) -> Said:
        """Who stands behind a label, and how far they agree. A label that was brought in has nobody behind it."""
        opinions = list(self._opinions(each))
        labellers = tuple(sorted({opinion.user for opinion in opinions}))
        hidden = bool(opinions) and all(opinion.score_hidden for opinion in opinions)
        return Said(labellers, hidden, agreement(opinions, each.is_bear))

    def _opinions(self, each: Labelled) -> Iterator[Opinion]:
        decided = self.alerts.get(each.alert_id) if each.alert_id is not None else None
        if decided is not None:
            yield from decided.all
            if decided.second is not None:
                yield decided.second
        for seen in filter(None, map(self.animals.by_id.get, each.sightings)):
            yield Opinion(seen.user, seen.is_bear, seen.blind, seen.at)
        if each.answer_id is not None:
            yield from self.answers.get(each.answer_id, ())
        edit = self.edits.get(each.item)
        if edit is not None:
            for author in edit.authors:
                yield Opinion(author, each.is_bear, False, 0.0)  # the cleaner shows how the model scored


def agreement(opinions: Iterable[Opinion], is_bear: bool) -> float | None:
    """The share of people who say of the bear what the label says; None when fewer than two have said anything.

    Who has spoken twice counts once, with their last word.
    """
    last = {opinion.user: opinion.bear for opinion in opinions if opinion.bear is not None}
    if len(last) < 2:
        return None
    return sum(bear is is_bear for bear in last.values()) / len(last)


def source_of(each: Labelled, alerts: Mapping[int, DecidedAlert]) -> LabelSource:
    """On which occasion a label was given: the last that confirmed or changed it. Pure."""
    if each.source is Source.IMPORT:
        return LabelSource.CLEANER if each.kept else LabelSource.IMPORT
    if each.kept:
        return LabelSource.CLEANER
    if each.source is Source.AUDIT:
        return LabelSource.AUDIT
    if each.source in (Source.BLIND_SIGHTING, Source.SIGHTING):
        return LabelSource.SIGHTING
    decided = alerts.get(each.alert_id) if each.alert_id is not None else None
    return LabelSource.APPEAL if decided is not None and decided.confirmed else LabelSource.DECISION


def read_origins(session: Session, until: float) -> Origins:
    """Read what people had said by ``until``."""
    vocabulary = read_vocabulary(session)
    return Origins(
        alerts=decided_alerts(session, until),
        animals=read_animals(session, vocabulary, until),
        answers=_answers(session, until),
        edits=applied_edits(session, until),
        vocabulary=vocabulary,
        foreign_clocks=_foreign_clocks(session),
    )


def _foreign_clocks(session: Session) -> dict[str, str]:
    query = select(ImportedLabel.id, LabelImport.timezone).join(LabelImport, LabelImport.id == ImportedLabel.import_id)
    return {f"{ITEM}{number}": timezone for number, timezone in session.execute(query)}


def _answers(session: Session, until: float) -> dict[int, tuple[Opinion, ...]]:
    by_sheet: dict[int, dict[int, Opinion]] = {}
    newest: dict[int, int] = {}
    query = select(AuditAnswer).where(AuditAnswer.answered_at <= until).order_by(AuditAnswer.id)
    for row in session.scalars(query):
        opinion = Opinion(row.user_id, _BEAR_SEEN.get(BearSeen(row.bear)), True, row.answered_at)
        by_sheet.setdefault(row.sheet_id, {})[row.user_id] = opinion
        newest[row.sheet_id] = row.id
    return {newest[sheet]: tuple(opinions.values()) for sheet, opinions in by_sheet.items()}
