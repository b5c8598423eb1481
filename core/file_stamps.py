"""Whether the configuration's files have changed, told by the file system: cheap enough for each second."""

from __future__ import annotations

from pathlib import Path

from core.config import Config

Stamp = tuple[int, int, int] | None
"""Modification time (ns), size and inode; None where there is no file."""


def stamp(file: Path) -> Stamp:
    """That of one file. Editors that write another file and rename it change its inode."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def config_stamps(path: Path, config: Config) -> list[Stamp]:
    """Those of the configuration file and of the rollout plan's own file, where it names one."""
    own = config.rollout.file
    return [stamp(file) for file in ([path] if own is None else [path, path.parent / own])]
