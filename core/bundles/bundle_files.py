"""Where model bundles lie, and what their files say to people. Weights are never read here: the detector does that."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core.bundles.file_table import files_digest, files_of

BUILT_IN: Final = Path(__file__).parents[2] / "detector" / "bundles"
DESCRIPTION: Final = "bundle.json"
DATASHEET: Final = "datasheet.md"
EVALUATION: Final = "evaluation.json"
_MOST_BYTES: Final = 4_000_000
"""Larger files are not what this program writes."""


@dataclass(frozen=True, slots=True)
class BundleFiles:
    """One bundle as its files describe it. ``evaluation`` and ``datasheet`` are None when there is no such file.

    ``runs`` is the digest over every file that runs (:func:`core.bundles.file_table.files_digest`).
    """

    directory: Path
    digest: str
    runs: str
    name: str
    input_px: int
    labels: tuple[str, ...]
    thresholds: dict[str, float]
    provenance: dict[str, Any]
    evaluation: dict[str, Any] | None
    datasheet: str | None

    @property
    def short(self) -> str:
        """As processes name it, such as ``campsite@224:1a2b3c4d``."""
        return f"{self.name}@{self.input_px}:{self.digest[:8]}"

    def is_named(self, model: str) -> bool:
        """Whether a name that a process gives, with the beginning of the digest at its end, means this bundle."""
        beginning = model.rpartition(":")[2]
        return ":" in model and len(beginning) >= 8 and self.digest.startswith(beginning)


def bundle_directories(data: Path, *others: Path) -> list[Path]:
    """Directories that hold a bundle: the built-in ones, those in ``<data>/bundles``, and ``others``, each once."""
    folders = [folder for root in (BUILT_IN, data / "bundles") if root.is_dir() for folder in sorted(root.iterdir())]
    found = {folder.resolve(): folder for folder in (*folders, *others) if (folder / DESCRIPTION).is_file()}
    return list(found.values())


def known_bundles(data: Path, *others: Path) -> dict[str, BundleFiles]:
    """Every bundle that this version understands, by its digest."""
    found = (read_bundle(each) for each in bundle_directories(data, *others))
    return {each.digest: each for each in found if each is not None}


def read_bundle(directory: Path) -> BundleFiles | None:
    """A bundle's files; None for what is no bundle that this version understands."""
    described = _json(directory / DESCRIPTION)
    try:
        decides = described["decides"] if described else {}
        return BundleFiles(
            directory=directory,
            digest=str(described["digest"]) if described else "",
            runs=files_digest(str(described["digest"]), files_of(described)) if described else "",
            name=str(decides["name"]),
            input_px=int(decides["input_px"]),
            labels=tuple(str(each) for each in decides["labels"]["names"]),
            thresholds={str(key): float(value) for key, value in decides["thresholds"].items() if value is not None},
            provenance=dict(described["provenance"]) if described else {},
            evaluation=_json(directory / EVALUATION),
            datasheet=_text(directory / DATASHEET),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _json(path: Path) -> dict[str, Any] | None:
    text = _text(path)
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8") if path.stat().st_size <= _MOST_BYTES else None
    except (OSError, UnicodeDecodeError):
        return None
