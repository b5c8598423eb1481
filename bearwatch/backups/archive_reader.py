"""Reads an archive: checks every digest, and puts a site in its place once all of it is there and sound."""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from pydantic import ValidationError

from bearwatch.backups.manifest import FORMAT, ArchivedFile, Manifest
from bearwatch.backups.site_files import CONFIGURATION, DATA, DATABASE, MANIFEST
from core.errors import OperatorError
from db.table_copy import Told, row_counts

_NAME: Final = re.compile(rf"(?:{DATA}|{CONFIGURATION})(?:/[^/\0]+)+|{re.escape(DATABASE)}|{re.escape(MANIFEST)}")
_CHUNK: Final = 1 << 20


class BadArchive(OperatorError):
    """What was given is no archive of a site, or it is damaged; nothing was put in place."""


def unpack(stream: IO[bytes], staging: Path | None, told: Told) -> Manifest:
    """Read an archive to its end and compare it with its manifest; returns that.

    With ``staging`` its files are written below that folder. Raises :class:`BadArchive`, and OSError where they cannot
    be.
    """
    found: dict[str, ArchivedFile] = {}
    manifest: Manifest | None = None
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                if manifest is not None:
                    raise BadArchive(f"The archive goes on behind its manifest, with {member.name!r}.")
                content = _content(archive, member)
                if member.name == MANIFEST:
                    manifest = _manifest(content.read())
                    continue
                if member.name in found:
                    raise BadArchive(f"The archive holds {member.name!r} twice.")
                found[member.name] = _read(content, member, staging)
                told(len(found), 0)
    except (tarfile.TarError, EOFError) as error:
        raise BadArchive(f"This is no archive of a site, or it is damaged: {error}") from error
    if manifest is None:
        raise BadArchive("The archive was broken off: its manifest is missing.")
    _compare(manifest, found)
    if staging is not None:
        _expect_rows(manifest, staging)
    return manifest


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    parts = member.name.split("/")
    if not member.isreg() or not _NAME.fullmatch(member.name) or ".." in parts or "." in parts:
        raise BadArchive(f"The archive holds {member.name!r}, which is no file of a site.")
    content = archive.extractfile(member)
    if content is None:
        raise BadArchive(f"The archive holds {member.name!r}, which is no file.")
    return content


def _read(content: IO[bytes], member: tarfile.TarInfo, staging: Path | None) -> ArchivedFile:
    digest, size = hashlib.sha256(), 0
    with _writing(staging, member) as out:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if out is not None:
                out.write(chunk)
    return ArchivedFile(name=member.name, bytes=size, sha256=digest.hexdigest())


@contextmanager
def _writing(staging: Path | None, member: tarfile.TarInfo) -> Iterator[IO[bytes] | None]:
    if staging is None:
        yield None
        return
    path = staging / member.name
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        yield out
        out.flush()
        os.fsync(out.fileno())
    os.utime(path, (member.mtime, member.mtime))


def _manifest(text: bytes) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        raise BadArchive(f"The archive's manifest cannot be read: {error.errors()[0]['msg']}") from error
    if manifest.format != FORMAT:
        raise BadArchive(
            f"The archive has format {manifest.format}, made by version {manifest.version}; this one reads {FORMAT}."
        )
    return manifest


def _compare(manifest: Manifest, found: dict[str, ArchivedFile]) -> None:
    expected = {file.name: file for file in manifest.files}
    for name, file in expected.items():
        if name not in found:
            raise BadArchive(f"The archive is damaged: {name} is missing.")
        if found[name] != file:
            raise BadArchive(f"The archive is damaged: {name} is not what it was when it was written.")
    more = sorted(found.keys() - expected.keys())
    if more:
        raise BadArchive(f"The archive holds {more[0]}, which its manifest does not know.")
    if DATABASE not in expected:
        raise BadArchive("The archive holds no database.")


def _expect_rows(manifest: Manifest, staging: Path) -> None:
    if row_counts(staging / DATABASE) != manifest.rows:
        raise BadArchive("The archive is damaged: its database has other rows than when it was written.")
