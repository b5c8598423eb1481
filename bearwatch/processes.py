"""What every process does first: settings, logging, configuration, a stop event on SIGTERM, and no half deaths.

A thread that ends by an error ends its process, with a status other than 0: whoever keeps processes running (the
supervisor, Docker, systemd) starts it again. A process that lives on with a part of it dead would look healthy.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Final

from bearwatch.config_following import ConfigFollower
from bearwatch.site_options import site_settings
from core.config import Config
from core.config_file import load_config
from core.logs import configure_logging
from core.settings import Settings

log = logging.getLogger(__name__)

BROKEN: Final = 70
"""Exit status of a process one of whose threads has died (EX_SOFTWARE of sysexits.h)."""
END_WITHIN_S: Final = 10.0
"""A process that does not end by itself by then, after the death of one of its threads, is ended."""

_broken = threading.Event()


@dataclass(frozen=True, slots=True)
class Process:
    """What a process needs to run."""

    name: str
    settings: Settings
    stop: threading.Event
    follower: ConfigFollower

    @property
    def config(self) -> Config:
        """What holds now."""
        return self.follower.config


def begin(name: str, arguments: argparse.Namespace) -> Process:
    """Set up this process of the site that its command line names.

    Raises :class:`core.config_file.ConfigError` for a wrong configuration.
    """
    current = site_settings(arguments)
    keep_private(current)
    configure_logging(name, current.bearwatch_log)
    follower = ConfigFollower(current.bearwatch_config, load_config)
    process = Process(name, current, stop_on_signals(), follower)
    threading.excepthook = _end_process
    return process


def keep_private(current: Settings) -> None:
    """What this process writes is for its own user alone, and what holds secrets already is made so.

    The database holds the addresses of messages with their passwords, and people's second factors.
    """
    os.umask(0o077)
    data = current.bearwatch_data
    for name in ("bearwatch.sqlite3", "bearwatch.sqlite3-wal", "bearwatch.sqlite3-shm", "secret.key", "boxes.json"):
        file = data / name
        with suppress(FileNotFoundError, PermissionError):
            if file.stat().st_mode & 0o077:
                file.chmod(0o600)


def exit_status() -> int:
    """What this process ends with when nothing else went wrong: :data:`BROKEN` after a thread's death, else 0."""
    return BROKEN if _broken.is_set() else 0


def _end_process(death: threading.ExceptHookArgs) -> None:
    """The end of a thread by an error: ask this process to end as SIGTERM does, and see to it that it does."""
    name = death.thread.name if death.thread else "a thread"
    error = death.exc_value or death.exc_type()
    log.critical("%s has died, and this process ends with it: %r", name, error, exc_info=error)
    _broken.set()
    last = threading.Timer(END_WITHIN_S, os._exit, (BROKEN,))
    last.daemon = True
    last.start()
    os.kill(os.getpid(), signal.SIGTERM)


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    return stop
