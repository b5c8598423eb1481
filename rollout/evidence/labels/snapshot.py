"""Every label that may be learnt from at a moment, with its origin, and what was left out and why.

The same moment gives the same snapshot later on, as long as its pictures are kept: what was said afterwards does not
count. Its digest is what a model's lineage names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.config import Config
from core.media import MediaStore
from core.pictures.jpeg_header import read_jpeg_header
from db.models import AuditAnswer, AuditSheet, Campsite, Encounter, SheetKind
from rollout.evidence.labels.bear_nights import bear_night, split_of
from rollout.evidence.labels.collection import collection
from rollout.evidence.labels.label_scope import EveryLabel
from rollout.evidence.labels.labelled import Labelled
from rollout.evidence.labels.left_out import LeftOut, Span, contradictions, counted, why_left_out
from rollout.evidence.labels.origins import Origins, read_origins, source_of
from rollout.evidence.labels.spoken import SightedAnimals, decided_alerts
from rollout.evidence.labels.training_label import TrainingLabel, digest_of
from rollout.evidence.labels.vocabulary import Label, Source, read_vocabulary
from rollout.evidence.labels.weights import weight_of
from rollout.evidence.matching import MatchRule
from rollout.evidence.stats.visits import is_dark

_INDEPENDENT = frozenset({Source.BLIND_SIGHTING, Source.AUDIT, Source.IMPORT})
"""Sources of labels that would be there without the model."""


@dataclass(frozen=True, slots=True)
class LabelSnapshot:
    """The labels at a moment, in order of time. ``digest`` is the SHA-256 over them."""

    until: float
    labels: tuple[TrainingLabel, ...]
    left_out: Mapping[str, int]
    """How many labels are left out, by :class:`~rollout.evidence.labels.left_out.LeftOut`; most first."""
    left_out_items: Mapping[str, tuple[str, ...]]
    """Which, by the same reasons, as ``encounter:12`` or ``sighting:3``; planted sheets are not named."""
    digest: str


def label_snapshot(
    session: Session, config: Config, media: MediaStore, until: float, rule: MatchRule = MatchRule()
) -> LabelSnapshot:
    """Read every label as it stood at ``until`` (UTC seconds).

    ``rule`` is the plan's rule for matching sightings (as gates and pages use it); without a plan it is the usual one.
    Each picture's header is read: what is gone or broken is left out, and counted.
    """
    origins = read_origins(session, until)
    found = collection(session, EveryLabel(rule), until)
    contradicted = contradictions(found, decided_spans(session, found), origins.vocabulary)
    clocks = night_clocks(session, config)
    labels: list[TrainingLabel] = []
    out: list[tuple[str, str]] = []
    for each in found:
        why = why_left_out(each, origins.alerts, contradicted, origins.vocabulary.words)
        made = why or _made(each, origins, clocks, media)
        if isinstance(made, TrainingLabel):
            labels.append(made)
        else:
            out.append((made, each.item))
    out += _sightings_left_out(origins.animals, found)
    planted = planted_answers(session, until)
    labels.sort(key=lambda each: (each.captured_at, each.item))
    reasons = [reason for reason, _ in out] + [LeftOut.PLANTED] * planted
    return LabelSnapshot(until, tuple(labels), counted(reasons), _by_reason(out), digest_of(labels))


def left_out(session: Session, labels: Sequence[Labelled], media: MediaStore, until: float) -> dict[str, LeftOut]:
    """Why some of these labels are not learnt from, by item, as far as it can be told without reading pictures.

    What contradicts one another is looked for among them alone: who may not see the one learns nothing of the other.
    """
    alerts, vocabulary = decided_alerts(session, until), read_vocabulary(session)
    contradicted = contradictions(labels, decided_spans(session, labels), vocabulary)
    found: dict[str, LeftOut] = {}
    for each in labels:
        why = why_left_out(each, alerts, contradicted, vocabulary.words)
        if why is None and each.media is not None and not media.path(each.media).is_file():
            why = LeftOut.PICTURE_DELETED
        if why is not None:
            found[each.item] = why
    return found


def night_clocks(session: Session, config: Config) -> dict[str, str]:
    """By whose clock each campsite's nights are told: that of its first day here, for ever."""
    told = {key: config.regions[each.region].timezone for key, each in config.campsites.items()}
    rows = session.execute(select(Campsite.id, Campsite.night_timezone))
    return told | {campsite: clock for campsite, clock in rows if clock is not None}


