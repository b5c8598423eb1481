"""Pictures and clips on disk, named by their content.

A key is ``<day>/<camera>/<digest>.jpg``, or ``.mp4`` for a clip: retention removes a whole day at once, and writing the
same picture twice changes nothing. Files are written beside their final name and renamed, so that a reader never sees
half a picture.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from core.machine.disk_reserve import PICTURES_LEAVE_BYTES, free_bytes
from core.messages import content_digest

_KEY = re.compile(r"\d{4}-\d{2}-\d{2}/[A-Za-z0-9_-]+/[0-9a-f]{32}\.(jpg|mp4)")


MediaKind = Literal["jpg", "mp4"]


class MediaFull(OSError):
    """The disk that holds the pictures is full."""


class MediaStore:
    """Pictures below one directory, which all processes of a site share (a disk, a volume, a network mount)."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, camera: str, captured_at: float, jpeg: bytes, kind: MediaKind = "jpg") -> str:
        """Store a picture, or a clip, and return its key.

        Raises :class:`MediaFull` when no space is left: the caller keeps its records without the picture, because
        an alert without a picture is better than no alert.
        """
        key = self.key(camera, captured_at, jpeg, kind)
        path = self.root / key
        if path.exists():
            return key
        try:
            if self.free_bytes() < PICTURES_LEAVE_BYTES + len(jpeg):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, jpeg)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise MediaFull(
                    error.errno,
                    f"no space left for pictures in {self.root}; free some, or shorten `retention`",
                ) from error
            raise
        return key

    def key(self, camera: str, captured_at: float, jpeg: bytes, kind: MediaKind = "jpg") -> str:
        """The key under which a picture is or would be stored."""
        day = datetime.fromtimestamp(captured_at, UTC).strftime("%Y-%m-%d")
        return f"{day}/{camera}/{content_digest(jpeg)}.{kind}"

    def get(self, key: str) -> bytes | None:
        """The picture, or None when retention has removed it. Raises ValueError for a key that is none."""
        try:
            return self.path(key).read_bytes()
        except FileNotFoundError:
            return None

    def path(self, key: str) -> Path:
        """Where a key's file is or would be. Raises ValueError for a key that could lead elsewhere."""
        if not _KEY.fullmatch(key):
            raise ValueError(f"not a media key: {key!r}")
        return self.root / key

    def days(self) -> list[str]:
        """Days that have pictures, oldest first."""
        if not self.root.exists():
            return []
        return sorted(p.name for p in self.root.iterdir() if re.fullmatch(r"\d{4}-\d{2}-\d{2}", p.name))

    def keys(self, day: str) -> list[str]:
        """Keys of one day's pictures and clips."""
        found = (path for path in (self.root / day).glob("*/*") if path.suffix in (".jpg", ".mp4"))
        return [str(path.relative_to(self.root)) for path in sorted(found)]

    def remove(self, key: str) -> None:
        """Remove one picture, and its directories when they are empty."""
        path = self.path(key)
        path.unlink(missing_ok=True)
        for parent in (path.parent, path.parent.parent):
            try:
                parent.rmdir()
            except OSError:
                return

    def free_bytes(self) -> int:
        """Space left on the disk."""
        return free_bytes(self.root)


def _write(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o640)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
