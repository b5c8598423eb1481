"""Nights of staged visits at three campsites, and the labels that people give of them.

Bears come every night; from a night on, an animal that the network never saw comes too. People answer every alert,
and look at one visit in five of the others, drawn at random. Of nights that judge (golden and rolling) they have seen
everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import cv2

from detector.evaluate.manifest import LabelledPicture
from detector.nightly.label_pictures import label_pictures
from rollout.evidence.labels import LabelSource, Split, TrainingLabel, bear_night, split_of
from simulation.learning.staged_pictures import HEIGHT_PX, WIDTH_PX, staged_picture

CAMPSITES: Final = ("north-meadow", "old-mill", "two-rivers")
NEWCOMER: Final = "raccoon"
BEARS: Final = 6
OTHERS: Final = ("deer", "dog", "other_animal", "person")
NEWCOMERS: Final = 5
"""Visits of a night at one campsite."""
AUDITED: Final = 0.2
"""Of the visits without an alert, so many are looked at, drawn at random."""
DAY_S: Final = 86_400.0
BEGINNING: Final = 1_804_233_600.0
"""The first night, noon UTC on 5 March 2027; an hour lies between two visits of one campsite."""


@dataclass(frozen=True, slots=True)
class StagedVisitor:
    """One visit: what came, when and where, and its picture's file."""

    label: TrainingLabel
    picture: LabelledPicture

    @property
    def is_bear(self) -> bool:
        """The truth."""
        return self.label.label == "bear"

    @property
    def is_newcomer(self) -> bool:
        """Whether it is the animal that moved in."""
        return self.label.label == NEWCOMER


@dataclass(frozen=True)
class StagedNights:
    """A season in a folder. Night 0 is the first that is learnt from; the newcomers arrive in night ``arrival``."""

    folder: Path
    seed: int
    nights: int
    arrival: int
    history: int = 45
    _made: dict[tuple[int, str], list[StagedVisitor]] = field(default_factory=dict, compare=False)

    def night(self, number: int) -> list[StagedVisitor]:
        """All visits of a night, at all campsites."""
        return [each for campsite in CAMPSITES for each in self._at(number, campsite)]

    @cached_property
    def before(self) -> list[TrainingLabel]:
        """What people have said before night 0: all of the nights that judge, and a few that train, for replay."""
        found = []
        for number in range(-self.history, 0):
            for campsite in CAMPSITES:
                split = split_of(_night_of(campsite, number))
                if split is not Split.TRAIN or number >= -6:
                    found += [each.label for each in self._at(number, campsite)]
        return found

    def _at(self, number: int, campsite: str) -> list[StagedVisitor]:
        key = number, campsite
        if key not in self._made:
            self._made[key] = list(self._visits(number, campsite))
        return self._made[key]

    def _visits(self, number: int, campsite: str) -> Iterator[StagedVisitor]:
        came = ["bear"] * BEARS + list(OTHERS) + [NEWCOMER] * (NEWCOMERS if number >= self.arrival else 0)
        for place, label in enumerate(came):
            yield self._visit(number, campsite, place, label)

    def _visit(self, number: int, campsite: str, place: int, label: str) -> StagedVisitor:
        night = _night_of(campsite, number)
        name = f"{night}/{place}"
        seed = int.from_bytes(hashlib.sha256(f"{self.seed} {name}".encode()).digest()[:6])
        infrared = place % 2 == 1
        picture, box = staged_picture(label, infrared, seed)
        file = f"{name}.jpg"
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
        said = TrainingLabel(
            item=f"import:{name}",
            label=label,
            source=LabelSource.AUDIT,
            inclusion_probability=1.0,
            weight=1.0,
            camera=f"{campsite}-camera",
            campsite=campsite,
            infrared=infrared,
            captured_at=BEGINNING + number * DAY_S + 3600.0 * place,
            bear_night=night,
            split=split_of(night),
            picture=file,
            box=(box[0] * WIDTH_PX, box[1] * HEIGHT_PX, box[2] * WIDTH_PX, box[3] * HEIGHT_PX),
            labellers=(1,),
            score_hidden=True,
            agreement=None,
            model=None,
            model_selected=False,
        )
        found = label_pictures([said], self.folder)
        return StagedVisitor(said, found.pictures[0])


def _night_of(campsite: str, number: int) -> str:
    return bear_night(campsite, BEGINNING + number * DAY_S + 60.0, "UTC")


def is_audited(item: str) -> bool:
    """Whether an auditor looks at a visit without an alert; each visit's draw is its own for ever."""
    return int.from_bytes(hashlib.sha256(f"audit {item}".encode()).digest()[:4]) / 2**32 < AUDITED