def decided_spans(session: Session, labels: Iterable[Labelled]) -> list[Span]:
    """From when to when each labelled visit lasted, and whether it is said to be a bear's."""
    firsts = {each.visit: each for each in labels if each.visit is not None and each.item == f"encounter:{each.visit}"}
    rows = session.execute(select(Encounter.id, Encounter.camera_id, Encounter.first_at, Encounter.last_at))
    return [
        Span(firsts[number].item, camera, first_at, last_at, firsts[number].is_bear)
        for number, camera, first_at, last_at in rows
        if number in firsts and firsts[number].label != Label.UNNAMED and not firsts[number].removed
    ]


def planted_answers(session: Session, until: float) -> int:
    """How many planted contact sheets had been answered by ``until``, and may be spoken of."""
    query = select(func.count(func.distinct(AuditAnswer.sheet_id))).join(AuditSheet)
    planted = AuditSheet.kind == SheetKind.PLANTED, AuditSheet.due_at <= until, AuditAnswer.answered_at <= until
    return session.scalar(query.where(*planted)) or 0


def _made(each: Labelled, origins: Origins, clocks: Mapping[str, str], media: MediaStore) -> TrainingLabel | LeftOut:
    assert each.media is not None, "a label without a picture is left out before"
    content = media.get(each.media)
    if content is None:
        return LeftOut.PICTURE_DELETED
    header = read_jpeg_header(content)
    if header is None or not header.whole:
        return LeftOut.PICTURE_UNREADABLE
    box = None
    if each.box is not None:
        left, top, right, bottom = each.box
        if not (0.0 <= left < right <= 1.0 and 0.0 <= top < bottom <= 1.0):
            return LeftOut.BOX_OUTSIDE
        box = left * header.width, top * header.height, right * header.width, bottom * header.height
    clock = clocks.get(each.campsite_id) or origins.foreign_clocks.get(each.item, "UTC")
    night = bear_night(each.campsite_id, each.captured_at, clock)
    said = origins.said_of(each)
    return TrainingLabel(
        item=each.item,
        label=each.label,
        source=source_of(each, origins.alerts),
        inclusion_probability=each.probability,
        weight=weight_of(each.source, each.probability),
        camera=each.camera_id,
        campsite=each.campsite_id,
        infrared=is_dark(each.captured_at, clock) if each.infrared is None else each.infrared,
        captured_at=each.captured_at,
        bear_night=night,
        split=split_of(night),
        picture=each.media,
        box=box,
        labellers=said.labellers,
        score_hidden=said.score_hidden,
        agreement=said.agreement,
        model=each.model or None,
        model_selected=each.source not in _INDEPENDENT or (each.source is Source.IMPORT and bool(each.model)),
    )


def _sightings_left_out(animals: SightedAnimals, labels: Sequence[Labelled]) -> list[tuple[str, str]]:
    pictured = {number for each in labels for number in each.sightings}
    alone = ((LeftOut.SIGHTING_WITHOUT_PICTURE, each.id) for each in animals.intact if each.id not in pictured)
    broken = ((LeftOut.SEAL_BROKEN, number) for number in animals.broken)
    return [(reason, f"sighting:{number}") for reason, number in (*alone, *broken)]


def _by_reason(out: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for reason, item in sorted(out):
        found.setdefault(reason, []).append(item)
    return {reason: tuple(items) for reason, items in found.items()}
