"""Why a label is not learnt from: what is wrong with it, and what contradicts what. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Final

from core.messages import Box
from rollout.evidence.labels.labelled import Labelled, picture_of, same_place
from rollout.evidence.labels.spoken import DecidedAlert
from rollout.evidence.labels.vocabulary import Label, Source, Vocabulary

MINUTE_S: Final = 60.0


class LeftOut(StrEnum):
    """Why something that people have said is no training label."""

    CONTRADICTED = "contradicted"
    PICTURE_DELETED = "picture_deleted"
    PICTURE_UNREADABLE = "picture_unreadable"
    REMOVED = "removed"
    UNNAMED = "unnamed"
    NO_WORD = "no_word"
    PLANTED = "planted"
    SIGHTING_WITHOUT_PICTURE = "sighting_without_picture"
    SEAL_BROKEN = "seal_broken"
    BOX_OUTSIDE = "box_outside"


REASONS: Final = {
    LeftOut.CONTRADICTED: "two people, or two labels of one picture, say different things",
    LeftOut.PICTURE_DELETED: "the picture is no longer kept",
    LeftOut.PICTURE_UNREADABLE: "the file is no whole JPEG",
    LeftOut.REMOVED: "somebody has taken the label out",
    LeftOut.UNNAMED: "nobody has said yet which animal it is",
    LeftOut.NO_WORD: "the vocabulary has no such word",
    LeftOut.PLANTED: "a planted contact sheet: it measures auditors, and trains nothing",
    LeftOut.SIGHTING_WITHOUT_PICTURE: "a sighting of which no camera has a picture that the model found",
    LeftOut.SEAL_BROKEN: "a sighting that no longer says what was sealed",
    LeftOut.BOX_OUTSIDE: "the box lies outside of its picture",
}
"""In words, for whoever reads the counts."""


@dataclass(frozen=True, slots=True)
class Span:
    """A decided visit on one camera, as far as a contact sheet can contradict it."""

    item: str
    camera: str
    first_at: float
    last_at: float
    bear: bool


def why_left_out(
    each: Labelled, alerts: Mapping[int, DecidedAlert], contradicted: Collection[str], words: Collection[str]
) -> LeftOut | None:
    """Why a label is not learnt from, as far as it says so itself; None when it is. The first reason counts.

    What somebody has looked at again, and kept or named anew, is settled: no earlier disagreement counts against it.
    """
    if each.removed:
        return LeftOut.REMOVED
    if each.label == Label.UNNAMED:
        return LeftOut.UNNAMED
    if each.label not in words:
        return LeftOut.NO_WORD
    disputed = each.alert_id is not None and each.alert_id in alerts and alerts[each.alert_id].disputed
    if not each.kept and (each.doubted or disputed or each.item in contradicted):
        return LeftOut.CONTRADICTED
    return LeftOut.PICTURE_DELETED if each.media is None else None


def contradictions(labels: Sequence[Labelled], spans: Iterable[Span], vocabulary: Vocabulary) -> set[str]:
    """The items that contradict one another.

    1. Labels of the same picture and the same place in it that say different things; and those of a whole picture
       which say that what another one has found in it is not there.
    2. An auditor's thumbnail and a decided visit that lasted all through its minute, on one camera, of which one says
       that there is a bear and the other that there is none. Which of the two is wrong nobody knows: both are left out.
    """
    found = _same_picture(labels, vocabulary)
    by_camera: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        by_camera[span.camera].append(span)
    for each in labels:
        if each.source is not Source.AUDIT or each.removed or each.kept:
            continue
        for span in by_camera.get(each.camera_id, ()):
            through = span.first_at <= each.captured_at and each.captured_at + MINUTE_S <= span.last_at
            if through and span.bear is not each.is_bear:
                found |= {each.item, span.item}
    return found


def _same_picture(labels: Iterable[Labelled], vocabulary: Vocabulary) -> set[str]:
    by_picture: dict[str, list[Labelled]] = defaultdict(list)
    for each in labels:
        if each.media is not None and not each.removed:
            by_picture[picture_of(each.media)].append(each)
    found: set[str] = set()
    for group in by_picture.values():
        saying: dict[tuple[Box | None, str], list[Labelled]] = defaultdict(list)
        for each in group:
            saying[each.box, each.label].append(each)  # a camera that is stuck labels one picture a thousand times
        for first, second in combinations(saying.values(), 2):
            if _exclude(first[0], second[0], vocabulary):
                found |= {each.item for each in (*first, *second)}
    return found


def _exclude(first: Labelled, second: Labelled, vocabulary: Vocabulary) -> bool:
    """Whether two labels of one picture cannot both be right."""
    if same_place(first.box, second.box):
        return _differ({first.label, second.label}, vocabulary)
    if first.box is not None and second.box is not None:
        return False  # two animals
    whole, part = (first, second) if first.box is None else (second, first)
    if whole.label == Label.EMPTY:
        return part.label not in (Label.EMPTY, Label.NOT_BEAR, Label.UNNAMED)
    return whole.label == Label.NOT_BEAR and part.is_bear


def _differ(words: Collection[str], vocabulary: Vocabulary) -> bool:
    """Whether labels of one thing exclude one another: "not a bear" and "deer" do not, "bear" and "grizzly" neither."""
    named = {word for word in words if word not in (Label.NOT_BEAR, Label.UNNAMED)}
    finest = max(named, key=lambda word: len(vocabulary.lineage(word)), default=None)
    if finest is not None and not named <= {finest, *vocabulary.lineage(finest)}:
        return True
    return Label.NOT_BEAR in words and bool(named & vocabulary.bears)


def counted(reasons: Iterable[str]) -> dict[str, int]:
    """How often each reason, the most frequent first."""
    return dict(sorted(Counter(reasons).items(), key=lambda each: (-each[1], each[0])))
