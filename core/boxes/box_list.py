"""The boxes of a site: which there are, whose cameras they read, and what their frames are signed with.

The list is one file in the site's data folder, readable by the site's own user only: whoever scores frames checks their
signatures with it. It holds no password, only the SHA-256 by which Redis recognises one.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from core.errors import OperatorError
from core.file_stamps import Stamp, stamp

BOXES_FILE: Final = "boxes.json"
NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_FORMAT: Final = 1


class BadBoxList(OperatorError):
    """The file of the boxes cannot be read, or a box cannot be added; the message says what to do."""


@dataclass(frozen=True, slots=True)
class EdgeBox:
    """A box. ``key`` signs its frames (64 hexadecimal digits), ``password_sha256`` is how Redis knows it.

    A box that was revoked stays in the list, without key and password, so that its name says what it was.
    """

    name: str
    cameras: tuple[str, ...]
    key: str
    password_sha256: str
    added_at: float
    revoked_at: float | None = None

    @property
    def active(self) -> bool:
        """Whether it may push frames."""
        return self.revoked_at is None

    @property
    def secret(self) -> bytes:
        """The key's bytes."""
        return bytes.fromhex(self.key)


class BoxList:
    """The boxes as the file has them, read again whenever it changes. Not thread-safe: each thread has its own."""

    def __init__(self, data: Path) -> None:
        self._file = data / BOXES_FILE
        self._seen: Stamp = None
        self.boxes: dict[str, EdgeBox] = {}
        """Those that are active, by name."""

    def refresh(self) -> bool:
        """Read the file if it has changed; true when it has. Raises :class:`BadBoxList`; what was known then holds."""
        now = stamp(self._file)
        if now == self._seen:
            return False
        self.boxes = {box.name: box for box in read_boxes(self._file.parent) if box.active}
        self._seen = now
        return True

    def owner(self, camera: str) -> str | None:
        """The box that reads a camera; None where the site itself does."""
        return next((box.name for box in self.boxes.values() if camera in box.cameras), None)


def read_boxes(data: Path) -> list[EdgeBox]:
    """All boxes that ever were, in the order of their names.

    Raises:
        BadBoxList: the file is none of ours.
    """
    file = data / BOXES_FILE
    try:
        found = json.loads(file.read_bytes())
        if found["format"] != _FORMAT:
            raise ValueError(f"format {found['format']}, this program reads format {_FORMAT}")
        return [_box(each) for each in found["boxes"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadBoxList(
            f"{file} cannot be read: {error!r}. Bring it back from a backup, or add the boxes again."
        ) from error


@contextmanager
def changing_boxes(data: Path) -> Iterator[dict[str, EdgeBox]]:
    """All boxes by name, to be changed by one at a time; written when the block ends without an error."""
    data.mkdir(parents=True, exist_ok=True)
    lock = os.open(data / f".{BOXES_FILE}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        boxes = {box.name: box for box in read_boxes(data)}
        yield boxes
        _write(data / BOXES_FILE, sorted(boxes.values(), key=lambda box: box.name))
    finally:
        os.close(lock)


def _write(file: Path, boxes: list[EdgeBox]) -> None:
    half = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        json.dump({"format": _FORMAT, "boxes": [asdict(box) for box in boxes]}, out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    half.replace(file)


def _box(found: dict[str, Any]) -> EdgeBox:
    box = EdgeBox(**{**found, "cameras": tuple(found["cameras"])})
    if not NAME.fullmatch(box.name) or (box.active and len(box.secret) != 32):
        raise ValueError(f"{box.name!r} is no box")
    return box
