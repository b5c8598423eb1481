"""Puts a site from an archive into an empty place, and says whether what stands there is what was backed up."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from bearwatch.backups.archive_reader import unpack
from bearwatch.backups.archive_writer import Progress
from bearwatch.backups.manifest import Manifest
from bearwatch.backups.site_files import CONFIGURATION, DATA, DATABASE, SET_ASIDE
from bearwatch.keys.resealing import lost_secrets
from core.errors import OperatorError
from core.redis_client import RedisDown, connect
from core.secret_box import SecretBox
from core.settings import Settings
from core.telemetry import Telemetry
from db.ledger import verify
from db.ledger_anchors import check_anchors, read_anchors
from db.session import Database
from db.table_copy import bring_back, expect_empty

STAGING: Final = ".restore-half"
_NOTHING: Final = frozenset({"lost+found", STAGING})
_RUNS_S: Final = 30.0
"""A process that has reported within this time runs."""


class CannotRestore(OperatorError):
    """The place is not free, or the site runs; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What stands there now. ``problems``: what is not as it was, in words; ``lost``: secrets that no key opens."""

    manifest: Manifest
    set_aside: Path | None
    config_kept: bool
    lost: int
    problems: list[str]


def restore(
    stream: IO[bytes], chosen: Settings, now: float, *, replace: bool, keep_config: bool, progress: Progress
) -> Restored:
    """Unpack, compare, then move into place. Raises :class:`CannotRestore`, ``BadArchive`` and OSError.

    Nothing of what was there is removed: with ``replace`` it is moved into a folder below the data folder.
    """
    _expect_stopped(chosen, now)
    _expect_free(chosen, replace=replace, keep_config=keep_config)
    staging = chosen.bearwatch_data / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700, parents=True)
    try:
        manifest = unpack(stream, staging, progress("files"))
        aside = _set_aside(chosen, now, keep_config) if replace else None
        _place(staging, chosen, manifest, keep_config, progress)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    lost, problems = _compare(chosen, manifest)
    return Restored(manifest, aside, keep_config, lost, problems)


def _expect_stopped(chosen: Settings, now: float) -> None:
    client = connect(chosen.redis)
    try:
        beats = Telemetry(client).heartbeats()
    except RedisDown:
        return
    finally:
        client.close()
    running = sorted(name for name, beat in beats.items() if now - beat["at"] <= _RUNS_S)
    if running:
        raise CannotRestore(
            f"This site runs ({', '.join(running[:4])}); stop it first, and try again in half a minute."
        )


def _expect_free(chosen: Settings, *, replace: bool, keep_config: bool) -> None:
    if not chosen.database.startswith("sqlite"):
        database = Database(chosen.database)
        try:
            expect_empty(database)
        finally:
            database.close()
    if replace:
        return
    there = [path.name for path in _contents(chosen.bearwatch_data)]
    if there:
        raise CannotRestore(
            f"{chosen.bearwatch_data} is not empty ({', '.join(sorted(there)[:4])}): name an empty folder with --data, "
            f"or let --replace move what is there into a folder {SET_ASIDE}… beside what is restored."
        )
    file = _database_file(chosen)
    if file is not None and file.exists():
        raise CannotRestore(f"There is a database at {file} already; --replace moves it aside.")
    if chosen.bearwatch_config.exists() and not keep_config:
        raise CannotRestore(
            f"{chosen.bearwatch_config} is there already: --keep-config leaves it as it is, --replace moves it aside."
        )


def _contents(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name not in _NOTHING] if folder.is_dir() else []


def _database_file(chosen: Settings) -> Path | None:
    database = Database(chosen.database)
    database.close()
    return Path(database.url.database or "") if database.is_sqlite else None


def _set_aside(chosen: Settings, now: float, keep_config: bool) -> Path | None:
    """What is there goes into a folder of the same disk; earlier such folders stay where they are."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = chosen.bearwatch_data / f"{SET_ASIDE}{stamp}"
    file = _database_file(chosen)
    old = [path for path in _contents(chosen.bearwatch_data) if not path.name.startswith(SET_ASIDE)]
    if file is not None and file.parent.resolve() != chosen.bearwatch_data.resolve():
        old += [path for path in (file.with_name(file.name + end) for end in ("", "-wal", "-shm")) if path.exists()]
    if chosen.bearwatch_config.exists() and not keep_config and chosen.bearwatch_config not in old:
        old.append(chosen.bearwatch_config)
    if not old:
        return None
    aside.mkdir(mode=0o700)
    for path in old:
        shutil.move(path, aside / path.name)
    return aside


def _place(staging: Path, chosen: Settings, manifest: Manifest, keep_config: bool, progress: Progress) -> None:
    """The files first, the database last: a place without one is no site."""
    if not keep_config:
        config = chosen.bearwatch_config
        config.parent.mkdir(parents=True, exist_ok=True)
        if manifest.configuration is not None:
            shutil.move(staging / CONFIGURATION / manifest.configuration, config)
        _move_all(staging / CONFIGURATION, config.parent)
    _move_all(staging / DATA, chosen.bearwatch_data)
    file = _database_file(chosen)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(staging / DATABASE, file)
        return
    database = Database(chosen.database)
    try:
        bring_back(staging / DATABASE, database, progress("rows"))
    finally:
        database.close()


def _move_all(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")) if source.is_dir() else ():
        if path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, place)


def _compare(chosen: Settings, manifest: Manifest) -> tuple[int, list[str]]:
    """The record in its new place beside what it was when it was backed up."""
    problems = []
    database = Database(chosen.database)
    try:
        with database.read() as session:
            found = verify(session)
            if found.broken_at is not None:
                problems.append(f"the ledger is broken at entry {found.broken_at}: {found.why}")
            elif (found.entries, found.head) != (manifest.ledger_entries, manifest.ledger_head):
                problems.append(f"the ledger has {found.entries} entries, not {manifest.ledger_entries} as it had")
            if chosen.ledger_anchors.is_file():
                anchored = check_anchors(session, read_anchors(chosen.ledger_anchors))
                problems += [f"the anchors do not fit: {anchored.why}"] if anchored.why else []
        return lost_secrets(database, SecretBox.of(chosen)), problems
    finally:
        database.close()
