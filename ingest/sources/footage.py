"""What footage lies below a path: every file is a recording, part of one, or named with the reason why not."""

from __future__ import annotations

import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ingest.sources.media_kind import MediaKind, claims_footage, claims_otherwise, companion, kind_of
from ingest.sources.stream import StreamFailure, open_recording
from ingest.sources.stream_tracks import footage_tracks

_PROXIES = frozenset((".lrv", ".lrf"))


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """One stream of pictures in a video file; its length and number of pictures as the file states them (0: not)."""

    file: Path
    index: int
    seconds: float | None
    pictures: int

    @property
    def path(self) -> Path:
        """What it is read from."""
        return self.file


@dataclass(frozen=True, slots=True)
class ImageSequence:
    """The picture files of a folder: the successive frames of one camera, in the order of their names (2 before 10)."""

    path: Path
    files: tuple[Path, ...]


Source = VideoTrack | ImageSequence


@dataclass(frozen=True, slots=True)
class Unread:
    """A file, and why it was not read, or not whole."""

    file: Path
    why: str


@dataclass(slots=True)
class Footage:
    """What :func:`find_footage` found. ``unreadable`` is lost footage, ``skipped`` what is none."""

    sources: list[tuple[str, Source]] = field(default_factory=list)
    """Each recording under a name that no other one has."""
    unreadable: list[Unread] = field(default_factory=list)
    skipped: list[Unread] = field(default_factory=list)


def find_footage(path: Path) -> Footage:
    """Look at every file at or below a path.

    1. Companion files of operating systems and cameras are skipped, with the reason.
    2. The content says what a file is. The pictures of a folder are one recording; each track of a video is one.
    3. Whatever claims to be footage, or is nothing that is known, and cannot be opened is unreadable.
    """
    found = Footage()
    stills: dict[Path, list[Path]] = defaultdict(list)
    videos: list[Path] = []
    for file in _files(path, found):
        if (why := companion(file if file == path else file.relative_to(path))) is not None:
            found.skipped.append(Unread(file, why))
        else:
            _sort(file, found, stills, videos)
    videos = _without_proxies(videos, found)
    sources: list[Source] = [track for file in videos for track in _tracks(file, found)]
    for folder, files in stills.items():
        # A file that was named itself is a sequence of one; the name of a folder stands for all of its pictures.
        kept = _without_twins(sorted(files, key=natural), videos, found)
        if kept:
            sources.append(ImageSequence(kept[0] if folder == path.parent else folder, tuple(kept)))
    found.sources = _named(sorted(sources, key=lambda source: natural(source.path)), path)
    return found


def _files(path: Path, found: Footage) -> Iterator[Path]:
    """All that is not a folder. Links to folders are followed, each folder once."""
    if not path.is_dir():
        yield path
        return
    seen: set[tuple[int, int]] = set()

    def failed(error: OSError) -> None:
        found.unreadable.append(Unread(Path(error.filename or path), f"cannot be listed: {error.strerror}"))

    for folder, folders, files in os.walk(path, followlinks=True, onerror=failed):
        here = os.stat(folder)
        if (here.st_dev, here.st_ino) in seen:
            folders.clear()
            continue
        seen.add((here.st_dev, here.st_ino))
        folders.sort()
        yield from (Path(folder) / name for name in sorted(files))


