"""What every process does first: settings, logging, configuration, and a stop event on SIGTERM."""

from __future__ import annotations

import argparse
import signal
import threading
from dataclasses import dataclass
from types import FrameType

from bearwatch.site_options import site_settings
from core.config import Config
from core.config_file import load_config
from core.logs import configure_logging
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Process:
    """What a process needs to run."""

    name: str
    settings: Settings
    config: Config
    stop: threading.Event


def begin(name: str, arguments: argparse.Namespace) -> Process:
    """Set up this process of the site that its command line names.

    Raises :class:`core.config_file.ConfigError` for a wrong configuration.
    """
    current = site_settings(arguments)
    configure_logging(name, current.bearwatch_log)
    return Process(name, current, load_config(current.bearwatch_config), stop_on_signals())


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    return stop
