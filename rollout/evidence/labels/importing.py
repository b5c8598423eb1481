"""Bring labels in: what a file says, checked word by word against this site, then stored as a whole or not at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from core.config import Config
from core.messages import WHOLE_FRAME, Box, content_digest
from core.pictures.jpeg_header import read_jpeg_header
from rollout.evidence.labels.formats import ForeignFile, ForeignLabel
from rollout.evidence.labels.vocabulary import Label, Vocabulary

EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC).timestamp()
"""Before the first digital trail cameras: the clock of a camera whose battery was changed."""
BOX_SLACK: Final = 0.01
"""Other tools round: a box may stand out of its picture by so much of its side, and is cut off there."""
SMALLEST_BOX: Final = 1e-4
"""A side of less than this share of the picture is no box."""
DAY_S: Final = 86400.0
LARGEST_PICTURE_BYTES: Final = 64 << 20
ELSEWHERE: Final = "_"
"""Begins the names of places that are not this site's; no place of a configuration begins so."""
_LONGEST_PLACE: Final = 63


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a file is to be understood."""

    root: Path
    """Where its pictures lie."""
    timezone: str | None = None
    """Of times without an offset; None: that of the campsite, if it is one of this site's."""
    campsite: str | None = None
    """Where pictures were taken whose camera this site does not have; None: elsewhere."""
    words: Mapping[str, str] = field(default_factory=dict)
    """What a word there is called here; an empty one passes its labels over."""
    machine: bool = False
    """Whether labels that a model had made are taken too."""
    taken_at: Callable[[Path], datetime | None] = lambda _path: None
    """When a photograph says that it was taken, for files that do not."""


@dataclass(frozen=True, slots=True)
class CheckedPicture:
    """A whole JPEG: its size in pixels, and the digest of its bytes."""

    width: int
    height: int
    digest: str


@dataclass(frozen=True, slots=True)
class CheckedLabel:
    """One label that can be stored."""

    file: Path
    content: str
    """The digest of the picture's bytes."""
    label: str
    campsite: str
    camera: str
    captured_at: float
    infrared: bool | None
    box: Box | None
    said: str
    named: str
    """What the picture is called in the file."""
    labeller: str
    machine: bool


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import would store; nothing may be stored while there are problems."""

    labels: Sequence[CheckedLabel]
    skipped: Mapping[str, int]
    problems: Sequence[str]


def check_import(
    found: ForeignFile,
    config: Config,
    vocabulary: Vocabulary,
    options: ImportOptions,
    now: float,
    advance: Callable[[], None] = lambda: None,
) -> ImportPlan:
    """Check every label of a file: its word, its picture, its box, its time and its place.

    ``advance`` is called once a label. Nothing is stored.
    """
    skipped = Counter(found.skipped)
    problems = [*found.problems, *_unknown_words(found.labels, vocabulary, options)]
    labels: list[CheckedLabel] = []
    pictures: dict[str, CheckedPicture] = {}
    for each in found.labels:
        advance()
        word = _word(each.said, vocabulary, options)
        if each.machine and not options.machine:
            skipped["made by a model; --machine takes them too"] += 1
        elif word == "":
            skipped["passed over, as --map says"] += 1
        elif word is not None:
            try:
                labels.append(_checked(each, word, config, options, pictures, now))
            except NotImportable as wrong:
                problems.append(f"{each.where}: {wrong}")
    return ImportPlan(labels, skipped, problems)


class NotImportable(ValueError):
    """One label cannot be stored; the message says why, and what to write."""


def _unknown_words(labels: Iterable[ForeignLabel], vocabulary: Vocabulary, options: ImportOptions) -> list[str]:
    """One problem for each word that nobody here knows, not one for each label."""
    counted = Counter(each.said for each in labels if options.machine or not each.machine)
    return [
        f"{said!r}, in {count} of the labels, is no word of the vocabulary: say what it is with "
        f"--map {_quoted(said)}=WORD (or --map {_quoted(said)}= to pass it over), or add the animal on the labels "
        "page. Words: "
        f"{', '.join(sorted(vocabulary.for_training | {Label.NOT_BEAR.value}))}"
        for said, count in counted.items()
        if _word(said, vocabulary, options) is None
    ]


def _quoted(said: str) -> str:
    return f'"{said}"' if re.search(r"\s", said) else said


def _word(said: str, vocabulary: Vocabulary, options: ImportOptions) -> str | None:
    """The word here; empty when it is to be passed over, None when nobody knows it."""
    meant = options.words.get(said, said)
    if said in options.words and not meant:
        return ""
    found = vocabulary.find(meant)
    return None if found == Label.UNNAMED else found


def _checked(
    each: ForeignLabel,
    word: str,
    config: Config,
    options: ImportOptions,
    pictures: dict[str, CheckedPicture],
    now: float,
) -> CheckedLabel:
    file = _inside(options.root, each.file)
    if each.file not in pictures:
        pictures[each.file] = _picture(file, each.file)
    picture = pictures[each.file]
    camera, campsite = _place(each, config, options)
    return CheckedLabel(
        file=file,
        content=picture.digest,
        label=word,
        campsite=campsite,
        camera=camera,
        captured_at=_captured_at(each, file, _clock(campsite, config, options), options, now),
        infrared=each.infrared,
        box=_box(each, (picture.width, picture.height)),
        said=each.said,
        named=each.file,
        labeller=each.labeller[:200],
        machine=each.machine,
    )


def _inside(root: Path, name: str) -> Path:
    """The picture's file. A name that leads out of the folder is refused, whatever lies there."""
    file = root / name.replace("\\", "/")
    try:
        if "\0" in name or not file.resolve().is_relative_to(root.resolve()):
            raise NotImportable(f"{name!r} leads out of {root}; name the folder of the pictures with --root")
        if not file.is_file():
            raise NotImportable(f"there is no picture {name!r} in {root}; name the folder of the pictures with --root")
    except OSError as error:
        raise NotImportable(f"the picture {name!r} cannot be read: {error.strerror}") from error
    return file


