"""Writes a site into one archive, while it runs: the database first, then the files, then what all of them are."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from bearwatch.backups.manifest import FORMAT, ArchivedFile, Manifest
from bearwatch.backups.site_files import DATABASE, MANIFEST, SiteFile, site_files
from core.errors import OperatorError
from core.settings import Settings
from core.version import VERSION
from db.existing import open_existing
from db.ledger import Verification, verify
from db.session import Database
from db.table_copy import Told, revision_of, row_counts, snapshot

Progress = Callable[[str], Told]
"""Begins a step with a name; what it returns is told how far that step is."""
WHOLE_BYTES: Final = 64 << 20
"""A file up to here is read before it is written: what is changed meanwhile is in the archive as it was."""


class CannotBackUp(OperatorError):
    """The archive cannot be written; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Written:
    """An archive that is whole."""

    bytes: int
    sha256: str
    manifest: Manifest


class _Digesting:
    """A file that is only written to, and knows its own digest."""

    def __init__(self, out: IO[bytes]) -> None:
        self.out = out
        self.digest = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes) -> int:
        """As a file does."""
        self.out.write(data)
        self.digest.update(data)
        self.bytes += len(data)
        return len(data)


def write_archive(
    chosen: Settings, out: IO[bytes], scratch: Path, at: float, *, with_keys: bool, progress: Progress
) -> Written:
    """Write the archive to ``out``. ``scratch`` is a folder with room for the database's copy.

    Raises :class:`CannotBackUp`, :class:`core.errors.OperatorError` where there is no database, and OSError.
    """
    copy = scratch / f".backup-{os.getpid()}.sqlite3"
    target = _Digesting(out)
    try:
        database = open_existing(chosen.database)
        try:
            kind = "sqlite" if database.is_sqlite else "postgresql"
            _expect_room(chosen, database, scratch)
            snapshot(database, copy, progress("database"))
        finally:
            database.close()
        with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
            manifest = _write_members(archive, chosen, copy, kind, at, with_keys, progress)
    finally:
        for end in ("", "-wal", "-shm", "-turn"):
            copy.with_name(copy.name + end).unlink(missing_ok=True)
    return Written(target.bytes, target.digest.hexdigest(), manifest)


def _write_members(
    archive: tarfile.TarFile, chosen: Settings, copy: Path, kind: str, at: float, with_keys: bool, progress: Progress
) -> Manifest:
    rows = row_counts(copy)
    revision = revision_of(copy)
    ledger = _ledger_of(copy)
    found = site_files(chosen, with_keys=with_keys)
    everything = [SiteFile(copy, DATABASE), *found.files]
    told, files, left_out = progress("files"), [], list(found.left_out)
    for number, file in enumerate(everything, 1):
        try:
            files.append(_add(archive, file))
        except FileNotFoundError:
            left_out.append((file.name, "was removed meanwhile"))
        told(number, len(everything))
    manifest = Manifest(
        format=FORMAT,
        version=VERSION,
        made_at=at,
        database=kind,
        revision=revision,
        rows=rows,
        configuration=chosen.bearwatch_config.name if chosen.bearwatch_config.is_file() else None,
        ledger_entries=ledger.entries,
        ledger_head=ledger.head,
        ledger_broken=ledger.why,
        key_in_environment=chosen.bearwatch_secret_key is not None,
        files=files,
        left_out=left_out,
    )
    text = manifest.model_dump_json(indent=1).encode()
    archive.addfile(_member(MANIFEST, len(text), at), io.BytesIO(text))
    return manifest


def _ledger_of(copy: Path) -> Verification:
    """What the copy's own ledger says of itself; nothing is changed in the copy."""
    database = Database(f"sqlite:///{copy}")
    try:
        with database.read() as session:
            return verify(session)
    finally:
        database.close()


def _add(archive: tarfile.TarFile, file: SiteFile) -> ArchivedFile:
    with file.path.open("rb") as opened:
        state = os.fstat(opened.fileno())
        if state.st_size <= WHOLE_BYTES:
            content = opened.read()
            archive.addfile(_member(file.name, len(content), state.st_mtime), io.BytesIO(content))
            return ArchivedFile(name=file.name, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        reading = _Reading(opened)
        archive.addfile(_member(file.name, state.st_size, state.st_mtime), reading)  # type: ignore[arg-type]
        return ArchivedFile(name=file.name, bytes=state.st_size, sha256=reading.digest.hexdigest())


class _Reading:
    """A file that is only read, and knows the digest of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """As a file does."""
        data = self.file.read(size)
        self.digest.update(data)
        return data


def _member(name: str, size: int, modified_at: float) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o600, int(modified_at)
    return info


def _expect_room(chosen: Settings, database: Database, scratch: Path) -> None:
    """Where the database is a file, its copy has to fit before anything is begun."""
    if not database.is_sqlite:
        return
    needed = Path(database.url.database or "").stat().st_size
    state = os.statvfs(scratch)
    free = state.f_bavail * state.f_frsize
    if free < needed:
        raise CannotBackUp(
            f"{scratch} has {free >> 20} MB left, and the copy of the database alone needs {needed >> 20} MB; free "
            "some, or write the archive to another disk."
        )
