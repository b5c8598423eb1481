"""Tiny labelled pictures, made here: blobs on noise, from two made-up sources, by day and by infra-red night."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

LABELS = ("bear", "deer", "dog", "other_animal", "empty")
COLUMNS = ("file", "label", "source", "day_night", "kind", "licence")


def picture(label: str, seed: int, grey: bool = False, width: int = 96, height: int = 72) -> NDArray[np.uint8]:
    """(height, width, 3) BGR; a dark blob for a bear, a brighter one for the rest, none for empty."""
    random = np.random.default_rng(seed)
    image = random.integers(90, 150, (height, width, 3), dtype=np.uint8)
    if label != "empty":
        colour = (20, 20, 25) if label == "bear" else (40, 160, 200)
        cv2.ellipse(image, (width // 2, height // 2), (width // 4, height // 5), 0, 0, 360, colour, -1)
    if grey:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[:, :, None], 3, axis=2)
    return np.asarray(image, dtype=np.uint8)


def write_pictures(folder: Path, each: int = 1, sources: tuple[str, ...] = ("meadow", "creek")) -> Path:
    """``each`` pictures of every label, source and light, as JPEGs with a manifest; returns the manifest's path."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (source, label, light) in enumerate(
        (source, label, light) for source in sources for label in LABELS for light in ("day", "night_ir") * each
    ):
        name = f"{number:03d}-{label}.jpg"
        assert cv2.imwrite(str(folder / name), picture(label, number, grey=light != "day"))
        rows.append((name, label, source, light, "camtrap", "made for a test"))
    return write_manifest(folder / "manifest.csv", rows)


def write_manifest(path: Path, rows: Sequence[tuple[str, ...]], columns: tuple[str, ...] = COLUMNS) -> Path:
    """A manifest of these rows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return path