def _picture(file: Path, name: str) -> CheckedPicture:
    try:
        if file.stat().st_size > LARGEST_PICTURE_BYTES:
            raise NotImportable(f"the picture {name!r} is larger than {LARGEST_PICTURE_BYTES >> 20} MiB")
        content = file.read_bytes()
    except OSError as error:
        raise NotImportable(f"the picture {name!r} cannot be read: {error.strerror}") from error
    header = read_jpeg_header(content)
    if header is None or not header.whole:
        raise NotImportable(f"{name!r} is no whole JPEG; convert it, or take its label out")
    return CheckedPicture(header.width, header.height, content_digest(content))


def _box(each: ForeignLabel, size: tuple[int, int]) -> Box | None:
    """The box in 0-1 coordinates, cut off at the picture's edge; None for none, and for the whole picture."""
    if each.box is None:
        return None
    width, height = size if each.in_pixels else (1, 1)
    left, top, right, bottom = each.box[0] / width, each.box[1] / height, each.box[2] / width, each.box[3] / height
    if right - left < SMALLEST_BOX or bottom - top < SMALLEST_BOX:
        raise NotImportable(f"its box has no area, or is inverted: {_said(each, size)}")
    if min(left, top) < -BOX_SLACK or max(right, bottom) > 1.0 + BOX_SLACK:
        raise NotImportable(f"its box reaches out of the picture: {_said(each, size)}")
    box = max(0.0, left), max(0.0, top), min(1.0, right), min(1.0, bottom)
    return None if box == WHOLE_FRAME else box


def _said(each: ForeignLabel, size: tuple[int, int]) -> str:
    assert each.box is not None
    unit = "pixels" if each.in_pixels else "0-1 coordinates"
    sides = " ".join(f"{side:.6g}" for side in each.box)
    return f"left, top, right, bottom are {sides} {unit}; the picture has {size[0]} x {size[1]} pixels"


def _place(each: ForeignLabel, config: Config, options: ImportOptions) -> tuple[str, str]:
    """The camera and its campsite: this site's if it has one of that name, else a place elsewhere."""
    by_name = {(camera.name or key).casefold(): key for key, camera in config.cameras.items()}
    for name in each.places:
        key = name if name in config.cameras else by_name.get(name.casefold())
        if key is not None:
            campsite = each.campsite if each.campsite in config.campsites else config.cameras[key].campsite
            return key, campsite
    campsite = options.campsite or (each.campsite if each.campsite in config.campsites else "")
    place = elsewhere(each.places[0] if each.places else "place")
    return place, campsite or place


def elsewhere(name: str) -> str:
    """A name for a place that is not this site's, as files and labels can carry it."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name.removeprefix(ELSEWHERE)).strip("-") or "place"
    return f"{ELSEWHERE}{plain}"[:_LONGEST_PLACE]


def _clock(campsite: str, config: Config, options: ImportOptions) -> str | None:
    if campsite in config.campsites:
        return options.timezone or config.regions[config.campsites[campsite].region].timezone
    return options.timezone


def _captured_at(each: ForeignLabel, file: Path, timezone: str | None, options: ImportOptions, now: float) -> float:
    moment = each.moment or options.taken_at(file)
    if moment is None:
        raise NotImportable(f"neither the file nor the picture {each.file!r} says when it was taken")
    if moment.tzinfo is None and timezone is None:
        raise NotImportable(f"{moment} has no time zone; name the clock of the cameras with --timezone")
    try:
        at = (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(timezone or "UTC"))).timestamp()
    except (OverflowError, ValueError) as error:
        raise NotImportable(f"{moment} is no time that can be stored: {error}") from error
    if not EARLIEST <= at <= now + DAY_S:
        raise NotImportable(f"{moment} is no time at which a camera can have taken it: the clock was wrong")
    return at
