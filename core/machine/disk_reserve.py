"""A full disk must not swallow an alert: some space is held by a file that is given up when nothing else is left."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

log = logging.getLogger(__name__)

FILE_NAME = "reserve.space"
PICTURES_LEAVE_BYTES = 2 * 1024 * 1024
"""No picture is stored in the last of the space: a database needs it to write down that there was a bear."""
LARGEST_SHARE = 0.1
"""Of the disk, for the reserve."""


class DiskState(StrEnum):
    """How a site's disk is. ``FULL``: the reserve is given up, or nothing is left."""

    OK = "ok"
    LOW = "low"
    FULL = "full"

    @property
    def text(self) -> str:
        """In a sentence, for people; empty when all is well."""
        return {
            DiskState.OK: "",
            DiskState.LOW: "the disk is nearly full: free some space, or shorten `retention`",
            DiskState.FULL: "the disk is full: pictures are not stored, and soon no decision and no alert either; "
            "free some space now",
        }[self]


def free_bytes(folder: Path) -> int:
    """Space left on the disk of a folder that exists or will be made."""
    return shutil.disk_usage(_existing(folder)).free


def state_of(free: int, reserve: int, held: bool) -> DiskState:
    """What so much free space means beside a reserve of ``reserve`` bytes, which is ``held`` or given up. Pure."""
    if free < PICTURES_LEAVE_BYTES or (not held and free < reserve):
        return DiskState.FULL
    return DiskState.OK if free >= (2 if held else 3) * reserve else DiskState.LOW


class DiskReserve:
    """The reserve of a site's folder. ``size`` in bytes, at most a tenth of the disk; 0 for none."""

    def __init__(self, folder: Path, size: int, free: Callable[[Path], int] = free_bytes) -> None:
        self._folder = folder
        self._file = folder / FILE_NAME
        self._size = min(size, int(LARGEST_SHARE * shutil.disk_usage(_existing(folder)).total))
        self._free = free

    def state(self) -> DiskState:
        """How the disk is now."""
        return state_of(self._free(self._folder), self._size, self._file.exists() or not self._size)

    def tend(self) -> DiskState:
        """Hold the reserve while there is room, give it up when there is none; returns how the disk is then."""
        if not self._folder.is_dir() or not self._size:
            return self.state()
        free, held = self._free(self._folder), self._file.exists()
        if held and free < PICTURES_LEAVE_BYTES:
            self._file.unlink(missing_ok=True)
            log.error("the disk of %s is full: its reserve of %d MB is given up", self._folder, self._size >> 20)
        elif not held and free >= 3 * self._size:
            self._hold()
        return self.state()

    def _hold(self) -> None:
        try:
            handle = os.open(self._file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return
        try:
            os.posix_fallocate(handle, 0, self._size)
        except OSError as error:
            self._file.unlink(missing_ok=True)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EOPNOTSUPP, errno.EFBIG):
                raise
        finally:
            os.close(handle)


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
