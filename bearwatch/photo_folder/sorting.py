"""Judging a folder's photographs in batches, with what was judged before taken from the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bearwatch.photo_folder.bursts import SortedPhoto
from bearwatch.photo_folder.capture_time import captured_at
from bearwatch.photo_folder.files import SkippedFile, photographs
from bearwatch.photo_folder.journal import Journal
from detector.predictor import Predictor
from ingest.sources.still import BrokenStill, read_still

BATCH = 8


@dataclass(slots=True)
class SortedFolder:
    """Every file of a folder: judged, unreadable (with the reason) or skipped (with the reason)."""

    folder: Path
    photos: list[SortedPhoto] = field(default_factory=list)
    unreadable: list[SkippedFile] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)


def judged_by(predictor: Predictor) -> str:
    """The model and its view: another one judges everything anew."""
    return f"{predictor.bundle.digest} {predictor.view}"


def sort_folder(
    folder: Path, predictor: Predictor, journal: Journal, advance: Callable[[int, int], None] = lambda done, total: None
) -> SortedFolder:
    """Judge all photographs of a folder. ``advance`` is told how many more are done, of how many."""
    files, skipped = photographs(folder)
    found = SortedFolder(folder, skipped=skipped)
    new = list[str]()
    for file in files:
        known = journal.find(file)
        if known is None:
            new.append(file)
        else:
            found.photos.append(known)
    advance(len(found.photos), len(files))
    for batch, pictures in _pictures(folder, new, found.unreadable, lambda n: advance(n, len(files))):
        for file, picture in zip(batch, _judge(folder, batch, pictures, predictor), strict=True):
            journal.add(picture)
            found.photos.append(picture)
            assert picture.file == file
        advance(len(batch), len(files))
    found.photos.sort(key=lambda photo: photo.file)
    return found


def _pictures(
    folder: Path, files: Sequence[str], unreadable: list[SkippedFile], lost: Callable[[int], None]
) -> Iterator[tuple[list[str], list[NDArray[np.uint8]]]]:
    """Batches of files with their pictures (height, width, 3) BGR, upright; what cannot be read goes aside."""
    names, pictures = list[str](), list[NDArray[np.uint8]]()
    for file in files:
        try:
            pictures.append(read_still(folder / file))
        except (BrokenStill, OSError) as error:
            unreadable.append(SkippedFile(file, getattr(error, "strerror", None) or str(error)))
            lost(1)
            continue
        names.append(file)
        if len(names) == BATCH:
            yield names, pictures
            names, pictures = [], []
    if names:
        yield names, pictures


def _judge(
    folder: Path, files: Sequence[str], pictures: Sequence[NDArray[np.uint8]], predictor: Predictor
) -> list[SortedPhoto]:
    return [
        SortedPhoto(
            file=file,
            captured_at=captured_at(folder / file),
            probabilities={name: round(share, 5) for name, share in said.probabilities.items()},
            verdict=said.verdict,
            is_bear=said.is_bear,
            threshold=said.threshold,
            infrared=said.infrared,
            box=said.box,
        )
        for file, said in zip(files, predictor.predict_batch(pictures), strict=True)
    ]
