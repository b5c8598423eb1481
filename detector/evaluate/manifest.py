"""Labelled pictures: a CSV with the columns ``file`` and ``label``, and any others to slice by."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SYNONYMS = {"object": "other", "nothing": "empty"}
"""Labels of manifests that mean one of the model's."""
LARGEST_PIXELS = 100_000_000
"""Pictures above this are not decoded: a few kilobytes can claim to be gigapixels."""


class ManifestError(ValueError):
    """The file is no manifest: it cannot be read, or lacks a column."""


class UndecodablePicture(ValueError):
    """The file is missing, is no picture, is cut off, or is too large."""


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One row. ``file`` as the manifest says it, ``path`` where it lies, ``columns`` everything else."""

    file: str
    path: Path
    label: str
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """Who took or collected the picture; ``unknown`` without such a column."""
        return self.columns.get("source") or "unknown"

    @property
    def group(self) -> str:
        """What is held out together: the column ``group`` if there is one, else the source.

        ``NTLNP via somebody`` and ``NTLNP via somebody else`` are the same cameras: the part before ``via`` counts.
        """
        return self.columns.get("group") or self.source.partition(" via ")[0]

    @property
    def light(self) -> str:
        """The column ``day_night``; empty without one."""
        return self.columns.get("day_night") or ""


def read_manifest(manifest: Path, root: Path | None = None) -> list[LabelledPicture]:
    """The rows in order. ``root`` is the folder of the files; None: the manifest's own.

    Raises:
        ManifestError: see there; with the line where there is one.
    """
    folder = root or manifest.parent
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            lacking = {"file", "label"} - set(reader.fieldnames or ())
            if lacking:
                raise ManifestError(f"{manifest} lacks the column {' and '.join(sorted(lacking))}")
            return [_picture(manifest, reader.line_num, row, folder) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{manifest} cannot be read: {error}") from error


def _picture(manifest: Path, line: int, row: Mapping[str, str | None], folder: Path) -> LabelledPicture:
    file, label = row.get("file"), row.get("label")
    if not file or not label:
        raise ManifestError(f"{manifest}, line {line}: a row needs a file and a label")
    others = {name: value or "" for name, value in row.items() if name not in ("file", "label", None)}
    return LabelledPicture(file, folder / file, label, others)


def read_picture(path: Path) -> NDArray[np.uint8]:
    """The picture as (height, width, 3) BGR.

    Raises:
        UndecodablePicture: see there.
    """
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise UndecodablePicture(f"{path}: {error.strerror or error}") from error
    return decode_picture(content, str(path))


def decode_picture(content: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """The bytes (n,) of a picture file as (height, width, 3) BGR. ``name`` is for the message.

    Raises:
        UndecodablePicture: see there.
    """
    try:
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    except cv2.error as error:  # OpenCV's own limit on pixels, among others
        raise UndecodablePicture(f"{name}: cannot be decoded ({error.err})") from error
    if image is None:
        raise UndecodablePicture(f"{name}: no picture that can be decoded")
    if image.shape[0] * image.shape[1] > LARGEST_PIXELS:
        raise UndecodablePicture(f"{name}: too large, {image.shape[1]}x{image.shape[0]} pixels")
    return np.asarray(image, dtype=np.uint8)


def snapshot_hash(pictures: Sequence[LabelledPicture]) -> str:
    """SHA-256 (hex) over the labels and contents, in any order of the rows. Missing files count as empty."""
    lines = sorted(f"{picture.label} {_content_hash(picture.path)}" for picture in pictures)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _content_hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "-"
