"""Which files of a folder are photographs, and why the others are not: every file is accounted for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import cv2

COMPANIONS = frozenset({".ds_store", "thumbs.db", "desktop.ini", ".spotlight-v100", ".trashes"})
"""What operating systems leave beside photographs, in small letters."""
SIDECARS = frozenset({".xmp", ".csv", ".json", ".txt", ".xml", ".ddb", ".tdb", ".thm", ".log", ".html", ".md"})
VIDEOS = frozenset({".mp4", ".avi", ".mov", ".mkv", ".m4v", ".mts", ".m2ts", ".3gp", ".wmv", ".asf", ".dav", ".mpg"})
PHOTOGRAPHS = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".webp", ".tif", ".tiff", ".bmp"})


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that is no photograph. ``file`` is relative to the folder."""

    file: str
    why: str


def photographs(folder: Path) -> tuple[list[str], list[SkippedFile]]:
    """The photographs in a folder and below it, relative to it and in order of their names; and what was skipped.

    A file counts as a photograph for its name, or for its first bytes where the name says nothing: a photograph that
    turns out to be broken is reported as unreadable, never skipped.
    """
    found, skipped = list[str](), list[SkippedFile]()
    for path in _files(folder):
        file = path.relative_to(folder).as_posix()
        why = _no_photograph(path)
        if why:
            skipped.append(SkippedFile(file, why))
        else:
            found.append(file)
    return found, skipped


def _files(folder: Path) -> list[Path]:
    files = list[Path]()
    for parent, folders, names in os.walk(folder):
        folders.sort()
        files += [Path(parent) / name for name in names]
    return sorted(files)


def _no_photograph(path: Path) -> str:
    """Why not, in words for people; empty for a photograph."""
    name, suffix = path.name.lower(), path.suffix.lower()
    if name in COMPANIONS or name.startswith("._"):
        return "a file of the operating system"
    if not path.is_file():
        return "a link to a file that is not there" if path.is_symlink() else "not an ordinary file"
    if suffix in PHOTOGRAPHS:
        return ""
    if suffix in VIDEOS:
        return "a video: `bearwatch replay` reads it"
    if suffix in SIDECARS:
        return "belongs to other files"
    return "" if _looks_like_a_picture(path) else "not a photograph"


def _looks_like_a_picture(path: Path) -> bool:
    try:
        return bool(cv2.haveImageReader(str(path)))
    except cv2.error:
        return False