def _sort(file: Path, found: Footage, stills: dict[Path, list[Path]], videos: list[Path]) -> None:
    """Put a file where it belongs."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # opening a pipe would wait for ever
            found.skipped.append(Unread(file, "not a regular file"))
            return
        kind = kind_of(file)
    except FileNotFoundError:
        why = "a link to something that is not there" if file.is_symlink() else "no such file"
        found.unreadable.append(Unread(file, why))
        return
    except OSError as error:
        found.unreadable.append(Unread(file, f"cannot be read: {(error.strerror or 'no reason given').lower()}"))
        return
    if kind is MediaKind.PICTURE:
        stills[file.parent].append(file)
    elif kind is MediaKind.UNKNOWN:
        videos.append(file)
    else:
        lost, why = _neither(file, kind)
        (found.unreadable if lost else found.skipped).append(Unread(file, why))


def _neither(file: Path, kind: MediaKind) -> tuple[bool, str]:
    """Whether a file that is neither picture nor video is lost footage, and what to say of it."""
    if kind is MediaKind.EMPTY:
        return not file.name.startswith("."), "an empty file"
    if kind is MediaKind.RAW_PHOTOGRAPH:
        return True, "a raw or HEIC photograph cannot be decoded; export it as JPEG"
    if kind is MediaKind.COMPANION:
        return False, "a companion file of an operating system"
    if claims_footage(file):
        return True, "its name is that of footage, its content is something else"
    return False, "not footage, by its content"


def _without_twins(files: list[Path], videos: list[Path], found: Footage) -> list[Path]:
    """A sequence without thumbnails of videos beside it, and with one file for each picture that is there twice."""
    films = {(video.parent, video.stem.lower()) for video in videos}
    kept: dict[str, Path] = {}
    for file in files:
        stem = file.stem.lower()
        if file.suffix.lower() == ".thm" and (file.parent, stem) in films:
            found.skipped.append(Unread(file, "the thumbnail of a video beside it"))
        elif stem in kept and file.suffix.lower() != kept[stem].suffix.lower():
            found.skipped.append(Unread(file, f"taken for the same picture as {kept[stem].name}"))
        else:
            kept[stem if stem not in kept else file.name] = file
    return list(kept.values())


def _without_proxies(videos: list[Path], found: Footage) -> list[Path]:
    """Videos without the small copies that action cameras keep of them (``GL010001.LRV`` of ``GX010001.MP4``)."""
    full = {(video.parent, video.stem.lower()): video for video in videos if video.suffix.lower() not in _PROXIES}
    kept = []
    for video in videos:
        stem = video.stem.lower()
        stems = (stem, re.sub(r"^gl(?=\d)", "gx", stem), re.sub(r"^gl(?=\d)", "gh", stem))
        of = next((full[video.parent, each] for each in stems if (video.parent, each) in full), None)
        if video.suffix.lower() in _PROXIES and of is not None:
            found.skipped.append(Unread(video, f"the small copy of {of.name}"))
        else:
            kept.append(video)
    return kept


def _tracks(file: Path, found: Footage) -> list[VideoTrack]:
    try:
        container = open_recording(file)
    except StreamFailure as failure:
        _no_tracks(file, str(failure), found)
        return []
    try:
        seconds = container.duration / 1e6 if container.duration else None
        tracks = [(track.index, track.frames) for track in footage_tracks(container)]
    finally:
        container.close()
    return [VideoTrack(file, index, seconds, pictures) for index, pictures in tracks]


def _no_tracks(file: Path, why: str, found: Footage) -> None:
    if (other := claims_otherwise(file)) is not None:
        found.skipped.append(Unread(file, other))
    else:
        found.unreadable.append(Unread(file, why))


def _named(sources: list[Source], root: Path) -> list[tuple[str, Source]]:
    """Names for recordings: the file's or folder's own, with its folders where two are alike, and its track."""
    stems: dict[str, list[Source]] = defaultdict(list)
    for source in sources:
        stems[source.path.stem].append(source)
    named = []
    for source in sources:
        alike = stems[source.path.stem]
        name = source.path.stem
        if len({each.path for each in alike}) > 1:
            name = str(source.path.relative_to(root)) if source.path != root else source.path.name
        tracks = [each for each in alike if each.path == source.path]
        named.append((name if len(tracks) == 1 else f"{name}#{tracks.index(source) + 1}", source))
    return named


def natural(file: Path) -> list[tuple[int, str]]:
    """Sort key of a path that reads digits as numbers."""
    return [
        (int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", str(file).lower()) if part
    ]
