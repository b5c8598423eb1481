"""The machine: its disk, memory, limits and clock, and whose the files are."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

from bearwatch.doctor.finding import Finding, Patient, doubtful, good, wrong
from core.machine.gpus import NVIDIA_SMI, read_gpus
from core.secret_box import KEY_FILE
from core.version import VERSION

LOW_DISK: Final = 0.10
FULL_DISK: Final = 0.03
"""Share of the disk that is free; the breaker `machine` opens at the second."""
LEAST_MEMORY_BYTES: Final = 500 << 20
REMOTE: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs"})
"""File systems on which locks of SQLite do not hold."""
PRIVATE: Final = ("bearwatch.sqlite3", "bearwatch.sqlite3-wal", KEY_FILE, f"{KEY_FILE}.before", "boxes.json")
_UNSYNCHRONISED: Final = 0x40
_STATUS_AT: Final = 40
"""Where `status` stands in `struct timex`, and the bit of it (STA_UNSYNC)."""


def versions(_patient: Patient) -> Iterator[Finding]:
    """What runs here."""
    text = f"bearwatch {VERSION}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        yield wrong("versions", text, "install Python 3.11, 3.12 or 3.13: nothing else is tested")
    else:
        yield good("versions", text)


def disk(patient: Patient) -> Iterator[Finding]:
    """Space and file numbers where the site's data lies."""
    place = _existing(patient.settings.bearwatch_data)
    usage, state = psutil.disk_usage(str(place)), os.statvfs(place)
    share = usage.free / usage.total if usage.total else 0.0
    text = f"{place} has {usage.free / 1e9:.1f} GB of {usage.total / 1e9:.0f} GB left ({share:.0%})"
    remedy = "remove old logs and archives, then shorten `retention: media_days`; see operations.md, The disk is full"
    if share < FULL_DISK:
        yield wrong("disk", text, remedy)
    elif share < LOW_DISK:
        yield doubtful("disk", text, remedy)
    else:
        yield good("disk", text)
    if state.f_files and state.f_favail / state.f_files < FULL_DISK:
        yield wrong(
            "disk", f"{place} has hardly any file numbers left ({state.f_favail})", "remove what is many and small"
        )


def memory(patient: Patient) -> Iterator[Finding]:
    """What is left for processes, and how many files each may open."""
    found = psutil.virtual_memory()
    text = f"{found.available / 1e9:.1f} GB of {found.total / 1e9:.1f} GB are free"
    if found.available < LEAST_MEMORY_BYTES:
        yield doubtful("memory", text, "stop what else runs here: a detector needs some 300 MB, a page up to 300 MB")
    else:
        yield good("memory", text)
    cameras = len(patient.config.cameras) if patient.config else 0
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 256 + 16 * cameras
    if limit < needed:
        yield wrong("limits", f"a process may open {limit} files, and {cameras} cameras may need {needed}",
                    f"raise it: `ulimit -n {needed}`, or LimitNOFILE= of the unit")  # fmt: skip


def clock(_patient: Patient) -> Iterator[Finding]:
    """Whether the kernel says that somebody keeps its clock."""
    answer = ctypes.create_string_buffer(512)
    if ctypes.CDLL(None, use_errno=True).adjtimex(answer) < 0:
        yield doubtful("clock", "the kernel does not say whether its clock is kept", "look with `timedatectl`")
        return
    status = int.from_bytes(answer.raw[_STATUS_AT : _STATUS_AT + 4], sys.byteorder)
    if status & _UNSYNCHRONISED:
        yield doubtful(
            "clock", "nobody keeps the clock of this machine", "install chrony, or `timedatectl set-ntp true`"
        )
    else:
        yield good("clock", "kept by the network")


def rights(patient: Patient) -> Iterator[Finding]:
    """Who may read what holds secrets, and whether this user may write."""
    data = patient.settings.bearwatch_data
    if not data.exists():
        yield doubtful(
            "rights", f"there is no folder {data}", "`bearwatch up` makes it, or name the site's with --data"
        )
        return
    if not os.access(data, os.W_OK | os.X_OK):
        yield wrong("rights", f"{data} cannot be written by user {os.getuid()}", f"chown -R {os.getuid()} {data}")
    found = False
    for name in PRIVATE:
        file = data / name
        if not file.exists():
            continue
        state = file.stat()
        if state.st_mode & 0o077:
            found = True
            yield wrong("rights", f"{file} can be read by others ({state.st_mode & 0o777:04o})", f"chmod 600 {file}")
        if state.st_uid != os.getuid() and os.getuid() != 0:
            found = True
            yield wrong("rights", f"{file} belongs to user {state.st_uid}, this is {os.getuid()}",
                        f"chown -R {os.getuid()} {data}, or run it as that user")  # fmt: skip
    if not found:
        yield good("rights", f"what holds secrets in {data} is its owner's alone")


def file_system(patient: Patient) -> Iterator[Finding]:
    """SQLite needs locks that hold."""
    if not patient.settings.database.startswith("sqlite"):
        return
    kind = kind_of(_existing(patient.settings.bearwatch_data).resolve(), Path("/proc/mounts").read_text())
    if kind in REMOTE:
        yield wrong("disk", f"the database lies on {kind}, where locks of SQLite do not hold",
                    "put the data folder on a disk of this machine, or use PostgreSQL (DATABASE_URL)")  # fmt: skip


def kind_of(place: Path, mounts: str) -> str:
    """Which file system holds a path, by the text of /proc/mounts."""
    rows = [line.split() for line in mounts.splitlines()]
    above = [(row[1], row[2]) for row in rows if len(row) > 2 and place.is_relative_to(row[1].replace("\\040", " "))]
    return max(above, key=lambda pair: len(pair[0]), default=("", "unknown"))[1]


def gpu(patient: Patient) -> Iterator[Finding]:
    """Whether the GPU that is wanted is there, and one that is there is used."""
    wanted = patient.settings.bearwatch_device
    count = read_gpus().count
    if wanted == "cuda" and not count:
        yield wrong("gpu", f"BEARWATCH_DEVICE=cuda, and {NVIDIA_SMI} shows none: the detector takes the CPU",
                    "look at the driver (`nvidia-smi`), or set BEARWATCH_DEVICE=cpu")  # fmt: skip
    elif count and wanted != "cpu" and not _torch_is_there():
        yield doubtful("gpu", f"{count} GPU(s) are here, and torch is not: the CPU is used",
                       "install requirements/detector.txt, or set BEARWATCH_DEVICE=cpu")  # fmt: skip
    else:
        yield good("gpu", f"{count} GPU(s), {wanted} is wanted" if count else "none; the CPU is used")


def _torch_is_there() -> bool:
    from importlib.util import find_spec

    return find_spec("torch") is not None


def _existing(place: Path) -> Path:
    while not place.exists() and place != place.parent:
        place = place.parent
    return place
