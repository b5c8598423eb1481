"""Which files make a site: the data folder without what only this moment needs, the configuration with its files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

from core.machine.disk_reserve import FILE_NAME as RESERVE_FILE
from core.secret_box import KEY_FILE
from core.settings import Settings

DATA: Final = "data"
CONFIGURATION: Final = "configuration"
DATABASE: Final = "database/bearwatch.sqlite3"
MANIFEST: Final = "manifest.json"
ANCHORS: Final = f"{DATA}/ledger.anchors"
SET_ASIDE: Final = "before-restore-"
"""So begin folders into which a restore has moved what was there."""
MOMENTARY: Final = frozenset({"run", "check", RESERVE_FILE})
"""Of the data folder: the embedded Redis, pictures of `bearwatch check`, space held back."""
KEYS: Final = frozenset({KEY_FILE, f"{KEY_FILE}.before", "boxes.json"})
"""Of the data folder: what opens something."""


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A file of a site: where it lies, and its name in the archive, with ``/``."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class SiteFiles:
    """What goes into an archive, and what does not although the site has it: a name and the reason."""

    files: list[SiteFile]
    left_out: list[tuple[str, str]]


def site_files(chosen: Settings, *, with_keys: bool) -> SiteFiles:
    """The files of a site but for its database. Call it after the database was copied: pictures are only added."""
    files: list[SiteFile] = []
    left_out: list[tuple[str, str]] = []
    for path, name in _below(chosen.bearwatch_data, _momentary(chosen)):
        if not with_keys and name in KEYS:
            left_out.append((f"{DATA}/{name}", "without keys, as it was asked"))
        elif path.is_symlink() or not path.is_file():
            left_out.append((f"{DATA}/{name}", "is a link, or no file"))
        else:
            files.append(SiteFile(path, f"{DATA}/{name}"))
    anchors = chosen.ledger_anchors
    if anchors.is_file() and all(file.name != ANCHORS for file in files):
        files.append(SiteFile(anchors, ANCHORS))
    _add_configuration(chosen, files, left_out)
    return SiteFiles(files, left_out)


def _momentary(chosen: Settings) -> frozenset[str]:
    """Names at the top of the data folder that are left there without a word; the database is copied by itself."""
    database = chosen.database.rpartition("/")[2] if chosen.database.startswith("sqlite") else "bearwatch.sqlite3"
    return MOMENTARY | {f"{database}{end}" for end in ("", "-wal", "-shm", "-journal", "-turn")}


def _below(root: Path, momentary: frozenset[str]) -> Iterator[tuple[Path, str]]:
    """Every file below a folder and its name there, in order; half-written ones, which begin with a dot, are none."""
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        top = here == root
        linked = [name for name in folders if (here / name).is_symlink()]
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and not (top and (name in momentary or name.startswith(SET_ASIDE)))
        )
        for name in sorted([*names, *linked]):
            if not name.startswith(".") and not (top and name in momentary):
                path = here / name
                yield path, path.relative_to(root).as_posix()


def _add_configuration(chosen: Settings, files: list[SiteFile], left_out: list[tuple[str, str]]) -> None:
    """The configuration as it is written, and the files that it names below its own folder."""
    config = chosen.bearwatch_config
    if not config.is_file():
        left_out.append((str(config), "there is no such configuration"))
        return
    files.append(SiteFile(config, f"{CONFIGURATION}/{config.name}"))
    folder, data = config.parent.resolve(), chosen.bearwatch_data.resolve()
    for named in dict.fromkeys(_named_files(config)):
        place = (folder / named).resolve()
        if not place.exists() or place.is_relative_to(data):
            continue
        if not place.is_relative_to(folder):
            left_out.append((named, "the configuration names, and which lies outside its folder"))
            continue
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            name = (PurePosixPath(CONFIGURATION) / path.relative_to(folder).as_posix()).as_posix()
            if path.is_file() and not path.is_symlink() and all(file.name != name for file in files):
                files.append(SiteFile(path, name))


def _named_files(config: Path) -> Iterator[str]:
    """What the configuration names by a path: its plan, a bundle, footage in place of a camera."""
    try:
        tree = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return
    cameras = _part(tree, "cameras").values()
    words = [_part(tree, "rollout").get("file"), _part(tree, "detector").get("backbone")]
    words += [camera.get(key) for camera in cameras if isinstance(camera, dict) for key in ("url", "record_url")]
    yield from (word for word in words if isinstance(word, str) and word and "://" not in word)


def _part(tree: Any, key: str) -> dict[str, Any]:
    found = tree.get(key) if isinstance(tree, dict) else None
    return found if isinstance(found, dict) else {}
