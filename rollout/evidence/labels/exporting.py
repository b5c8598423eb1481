"""Labels on their way out: a folder with their pictures and what is said of them, whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.media import MediaStore
from core.pictures.jpeg_header import read_jpeg_header
from rollout.evidence.labels.formats import ExportedItem, ExportNotes, LabelFormat
from rollout.evidence.labels.formats.portable import PICTURES
from rollout.evidence.labels.snapshot import LabelSnapshot
from rollout.evidence.labels.training_label import Split, TrainingLabel


class CannotExport(ValueError):
    """Nothing was written; the message says why."""


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """Which labels: everything that is not None has to fit. Moments are UTC seconds, the last one excluded."""

    campsites: Sequence[str] | None = None
    start: float | None = None
    end: float | None = None
    split: Split | None = None

    def takes(self, label: TrainingLabel) -> bool:
        """Whether a label is among them."""
        return (
            (self.campsites is None or label.campsite in self.campsites)
            and (self.start is None or label.captured_at >= self.start)
            and (self.end is None or label.captured_at < self.end)
            and (self.split is None or label.split is self.split)
        )


def export_labels(
    folder: Path,
    form: LabelFormat,
    labels: Sequence[TrainingLabel],
    media: MediaStore,
    about: ExportNotes,
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Write labels into a new folder, each picture once. ``advance`` is called once a label.

    Raises :class:`CannotExport` for a folder that holds something, without labels, and when the disk is full; then the
    folder is as it was.
    """
    if not labels:
        raise CannotExport("there is no label to export: nobody has labelled a picture there and then")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CannotExport(f"{folder} is not empty; name a folder that there is not yet")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            items = [_copied(making, each, media, advance) for each in labels]
            form.write(making, items, about)
            making.chmod(0o755)
            if folder.exists():
                folder.rmdir()
            making.rename(folder)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
    except OSError as error:
        raise CannotExport(f"{folder} cannot be written: {error.strerror or error}") from error


def chosen(snapshot: LabelSnapshot, choice: ExportChoice) -> list[TrainingLabel]:
    """The labels of a snapshot that are asked for."""
    return [each for each in snapshot.labels if choice.takes(each)]


def _copied(folder: Path, label: TrainingLabel, media: MediaStore, advance: Callable[[], None]) -> ExportedItem:
    content = media.get(label.picture)
    header = None if content is None else read_jpeg_header(content)
    if content is None or header is None:
        raise CannotExport(f"the picture of {label.item} was removed meanwhile; try again")
    file = folder / PICTURES / label.picture
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    advance()
    return ExportedItem(label, file.relative_to(folder).as_posix(), header.width, header.height)
